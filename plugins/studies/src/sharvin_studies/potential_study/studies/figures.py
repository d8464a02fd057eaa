"""Figures of the studies of a trained potential: errors against options, groups left out, wires, query by committee.

Every function draws one figure, saves it with its data by :func:`sharvin.figures.save_figure`, and returns the path of the PNG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.figures import BLUE, CYCLE, GREY, INK, MARKERS, PALE, VERMILLION, new_figure, save_figure, style
from sharvin.figures.axes import from_zero, plain_log_ticks, room_for_one, whole_number_ticks

from sharvin_studies.potential_study.figures import CURVES, WIDE, mean_and_std
from sharvin_studies.potential_study.property_words import in_words

Array = NDArray[np.float64]
Numbers = Mapping[str, Any]
ALL = "all groups"
"""Name of the trainings that leave nothing out."""
BAR: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.8}
CAP: dict[str, Any] = {"fmt": "none", "ecolor": INK, "elinewidth": 1.0, "capsize": 2.5}


def plot_scan(folder: Path, scan: Numbers, *, name: str) -> Path:
    """Errors on the test set against the values of an option: points where they are numbers, bars where they are words."""
    values = [row["value"] for row in scan["values"]]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    data: dict[str, ArrayLike] = {"value": np.array(values if numeric else [str(value) for value in values])}
    with style():
        figure = new_figure(9.2, 3.5)
        for axes, (_, measure, label) in zip(figure.subplots(1, 2), CURVES, strict=True):
            mean, std = mean_and_std([row[measure] for row in scan["values"]])
            data |= {measure: mean, f"{measure}_std": std}
            if numeric:
                order = np.argsort(values)
                x = np.array(values, dtype=np.float64)[order]
                axes.errorbar(x, mean[order], yerr=std[order], fmt="o-", color=BLUE, markersize=5, linewidth=1.2, capsize=2.5)
                room_for_one(axes, x)
                axes.set_xlabel(scan["name"])
            else:
                places = np.arange(len(values))
                axes.bar(places, mean, color=PALE, width=0.6, **BAR)
                axes.errorbar(places, mean, yerr=std, **CAP)
                axes.set_xticks(places, [str(value) for value in values], rotation=20 if len(values) > 4 else 0)
                axes.tick_params(axis="x", length=0)
                axes.set_xlim(-0.7, len(values) - 0.3)
                axes.set_xlabel(scan["name"])
            from_zero(axes, float((mean + std).max()), least_top=1e-6)
            axes.set_ylabel(label)
    caption = f"Root mean square errors on the test set against {scan['name']}; error bars: standard deviation over the seeds."
    return save_figure(folder, name, figure, data, f"Errors against {scan['name']}", caption)


def plot_left_out(folder: Path, trainings: Numbers, *, name: str = "groups_left_out") -> Path:
    """Errors on groups that were left out beside those on the test sets of the same groups where none was left out."""
    rows = [(training, group) for training, one in trainings.items() for group in one["left_out_errors"]]
    whole = trainings.get(ALL, {}).get("test_errors_of_groups", {})
    labels = [f"{training}: {group}" for training, group in rows]
    data: dict[str, ArrayLike] = {"training": np.array([t for t, _ in rows]), "group": np.array([g for _, g in rows])}
    places = np.arange(len(rows), dtype=np.float64)
    with style():
        figure = new_figure(9.4, 1.7 + 0.52 * len(rows))
        for axes, (_, measure, label) in zip(figure.subplots(1, 2, sharey=True), CURVES, strict=True):
            series = (
                ("group left out", [trainings[t]["left_out_errors"][g].get(measure) for t, g in rows], VERMILLION, -0.19),
                ("all groups", [whole.get(g, {}).get(measure) for _, g in rows], PALE, 0.19),
            )
            lowest = _bars(axes, places, series, data, measure)
            axes.set(xlabel=label, xscale="log", yticks=places, yticklabels=labels)
            axes.set_xlim(left=0.5 * lowest)
            plain_log_ticks(axes.xaxis)
            axes.set_ylim(len(rows) - 0.45, -0.55)
            axes.tick_params(axis="y", length=0)
        figure.axes[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    caption = (
        "Root mean square errors on groups that the training has not held, and on the test set of the same group where it held "
        "all groups; error bars: standard deviation over the seeds. Logarithmic scale."
    )
    return save_figure(folder, name, figure, data, "Errors on groups left out", caption)


def _bars(axes: Axes, places: Array, series: Sequence[Any], data: dict[str, ArrayLike], measure: str) -> float:
    """Horizontal bars of several series; returns the smallest value."""
    lowest = np.inf
    for label, found, colour, shift in series:
        known = [(place + shift, one) for place, one in zip(places, found, strict=True) if one is not None]
        at = np.array([place for place, _ in known])
        mean, std = mean_and_std([one for _, one in known])
        axes.barh(at, mean, height=0.36, color=colour, label=label, **BAR)
        axes.errorbar(mean, at, xerr=np.minimum(std, 0.9 * mean), **CAP)
        data[f"{label} {measure}"] = mean
        data[f"{label} {measure}_std"] = std
        lowest = min([lowest, *mean])
    return float(lowest)


def plot_left_out_properties(
    folder: Path, trainings: Numbers, reference: Mapping[str, float], *, name: str = "left_out_properties"
) -> Path:
    """Properties by trainings without groups, by that with all groups, and by the reference."""
    names = list(dict.fromkeys(key for one in trainings.values() for key in one["properties"]))
    places = np.arange(len(names))
    data: dict[str, ArrayLike] = {"property": np.array(names)}
    width = 0.7 / max(len(trainings), 1)
    with style():
        figure = new_figure(max(6.4, 1.4 + 1.5 * len(names)), 3.9)
        axes = figure.subplots()
        for order, (label, one) in enumerate(trainings.items()):
            known = [(k, one["properties"][key]) for k, key in enumerate(names) if key in one["properties"]]
            at = np.array([k for k, _ in known], dtype=np.float64) + (order - (len(trainings) - 1) / 2) * width
            mean, std = mean_and_std([value for _, value in known])
            colour = CYCLE[order % len(CYCLE)]
            axes.errorbar(
                at, mean, yerr=std, fmt=MARKERS[order % len(MARKERS)], color=colour, markersize=6, capsize=3, label=label
            )
            data |= {f"{label} mean": mean, f"{label} std": std}
        exact = [(k, reference[key]) for k, key in enumerate(names) if key in reference]
        for number, (k, value) in enumerate(exact):
            axes.hlines(value, k - 0.42, k + 0.42, color=INK, linewidth=1.2, label="reference" if number == 0 else "", zorder=0)
        data["reference"] = np.array([value for _, value in exact])
        units = list(dict.fromkeys(in_words(key)[1] for key in names))
        axes.set_xticks(places, [in_words(key)[0] if len(units) == 1 else " ".join(in_words(key)[:2]) for key in names])
        axes.set_ylabel(f"surface energy ({units[0]})" if units == ["J/m²"] else units[0] if len(units) == 1 else "value")
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.tick_params(axis="x", length=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    caption = (
        "Lines: the reference. Points: mean of the trainings without some groups and with all; bars: standard deviation over the "
        "seeds."
    )
    return save_figure(folder, name, figure, data, "Properties with groups left out", caption)


def plot_wires(folder: Path, wires: Numbers, potential: str, *, name: str = "wire_forces") -> Path:
    """Mean absolute and root mean square errors of forces on starting, relaxed and pulled wires, by each potential."""
    from sharvin_studies.potential_study.studies.wires import KINDS  # which needs this module

    kinds = list(wires)
    places = np.arange(len(kinds))
    data: dict[str, ArrayLike] = {"wire": np.array([KINDS[kind] for kind in kinds])}
    others = list(next(iter(wires.values()))["compared"])
    width = 0.76 / (1 + len(others))
    measures = (("force_mae_meV_per_A", "force MAE (meV/Å)"), ("force_rmse_meV_per_A", "force RMSE (meV/Å)"))
    with style():
        figure = new_figure(9.2, 3.6)
        for axes, (measure, label) in zip(figure.subplots(1, 2), measures, strict=True):
            highest, lowest = 0.0, np.inf
            for order, who in enumerate([potential, *others]):
                errors = [wires[kind]["model"] if order == 0 else wires[kind]["compared"][who] for kind in kinds]
                known = [(k, one[measure]) for k, one in enumerate(errors) if one]
                at = np.array([k for k, _ in known], dtype=np.float64) + (order - len(others) / 2) * width
                mean, std = mean_and_std([one for _, one in known])
                axes.bar(at, mean, width=0.94 * width, color=CYCLE[order % len(CYCLE)], alpha=0.85, label=who, **BAR)
                if order == 0:
                    axes.errorbar(at, mean, yerr=std, **CAP)
                highest = max(highest, float((mean + std).max(initial=0.0)))
                lowest = min(lowest, float(mean.min(initial=np.inf)))
                data |= {f"{who} {measure}": mean, f"{who} {measure}_std": std}
            axes.set_xticks(places, [KINDS[kind] for kind in kinds])
            axes.tick_params(axis="x", length=0)
            axes.set_ylabel(label)
            if highest > WIDE * lowest > 0:
                axes.set(yscale="log", ylim=(0.5 * lowest, 2.5 * highest))
                plain_log_ticks(axes.yaxis)
            else:
                from_zero(axes, 1.12 * highest, least_top=1e-6)
        if others:
            figure.axes[0].legend()
    caption = (
        "Errors of force components on wires that the reference has relaxed and pulled, against the reference; error bars: "
        f"standard deviation over the seeds of {potential}."
    )
    return save_figure(folder, name, figure, data, "Errors of forces on wires", caption)


def plot_rounds(folder: Path, rounds: Sequence[Numbers], *, name: str = "query_by_committee") -> Path:
    """Errors of forces on necks and on the first data's test set, and the committee's disagreement, against the round."""
    number = np.array([one["round"] for one in rounds], dtype=np.float64)
    measure = "force_rmse_meV_per_A"
    data: dict[str, ArrayLike] = {"round": number}
    with style():
        figure = new_figure(9.2, 3.5)
        left, right = figure.subplots(1, 2)
        highest = 0.0
        for key, label, colour, marker in (("neck_errors", "necks", VERMILLION, "o"), ("test_errors", "test set", BLUE, "s")):
            known = [(one["round"], one[key][measure]) for one in rounds if one[key]]
            x = np.array([k for k, _ in known], dtype=np.float64)
            mean, std = mean_and_std([value for _, value in known])
            left.errorbar(
                x, mean, yerr=std, fmt=f"{marker}-", color=colour, markersize=5.5, linewidth=1.2, capsize=2.5, label=label
            )
            highest = max(highest, float((mean + std).max(initial=0.0)))
            data |= {f"{label} {measure}": mean, f"{label} {measure}_std": std}
        from_zero(left, highest, least_top=1e-6)
        left.set(xlabel="round", ylabel="force RMSE (meV/Å)")
        left.legend()
        later = [one for one in rounds if "disagreement_eV_per_A" in one]
        at = np.array([one["round"] for one in later], dtype=np.float64)
        for key, label, colour in (("largest", "largest", INK), ("median", "median", GREY)):
            values = 1000 * np.array([one["disagreement_eV_per_A"][key] for one in later])
            right.plot(at, values, "o-", color=colour, label=label, markersize=5.5, linewidth=1.2)
            data[f"disagreement {label}_meV_per_A"] = values
        right.set(xlabel="round", ylabel="disagreement of the committee (meV/Å)", yscale="log")
        plain_log_ticks(right.yaxis)
        right.legend()
        for axes, x in ((left, number), (right, at)):
            whole_number_ticks(axes.xaxis)
            room_for_one(axes, x)
    caption = (
        "Left: root mean square errors of forces on necks of wires that the reference has pulled, and on the test set of "
        "the first data; error bars: standard deviation over the committee. Right: disagreement about the frames of "
        "the model's own pulls, before they are learnt."
    )
    return save_figure(folder, name, figure, data, "Query by committee", caption)
