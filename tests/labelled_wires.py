"""Tiny gold wires, stretched by hand, with conductances of a Slater-Koster table in place of a density-functional calculation."""

import numpy as np
from ase.io import write
from sharvin.devices.brillouin import averaged_transmission, devices_at_k
from sharvin.junction import Junction
from sharvin.registry import create

SOURCE = "table ptbp, not neutral"


def wires(pulls=6, frames=4, seed=0):
    """Frames of pulls whose mobile atoms were displaced at random, without labels."""
    wire = create("structures", "nanowire", element="Au", lattice_constant_A=4.08, neck=[1, 1, 3], electrode=[2, 2, 5])
    start = wire.build(np.random.default_rng(0))
    rng = np.random.default_rng(seed)
    z = start.positions[:, 2]
    share = np.clip((z - z[start.arrays["rigid"] & (z < z.mean())].max()) / np.ptp(z), 0.0, 1.0)
    share[start.arrays["rigid"]] = (z > z.mean())[start.arrays["rigid"]]
    found = []
    for pull in range(pulls):
        shaken = rng.normal(scale=0.08, size=start.positions.shape) * ~start.arrays["rigid"][:, None]
        for frame in range(frames):
            atoms = start.copy()
            atoms.positions += shaken
            atoms.positions[:, 2] += 0.15 * frame * share
            atoms.info = {"pull": pull, "elongation_A": 0.15 * frame}
            found.append(atoms)
    return found


def labelled_wires(**options):
    """The same with labels."""
    hamiltonian, solver = create("hamiltonians", "slater_koster", table="ptbp"), create("transport", "rgf")
    found = wires(**options)
    for atoms in found:
        at_k = devices_at_k(hamiltonian, Junction.detect(atoms, hamiltonian.range_A(atoms.numbers)))
        atoms.info["conductance_G0"] = float(averaged_transmission(solver, at_k, np.zeros(1))[0])
        atoms.info["label_source"] = SOURCE
    return found


def written(path, structures):
    """The path of the file that holds the structures."""
    write(path, structures, format="extxyz")
    return path
