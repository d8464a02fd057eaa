"""Workflow ``potential_study``: how well a trained potential reproduces its reference.

Structures → labels of the reference → trainings, one for each seed → errors on structures that no training has seen, and
properties of the material by each seed's model, the reference and further potentials. Beyond that: errors against options of the
potential, trainings without whole groups of structures, errors on wires, and structures of wires added by query by committee.
Every component is chosen by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharvin.config import Config, Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.reference_data import ReferenceData
from sharvin.runs.atomic import atomically, remove
from sharvin.study_plan import StudyPlan

from sharvin_studies.potential_study import report as reporting
from sharvin_studies.potential_study.configs import PotentialStudyOptions
from sharvin_studies.potential_study.labelling import reference_data, write_extxyz
from sharvin_studies.potential_study.measured import Asked, Measured, measured
from sharvin_studies.potential_study.plan import plan
from sharvin_studies.potential_study.studies.committee_query import active_learning
from sharvin_studies.potential_study.studies.part import StudyPart
from sharvin_studies.potential_study.studies.variants import options_scan, transferability
from sharvin_studies.potential_study.studies.wires import wire_forces
from sharvin_studies.potential_study.trainings import FOLDER_OF_PROGRESS, Trained, of_seeds, run_trainings


@dataclass(frozen=True, eq=False)
class PotentialOutcome:
    """What the steps found: data, trainings, and properties by each potential.

    Parameters
    ----------
    data : ReferenceData
    element : str or None
        None where no property was asked for.
    trained : list of Trained
        One for each seed that could be trained.
    models : list of Measured
        In the order of `trained`.
    reference : Measured or None
    compared : dict of str to Measured
    """

    data: ReferenceData
    element: str | None
    trained: list[Trained]
    models: list[Measured]
    reference: Measured | None
    compared: dict[str, Measured]


class PotentialStudy:
    """A study of a trained potential.

    See :class:`sharvin_studies.potential_study.configs.PotentialStudyOptions` for its options.
    """

    def __init__(self, options: PotentialStudyOptions) -> None:
        self.options = options

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run would do. See :class:`sharvin.protocols.PlanningWorkflow`.

        Raises
        ------
        ConfigError
            If the potential cannot be trained, structures and potentials do not fit, or there are too few structures to split.
        """
        return plan(config, self.options, measure)

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``."""
        options, config = self.options, context.config
        structure, reference = config.selections.get("structure"), reference_of(config)
        data = reference_data(context, structure, reference, options.reference_file, options.reference_units)
        write_extxyz(data, context.folder / "reference_data.extxyz")
        element = element_of(data, options)
        trained = self.train(context, data)
        outcome = self.properties(context, data, element, trained)
        studies = self.studies(context, outcome)
        models = keep_models(context.folder / "models", outcome.trained, studies)
        results = reporting.results(context, options, outcome, studies)
        reporting.draw(context, options, outcome, studies)
        remove(context.folder / FOLDER_OF_PROGRESS)
        return {**results, "models": models}

    def train(self, context: Context, data: ReferenceData) -> list[Trained]:
        """The potential of the config, once for each seed; those that failed are left out."""
        chosen = context.config.selections["potential"]
        trainings = of_seeds(context, data, chosen, self.options.seeds, self.fractions, chosen.name)
        return [one for one in run_trainings(context, trainings) if one.ok]

    @property
    def fractions(self) -> tuple[float, float]:
        """Shares of test and validation."""
        return self.options.test_fraction, self.options.validation_fraction

    def properties(self, context: Context, data: ReferenceData, element: str | None, trained: list[Trained]) -> PotentialOutcome:
        """Properties by each seed's model, by the reference and by the others."""
        if element is None:
            return PotentialOutcome(data, element, trained, [Measured() for _ in trained], None, {})
        variants = context.config.variants
        asked = [Asked.of_model(one) for one in trained]
        reference = reference_of(context.config)
        if reference is not None:
            asked.append(Asked.of_part("reference", reference))
        names = list(variants["compare"])
        asked += [Asked.of_part(name, variants["compare"][name]["potential"]) for name in names]
        found = measured(context, asked, self.options.properties, element, self.options.lattice_guess_A)
        rest = found[len(trained) :]
        first = rest.pop(0) if reference is not None else None
        return PotentialOutcome(data, element, trained, found[: len(trained)], first, dict(zip(names, rest, strict=True)))

    def studies(self, context: Context, outcome: PotentialOutcome) -> list[StudyPart]:
        """The studies that the config asks for."""
        options, asked, reference = self.options, self.options.studies, reference_of(context.config)
        found = []
        if asked.options_scan:
            found.append(options_scan(context, options, outcome.data))
        if asked.transferability is not None:
            found.append(transferability(context, options, outcome.data, outcome.element, outcome.reference))
        if asked.wires is not None and reference is not None:
            found.append(wire_forces(context, options, reference, outcome.trained))
        if asked.active_learning is not None and reference is not None:
            found.append(active_learning(context, options, reference, outcome.trained))
        return found


def keep_models(target: Path, trained: Sequence[Trained], studies: Sequence[StudyPart]) -> list[str]:
    """Copy the trained potentials to where a user finds them; returns their places in the run folder."""
    found = {f"seed-{one.training.seed_number + 1}": one.model for one in trained}
    for study in studies:
        found |= study.models

    def write(folder: Path) -> None:
        folder.mkdir()
        for name, model in found.items():
            shutil.copytree(model, folder / name)

    remove(target)
    atomically(target, write)
    return [f"{target.name}/{name}" for name in found]


def reference_of(config: Config) -> Selection | None:
    """The potential that labels; None where the labels come from a file alone."""
    cases = config.variants["reference"]
    return next((parts["potential"] for parts in cases.values()), None)


def element_of(data: ReferenceData, options: PotentialStudyOptions) -> str | None:
    """Element whose properties are computed; None if none is asked for.

    Raises
    ------
    InputError
        If the structures have several and the config names none, or names one that they lack.
    """
    from ase.data import chemical_symbols

    if not options.properties:
        return None
    present = [chemical_symbols[number] for number in data.numbers]
    if not present:
        raise RunError("no structure has a label; see log.jsonl.")
    if options.element is None:
        if len(present) > 1:
            raise InputError(
                f"the structures hold {', '.join(present)}; name the element whose properties are computed: element."
            )
        return present[0]
    if options.element not in present:
        raise InputError(f"no structure holds {options.element}, whose properties are asked for; they hold {', '.join(present)}.")
    return options.element
