"""Errors of potentials against their reference: of energies per atom and of force components, in all and by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.numerics.error_measures import mean_absolute_error, root_mean_square_error
from sharvin.reference_data import ReferenceData

from sharvin_studies.potential_study.trainings import Trained

Array = NDArray[np.float64]
Prediction = Mapping[int, tuple[float, Array]]
MEASURES = ("energy_rmse_meV_per_atom", "energy_mae_meV_per_atom", "force_rmse_meV_per_A", "force_mae_meV_per_A")
"""Names of the errors."""


@dataclass(frozen=True)
class PotentialErrors:
    """Errors on some structures; of energies per atom, and of all components of all forces."""

    energy_rmse_meV_per_atom: float
    energy_mae_meV_per_atom: float
    force_rmse_meV_per_A: float
    force_mae_meV_per_A: float

    @classmethod
    def of(cls, data: ReferenceData, predicted: Prediction, numbers: Sequence[int]) -> PotentialErrors:
        """Errors on the structures of these numbers, of which there is one at least."""
        size = np.array([len(data[i]) for i in numbers])
        exact = np.array([data[i].energy_eV for i in numbers]) / size
        energies = np.array([predicted[i][0] for i in numbers]) / size
        exact_forces = np.concatenate([data[i].forces_eV_per_A for i in numbers])
        forces = np.concatenate([predicted[i][1] for i in numbers])
        return cls(
            1000 * root_mean_square_error(energies, exact),
            1000 * mean_absolute_error(energies, exact),
            1000 * root_mean_square_error(forces, exact_forces),
            1000 * mean_absolute_error(forces, exact_forces),
        )


def errors_of(trained: Trained, part: str) -> PotentialErrors | None:
    """Errors of a training on one of its parts; None if that is empty."""
    numbers = getattr(trained.training.parts, part)
    return PotentialErrors.of(trained.training.data, trained.predicted, numbers) if numbers else None


def errors_of_groups(trained: Trained, part: str) -> dict[str, PotentialErrors]:
    """Errors of a training on each group of one of its parts."""
    data = trained.training.data
    groups: dict[str, list[int]] = {}
    for number in getattr(trained.training.parts, part):
        groups.setdefault(data[number].group, []).append(number)
    return {group: PotentialErrors.of(data, trained.predicted, numbers) for group, numbers in groups.items()}


def statistics(values: Sequence[float]) -> dict[str, Any]:
    """Mean, sample standard deviation (None of a single value) and the values themselves."""
    found = [float(value) for value in values]
    std = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return {"mean": float(np.mean(found)), "std": std, "of_seeds": found}


def over_seeds(errors: Sequence[PotentialErrors | None]) -> dict[str, Any]:
    """Statistics of each measure over trainings that have it; empty if none has."""
    known = [one for one in errors if one is not None]
    return {name: statistics([getattr(one, name) for one in known]) for name in MEASURES} if known else {}


def groups_over_seeds(trained: Sequence[Trained], part: str) -> dict[str, dict[str, Any]]:
    """Statistics of each measure over trainings, by group."""
    found = [errors_of_groups(one, part) for one in trained]
    groups = dict.fromkeys(group for one in found for group in one)
    return {group: over_seeds([one.get(group) for one in found]) for group in groups}


def test_points(trained: Sequence[Trained], value: Callable[[Any], Array]) -> tuple[Array, Array]:
    """Exact and predicted numbers of the test sets of all trainings, joined.

    Parameters
    ----------
    trained : sequence of Trained
    value : callable
        Numbers of (energy, forces, atoms), such as the energy per atom.
    """
    exact, predicted = [], []
    for one in trained:
        data = one.training.data
        for number in one.training.parts.test:
            size = len(data[number])
            exact.append(value((data[number].energy_eV, data[number].forces_eV_per_A, size)))
            predicted.append(value((*one.predicted[number], size)))
    return np.concatenate(exact), np.concatenate(predicted)
