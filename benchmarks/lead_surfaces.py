"""Seconds an energy of the surface Green functions of large leads: decimation, waves on interfaces, waves of layers by QZ.

``python benchmarks/lead_surfaces.py`` compares them in one run, in CPU seconds on one thread, for carbon nanotubes of about 160
atoms (four orbitals an atom) and a gold wire without transverse period, and prints how far T(E) of the clean wires is from the
number of their bands. ``--qz`` adds the waves of whole layers (minutes an energy), ``--energies N`` chooses how many.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time

import numpy as np
from ase import Atoms
from ase.build import nanotube
from sharvin.junction import Junction
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.leads.modes import LeadModes
from sharvin_transport.leads.surface_cost import surface_seconds, treatment
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster


def tube(n: int, m: int, periods: int) -> Atoms:
    """A carbon nanotube along z."""
    atoms = nanotube(n, m, length=periods)
    atoms.center(vacuum=6.0, axis=(0, 1))
    atoms.pbc = [True, True, False]
    return atoms


def gold_wire(layers: int) -> Atoms:
    """An Au(100) wire of 4 and 5 atoms a layer in vacuum: no transverse period."""
    d, xyz = 4.08 / np.sqrt(2), []
    for k in range(layers):
        grid = (
            np.array([[i, j] for i in (-0.5, 0.5) for j in (-0.5, 0.5)])
            if k % 2
            else np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
        )
        xyz.append(np.column_stack([d * grid, np.full(len(grid), 2.04 * k)]))
    atoms = Atoms(
        "Au" + str(sum(map(len, xyz))), positions=np.concatenate(xyz), cell=[30, 30, 2.04 * layers], pbc=[True, True, False]
    )
    atoms.positions[:, :2] += 15.0
    return atoms


def measure(system: TwoTerminal, energies: np.ndarray, surface: str) -> tuple[float, float, np.ndarray]:
    """CPU seconds an energy of both surfaces and of T with them at hand, and T."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHARVIN_CACHE"] = folder
        solver = RecursiveGreen(RecursiveGreenOptions(surface=surface))
        start = time.process_time()
        for energy in energies + system.fermi_energy_eV:
            for side in ("left", "right"):
                solver.surfaces.surface(getattr(system, side), side, float(energy))
        middle = time.process_time()
        T = solver.transmission([system], energies)[0]
        end = time.process_time()
    return (middle - start) / len(energies), (end - middle) / len(energies), T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energies", type=int, default=5)
    parser.add_argument("--qz", action="store_true", help="also by QZ of whole layers, at one energy")
    options = parser.parse_args()
    energies = np.linspace(-3.1, 2.9, options.energies)
    h = SlaterKoster(SlaterKosterOptions(table="ptbp"))
    wires = {
        "(5,5) tube": tube(5, 5, 8),
        "(10,10) tube": tube(10, 10, 8),
        "(6,4) tube": tube(6, 4, 2),
        "gold wire": gold_wire(24),
    }
    for name, atoms in wires.items():
        begin = time.process_time()
        system = h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))
        lead = system.left
        built = time.process_time() - begin
        print(f"{name}: {len(atoms)} atoms, {lead.size} orbitals a principal layer; H, S and Fermi energy {built:.1f} s")
        expected = {how: f"{seconds:.2f}" for how, seconds in surface_seconds(lead).items()}
        print(f"  auto: {treatment(lead, 'auto')}; expected seconds an energy: {expected}")
        for surface in ("decimation", "auto"):
            leads, rest, T = measure(system, energies, surface)
            print(
                f"  {surface:10s} leads {leads:.2f} s, T {rest:.2f} s an energy; T of the clean wire is within "
                f"{np.abs(T - np.round(T)).max():.0e} of the integers {np.round(T).astype(int).tolist()}",
                flush=True,
            )
        if options.qz:
            start = time.process_time()
            for side in ("left", "right"):
                LeadModes.of(lead, side, float(energies[0] + system.fermi_energy_eV))
            print(f"  QZ of whole layers: leads {time.process_time() - start:.1f} s an energy", flush=True)


if __name__ == "__main__":
    main()
