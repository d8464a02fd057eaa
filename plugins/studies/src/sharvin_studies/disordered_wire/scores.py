"""What the steps of ``disordered_wire`` stored, read back: wires with their labels, fits with their scores, ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.numerics.error_measures import mean_absolute_error, r_squared, root_mean_square_error
from sharvin.store import read_json, read_table

from sharvin_studies.disordered_wire.configs import WireCase
from sharvin_studies.disordered_wire.steps import WireSource, read_labels

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WireSet:
    """Wires of one Hamiltonian and one target: where they come from, at which energies, and the files of their T(E)."""

    source: WireSource
    target: str
    energies: tuple[float, ...]
    paths: tuple[Path | None, ...] = ()

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Slices and sites across."""
        _, notes = read_table(next(path for path in self.paths if path is not None))
        return notes["length"], notes["width"]

    @cached_property
    def conductance_G0(self) -> Array:
        """Exact target of every wire, float64[total]; nan where it could not be computed."""
        return read_labels(self.source, self.paths)

    @cached_property
    def concentration(self) -> Array:
        """Concentration of impurities of every wire, float64[total]; nan where the ensemble has no such number."""
        return read_labels(self.source, self.paths, "concentration")

    def cpu_seconds(self) -> float:
        """CPU time of all transmissions."""
        return float(sum(read_table(path)[1]["cpu_seconds"] for path in self.paths if path is not None))


@dataclass(frozen=True)
class Score:
    """A fitted model on the test set."""

    training: int
    published_mae_G0: float | None
    wire: NDArray[np.int64]
    exact_G0: Array
    predicted_G0: Array
    seconds: Mapping[str, float]
    curves: Mapping[str, Sequence[float]]

    @property
    def mae_G0(self) -> float:
        """Mean absolute error."""
        return mean_absolute_error(self.predicted_G0, self.exact_G0)

    @property
    def constant_mae_G0(self) -> float:
        """Mean absolute error of the best constant, the median of the test set, which a model must beat to have learnt."""
        return mean_absolute_error(np.median(self.exact_G0), self.exact_G0)

    @property
    def rmse_G0(self) -> float:
        """Root mean square error."""
        return root_mean_square_error(self.predicted_G0, self.exact_G0)

    @property
    def r2(self) -> float | None:
        """Coefficient of determination; None where all exact values are equal."""
        several = len(self.exact_G0) > 1 and np.ptp(self.exact_G0) > 0
        return r_squared(self.predicted_G0, self.exact_G0) if several else None


@dataclass(frozen=True)
class CaseFits:
    """A case, its wires, and the folders of its fits, one for every number of training samples; None where a fit failed."""

    case: WireCase
    wires: WireSet
    regressor: Selection
    training: tuple[int, ...]
    folders: tuple[Path | None, ...]

    @property
    def folder(self) -> Path | None:
        """The fit to most training samples."""
        return self.folders[-1]

    @cached_property
    def scores(self) -> list[Score]:
        """Scores of the fits that there are."""
        published = self.case.published_mae_G0 or (None,) * len(self.training)
        found = []
        for number, known, folder in zip(self.training, published, self.folders, strict=True):
            if folder is None:
                continue
            table, notes = read_table(folder / "test.h5")
            curves = read_json(folder / "learning_curves.json")
            found.append(Score(number, known, table["wire"], table["exact_G0"], table["predicted_G0"], notes["seconds"], curves))
        return found


@dataclass(frozen=True)
class Scan:
    """Ensembles of one Hamiltonian and target at fixed concentrations, exact and predicted by cases.

    ``predicted[case]`` is float64[n_concentrations, configurations].
    """

    ensembles: tuple[WireSet, ...]
    concentrations: tuple[float, ...]
    predicted: dict[str, Array]

    @cached_property
    def exact_G0(self) -> Array:
        """float64[n_concentrations, configurations]."""
        return np.array([wires.conductance_G0 for wires in self.ensembles])

    @property
    def target(self) -> str:
        """``conductance`` or ``bias_averaged_conductance``."""
        return self.ensembles[0].target
