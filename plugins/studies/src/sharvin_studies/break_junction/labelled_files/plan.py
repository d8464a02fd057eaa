"""Pulls in files, looked at before a study starts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sharvin.electrodes.wire_checks import check_distances
from sharvin.study_plan import RunLength

from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.data import read_files
from sharvin_studies.break_junction.label_curve.draws import parts_held_out
from sharvin_studies.break_junction.labelled_files.reading import CONDUCTANCE, PullFile
from sharvin_studies.break_junction.survey import Place, StartingWire, Survey

OPTION: Literal["training_pulls"] = "training_pulls"
WHERE: Place = ("workflow", OPTION)


def look_at_files(survey: Survey) -> None:
    """Read the files of all series, note what is wrong with them, and take their first frames as starting wires."""
    found: dict[str, PullFile] = {}
    series = survey.options.training_pulls
    for number, one in enumerate(series):
        with survey.at((*WHERE, number, "file")):
            found |= read_files([one])
    if not found or len(found) < len([one for one in series if one.file is not None]):
        return
    with survey.at(WHERE):
        read_files(series)  # no two of them have the same pull
    for number, one in enumerate(series):
        for pull in found[one.name].pulls if one.name in found else ():
            first = pull.frames[0]
            place, atoms = (*WHERE, number, "file"), first.to_atoms()
            with survey.at(place, f"pull {pull.name}: "):
                check_distances(atoms)
            labelled = CONDUCTANCE in first.scalars
            length = RunLength(len(pull.frames), 0, 0.0)
            alone = one.model_copy(update={"pulls": 1})
            survey.wires.append(StartingWire(OPTION, alone, atoms, place, length, None, pull.name, labelled))
    frames, pulls = (sum(counts) for counts in zip(*((file.frames, len(file.pulls)) for file in found.values()), strict=True))
    survey.checked.append(f"{frames} frames of {pulls} pulls in files")
    _check_numbers(survey, found)


def _check_numbers(survey: Survey, found: dict[str, PullFile]) -> None:
    """As many pulls and labels as the options ask for."""
    options = survey.options
    pulls = options.number_of(OPTION) + sum(len(file.pulls) for file in found.values())
    wrong: list[tuple[Place, str]] = []
    if options.split_by != "sample" and pulls < 3:
        wrong.append((WHERE, f"a split by group needs at least 3 pulls, and there are {pulls}; or choose split_by: sample."))
    if options.learning_curve and max(options.learning_curve) > pulls - 2:
        sentence = f"it asks for {max(options.learning_curve)} pulls, and at most {pulls - 2} can be learnt from."
        wrong.append((("workflow", "learning_curve"), sentence))
    if options.folds is not None and options.folds > pulls:
        wrong.append((("workflow", "folds"), f"{options.folds} folds need as many pulls, and there are {pulls}."))
    if not wrong and all(series.name in found for series in options.training_pulls):
        most = _can_be_spent(options, found)
        if options.learning_curve_labels and max(options.learning_curve_labels) > most:
            sentence = f"it asks for {max(options.learning_curve_labels)} labels, and pulls not held out have {most}."
            wrong.append((("workflow", "learning_curve_labels"), sentence))
    if all(file.labelled for file in found.values()) and len(found) == len(options.training_pulls):
        own = survey.config.selections["hamiltonian"].name
        for number, case in enumerate(options.compare):
            if case.name == own:
                sentence = f"a case is named {own}, as the config's Hamiltonian, which is compared with too; name it otherwise."
                wrong.append((("workflow", "compare", number, "name"), sentence))
    survey.problems += [survey.config.problem(place, sentence) for place, sentence in wrong]


def _can_be_spent(options: BreakJunctionOptions, found: dict[str, PullFile]) -> int:
    """About how many labels there are when any part of the pulls is held out."""
    sizes = [len(pull.frames[:: options.label_every]) for file in found.values() for pull in file.pulls]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    if options.folds is None:
        return len(groups) - round(options.test_fraction * len(groups))
    parts = parts_held_out(groups, np.arange(len(groups)), options.folds, np.random.default_rng(0))
    return len(groups) - max(map(len, parts))
