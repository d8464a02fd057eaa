"""Bands of one displaced structure by several Hamiltonians, every one of them along a path of its own Brillouin zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.errors import RunError
from sharvin.executors.threads import one_thread
from sharvin.store import read_table, write_table

from sharvin_studies.bands.dense import bands, fermi_level_eV
from sharvin_studies.bands.paths import BandPath, band_path
from sharvin_studies.electron_phonon.block_training import HamiltonianSource
from sharvin_studies.electron_phonon.configs import PathOptions
from sharvin_studies.potential_study.labelling import digest_of_atoms

Floats = NDArray[np.float64]
WINDOW_EV = 1.0
"""Bands up to this far from the Fermi energy count in the error that stands beside that of all."""


@dataclass(frozen=True)
class BandsTask:
    """A structure, a Hamiltonian, and corners and number of points of a path."""

    atoms: Atoms
    hamiltonian: HamiltonianSource
    path: PathOptions


def bands_along(task: BandsTask, path: Path) -> None:
    """Write all bands along the path and the energy up to which they are filled."""
    with one_thread():
        blocks = task.hamiltonian.build().blocks(task.atoms)
        points = band_path(task.atoms.cell.array, task.atoms.pbc, task.path.corners, task.path.points)
        energies = bands(blocks.sparse_bloch(), points.k)
        level = fermi_level_eV(energies, np.full(len(energies), 1 / len(energies)), blocks.electrons)
    write_table(path, {"energies_eV": energies, "fermi_eV": np.array([level])})


@dataclass(frozen=True, eq=False)
class SampleBands:
    """Bands of a sample.

    Parameters
    ----------
    path : BandPath
    energies_eV : float64[n_k, n_bands]
    fermi_eV : float
        Energy up to which the bands along the path are filled.
    """

    path: BandPath
    energies_eV: Floats
    fermi_eV: float

    def errors_eV(self, reference: SampleBands) -> tuple[float, float]:
        """Mean absolute difference of all energies from a reference's, and of those near its Fermi energy; none is shifted."""
        error = np.abs(self.energies_eV - reference.energies_eV)
        near = np.abs(reference.energies_eV - reference.fermi_eV) < WINDOW_EV
        return float(error.mean()), float(error[near].mean()) if near.any() else float("nan")


def bands_of_sample(
    context: Context, atoms: Atoms, hamiltonians: Mapping[str, HamiltonianSource], options: PathOptions
) -> dict[str, SampleBands]:
    """Bands of a structure by each Hamiltonian.

    Raises
    ------
    RunError
        If one of them gives none.
    """
    result = context.map(
        "bands",
        bands_along,
        [BandsTask(atoms, one, options) for one in hamiltonians.values()],
        {"atoms": digest_of_atoms(atoms), "path": options.model_dump(mode="json")},
        detail="one sample",
        items_depend_on=[one.identity for one in hamiltonians.values()],
    )
    path = band_path(atoms.cell.array, atoms.pbc, options.corners, options.points)
    found = {}
    for name, file in zip(hamiltonians, result.paths, strict=True):
        if file is None:
            raise RunError(f"the bands of a sample by {name} could not be computed; see log.jsonl.")
        table, _ = read_table(file)
        found[name] = SampleBands(path, table["energies_eV"], float(table["fermi_eV"][0]))
    return found
