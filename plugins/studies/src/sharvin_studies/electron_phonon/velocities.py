r"""Fermi velocity of a vibrating crystal, from the Green's function averaged over displaced structures.

Of each sample, H is that of a supercell. Between Bloch sums of the crystal at rest its Green's function is a small matrix
(:mod:`sharvin_studies.bands.unfolding`), whose mean over the samples is that of the vibrating crystal in the adiabatic
approximation. The energies of its quasi-particles at wave vectors in a window around K give the velocity as those of any crystal
do (:mod:`sharvin_studies.bands.dirac`). First and second order of the coupling are in it alike, and all higher ones.

The mean is linear in the samples and what follows from it is not, so that its standard error is that of a jackknife over groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.errors import InputError, ItemError, RunError
from sharvin.executors.threads import one_thread
from sharvin.store import read_table, write_table

from sharvin_studies.bands.dirac import cone_points
from sharvin_studies.bands.folding import folding
from sharvin_studies.bands.sampled_cone import SampledCone, sampled_cone
from sharvin_studies.electron_phonon.block_training import HamiltonianSource
from sharvin_studies.electron_phonon.configs import VelocityOptions
from sharvin_studies.potential_study.labelling import digest_of_atoms
from sharvin_studies.thermal_samples.series import Samples, Vibrations

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
GROUP = 4
"""Samples whose Green's functions are kept as one sum, which the jackknife leaves out together; opposite samples are in one."""
CHUNK = 5 * GROUP
"""Samples that are one item."""
LEAST = 4
"""Groups from which a standard error is told."""


def cone_at_rest(vibrations: Vibrations, hamiltonian: HamiltonianSource, options: VelocityOptions) -> SampledCone:
    """The cone of a Hamiltonian on a crystal at rest, and what turns samples into that of the vibrating one.

    Raises
    ------
    InputError
        If there is no such cone.
    """
    rest = vibrations.rest
    folded = folding(rest, repeats_of(rest, vibrations.cell))
    primitive = folded.primitive
    window = {"window_per_A": options.window_per_A, "distances": options.distances, "directions": options.directions}
    points = cone_points(primitive.cell.array, primitive.pbc, **window)  # type: ignore[arg-type]
    with one_thread():
        bloch = hamiltonian.build().blocks(rest).sparse_bloch()
        return sampled_cone(bloch, folded, points, branch=options.branch, eta_eV=options.broadening_eV)


def repeats_of(rest: Atoms, cell: Floats) -> NDArray[np.int64]:
    """The vectors of a supercell in those of its crystal's cell, int64[3, 3], one per row; 1 along open directions.

    Raises
    ------
    InputError
        If they are no whole numbers.
    """
    periodic = np.asarray(rest.pbc)
    found = np.eye(3)
    found[np.ix_(periodic, periodic)] = rest.cell.array[periodic] @ np.linalg.pinv(cell[periodic])
    whole = np.rint(found)
    if np.abs(found - whole).max() > 1e-3:
        raise InputError("the structure is no supercell of the cell that the wave vectors of its vibrations refer to.")
    return whole.astype(np.int64)


@dataclass(frozen=True, eq=False)
class GreenTask:
    """Some samples of a series, whose Green's functions a worker computes."""

    samples: Samples
    numbers: tuple[int, ...]
    hamiltonian: HamiltonianSource
    cone: SampledCone


def green_functions(task: GreenTask, path: Path) -> None:
    """Write sums of Green's functions over groups of samples, how many samples are in each, and why others are not.

    Raises
    ------
    ItemError
        If no sample has one.
    """
    hamiltonian = task.hamiltonian.build()
    sums, counts, reasons = [], [], {}
    with one_thread():
        for start in range(0, len(task.numbers), GROUP):
            numbers = task.numbers[start : start + GROUP]
            total, count = None, 0
            for number, atoms in zip(numbers, task.samples.structures(numbers), strict=True):
                try:
                    bloch = hamiltonian.blocks(atoms).sparse_bloch()
                    green = task.cone.sample(bloch)
                except ItemError as error:
                    reasons[str(number)] = str(error)
                    continue
                total, count = green if total is None else total + green, count + 1
            if total is not None:
                sums.append(total)
                counts.append(count)
    if not sums:
        raise ItemError(f"no sample has a Hamiltonian that can be used; the first: {next(iter(reasons.values()))}")
    write_table(path, {"green_per_eV": np.array(sums), "samples": np.array(counts)}, {"reasons": reasons})


@dataclass(frozen=True, eq=False)
class SeriesVelocity:
    """Fermi velocity of a series.

    Parameters
    ----------
    name : str
    condition : float or None
        Value of its condition.
    frozen_m_per_s : float
        Of the crystal at rest.
    n_samples : int
    velocity_m_per_s : float
        nan where the vibrations are so strong that a band is not found.
    standard_error_m_per_s : float
        nan from fewer than four groups of samples, too.
    counts : int64[n]
        Numbers of samples, up to all.
    running_m_per_s, running_error_m_per_s : float64[n]
        Velocity and its standard error from the first so many samples.
    reasons : list of str
        Why samples were left out.
    """

    name: str
    condition: float | None
    frozen_m_per_s: float
    n_samples: int
    velocity_m_per_s: float
    standard_error_m_per_s: float
    counts: NDArray[np.int64]
    running_m_per_s: Floats
    running_error_m_per_s: Floats
    reasons: list[str]

    @property
    def in_words(self) -> str:
        """Velocity in 10⁵ m/s with its standard error, or why there is none."""
        if np.isnan(self.velocity_m_per_s):
            return "not found"
        if np.isnan(self.standard_error_m_per_s):
            return f"{self.velocity_m_per_s / 1e5:.4f} (error known from {LEAST * GROUP} samples on)"
        return f"{self.velocity_m_per_s / 1e5:.4f} ± {self.standard_error_m_per_s / 1e5:.4f}"

    def needed_for(self, percent: float) -> int:
        """About how many samples would have this standard error in per cent of the velocity."""
        error = 100 * self.standard_error_m_per_s / abs(self.velocity_m_per_s)
        if not error > 0:
            return LEAST * GROUP
        return GROUP * int(np.ceil(self.n_samples * (error / percent) ** 2 / GROUP))


def velocities(
    context: Context,
    vibrations: Vibrations,
    series: Mapping[str, Samples],
    hamiltonian: HamiltonianSource,
    options: VelocityOptions,
    conditions: Mapping[str, float | None],
    detail: str = "",
) -> list[SeriesVelocity]:
    """Fermi velocities of all series by one Hamiltonian.

    Raises
    ------
    InputError
        If the crystal has no cone.
    RunError
        If a series has no samples left.
    """
    cone = cone_at_rest(vibrations, hamiltonian, options)
    tasks, depends, owners = [], [], []
    for name, samples in series.items():
        count = len(samples)
        for start in range(0, count, CHUNK):
            numbers = tuple(range(start, min(start + CHUNK, count)))
            tasks.append(GreenTask(samples, numbers, hamiltonian, cone))
            depends.append({"samples": f"{samples.path.parent.name}/{samples.path.name}", "numbers": numbers, "series": name})
            owners.append(name)
    result = context.map(
        "green functions",
        green_functions,
        tasks,
        {
            "hamiltonian": hamiltonian.identity,
            "rest": digest_of_atoms(vibrations.rest),
            "cell": vibrations.cell.tolist(),
            "k": cone.points.all.tolist(),
            "energies": cone.energies_eV.tolist(),
            "eta": options.broadening_eV,
        },
        detail=detail,
        items_depend_on=depends,
    )
    found = []
    for name in series:
        files = [file for owner, file in zip(owners, result.paths, strict=True) if owner == name and file is not None]
        if not files:
            raise RunError(f"the series {name} has no samples with a Hamiltonian; see log.jsonl.")
        found.append(_of_series(name, conditions[name], cone, files))
    return found


def _of_series(name: str, condition: float | None, cone: SampledCone, files: list[Path]) -> SeriesVelocity:
    tables = [read_table(file) for file in files]
    sums = np.concatenate([np.asarray(table["green_per_eV"], dtype=np.complex128) for table, _ in tables])
    counts = np.concatenate([table["samples"] for table, _ in tables]).astype(np.int64)
    reasons = [f"sample {number}: {reason}" for _, notes in tables for number, reason in notes["reasons"].items()]
    groups = _stops(len(counts))
    means = np.asarray(sums / counts[:, None, None, None, None], dtype=np.complex128)
    running = [_with_error(means[:n], cone) for n in groups]
    if np.isnan(running[-1][0]):
        reasons.append("all: the vibrations are too strong for a band to be found; try a larger broadening_eV")
    return SeriesVelocity(
        name,
        condition,
        cone.at_rest.velocity_m_per_s,
        int(counts.sum()),
        *running[-1],
        np.cumsum(counts)[groups - 1],
        np.array([velocity for velocity, _ in running]),
        np.array([error for _, error in running]),
        reasons,
    )


def _stops(groups: int) -> NDArray[np.int64]:
    """Numbers of groups after which the mean is looked at: about three in each doubling, and all."""
    return np.unique(np.rint(np.geomspace(min(LEAST, groups), groups, 12)).astype(np.int64))


def _with_error(means: Complex, cone: SampledCone) -> tuple[float, float]:
    """Velocity in m/s from the mean over groups [n, n_k, n_e, m, m], and its standard error; nan where bands are not found."""
    try:
        velocity = cone.cone(means.mean(axis=0)).velocity_m_per_s
    except ItemError:
        return float("nan"), float("nan")
    try:
        error = cone.velocity_m_per_s(means).standard_error if len(means) >= LEAST else np.nan
    except ItemError:
        error = np.nan
    return velocity, float(error)
