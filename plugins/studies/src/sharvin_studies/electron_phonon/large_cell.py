"""Bands around the Fermi energy of a large cell by several Hamiltonians: sparse H(k), bands numbered by inertia."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.crystals.block_files import read_blocks, write_blocks
from sharvin.errors import RunError
from sharvin.executors.threads import one_thread
from sharvin.runs.atomic import atomically
from sharvin.store import read_table, write_table

from sharvin_studies.bands.paths import BandPath, band_path
from sharvin_studies.bands.sparse_bands import SparseBands
from sharvin_studies.electron_phonon.block_training import HamiltonianSource
from sharvin_studies.electron_phonon.configs import LargeCellOptions
from sharvin_studies.potential_study.labelling import digest_of_atoms

Floats = NDArray[np.float64]
CHUNK = 4
"""Wave vectors that are one item: the order of elimination is found once for them."""
CENTRAL = 2
"""Bands on each side of the Fermi energy whose common width is that of the flat bands of a twisted bilayer."""


@dataclass(frozen=True)
class LargeBlocksTask:
    """A large structure and the Hamiltonian that a worker asks for its blocks."""

    atoms: Atoms
    hamiltonian: HamiltonianSource
    k: tuple[float, float, float]


def large_blocks(task: LargeBlocksTask, path: Path) -> None:
    """Write the blocks, an energy between the valence and the conduction bands at one k, and what it cost."""
    with one_thread():
        hamiltonian = task.hamiltonian.build()
        started = time.perf_counter()
        blocks = hamiltonian.blocks(task.atoms)
        seconds = time.perf_counter() - started
        peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        bands = SparseBands(blocks.sparse_bloch())
        middle = energy_above(bands, task.k, round(blocks.electrons / 2))

    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        write_blocks(folder / "blocks.h5", [blocks])
        cost = {"seconds": seconds, "peak_MB": peak_MB, "middle_eV": middle, "electrons": blocks.electrons}
        write_table(folder / "cost.h5", {name: np.array([value]) for name, value in cost.items()})

    atomically(path, write)


def energy_above(bands: SparseBands, k: tuple[float, float, float], number: int) -> float:
    """An energy in eV with about as many bands below it, found by halving an interval that holds all bands."""
    H, _ = bands.bloch.at(k)
    radius = float(abs(H).sum(axis=0).max())
    low, high = -radius, radius
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        below = bands.count_below(k, middle)
        if abs(below - number) <= CENTRAL:
            return middle
        low, high = (middle, high) if below < number else (low, middle)
    return 0.5 * (low + high)


@dataclass(frozen=True)
class LargeBandsTask:
    """Some wave vectors at which a worker computes bands."""

    blocks: Path
    k: tuple[tuple[float, float, float], ...]
    first: int
    stop: int
    guess_eV: float


def large_bands(task: LargeBandsTask, path: Path) -> None:
    """Write the energies of the bands of some numbers."""
    started = time.perf_counter()
    with one_thread():
        bands = SparseBands(read_blocks(task.blocks)[0].sparse_bloch())
        energies = bands.along(task.k, range(task.first, task.stop), task.guess_eV)
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {"seconds": time.perf_counter() - started, "peak_MB": peak_MB}
    write_table(path, {"energies_eV": energies, **{name: np.array([value]) for name, value in cost.items()}})


@dataclass(frozen=True, eq=False)
class LargeBands:
    """Bands of a large cell by one Hamiltonian.

    Parameters
    ----------
    n_atoms : int
    path : BandPath
    energies_eV : float64[n_k, n_bands]
        Of successive bands around the Fermi energy.
    valence : int
        How many of these bands are occupied.
    blocks_seconds, bands_seconds : float
        CPU time of one thread for the blocks, and for all bands.
    peak_MB : float
        Largest memory of a process that took part.
    """

    n_atoms: int
    path: BandPath
    energies_eV: Floats
    valence: int
    blocks_seconds: float
    bands_seconds: float
    peak_MB: float

    @property
    def neutral_eV(self) -> float:
        """Energy half-way between the highest valence and the lowest conduction energy along the path."""
        return 0.5 * float(self.energies_eV[:, self.valence - 1].max() + self.energies_eV[:, self.valence].min())

    @property
    def central_width_eV(self) -> float:
        """Width of the two bands on each side of the Fermi energy together, along the path."""
        central = self.energies_eV[:, max(self.valence - CENTRAL, 0) : self.valence + CENTRAL]
        return float(central.max() - central.min())


def bands_of_large_cell(
    context: Context, atoms: Atoms, hamiltonians: Mapping[str, HamiltonianSource], options: LargeCellOptions
) -> dict[str, LargeBands]:
    """Bands by each Hamiltonian.

    Raises
    ------
    RunError
        If one of them gives none.
    """
    path = band_path(atoms.cell.array, atoms.pbc, options.path.corners, options.path.points)
    points = [tuple(float(x) for x in k) for k in path.k]
    made = context.map(
        "large cell",
        large_blocks,
        [LargeBlocksTask(atoms, one, points[0]) for one in hamiltonians.values()],  # type: ignore[arg-type]
        {"atoms": digest_of_atoms(atoms), "k": points[0]},
        suffix="",
        items_depend_on=[one.identity for one in hamiltonians.values()],
    )
    tasks, depends, owners, costs = [], [], [], {}
    for name, folder in zip(hamiltonians, made.paths, strict=True):
        if folder is None:
            raise RunError(f"the blocks of the large cell by {name} could not be computed; see log.jsonl.")
        cost = {key: float(value[0]) for key, value in read_table(folder / "cost.h5")[0].items()}
        occupied = round(cost["electrons"] / 2)
        first = max(occupied - options.bands // 2, 0)
        costs[name] = (cost, occupied - first)
        for start in range(0, len(points), CHUNK):
            chosen = tuple(points[start : start + CHUNK])
            tasks.append(LargeBandsTask(folder / "blocks.h5", chosen, first, first + options.bands, cost["middle_eV"]))  # type: ignore[arg-type]
            depends.append({"blocks": f"{folder.parent.name}/{folder.name}", "k": chosen, "bands": options.bands})
            owners.append(name)
    found = context.map("bands", large_bands, tasks, {}, detail="large cell", items_depend_on=depends)
    outcome = {}
    for name, (cost, valence) in costs.items():
        files = [file for owner, file in zip(owners, found.paths, strict=True) if owner == name]
        if any(file is None for file in files):
            raise RunError(f"bands of the large cell by {name} are missing; see log.jsonl.")
        tables = [read_table(file)[0] for file in files if file is not None]
        outcome[name] = LargeBands(
            len(atoms),
            path,
            np.concatenate([table["energies_eV"] for table in tables]),
            valence,
            cost["seconds"],
            float(sum(table["seconds"][0] for table in tables)),
            max(cost["peak_MB"], *(float(table["peak_MB"][0]) for table in tables)),
        )
    return outcome
