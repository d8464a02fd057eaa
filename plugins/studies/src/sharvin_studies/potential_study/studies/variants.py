"""Trainings with other options of the potential, and trainings without whole groups of structures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sharvin.context import Context
from sharvin.reference_data import ReferenceData

from sharvin_studies.potential_study.configs import OptionScan, PotentialStudyOptions
from sharvin_studies.potential_study.measured import Asked, Measured, measured
from sharvin_studies.potential_study.property_words import in_words
from sharvin_studies.potential_study.scores import errors_of, groups_over_seeds, over_seeds, statistics
from sharvin_studies.potential_study.statistics_words import with_std
from sharvin_studies.potential_study.studies import figures
from sharvin_studies.potential_study.studies.figures import ALL
from sharvin_studies.potential_study.studies.part import StudyPart
from sharvin_studies.potential_study.trainings import PotentialTraining, Trained, of_seeds, run_trainings

Numbers = dict[str, Any]
ENERGY, FORCE = "energy_rmse_meV_per_atom", "force_rmse_meV_per_A"


def options_scan(context: Context, options: PotentialStudyOptions, data: ReferenceData) -> StudyPart:
    """Errors at each value of each scan; equal seeds have equal splits and initial weights."""
    chosen = context.config.variants["varied"]
    fractions = options.test_fraction, options.validation_fraction
    trainings: dict[str, list[PotentialTraining]] = {}
    for scan in options.studies.options_scan:
        for case in scan.cases:
            count = scan.seeds or options.seeds
            trainings[case.name] = of_seeds(context, data, chosen[case.name]["potential"], count, fractions, case.name)
    flat = [one for some in trainings.values() for one in some]
    finished = iter(run_trainings(context, flat, "options"))
    trained = {name: [one for one in (next(finished) for _ in some) if one.ok] for name, some in trainings.items()}
    numbers = [_scan_numbers(scan, trained) for scan in options.studies.options_scan]
    tables = [_scan_table(one) for one in numbers]
    draw = [partial(figures.plot_scan, scan=one, name=f"options_scan_{k + 1}") for k, one in enumerate(numbers)]
    return StudyPart("options_scan", numbers, " ".join(_best(one) for one in numbers), tables, draw)


def _scan_numbers(scan: OptionScan, trained: dict[str, list[Trained]]) -> Numbers:
    values: list[Any] = list(scan.values) if scan.option is not None else list(scan.variants)
    rows = []
    for value, case in zip(values, scan.cases, strict=True):
        known = trained[case.name]
        plain = value if isinstance(value, int | float | str | bool) else str(value)
        rows.append({"value": plain, **over_seeds([errors_of(one, "test") for one in known])})
    return {"name": scan.name, "option": scan.option, "values": [row for row in rows if FORCE in row]}


def _scan_table(numbers: Numbers) -> Numbers:
    rows = [[str(row["value"]), with_std(row[ENERGY]), with_std(row[FORCE])] for row in numbers["values"]]
    return {
        "title": f"Errors against {numbers['name']}",
        "columns": [numbers["name"], "energy RMSE (meV/atom)", "force RMSE (meV/Å)"],
        "rows": rows,
        "caption": "On the test set, mean ± standard deviation over the seeds.",
    }


def _best(numbers: Numbers) -> str:
    if not numbers["values"]:
        return ""
    best = min(numbers["values"], key=lambda row: row[FORCE]["mean"])
    return f"Of {numbers['name']}, {best['value']} gives the smallest force error, {with_std(best[FORCE])} meV/Å."


def transferability(
    context: Context,
    options: PotentialStudyOptions,
    data: ReferenceData,
    element: str | None,
    reference: Measured | None,
) -> StudyPart:
    """Errors on groups that trainings have left out, and properties by these trainings beside those with all groups."""
    asked = options.studies.transferability
    assert asked is not None
    count = asked.seeds or options.seeds
    chosen = context.config.selections["potential"]
    fractions = options.test_fraction, options.validation_fraction
    series = {name: of_seeds(context, data, chosen, count, fractions, name, groups) for name, groups in asked.without.items()}
    whole = of_seeds(context, data, chosen, count, fractions, chosen.name)
    finished = iter(run_trainings(context, [*whole, *(one for some in series.values() for one in some)], "groups left out"))
    found = {ALL: [next(finished) for _ in whole]} | {name: [next(finished) for _ in some] for name, some in series.items()}
    found = {name: [one for one in some if one.ok] for name, some in found.items()}
    properties: dict[str, list[Measured]] = {name: [] for name in found}
    if element is not None and asked.properties:
        flat = [Asked.of_model(one) for some in found.values() for one in some]
        results = iter(measured(context, flat, asked.properties, element, options.lattice_guess_A, "groups left out"))
        properties = {name: [next(results) for _ in some] for name, some in found.items()}
    wanted = _property_numbers(context, options, element, reference, asked.properties)
    numbers = {
        name: {
            "left_out": list(asked.without.get(name, ())),
            "test": over_seeds([errors_of(one, "test") for one in some]),
            "left_out_errors": groups_over_seeds(some, "left_out"),
            "test_errors_of_groups": groups_over_seeds(some, "test"),
            "properties": _statistics(properties[name]),
        }
        for name, some in found.items()
        if some
    }
    content = {"trainings": numbers, "reference": wanted}
    tables = [_left_out_table(numbers)]
    draw = [partial(figures.plot_left_out, trainings=numbers)] if any(one["left_out_errors"] for one in numbers.values()) else []
    if any(one["properties"] for one in numbers.values()):
        tables.append(_left_out_properties(numbers, wanted))
        draw.append(partial(figures.plot_left_out_properties, trainings=numbers, reference=wanted))
    return StudyPart("transferability", content, "", tables, draw)


def _property_numbers(
    context: Context, options: PotentialStudyOptions, element: str | None, reference: Measured | None, names: Sequence[Any]
) -> dict[str, float]:
    """Properties by the reference, also those that the study itself did not ask for."""
    chosen = next((parts["potential"] for parts in context.config.variants["reference"].values()), None)
    if chosen is None or element is None:
        return {}
    missing = [name for name in names if reference is None or name not in options.properties]
    values = {} if reference is None else dict(reference.values)
    if missing:
        values |= measured(context, [Asked.of_part("reference", chosen)], missing, element, options.lattice_guess_A, "reference")[
            0
        ].values
    return values


def _statistics(known: Sequence[Measured]) -> dict[str, Any]:
    names = dict.fromkeys(name for one in known for name in one.values)
    return {name: statistics([one.values[name] for one in known if name in one.values]) for name in names}


def _left_out_table(trainings: dict[str, Numbers]) -> Numbers:
    rows = []
    for name, one in trainings.items():
        for group, errors in one["left_out_errors"].items():
            inside = trainings[ALL]["test_errors_of_groups"].get(group, {}) if ALL in trainings else {}
            rows.append(
                [
                    name,
                    group,
                    with_std(errors[ENERGY]),
                    with_std(inside[ENERGY]) if inside else None,
                    with_std(errors[FORCE]),
                    with_std(inside[FORCE]) if inside else None,
                ]
            )
    return {
        "title": "Errors on groups left out",
        "columns": [
            "training",
            "group",
            "energy RMSE (meV/atom)",
            "with all groups",
            "force RMSE (meV/Å)",
            "with all groups",
        ],
        "rows": rows,
        "caption": "Of groups that the training did not hold, and on the test set of the same group where it held all. Mean ± "
        "standard deviation over the seeds.",
    }


def _left_out_properties(trainings: dict[str, Numbers], reference: dict[str, float]) -> Numbers:
    names = list(dict.fromkeys(name for one in trainings.values() for name in one["properties"]))
    rows = []
    for name in names:
        title, unit, digits = in_words(name)
        exact = reference.get(name)
        cells = [one["properties"].get(name) for one in trainings.values()]
        shown = [None if cell is None else with_std(cell, digits) for cell in cells]
        rows.append([f"{title} ({unit})", None if exact is None else f"{exact:.{digits}f}", *shown])
    return {
        "title": "Properties with groups left out",
        "columns": ["property", "reference", *trainings],
        "rows": rows,
        "caption": "Mean ± standard deviation over the seeds.",
    }
