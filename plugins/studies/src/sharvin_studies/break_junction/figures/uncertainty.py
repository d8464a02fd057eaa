"""What a model's stated uncertainty is worth: calibration, and pulls chosen by it (active learning).

As in :mod:`sharvin_studies.break_junction.figures.errors`: arrays by name in, a PNG with its data out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sharvin.errors import InputError
from sharvin.figures import BLUE, GREY, INK, save_figure, style
from sharvin.figures.axes import plain_log_ticks

from sharvin_studies.break_junction.figures.errors import MAE, draw_error_line, panels
from sharvin_studies.statistics.calibration import Calibration
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted


def plot_calibration(
    folder: Path,
    *,
    sets: Mapping[str, Predicted],
    found: Mapping[str, Calibration],
    before: Mapping[str, Calibration] | None = None,
    name: str = "calibration",
) -> Path:
    """Root mean square error against predicted standard deviation in bins, one panel per set, with the ideal line.

    Parameters
    ----------
    folder : Path
    sets : mapping of str to Predicted
        All with standard deviations: several test sets of one model, or several models.
    found : mapping of str to Calibration
        Of every set.
    before : mapping of str to Calibration, optional
        Of the same sets with the standard deviations that they had before these were recalibrated.
    """
    if not sets or list(found) != list(sets):
        raise InputError("a calibration figure needs at least one set of predictions, and the calibration of every one.")
    if before is not None and list(before) != list(sets):
        raise InputError("a calibration figure needs the same sets before and after recalibration.")
    data: dict[str, ArrayLike] = {}
    earlier = before or {}
    drawn = [*found.values(), *earlier.values()]
    positive = np.concatenate([values for one in drawn for values in (one.rmv_G0, one.rmse_G0)])
    positive = positive[positive > 0]
    if not positive.size:
        raise InputError("a calibration figure needs errors or standard deviations that are not all zero.")
    ends = (0.5 * float(positive.min()), 2.0 * float(positive.max()))
    with style():
        columns = min(len(sets), 3)
        figure, places = panels(len(sets), columns, 3.3, 3.3, sharey=True)
        for axes, (label, one) in zip(places, found.items(), strict=False):
            _draw_calibration(axes, sets[label], one, earlier.get(label), ends)
            of = f"{label} ({sets[label].pulls:,} pull{'s' * (sets[label].pulls != 1)})"
            axes.set_title("\n".join([of, *_numbers(one, earlier.get(label))]), fontsize=9.5)
            data |= _columns(label, one) | (_columns(f"{label} before", earlier[label]) if earlier else {})
        for axes in places[::columns]:
            axes.set_ylabel(r"error ($G_0$)")
        handles, labels = places[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    bins = max(len(one.size) for one in found.values())
    caption = (
        f"Root mean square error against the root of the mean predicted variance, in at most {bins} bins of equally many "
        "predictions. Bars: 95 % bootstrap interval over whole pulls; dots: absolute errors of single predictions in the range "
        "shown. ECE: expected normalised calibration error, the mean over bins of |predicted − "
        "observed| / predicted (Levi et al., 2022); area: between observed and predicted quantiles (0 is best, at most 0.5); "
        "rank: Spearman correlation of |error| and standard deviation; factor: root mean square of error over standard deviation."
    )
    if earlier:
        caption += " Grey circles and numbers before an arrow: before recalibration by what training held back."
    return save_figure(folder, name, figure, data, "Calibration of the predicted uncertainty", caption)


def _numbers(found: Calibration, earlier: Calibration | None) -> list[str]:
    """Lines that state the calibration, each number after that before recalibration."""

    def change(field: str) -> str:
        first = f"{getattr(earlier, field):.2f} → " if earlier is not None else ""
        return f"{first}{getattr(found, field):.2f}"

    one = f"ECE {change('expected_calibration_error')}, area {change('miscalibration_area')}"
    rank = f"{found.rank_correlation:.2f}".replace("-", "−")
    other = f"rank {rank}, factor {change('recalibration_factor')}"
    return [f"{one}, {other}"] if earlier is None else [one, other]


def _columns(label: str, found: Calibration) -> dict[str, ArrayLike]:
    return {
        f"{label} predicted_std_G0": found.rmv_G0,
        f"{label} rms_error_G0": found.rmse_G0,
        f"{label} rms_error_lower_G0": found.lower_G0,
        f"{label} rms_error_upper_G0": found.upper_G0,
        f"{label} size": found.size,
        f"{label} expected_calibration_error": np.array([found.expected_calibration_error]),
        f"{label} miscalibration_area": np.array([found.miscalibration_area]),
        f"{label} rank_correlation": np.array([found.rank_correlation]),
        f"{label} recalibration_factor": np.array([found.recalibration_factor]),
    }


def _draw_calibration(
    axes: Axes, predicted: Predicted, found: Calibration, earlier: Calibration | None, ends: tuple[float, float]
) -> None:
    assert predicted.std_G0 is not None
    axes.scatter(
        predicted.std_G0, np.abs(predicted.error_G0), s=3, color=GREY, alpha=0.35, linewidths=0, zorder=1, rasterized=True
    )
    bars = np.clip(np.nan_to_num([found.rmse_G0 - found.lower_G0, found.upper_G0 - found.rmse_G0]), 0.0, None)
    axes.plot(ends, ends, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2, label="ideal")
    if earlier is not None:
        axes.plot(earlier.rmv_G0, earlier.rmse_G0, "o-", color=GREY, markersize=4, linewidth=1.0, markerfacecolor="white",
                  zorder=2.5, label="before recalibration")  # fmt: skip
    axes.errorbar(
        found.rmv_G0, found.rmse_G0, bars, fmt="o-", color=BLUE, markersize=5, capsize=2.5, linewidth=1.2, zorder=3,
        label="root mean square error",
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel=r"predicted standard deviation ($G_0$)", aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        plain_log_ticks(axis)
    axes.tick_params(which="both", labelsize=9.5)


def plot_active_learning(
    folder: Path,
    *,
    labels: Mapping[str, Sequence[int]],
    test_sets: Mapping[str, Mapping[str, Sequence[ErrorEstimate]]],
    name: str = "active_learning",
) -> Path:
    """Error against labels spent, for each way of choosing what to label next, one panel per test set.

    Parameters
    ----------
    folder : Path
    labels : mapping of strategy to sequence of int, of length n_rounds
        Labels spent until each round; repeats of a strategy may follow one another, and rounds of equally many labels are
        joined by their mean.
    test_sets : mapping of test set to mapping of strategy to sequence of ErrorEstimate, of length n_rounds
    """
    if not labels or not test_sets:
        raise InputError("a figure of active learning needs at least one strategy and one test set.")
    for test, by_strategy in test_sets.items():
        for strategy, spent in labels.items():
            if strategy not in by_strategy or len(by_strategy[strategy]) != len(spent) or not len(spent):
                raise InputError(f"strategy {strategy!r} needs one error on test set {test!r} per round, {len(spent)} in all.")
    reach = float(np.ptp(np.concatenate([np.asarray(spent) for spent in labels.values()])))
    data: dict[str, ArrayLike] = {f"{strategy} labels": np.asarray(spent) for strategy, spent in labels.items()}
    with style():
        columns = min(len(test_sets), 3)
        figure, places = panels(len(test_sets), columns, 3.6, 3.2, sharey=False)
        for axes, (test, by_strategy) in zip(places, test_sets.items(), strict=True):
            for order, (strategy, spent) in enumerate(labels.items()):
                found = by_strategy[strategy]
                beside = 0.012 * reach * (order - 0.5 * (len(labels) - 1))
                draw_error_line(axes, np.asarray(spent) + beside, found, order, strategy)
                for field in ("mae_G0", "lower_G0", "upper_G0"):
                    column = f"{test} {strategy} {field if field == 'mae_G0' else 'mae_' + field}"
                    data[column] = np.array([getattr(one, field) for one in found])
            pulls = next(iter(by_strategy.values()))[0].pulls
            axes.set_title(f"{test} ({pulls:,} pull{'s' * (pulls != 1)})", fontsize=10)
            axes.set(yscale="log", xlabel="labels computed", ylabel=MAE)
            plain_log_ticks(axes.yaxis)
        handles, names = places[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=4)
    caption = (
        "Mean absolute error against the number of exact labels that training has cost, for each way of choosing the structures "
        "to label next. Bars: 95 % bootstrap interval over the test pulls; lines pass through the mean of "
        "rounds with equally many labels. Symbols of one round are drawn side by side."
    )
    return save_figure(folder, name, figure, data, "Active learning", caption)
