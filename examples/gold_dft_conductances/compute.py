"""Conductances of pulled gold wires by density-functional theory: wires are pulled, and GPAW labels their snapshots.

``OMP_NUM_THREADS=1 nice python compute.py`` appends to ``gold_dft_conductances.extxyz`` and leaves out what is there already, so
that an interrupted run is continued by the same command. README.md says how an environment with GPAW is made. ``--only 3`` takes
one pull; ``--finer`` computes with GPAW's own tolerance on a finer grid, to see what the settings are worth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.io import read, write
from sharvin.errors import ItemError
from sharvin.frames import Frame
from sharvin.junction import Junction
from sharvin.registry import create

HERE = Path(__file__).parent
LATTICE_CONSTANT_A = 4.18
"""Close to that of PBE, 4.176 Å."""
ELECTRODE = (3, 3, 6)
"""Four layers of a principal layer, and two that only screen: without these conductances were off by up to 0.16 G0."""
SPEED_M_PER_S = 10.0
SNAPSHOT_EVERY_A = 0.4
SETTINGS = {
    "basis": "szp(dzp)",
    "xc": "PBE",
    "grid_spacing_A": 0.3,
    "density_tolerance": 1e-3,
    "lead_reach_A": 8.3,
}
LABEL_SOURCE = "GPAW LCAO szp(dzp), PBE, transverse Gamma"
FINER = {"grid_spacing_A": 0.2, "density_tolerance": 1e-4}


class Pull(NamedTuple):
    """A wire, its temperature, and the seed of its pull."""

    neck: tuple[int, int, int]
    temperature_K: float
    seed: int


PULLS = [
    Pull(neck, temperature, seed)
    for seed in (1, 2, 3)
    for neck, temperature in (((2, 2, 3), 10.0), ((2, 2, 4), 150.0), ((2, 2, 4), 10.0), ((2, 2, 3), 150.0))
]
"""In this order, so that a run that is stopped early has pulls of every kind."""


def snapshots(pull: Pull) -> Iterator[Frame]:
    """Unbroken snapshots of a pull with rigid electrodes."""
    wire = create(
        "structures",
        "nanowire",
        element="Au",
        lattice_constant_A=LATTICE_CONSTANT_A,
        neck=pull.neck,
        electrode=ELECTRODE,
        rigid_layers=ELECTRODE[2],
    )
    dynamics = create(
        "dynamics",
        "lammps_pull",
        temperature_K=pull.temperature_K,
        speed_m_per_s=SPEED_M_PER_S,
        snapshot_every_A=SNAPSHOT_EVERY_A,
    )
    atoms = wire.build(np.random.default_rng(pull.seed))
    for frame in dynamics.run(atoms, create("potentials", "second_moment", element="Au"), pull.seed):
        if frame.scalars["neck_width"] > 0:
            yield frame


def conductance_G0(atoms: Atoms, hamiltonian: Any, solver: Any) -> float:
    """T(E_F) by GPAW's H and S."""
    junction = Junction.detect(atoms, hamiltonian.range_A(atoms.numbers))
    return float(solver.transmission([hamiltonian.two_terminal(junction)], np.zeros(1))[0, 0])


def labelled(frame: Frame, number: int, pull: Pull, conductance: float, seconds: float) -> Atoms:
    """The snapshot with its conductance, and what tells it from others."""
    atoms = frame.to_atoms()
    atoms.info = {
        "pull": number,
        "elongation_A": round(frame.scalars["elongation_A"], 4),
        "neck_width": int(frame.scalars["neck_width"]),
        "temperature_K": pull.temperature_K,
        "conductance_G0": round(conductance, 5),
        "label_source": LABEL_SOURCE,
        "seconds": round(seconds, 1),
    }
    return atoms


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Compute what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "gold_dft_conductances.extxyz")
    parser.add_argument("--only", type=int, action="append", help="number of a pull; can be given several times")
    parser.add_argument("--every", type=int, default=1, help="take every n-th snapshot")
    parser.add_argument("--finer", action="store_true", help="a finer grid and GPAW's own tolerance")
    wanted = parser.parse_args()

    there = read(wanted.out, ":") if wanted.out.exists() else []
    done = {(int(atoms.info["pull"]), round(float(atoms.info["elongation_A"]), 2)) for atoms in there}
    hamiltonian = create("hamiltonians", "gpaw", **{**SETTINGS, **(FINER if wanted.finer else {})})
    solver = create("transport", "rgf")
    for number, pull in enumerate(PULLS):
        if wanted.only and number not in wanted.only:
            continue
        for frame in list(snapshots(pull))[:: wanted.every]:
            elongation = frame.scalars["elongation_A"]
            if (number, round(elongation, 2)) in done:
                continue
            began = time.process_time()
            try:
                found = conductance_G0(frame.to_atoms(), hamiltonian, solver)
            except ItemError as error:  # one snapshot that does not converge must not end the run
                say(f"pull {number}, {elongation:.2f} Å: {error}")
                continue
            seconds = time.process_time() - began
            write(wanted.out, labelled(frame, number, pull, found, seconds), format="extxyz", append=True)
            say(f"pull {number}, {elongation:.2f} Å, neck of {frame.scalars['neck_width']:g}: {found:.4f} G0, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
