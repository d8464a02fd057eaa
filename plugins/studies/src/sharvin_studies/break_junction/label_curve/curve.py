"""Fits of every model to few labels, and their errors on held-out pulls beside those of Hamiltonians that learn nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.errors import InputError

from sharvin_studies.break_junction.configs import BreakJunctionOptions, held_back
from sharvin_studies.break_junction.data import Indices, Labels
from sharvin_studies.break_junction.fits import Fits, Model, Plan, Split
from sharvin_studies.break_junction.label_curve.draws import parts_held_out, spending_order, spent
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted, mean_absolute_error_over_pulls


@dataclass(frozen=True)
class Point:
    """A model fitted to so many labels: its errors on all held-out pulls, of all draws together and of each."""

    model: str
    labels: int
    validation: int
    error: ErrorEstimate
    draws_mae_G0: tuple[float, ...]


@dataclass(frozen=True)
class LabelCurve:
    """Errors against labels spent, and those of Hamiltonians that learn nothing, on the same held-out snapshots."""

    points: tuple[Point, ...]
    baselines: Mapping[str, ErrorEstimate]
    folds: int | None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the fitted models, in order."""
        return tuple(dict.fromkeys(point.model for point in self.points))

    def of(self, model: str) -> list[Point]:
        """Points of one model by labels spent."""
        return [point for point in self.points if point.model == model]


@dataclass(frozen=True)
class HeldOut:
    """Parts of the labelled snapshots, each of which tests the fits that learn from labels of its ``pool``."""

    parts: tuple[Indices, ...]
    pools: tuple[Indices, ...]

    @classmethod
    def of(cls, options: BreakJunctionOptions, split: Split, groups: Indices, labelled: Indices, context: Context) -> HeldOut:
        """The folds that the options ask for, or else the test part of the study's split.

        Raises
        ------
        InputError
            If there are fewer pulls than folds, or fewer labels than are to be spent.
        """
        if options.folds is None:
            found = cls((split.test,), (np.sort(np.concatenate([split.train, split.validation])),))
        else:
            pulls = len(np.unique(groups[labelled]))
            if pulls < options.folds:
                raise InputError(f"{options.folds} folds need as many labelled pulls, not {pulls}; ask for fewer folds.")
            parts = parts_held_out(groups, labelled, options.folds, context.rng("folds"))
            found = cls(tuple(parts), tuple(np.setdiff1d(labelled, part) for part in parts))
        there = min(len(pool) for pool in found.pools)
        if max(options.learning_curve_labels) > there:
            raise InputError(
                f"learning_curve_labels asks for {max(options.learning_curve_labels)} labels, and of pulls that are not held out "
                f"there are {there}; ask for fewer, or for more folds."
            )
        return found

    @property
    def rows(self) -> Indices:
        """All snapshots that are held out once, ascending."""
        return np.sort(np.concatenate(self.parts))


def label_curve(
    context: Context,
    options: BreakJunctionOptions,
    fits: Fits,
    models: Sequence[Model],
    labels: Labels,
    held_out: HeldOut,
    baselines: Mapping[str, NDArray[np.float64]],
) -> LabelCurve:
    """Fit every model to each number of labels, with each part held out and each draw of the labels.

    Parameters
    ----------
    context : Context
    options : BreakJunctionOptions
    fits : Fits
    models : sequence of Model
        Fitted once each, without a committee.
    labels : Labels
        Of all snapshots.
    held_out : HeldOut
    baselines : mapping of str to float64[n]
        Conductances in G0 of the snapshots `held_out.rows` by other Hamiltonians, nan where there is none.
    """
    groups, fraction = fits.training.pull, options.validation_fraction
    draws = [(part, draw) for part in range(len(held_out.parts)) for draw in range(options.learning_curve_repeats)]
    orders = {
        (part, draw): spending_order(held_out.pools[part], groups, context.rng(f"labels of draw {draw}", part))
        for part, draw in draws
    }
    plans, places = [], []
    for model in models:
        for number in options.learning_curve_labels:
            for part, draw in draws:
                train, validation = spent(orders[part, draw], number, fraction)
                purpose = f"{number} labels" + (f", fold {part + 1}" if options.folds else "")
                purpose += f", draw {draw + 1}" if options.learning_curve_repeats > 1 else ""
                split = Split(train, validation, held_out.parts[part])
                plans.append(Plan(replace(model, members=1), purpose, "sample", split, labels.conductance_G0))
                places.append((model.name, number, draw))
    found: dict[tuple[str, int], list[list[Predicted]]] = {}
    for (name, number, draw), fitted in zip(places, replace(fits, check=None).run(plans), strict=True):
        test = fitted.plan.split.test
        predicted = Predicted(labels.conductance_G0[test], fitted.predicted.mean[test], groups[test])
        found.setdefault((name, number), [[] for _ in range(options.learning_curve_repeats)])[draw].append(predicted)
    points = tuple(
        Point(
            name,
            number,
            held_back(number, fraction),
            _estimate(context, [one for of_draw in by_draw for one in of_draw]),
            tuple(float(np.abs(np.concatenate([one.error_G0 for one in of_draw])).mean()) for of_draw in by_draw),
        )
        for (name, number), by_draw in found.items()
    )
    return LabelCurve(points, _baseline_errors(context, labels, groups, held_out.rows, baselines), options.folds)


def _estimate(context: Context, predicted: Sequence[Predicted]) -> ErrorEstimate:
    """Error of several test parts together, with the interval over their pulls."""
    together = Predicted(
        np.concatenate([one.exact_G0 for one in predicted]),
        np.concatenate([one.predicted_G0 for one in predicted]),
        np.concatenate([one.pull for one in predicted]),
    )
    return mean_absolute_error_over_pulls(together, context.rng("bootstrap"))


def _baseline_errors(
    context: Context, labels: Labels, groups: Indices, rows: Indices, baselines: Mapping[str, NDArray[np.float64]]
) -> dict[str, ErrorEstimate]:
    found = {}
    for name, values in baselines.items():
        known = np.isfinite(values)
        if known.any():
            exact = labels.conductance_G0[rows[known]]
            found[name] = _estimate(context, [Predicted(exact, values[known], groups[rows[known]])])
    return found


def numbers(curve: LabelCurve) -> dict[str, Any]:
    """What ``results.json`` says of it."""
    return {
        "folds": curve.folds,
        "models": [
            {
                "model": point.model,
                "labels": point.labels,
                "of_which_validate": point.validation,
                **_error(point.error),
                "draws_mae_G0": list(point.draws_mae_G0),
            }
            for point in curve.points
        ],
        "not_fitted": [{"model": name, **_error(error)} for name, error in curve.baselines.items()],
    }


def _error(error: ErrorEstimate) -> dict[str, Any]:
    interval = [error.lower_G0, error.upper_G0] if error.pulls > 1 else None
    return {"mae_G0": error.mae_G0, "mae_95_percent_G0": interval, "pulls": error.pulls}


def table(curve: LabelCurve) -> dict[str, Any]:
    """Errors of all models by labels spent, for the report."""
    counts = sorted({point.labels for point in curve.points})
    rows: list[list[Any]] = []
    for model in curve.models:
        by_count = {point.labels: round(point.error.mae_G0, 3) for point in curve.of(model)}
        rows.append([model, *(by_count.get(count) for count in counts)])
    for name, error in curve.baselines.items():
        rows.append([f"{name} (not fitted)", *[round(error.mae_G0, 3)] * len(counts)])
    return {
        "title": "Mean absolute error against labels spent (G0)",
        "columns": ["model", *(f"{count} labels" for count in counts)],
        "rows": rows,
        "caption": f"{how_tested(curve)} Labels spent are those learnt from and those that decide when training stops.",
    }


def how_tested(curve: LabelCurve) -> str:
    """Which pulls the errors are of."""
    pulls = max(point.error.pulls for point in curve.points)
    if curve.folds is None:
        return f"On the {pulls} pulls of the test part, of which no label was spent."
    return f"Each of the {pulls} pulls was held out once, in {curve.folds} parts; no label of a held-out pull was spent."
