"""Bands of large twisted bilayers, and the time of H and of forces by trained networks against the number of atoms.

``python benchmarks/electron_phonon.py`` prints two tables for one thread, in CPU time of the process. ``--part bands``: bands
around the Fermi energy at one k-point by ``sharvin_studies.bands`` and, as a peer, by SciPy's ``eigsh`` with the LU factors of
SuperLU in its default order. ``--part networks``: blocks of H by ``hedge_electron`` and by its reference, and forces by
``hedge_phonon`` and by its reference; the networks have the default size and are hardly trained. The exponent is the slope on
logarithmic scales.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sharvin
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import LinearOperator, eigsh, splu
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.reference_data import ReferenceData
from sharvin_studies.bands.sparse_bands import SparseBands

K = np.array([0.21, 0.13, 0.0])
COUNT = 18


def twisted(m: int) -> Atoms:
    """The twisted bilayer (m, 1)."""
    return sharvin.create("structures", "bilayer_graphene", twist=(m, 1)).build(np.random.default_rng(0))


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and what it returns."""
    started = time.process_time()
    found = call()
    return time.process_time() - started, found


def scipy_bands(bloch: SparseBlochHamiltonian, energy_eV: float) -> np.ndarray:
    """The bands nearest to an energy by shift and invert with SuperLU."""
    H, _ = bloch.at(K)
    shifted = csc_array(H - energy_eV * eye_array(bloch.size, format="csc"))
    factors = splu(shifted)
    inverse = LinearOperator(H.shape, matvec=factors.solve, dtype=H.dtype)
    return np.sort(eigsh(H, COUNT, sigma=energy_eV, OPinv=inverse, return_eigenvectors=False))


def compare_bands(sizes: list[int], largest_peer: int) -> None:
    """Print times of both ways."""
    print(f"{'atoms':>8} {'ours (s)':>10} {'eigsh (s)':>10} {'ratio':>7} {'largest difference (eV)':>25} {'peak (MB)':>10}")
    for m in sizes:
        blocks = sharvin.create("hamiltonians", "slater_koster_pz").blocks(twisted(m))
        bloch = blocks.sparse_bloch()
        half = bloch.size // 2
        numbers = range(half - COUNT // 2, half + COUNT // 2)
        guess = float(np.median(SparseBands(bloch).numbered(K, numbers, None).energies_eV)) + 1e-4
        ours, found = seconds(lambda bloch=bloch, guess=guess: SparseBands(bloch).around(K, guess, COUNT).energies_eV)  # type: ignore[misc]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if bloch.size > largest_peer:
            print(f"{bloch.size:8d} {ours:10.2f} {'':>10} {'':>7} {'':>25} {peak:10.0f}", flush=True)
            continue
        theirs, other = seconds(lambda bloch=bloch, guess=guess: scipy_bands(bloch, guess))  # type: ignore[misc]
        off = np.abs(found - other).max()
        print(f"{bloch.size:8d} {ours:10.2f} {theirs:10.2f} {theirs / ours:7.2f} {off:25.1e} {peak:10.0f}", flush=True)


def compare_networks(sizes: list[int]) -> None:
    """Print times of both networks, briefly trained, and of their references."""
    bilayers = sharvin.create(
        "structures", "bilayer_graphene", supercell=(4, 4), configurations=6, random_shift=True, displacement_A=(0.02, 0.06)
    ).build_all(np.random.default_rng(0))
    orbitals = sharvin.create("hamiltonians", "slater_koster_pz")
    blocks = [orbitals.blocks(atoms) for atoms in bilayers]
    electron = sharvin.create("hamiltonians", "hedge_electron", reach_A=8.0, taper_A=0.0, epochs=1, gates=False)
    electron.fit(blocks[:4], blocks[4:], np.random.default_rng(0))
    carbon = sharvin.create("potentials", "layered_carbon")
    data = ReferenceData.from_atoms([labelled(atoms, carbon.calculator()) for atoms in bilayers])
    phonon = sharvin.create("potentials", "hedge_phonon", epochs=1)
    phonon.fit(data[:4], data[4:], np.random.default_rng(0))
    calls = {
        "H, slater_koster_pz": orbitals.blocks,
        "H, hedge_electron": electron.blocks,
        "forces, layered_carbon": forces_of(carbon),
        "forces, hedge_phonon": forces_of(phonon),
    }
    structures = [twisted(m) for m in sizes]
    print(f"{'atoms':>24}" + "".join(f"{len(atoms):>9}" for atoms in structures) + f"{'exponent':>10}")
    for name, call in calls.items():
        call(structures[0])
        times = [seconds(lambda call=call, atoms=atoms: call(atoms))[0] for atoms in structures]  # type: ignore[misc]
        exponent = np.polyfit(np.log([len(atoms) for atoms in structures[-3:]]), np.log(times[-3:]), 1)[0]
        print(f"{name:>24}" + "".join(f"{value:9.3g}" for value in times) + f"{exponent:10.2f}", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def labelled(atoms: Atoms, calculator: Any) -> Atoms:
    """The structure with energy and forces of a calculator."""
    atoms.calc = calculator
    results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def forces_of(potential: Any) -> Callable[[Atoms], np.ndarray]:
    """Forces by a potential, of atoms that are moved a little, so that nothing is kept from the call before."""
    calculator = potential.calculator()
    rng = np.random.default_rng(1)

    def call(atoms: Atoms) -> np.ndarray:
        moved = atoms.copy()
        moved.positions += rng.normal(0.0, 0.01, moved.positions.shape)
        moved.calc = calculator
        return np.asarray(moved.get_forces())

    return call


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("bands", "networks"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[6, 10, 14, 20])
    parser.add_argument("--largest-peer", type=int, default=5000, help="orbitals up to which eigsh is run")
    chosen = parser.parse_args()
    if chosen.part in (None, "bands"):
        compare_bands(chosen.sizes, chosen.largest_peer)
    if chosen.part in (None, "networks"):
        compare_networks(chosen.sizes)
