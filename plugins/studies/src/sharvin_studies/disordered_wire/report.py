"""What ``disordered_wire`` tells its reader: scores, sentences, tables and figures, made from what the steps stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.figures import clear_figures

from sharvin_studies.disordered_wire import error_figures, figures
from sharvin_studies.disordered_wire.configs import DisorderedWireOptions, apart_from_concentration
from sharvin_studies.disordered_wire.scores import CaseFits, Scan, Score, WireSet

MOST_LINES = 2
"""Distributions of predicted conductances in one panel."""

MOST_PANELS = 12
"""Of more cases than this, parity is drawn for the best of each ensemble and target only."""

WORDS = {"conductance": "G", "bias_averaged_conductance": "Gbar"}

Array = NDArray[np.float64]


def results(
    context: Context,
    options: DisorderedWireOptions,
    test: int,
    fits: Sequence[CaseFits],
    scans: Sequence[Scan],
    timing: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    sets = distinct_sets(fits)
    transmissions = sum(int(np.isfinite(wires.conductance_G0).sum()) * len(wires.energies) for wires in sets)
    content: dict[str, Any] = {
        "n_wires": sum(wires.source.total for wires in sets),
        "n_transmissions": transmissions,
        "test_samples": test,
        "scale": options.scale,
        "cases": [_case_numbers(fit) for fit in fits],
        "label_cost": {"cpu_seconds_per_transmission": sum(wires.cpu_seconds() for wires in sets) / max(transmissions, 1)},
    }
    if scans:
        content["ensemble"] = [_scan_numbers(scan) for scan in scans]
    if timing is not None:
        content["timing"] = timing
    content["summary"] = summary(context, options, test, fits, timing)
    content["tables"] = tables(context, fits, scans, timing)
    return content


def distinct_sets(fits: Sequence[CaseFits]) -> list[WireSet]:
    """The wires of all cases, each set once, the smallest wires first, else in the order of the cases."""
    found: dict[int, WireSet] = {id(fit.wires): fit.wires for fit in fits}
    return sorted(found.values(), key=lambda wires: wires.shape[0] * wires.shape[1])


def set_names(fits: Sequence[CaseFits]) -> dict[int, str]:
    """Short names of the sets, by ``id``: the size, and options of the Hamiltonian in which the sets differ besides."""
    sets = distinct_sets(fits)
    options = [wires.source.hamiltonian.options.model_dump(mode="json") for wires in sets]
    shapes = [wires.shape for wires in sets]
    every = [name for name in sorted({name for one in options for name in one}) if not _tells_size(name, options, shapes)]
    differing = [name for name in every if len({str(one.get(name)) for one in options}) > 1]
    sizes_differ = len({wires.shape for wires in sets}) > 1
    names = {}
    for wires, one in zip(sets, options, strict=True):
        size = f"{wires.shape[0]}×{wires.shape[1]}"
        parts = [f"{name.replace('_', ' ')} {one[name]}" for name in differing if one.get(name) is not None]
        names[id(wires)] = ", ".join(([size] if sizes_differ or not parts else []) + parts)
    return names


def _tells_size(name: str, options: Sequence[Mapping[str, Any]], shapes: Sequence[tuple[int, int]]) -> bool:
    """Whether an option is the number of slices, or of sites across, of every set of wires."""
    return any(all(one.get(name) == shape[axis] for one, shape in zip(options, shapes, strict=True)) for axis in (0, 1))


def _case_numbers(fit: CaseFits) -> dict[str, Any]:
    return {
        "name": fit.case.name,
        "target": fit.case.target,
        "group": fit.case.group or fit.case.name,
        "length": fit.wires.shape[0],
        "width": fit.wires.shape[1],
        "hamiltonian": {"use": fit.wires.source.hamiltonian.name, **fit.wires.source.hamiltonian.options.model_dump(mode="json")},
        "regressor": {"use": fit.regressor.name, **fit.regressor.options.model_dump(mode="json")},
        "curve": [
            {
                "training_samples": score.training,
                "mae_G0": score.mae_G0,
                "rmse_G0": score.rmse_G0,
                "r2": score.r2,
                "constant_mae_G0": score.constant_mae_G0,
                "published_mae_G0": score.published_mae_G0,
                "fit_seconds": score.seconds["fit"],
                "predict_seconds": score.seconds["predict"],
            }
            for score in fit.scores
        ],
    }


def _scan_numbers(scan: Scan) -> dict[str, Any]:
    return {
        "target": scan.target,
        "hamiltonian": apart_from_concentration(scan.ensembles[0].source.hamiltonian.options),
        "configurations": scan.exact_G0.shape[1],
        "concentration": list(scan.concentrations),
        "exact_mean_G0": np.nanmean(scan.exact_G0, axis=1).tolist(),
        "exact_std_G0": np.nanstd(scan.exact_G0, axis=1).tolist(),
        "predicted": {
            name: {"mean_G0": values.mean(axis=1).tolist(), "std_G0": values.std(axis=1).tolist()}
            for name, values in scan.predicted.items()
        },
    }


def summary(
    context: Context, options: DisorderedWireOptions, test: int, fits: Sequence[CaseFits], timing: Mapping[str, Any] | None
) -> str:
    """The study in a few sentences."""
    names = set_names(fits)
    solver = context.config.selections["transport"].name
    sentences = [f"Disordered lattice wires, exact transmissions by {solver}; errors on {test:,} wires that no model has seen."]
    if options.scale < 1:
        sentences.append(f"All numbers of wires were scaled by {options.scale:g}, so the errors are no results yet.")
    for wires in distinct_sets(fits):
        scored = [(fit.scores[-1].mae_G0, fit) for fit in fits if fit.wires is wires and fit.scores]
        if not scored:
            continue
        error, best = min(scored, key=lambda pair: pair[0])
        known = [score.published_mae_G0 for fit in fits if fit.wires is wires for score in fit.scores if score.published_mae_G0]
        published = f" (published: {min(known):g})" if known else ""
        what = f"{names[id(wires)]}, {WORDS[wires.target]}"
        sentences.append(f"{what}: mean absolute error {error:.3f} G0{published} with {best.case.name}.")
    if timing is not None:
        sentences.append(_speed(timing))
    return " ".join(sentences)


def _speed(timing: Mapping[str, Any]) -> str:
    exact, predicted = timing["exact_seconds"], timing["predicted_seconds"]
    verdict = f"{exact / predicted:.1f} times less" if exact >= predicted else f"{predicted / exact:.1f} times more"
    return (
        f"{timing['configurations']:,} wires at {timing['energies']} energies took {exact:.2f} s exactly and {predicted:.2f} s, "
        f"{verdict}, with {timing['case']}."
    )


def tables(
    context: Context, fits: Sequence[CaseFits], scans: Sequence[Scan], timing: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Components, errors, ensembles and times."""
    names = set_names(fits)
    stages = [(key, chosen) for key, chosen in context.config.selections.items() if key != "executor"]
    parts = [[key, chosen.name, chosen.identity["component"].split(":")[0]] for key, chosen in stages]
    rows = [
        [
            fit.case.name,
            names[id(fit.wires)],
            WORDS[fit.case.target],
            score.training,
            *(
                _rounded(value)
                for value in (score.mae_G0, score.rmse_G0, score.r2, score.published_mae_G0, score.constant_mae_G0)
            ),
            _rounded(score.seconds["fit"], 1),
        ]
        for fit in fits
        for score in fit.scores
    ]
    columns = [
        "case",
        "wires",
        "target",
        "training samples",
        "MAE (G0)",
        "RMSE (G0)",
        "R²",
        "published MAE (G0)",
        "constant (G0)",
        "fit (s)",
    ]
    found = [
        {"title": "Components", "columns": ["stage", "component", "from"], "rows": parts, "caption": "Chosen in the config."},
        {
            "title": "Errors on the test set",
            "columns": columns,
            "rows": rows,
            "caption": "Against the exact values of wires that were neither learnt from nor used to stop the training. "
            "Constant: mean absolute error of the best constant, the median.",
        },
    ]
    for scan in scans:
        found.append(_scan_table(scan, next(fit for fit in fits if fit.case.name in scan.predicted), names))
    if timing is not None:
        found.append(_timing_table(timing))
    return found


def _scan_table(scan: Scan, fit: CaseFits, names: Mapping[int, str]) -> dict[str, Any]:
    numbers = _scan_numbers(scan)
    columns, values = ["n", "mean, exact", "std, exact"], [numbers["exact_mean_G0"], numbers["exact_std_G0"]]
    for name, predicted in numbers["predicted"].items():
        columns += [f"mean, {name}", f"std, {name}"]
        values += [predicted["mean_G0"], predicted["std_G0"]]
    rows = [
        [concentration, *(_rounded(column[row]) for column in values)] for row, concentration in enumerate(scan.concentrations)
    ]
    return {
        "title": f"Ensembles at fixed concentrations: {WORDS[scan.target]}, {names[id(fit.wires)]}",
        "columns": columns,
        "rows": rows,
        "caption": f"In G0, over {numbers['configurations']:,} wires at each concentration n of impurities.",
    }


def _timing_table(timing: Mapping[str, Any]) -> dict[str, Any]:
    count, known = timing["configurations"], timing.get("published_configurations")
    methods = (("exact", "exact", "published_exact_s"), (timing["case"], "predicted", "published_network_s"))
    rows = []
    for method, name, published in methods:
        seconds = timing[f"{name}_seconds"]
        rows.append([method, seconds, 1000 * seconds / count, timing.get(published)])
    caption = f"{count:,} wires, {timing['energies']} energies each, one thread."
    return {
        "title": "Time of exact and predicted conductances",
        "columns": ["method", "seconds", "ms per wire", "published (s)"],
        "rows": rows,
        "caption": caption + (f" Published times are for {known:,} wires on another machine." if known else ""),
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)


def draw(
    context: Context,
    options: DisorderedWireOptions,
    test: int,
    fits: Sequence[CaseFits],
    scans: Sequence[Scan],
    timing: Mapping[str, Any] | None,
) -> None:
    """All figures, with their data."""
    clear_figures(context.folder)
    folder, names, sets = context.folder, set_names(fits), distinct_sets(fits)
    figures.plot_onsite_maps(folder, [_examples(wires, names, test) for wires in _by_hamiltonian(sets)])
    scored = [fit for fit in fits if fit.scores]
    panels = []
    for wires in sets:
        predicted = {fit.case.name: fit.scores[-1].predicted_G0 for fit in _few(scored, wires)}
        panels.append(figures.Distribution(names[id(wires)], wires.target, _finite(wires.conductance_G0[:test]), predicted))
    figures.plot_distributions(folder, panels, options.bin_width_G0)
    clouds = []
    for wires in sets:
        if np.isfinite(wires.concentration[:test]).all():
            lines = {
                fit.case.name: (wires.concentration[fit.scores[-1].wire], fit.scores[-1].predicted_G0)
                for fit in _few(scored, wires)
            }
            exact = wires.conductance_G0[:test]
            clouds.append(figures.Cloud(names[id(wires)], wires.target, wires.concentration[:test], exact, lines))
    if clouds:
        figures.plot_against_concentration(folder, clouds)
    shown = scored if len(scored) <= MOST_PANELS else _best_of_each(scored)
    parity = [
        figures.Parity(fit.case.name, fit.case.target, fit.scores[-1].exact_G0, fit.scores[-1].predicted_G0) for fit in shown
    ]
    figures.plot_parity_panels(folder, parity, len(scored) - len(shown))
    _draw_errors(folder, scored)
    curves = [(fit.case.name, names[id(fit.wires)], fit.case.target, fit.scores[-1].curves) for fit in scored]
    error_figures.plot_training(folder, [error_figures.Training(*entry) for entry in curves])
    if scans:
        figures.plot_ensembles(folder, [_ensemble(scan, fits, names) for scan in scans])
    if timing is not None:
        error_figures.plot_times(folder, timing)


def _best_of_each(fits: Sequence[CaseFits]) -> list[CaseFits]:
    """The fit with the smallest error of each set of wires."""
    sets = distinct_sets(fits)
    return [min((fit for fit in fits if fit.wires is wires), key=lambda fit: fit.scores[-1].mae_G0) for wires in sets]


def _few(fits: Sequence[CaseFits], wires: WireSet) -> list[CaseFits]:
    """Fits to a set of wires as long as their distributions can be told apart in one panel, else the best of them."""
    found = [fit for fit in fits if fit.wires is wires]
    return found if len(found) <= MOST_LINES else [min(found, key=lambda fit: fit.scores[-1].mae_G0)]


def _draw_errors(folder: Path, fits: Sequence[CaseFits]) -> None:
    """Errors against training samples and against size, where there are several of either."""
    curves = []
    for fit in fits:
        if len({score.training for score in fit.scores}) > 1:
            x = np.array([score.training for score in fit.scores], dtype=float)
            curves.append(error_figures.Line(fit.case.name, x, *_errors(fit.scores)))
    if curves:
        error_figures.plot_error_against_training(folder, curves)
    groups: dict[str, list[CaseFits]] = {}
    for fit in fits:
        if fit.case.group:
            groups.setdefault(fit.case.group, []).append(fit)
    lines = []
    for group, members in groups.items():
        ordered = sorted(members, key=lambda fit: fit.wires.shape[0] * fit.wires.shape[1])
        if len({fit.wires.shape for fit in ordered}) > 1:
            sizes = [f"{fit.wires.shape[0]}×{fit.wires.shape[1]}" for fit in ordered]
            sites = np.array([fit.wires.shape[0] * fit.wires.shape[1] for fit in ordered], dtype=float)
            lines.append((error_figures.Line(group, sites, *_errors([fit.scores[-1] for fit in ordered])), sizes))
    if lines:
        error_figures.plot_error_against_size(folder, [line for line, _ in lines], [sizes for _, sizes in lines])


def _errors(scores: Sequence[Score]) -> tuple[Array, Array]:
    """Our errors and the published ones, nan where there is none."""
    ours = np.array([score.mae_G0 for score in scores])
    return ours, np.array([np.nan if score.published_mae_G0 is None else score.published_mae_G0 for score in scores])


def _by_hamiltonian(sets: Sequence[WireSet]) -> list[WireSet]:
    """The first set of every Hamiltonian."""
    found: dict[str, WireSet] = {}
    for wires in sets:
        found.setdefault(str(wires.source.hamiltonian.identity), wires)
    return list(found.values())


def _examples(wires: WireSet, names: Mapping[int, str], test: int, count: int = 4) -> figures.Maps:
    """A few wires of the test set, at evenly spaced concentrations if they have any, with their conductances."""
    first = min(test, wires.source.count(0))
    concentration = wires.concentration[:first]
    order = np.argsort(concentration) if np.isfinite(concentration).all() else np.arange(first)
    shown = order[np.unique((np.linspace(0.1, 0.75, count) * (first - 1)).astype(int))]
    rows = np.sort(shown)
    onsite = wires.source.images(rows).values[np.searchsorted(rows, shown)]
    return figures.Maps(names[id(wires)], wires.target, np.asarray(onsite, dtype=float), wires.conductance_G0[shown])


def _ensemble(scan: Scan, fits: Sequence[CaseFits], names: Mapping[int, str]) -> figures.Ensemble:
    fit = next(fit for fit in fits if fit.case.name in scan.predicted)
    return figures.Ensemble(names[id(fit.wires)], scan.target, np.array(scan.concentrations), scan.exact_G0, scan.predicted)


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]
