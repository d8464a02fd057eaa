"""Energies, forces and stresses of the structures in ``structures.py`` by plane waves in GPAW, one structure after the other.

``OMP_NUM_THREADS=1 nice -n 10 python compute.py`` appends to ``gold_pbe.extxyz`` and leaves out what is there already, so that
an interrupted run is continued by the same command. README.md says how the environment is made. Other settings, as for a test
of convergence, go to another file::

    python compute.py --only fcc_a4.16 --only fcc100_spacings_0 --cutoff 500 --denser 1.5 --out denser.extxyz
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.optimize import BFGS
from gpaw.new.ase_interface import GPAW
from structures import VACUUM_A, Job, all_jobs

HERE = Path(__file__).parent
CUTOFF_EV = 350.0
SMEARING_EV = 0.1
RELAX_FMAX = 0.02
RELAX_STEPS = 4


def calculator(kpts: tuple[int, int, int], cutoff_eV: float, **options: Any) -> GPAW:
    """GPAW with the settings of the set: PBE, plane waves, Fermi-Dirac smearing, without spin unless the options say so."""
    return GPAW(
        mode={"name": "pw", "ecut": cutoff_eV},
        xc="PBE",
        kpts={"size": kpts, "gamma": False},
        occupations={"name": "fermi-dirac", "width": SMEARING_EV},
        eigensolver={"name": "ppcg"},
        convergence={"energy": 1e-5, "density": 1e-4, "eigenstates": 1e-7},
        txt=None,
        **options,
    )


def labelled(atoms: Atoms, name: str, job: Job, seconds: float) -> Atoms:
    """The structure with its results and nothing else.

    ``energy`` is the free energy, of which the forces are derivatives; the extrapolation to no smearing is kept beside it.
    """
    results = atoms.calc.results
    made = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    made.info = {
        "name": name,
        "group": job.group,
        "energy_extrapolated_eV": float(results["energy"]),
        "kpts": "x".join(map(str, job.kpts)),
        "seconds": round(seconds, 1),
    }
    stress = {"stress": results["stress"]} if "stress" in results else {}
    made.calc = SinglePointCalculator(made, energy=results["free_energy"], forces=results["forces"], **stress)
    return made


def compute(job: Job, cutoff_eV: float, out: Path) -> None:
    """Compute one structure, or relax it and keep each step, and append the results."""
    began = time.perf_counter()
    atoms = job.atoms.copy()
    atoms.calc = calculator(job.kpts, cutoff_eV)
    frames: list[Atoms] = []

    def keep() -> None:
        nonlocal began
        atoms.get_forces()
        if atoms.pbc.all():
            atoms.get_stress()
        name = f"{job.name}_step_{len(frames)}" if job.relax else job.name
        frames.append(labelled(atoms, name, job, time.perf_counter() - began))
        began = time.perf_counter()

    if job.relax:
        relaxation = BFGS(atoms, logfile=None, maxstep=0.1)
        relaxation.attach(keep)
        relaxation.run(fmax=RELAX_FMAX, steps=RELAX_STEPS)
    else:
        keep()
    write(out, frames, format="extxyz", append=True)


def isolated_atom(cutoff_eV: float) -> dict[str, float]:
    """Energies of one atom in a box, paired as everywhere in the set and with its spin."""
    found = {}
    for label, moment in (("spin_paired", 0.0), ("spin_polarised", 1.0)):
        side = 2 * VACUUM_A
        atom = Atoms("Au", cell=[side, side + 0.1, side + 0.2], magmoms=[moment])
        atom.center()
        atom.calc = calculator((1, 1, 1), cutoff_eV, **({"hund": True} if moment else {}))
        extrapolated = float(atom.get_potential_energy())
        found[f"{label}_free_energy_eV"] = float(atom.calc.results["free_energy"])
        found[f"{label}_extrapolated_eV"] = extrapolated
    return found


def done_already(out: Path) -> set[str]:
    """Names of the jobs whose results the file holds."""
    if not out.exists():
        return set()
    return {str(atoms.info["name"]).partition("_step_")[0] for atoms in read(out, ":")}


def denser(job: Job, factor: float) -> Job:
    """The same job with more k-points in the directions that have several."""
    grid = [n if n == 1 else int(np.ceil(n * factor)) for n in job.kpts]
    return replace(job, kpts=(grid[0], grid[1], grid[2]))


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Compute what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "gold_pbe.extxyz")
    parser.add_argument("--only", action="append", help="name of a structure; can be given several times")
    parser.add_argument("--cutoff", type=float, default=CUTOFF_EV, help="plane-wave cutoff (eV)")
    parser.add_argument("--denser", type=float, default=1.0, help="factor on the number of k-points along each direction")
    parser.add_argument("--minutes", type=float, default=55.0, help="start no further structure after this time")
    wanted = parser.parse_args()

    began = time.monotonic()
    atom_file = wanted.out.with_suffix(".atom.json")
    if not wanted.only and not atom_file.exists():
        atom_file.write_text(json.dumps(isolated_atom(wanted.cutoff), indent=1) + "\n", encoding="utf-8")
    done = done_already(wanted.out)
    jobs = [job for job in all_jobs() if job.name not in done and (not wanted.only or job.name in wanted.only)]
    for number, job in enumerate(jobs, start=1):
        if time.monotonic() - began > 60 * wanted.minutes:
            say(f"stopped after {wanted.minutes:g} minutes; {len(jobs) - number + 1} structures are left")
            break
        started = time.monotonic()
        try:
            compute(denser(job, wanted.denser), wanted.cutoff, wanted.out)
        except Exception as error:  # one structure that does not converge must not end the run
            say(f"{job.name}: {type(error).__name__}: {error}")
            continue
        say(f"{number} of {len(jobs)}: {job.name}, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
