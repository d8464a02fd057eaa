"""What ``potential_study`` tells its reader: errors, properties, sentences and tables, made from what the steps stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sharvin.context import Context
from sharvin.figures import clear_figures

from sharvin_studies.potential_study import figures, property_figures, scores
from sharvin_studies.potential_study.configs import PotentialStudyOptions
from sharvin_studies.potential_study.property_words import TITLES, in_words
from sharvin_studies.potential_study.statistics_words import signed, with_std
from sharvin_studies.potential_study.studies.part import StudyPart

if TYPE_CHECKING:
    from sharvin_studies.potential_study.workflow import PotentialOutcome

Numbers = dict[str, Any]


def results(
    context: Context, options: PotentialStudyOptions, outcome: PotentialOutcome, studies: Sequence[StudyPart] = ()
) -> Numbers:
    """Numbers of the study, and the sentences and tables of its report."""
    data, trained = outcome.data, outcome.trained
    content: Numbers = {
        "potential": context.config.selections["potential"].name,
        "element": outcome.element,
        "n_structures": len(data),
        "n_atoms": data.n_atoms,
        "n_seeds": len(trained),
        "structures_of_groups": {group: data.groups.count(group) for group in dict.fromkeys(data.groups)},
        "errors": {part: scores.over_seeds([scores.errors_of(one, part) for one in trained]) for part in ("test", "train")},
        "test_errors_of_groups": scores.groups_over_seeds(trained, "test"),
        "properties": properties(options, outcome),
        "properties_failed": failed(outcome),
        "fit_seconds": [one.seconds for one in trained],
    }
    test = content["errors"]["test"]
    content["energy_rmse_meV_per_atom"] = test["energy_rmse_meV_per_atom"]["mean"]
    content["force_rmse_meV_per_A"] = test["force_rmse_meV_per_A"]["mean"]
    if studies:
        content["studies"] = {study.name: study.numbers for study in studies}
    said = [summary(content, options), *(study.sentence for study in studies if study.sentence)]
    content["summary"] = " ".join(said)
    content["tables"] = [*tables(content, options), *(table for study in studies for table in study.tables)]
    return content


def properties(options: PotentialStudyOptions, outcome: PotentialOutcome) -> Numbers:
    """Each number by the models, with its error against the reference, by the reference, by others and as published."""
    every = [*outcome.models, *([outcome.reference] if outcome.reference else []), *outcome.compared.values()]
    found: Numbers = {}
    for name in dict.fromkeys(name for one in every for name in one.values):
        ours = [one.values[name] for one in outcome.models if name in one.values]
        exact = None if outcome.reference is None else outcome.reference.values.get(name)
        entry: Numbers = {"model": scores.statistics(ours) if ours else None, "reference": exact}
        known = bool(ours) and exact not in (None, 0.0)
        entry["error_percent"] = 100 * (entry["model"]["mean"] / exact - 1) if known else None
        entry["compared"] = {other: one.values.get(name) for other, one in outcome.compared.items()}
        entry["published"] = {source: values[name] for source, values in options.published.items() if name in values}
        found[name] = entry
    return found


def failed(outcome: PotentialOutcome) -> list[Numbers]:
    """Properties that a potential does not have, with the reasons."""
    named = [(one.training.label, known) for one, known in zip(outcome.trained, outcome.models, strict=True)]
    if outcome.reference is not None:
        named.append(("reference", outcome.reference))
    named += list(outcome.compared.items())
    return [
        {"potential": label, "property": name, "reason": reason}
        for label, known in named
        for name, reason in known.failed.items()
    ]


def summary(content: Numbers, options: PotentialStudyOptions) -> str:
    """The study in a few sentences."""
    test = content["errors"]["test"]
    energy, force = test["energy_rmse_meV_per_atom"], test["force_rmse_meV_per_A"]
    labels = "of a file" if options.reference_file is not None else f"labelled by {options.reference[0].potential['use']}"
    sentences = [
        f"{content['potential']} trained on {content['n_structures']} structures {labels}, {content['n_seeds']} "
        f"seed{'s' if content['n_seeds'] > 1 else ''}.",
        f"Errors on structures that no training has seen: energies {with_std(energy)} meV per atom, forces "
        f"{with_std(force)} meV/Å (root mean square, mean over the seeds).",
    ]
    if options.validation_fraction == 0:
        sentences.append("The test set also was the validation set of the trainings.")
    known = {name: entry["error_percent"] for name, entry in content["properties"].items() if entry["error_percent"] is not None}
    if known:
        worst = max(known, key=lambda name: abs(known[name]))
        sentences.append(
            f"Of {len(known)} properties the largest error against the reference is that of {in_words(worst)[0]}, "
            f"{signed(known[worst])} %."
        )
    if content["properties_failed"]:
        sentences.append(f"{len(content['properties_failed'])} properties could not be computed; the table says why.")
    return " ".join(sentences)


def tables(content: Numbers, options: PotentialStudyOptions) -> list[Numbers]:
    """Errors, errors by group, properties, and properties that could not be computed."""
    found = [_errors_table(content), _groups_table(content)]
    if content["properties"]:
        found.append(_properties_table(content, options))
    if content["properties_failed"]:
        rows = [[one["potential"], TITLES[one["property"]], one["reason"]] for one in content["properties_failed"]]
        found.append(
            {"title": "Properties that could not be computed", "columns": ["potential", "property", "why"], "rows": rows}
        )
    return [{"caption": "", **table} for table in found]


def _errors_table(content: Numbers) -> Numbers:
    test = content["errors"]["test"]
    seeds = range(len(test["energy_rmse_meV_per_atom"]["of_seeds"]))
    train = content["errors"]["train"]
    rows: list[list[Any]] = [
        [
            f"{seed + 1}",
            *(
                round(part[name]["of_seeds"][seed], 3)
                for name in scores.MEASURES
                for part in (test, train)
                if _shown(name, part, test)
            ),
            round(content["fit_seconds"][seed], 1),
        ]
        for seed in seeds
    ]
    every = [part[name] for name in scores.MEASURES for part in (test, train) if _shown(name, part, test)]
    rows.append(["mean ± std", *(with_std(one) for one in every), None])
    columns = ["seed", "energy RMSE (meV/atom)", "in training", "energy MAE (meV/atom)"]
    columns += ["force RMSE (meV/Å)", "in training", "force MAE (meV/Å)", "training (s)"]
    return {
        "title": "Errors on the test set",
        "columns": columns,
        "rows": rows,
        "caption": "Against the reference, on structures that the training has not seen; in training: on those it has. "
        "Force errors are those of components.",
    }


def _shown(name: str, part: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
    return part is test or "rmse" in name


def _groups_table(content: Numbers) -> Numbers:
    rows = [
        [
            group or "(no name)",
            content["structures_of_groups"].get(group),
            with_std(errors["energy_rmse_meV_per_atom"]),
            with_std(errors["force_rmse_meV_per_A"]),
        ]
        for group, errors in content["test_errors_of_groups"].items()
    ]
    return {
        "title": "Errors by group of structures",
        "columns": ["group", "structures", "energy RMSE (meV/atom)", "force RMSE (meV/Å)"],
        "rows": rows,
        "caption": "On the test set, mean ± standard deviation over the seeds.",
    }


def _properties_table(content: Numbers, options: PotentialStudyOptions) -> Numbers:
    first: Numbers = next(iter(content["properties"].values()))
    others, sources = list(first["compared"]), list(options.published)
    rows = []
    for name, entry in content["properties"].items():
        title, unit, digits = in_words(name)
        model = None if entry["model"] is None else with_std(entry["model"], digits)
        error = None if entry["error_percent"] is None else signed(entry["error_percent"])
        beside = [entry["reference"], *(entry["compared"][other] for other in others)]
        beside += [entry["published"].get(source) for source in sources]
        rows.append(
            [
                f"{title} ({unit})" if unit else title,
                model,
                *(None if v is None else f"{v:.{digits}f}" for v in beside[:1]),
                error,
            ]
            + [None if value is None else f"{value:.{digits}f}".replace("-", "−") for value in beside[1:]]
        )
    return {
        "title": "Properties",
        "columns": ["property", content["potential"], "reference", "error (%)", *others, *sources],
        "rows": rows,
        "caption": f"Of {content['potential']} the mean ± standard deviation over the seeds; the error is that of the mean "
        "against the reference.",
    }


def draw(context: Context, options: PotentialStudyOptions, outcome: PotentialOutcome, studies: Sequence[StudyPart] = ()) -> None:
    """All figures, with their data."""
    clear_figures(context.folder)
    folder, trained = context.folder, outcome.trained
    name = context.config.selections["potential"].name
    held_back = "validation set" if options.validation_fraction > 0 else "test set"
    figures.plot_learning_curves(folder, [one.curves for one in trained], held_back)
    figures.plot_parity(folder, trained, name)
    figures.plot_group_errors(folder, scores.groups_over_seeds(trained, "test"))
    if outcome.element is not None:
        shown = property_figures.Shown(name, outcome.models, outcome.reference, outcome.compared)
        property_figures.plot_property_errors(folder, properties(options, outcome), name)
        property_figures.plot_equation_of_state(folder, shown)
        property_figures.plot_phonons(folder, shown)
        property_figures.plot_bonds(folder, shown)
    for study in studies:
        for draw_into in study.draw:
            draw_into(folder)
