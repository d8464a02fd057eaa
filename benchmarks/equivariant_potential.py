"""The equivariant potential on gold: time of a training step and of an evaluation, plain and compiled, and what a fit reaches.

``python benchmarks/equivariant_potential.py`` prints three tables for one thread, in CPU time of the process. ``--part steps``: a
training step (energies, forces and the gradient of the loss) of two cells of 48 atoms. ``--part fit``: 92 strained and displaced
cells of fcc gold and of (100) and (111) slabs, 32 to 64 atoms, labelled by ``second_moment``, 60 of them to learn from, 12 to
choose the epoch by, and the errors of the other 20. ``--part md``: forces of a wire of 304 atoms by the potential of that fit
through ASE, and the drift of its energy in molecular dynamics. ``--folder DIR`` keeps the potential; a fit that was interrupted
goes on there.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sharvin
import torch
from ase import Atoms, units
from ase.build import bulk, fcc100, fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.verlet import VelocityVerlet
from sharvin.reference_data import ReferenceData
from sharvin_models.message_passing.configs import EquivariantPotentialOptions
from sharvin_models.message_passing.energy_and_forces import LossGradient, NetworkFunction
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.potential import EquivariantPotential
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import SurroundingsBuilder, batched
from sharvin_models.message_passing.traced import TracedFunction

OPTIONS: dict[str, Any] = {"cutoff_A": 5.5, "epochs": 300, "patience": 300, "batch_size": 2}
A0 = 4.08


def cells(count: int, seed: int) -> ReferenceData:
    """Strained and displaced crystals and slabs with energies and forces by ``second_moment``."""
    rng, reference, found = np.random.default_rng(seed), sharvin.calculator("second_moment", element="Au"), []
    for number in range(count):
        atoms, group = cell(number)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0.0, rng.uniform(0.02, 0.15), atoms.positions.shape)
        atoms.calc = reference
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc, atoms.info["group"] = SinglePointCalculator(atoms, **results), group
        found.append(atoms)
    return ReferenceData.from_atoms(found)


def cell(number: int) -> tuple[Atoms, str]:
    """The ideal structure of this number, and its group."""
    size = (2, 3, 4)[number // 4 % 3]
    if number % 2 == 0:
        return bulk("Au", a=A0, cubic=True).repeat((2, 2, size)), "fcc"
    make, group = (fcc100, "100") if number % 4 == 1 else (fcc111, "111")
    return make("Au", (3, 4, size + 1), a=A0, vacuum=6.0, periodic=True, orthogonal=True), group  # type: ignore[no-untyped-call]


def seconds(function: Callable[[], object], repeats: int = 20) -> float:
    """Median CPU time, after a first call that compiles."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def steps() -> None:
    """Print the time of a training step of two cells of 48 atoms."""
    data = cells(8, 0)[[4, 6]]
    scales = EnergyScales.of(data, "least_squares", "benchmark")
    print(f"training step of {data.n_atoms} atoms, ms:")
    for dtype in ("float32", "float64"):
        for mode in (False, True):
            options, kind = EquivariantPotentialOptions(cutoff_A=OPTIONS["cutoff_A"], dtype=dtype), getattr(torch, dtype)
            build = SurroundingsBuilder("benchmark", options, scales.elements)
            batch = batched([build.of_atoms(item.atoms) for item in data], 1, options.cutoff_A, kind)
            network = AtomEnergyNetwork(1, 40.0, options)
            network.initialise(np.random.default_rng(0))
            function = NetworkFunction(network.to(kind), scales.scale_eV, 2)
            labels = (torch.zeros(3), torch.zeros(batch.species.shape[1], 3), torch.ones(3), torch.ones(batch.species.shape[1]))
            step = TracedFunction(LossGradient(function, 10.0, 1.0), mode)
            tensors = (*function.weights(), *batch.tensors(), *(label.to(kind) for label in labels))
            start = time.perf_counter()
            step(*tensors)
            first = time.perf_counter() - start
            each = 1e3 * seconds(partial(step, *tensors))
            print(f"  {dtype} {'compiled' if mode else 'plain':8s} {each:7.2f}, the first one after {first:.1f} s")


def fit(folder: Path) -> None:
    data = cells(92, 1)
    train, validation, test = data[:60], data[60:72], data[72:]
    model = EquivariantPotential(EquivariantPotentialOptions(**OPTIONS))
    model.keep_progress(folder)
    start, wall = time.process_time(), time.perf_counter()
    curves = model.fit(train, validation, np.random.default_rng(0))
    spent = f"{time.process_time() - start:.0f} s CPU, {time.perf_counter() - wall:.0f} s in all"
    model.save(folder)
    calculator = model.calculator()
    print(f"fit: {len(next(iter(curves.values())))} epochs, {spent}; errors of {len(test)} other cells:")
    for group in (*sorted(set(test.groups)), None):
        chosen = test if group is None else test.where([group])
        energies, forces = [], []
        for item in chosen:
            atoms = item.atoms.copy()
            atoms.calc = calculator
            energies.append(atoms.get_potential_energy() / len(item) - item.energy_eV_per_atom)
            forces.append((atoms.get_forces() - item.forces_eV_per_A).ravel())
        spread = np.concatenate([item.forces_eV_per_A.ravel() for item in chosen]).std()
        print(
            f"  {group or 'all':4s} energy {1e3 * rms(np.array(energies)):6.2f} meV/atom, force "
            f"{1e3 * rms(np.concatenate(forces)):6.1f} meV/Å of a spread of {1e3 * spread:.0f} meV/Å"
        )


def rms(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def md(folder: Path) -> None:
    """Print the time of an evaluation of a wire, and the drift of its energy."""
    structure = sharvin.create("structures", "nanowire", element="Au", lattice_constant_A=A0, name="33-6-55")
    wire = structure.build(np.random.default_rng(0))
    print(f"molecular dynamics of {len(wire)} atoms:")
    for dtype in ("float32", "float64"):
        for mode in (False, True):
            atoms = wire.copy()
            atoms.calc = sharvin.calculator("equivariant_potential", model=str(folder), dtype=dtype, compile=mode)
            each = seconds(partial(displaced_forces, atoms, np.random.default_rng(0)))
            said = f"; drift {drift(atoms):.2f} µeV/atom/ps in 1 ps of steps of 2 fs" if mode else ""
            print(f"  {dtype} {'compiled' if mode else 'plain':8s} {1e3 * each:6.2f} ms, {1.0 / each:.0f} steps/s{said}")


def displaced_forces(atoms: Atoms, rng: np.random.Generator) -> None:
    """Forces in places that the calculator has not seen."""
    atoms.positions += rng.normal(0.0, 1e-4, atoms.positions.shape)
    atoms.get_forces()


def drift(atoms: Atoms) -> float:
    """Of the total energy without a thermostat, from 300 K, in µeV per atom and ps."""
    atoms.set_momenta(
        np.random.default_rng(0).normal(size=(len(atoms), 3)) * np.sqrt(300.0 * units.kB * atoms.get_masses())[:, None]
    )
    dynamics, totals = VelocityVerlet(atoms, timestep=2.0 * units.fs), []
    dynamics.attach(lambda: totals.append(atoms.get_total_energy()), interval=5)
    dynamics.run(500)
    times = np.arange(len(totals)) * 5 * 0.002
    return float(1e6 * np.polyfit(times[10:], totals[10:], 1)[0] / len(atoms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=("steps", "fit", "md", "all"), default="all")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.part in ("steps", "all"):
        steps()
    if arguments.part in ("fit", "all"):
        fit(folder)
    if arguments.part in ("md", "all"):
        md(folder)


if __name__ == "__main__":
    main()
