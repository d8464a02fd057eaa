"""What is known of a potential study before its first step: mistakes that would stop it, and how much work it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.options.validation import ConfigError
from sharvin.protocols import CheckedTrainablePotential, ForeseeingDynamics, TrainablePotential
from sharvin.reference_data import ReferenceData, ReferenceStructure, read_reference_data
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import StudyPlan
from sharvin.words.suggestions import did_you_mean

from sharvin_studies.plan_survey import Place, PlanSurvey
from sharvin_studies.potential_study.configs import PotentialStudyOptions
from sharvin_studies.potential_study.labelling import built_structures, energy_and_forces
from sharvin_studies.potential_study.property_words import NUMBERS
from sharvin_studies.potential_study.trainings import Parts


@dataclass
class PotentialSurvey(PlanSurvey):
    """What the plan of a potential study looks at."""

    options: PotentialStudyOptions = field(kw_only=True)


def plan(config: Config, options: PotentialStudyOptions, measure: bool) -> StudyPlan:
    """The plan of a study.

    Raises
    ------
    ConfigError
        With all mistakes found.
    """
    survey = PotentialSurvey(config, options=options)
    _check_potentials(survey)
    _check_sources(survey)
    data = None if survey.problems else _data(survey)
    if data is not None:
        _check_data(survey, data)
        _check_trainable(survey, data)
    if survey.problems or data is None:
        raise ConfigError(survey.problems)
    reference = next((parts["potential"] for parts in config.variants["reference"].values()), None)
    wires = _check_wires(survey, measure)
    if survey.problems:
        raise ConfigError(survey.problems)
    work = _work(survey, data)
    seconds: dict[str, float | None] = {**wires, "labels": 0.0 if options.reference_file is not None else None, "fits": None}
    if measure and reference is not None:
        with survey.at(("workflow", "reference"), "the energy of a structure cannot be computed: "), one_thread():
            rate = _seconds_per_atom(data, reference)
            seconds["labels"] = rate * data.n_atoms if options.reference_file is None else 0.0
    if survey.problems:
        raise ConfigError(survey.problems)
    checked = [f"{len(data)} structures in {len(set(data.groups))} groups", config.selections["potential"].name]
    if reference is not None:
        checked.append(f"reference {reference.name}")
    bytes_of_labels = 24.0 * data.n_atoms
    notes = []
    if measure and options.studies.active_learning is not None:
        notes.append("pulls by the trained potential are timed like those by the reference, which may be faster.")
    return StudyPlan(work, checked, seconds, bytes_of_labels * (1 + work["fits"]), notes)


def _trained(survey: PotentialSurvey) -> list[tuple[Place, str, Selection]]:
    """The potential of the config and its variants, with their places."""
    config = survey.config
    trained: list[tuple[Place, str, Selection]] = [(("potential",), "", config.selections["potential"])]
    for name, parts in config.variants["varied"].items():
        trained.append((("workflow", "studies", "options_scan"), f"{name}: ", parts["potential"]))
    return trained


def _check_trainable(survey: PotentialSurvey, data: ReferenceData) -> None:
    """Potentials that know whether they could be trained on the data say so before any structure is labelled."""
    for place, prefix, chosen in _trained(survey):
        with survey.at(place, prefix):
            part = chosen.build()
            if isinstance(part, CheckedTrainablePotential):
                part.require_trainable(data)


def _check_potentials(survey: PotentialSurvey) -> None:
    """The trained potential and its variants can be trained; the others can be made."""
    config = survey.config
    for place, prefix, chosen in _trained(survey):
        with survey.at(place, prefix):
            if not isinstance(chosen.build(), TrainablePotential):
                raise InputError(f"{chosen.name} cannot be trained; name a potential that is fitted to reference data.")
    for option in ("reference", "compare"):
        for name, parts in config.variants[option].items():
            with survey.at(("workflow", option), f"{name}: "):
                parts["potential"].build()
    for source, values in survey.options.published.items():
        for name in values:
            if name not in NUMBERS:
                with survey.at(("workflow", "published"), f"{source}: "):
                    raise InputError(
                        f"no property has a number {name!r}{did_you_mean(name, NUMBERS)}; there are {', '.join(NUMBERS)}."
                    )
    with survey.at(("executor",)):
        config.selections["executor"].build()


def _check_sources(survey: PotentialSurvey) -> None:
    """There is one source of structures."""
    options, structure = survey.options, survey.config.selections.get("structure")
    with survey.at(("workflow", "reference_file")):
        if options.reference_file is not None and structure is not None:
            raise InputError("the structures are those of reference_file, so a structure would be ignored; remove one of them.")
    with survey.at(("structure",)):
        if options.reference_file is None and structure is None:
            raise InputError("name the set of structures that the reference labels, or give a reference_file.")


def _data(survey: PotentialSurvey) -> ReferenceData | None:
    """The structures, with zeros for labels that are not there yet."""
    options = survey.options
    if options.reference_file is not None:
        with survey.at(("workflow", "reference_file")):
            return read_reference_data(Path(options.reference_file), options.reference_units)
        return None
    with survey.at(("structure",)):
        built = built_structures(survey.config.selections["structure"], seeds.stream(survey.config.seed, "structures"))
        return ReferenceData(tuple(_unlabelled(atoms) for atoms in built))
    return None


def _unlabelled(atoms: Atoms) -> ReferenceStructure:
    return ReferenceStructure(atoms, 0.0, np.zeros((len(atoms), 3)), str(atoms.info.get("group", "")))


def _check_data(survey: PotentialSurvey, data: ReferenceData) -> None:
    """Elements are covered, groups exist, and every training has structures to learn from and to test with."""
    from sharvin_studies.potential_study.workflow import element_of  # which needs this module

    options, config = survey.options, survey.config
    element: str | None = None
    with survey.at(("workflow", "element")):
        element = element_of(data, options)
    for name, parts in config.variants["compare"].items():
        with survey.at(("workflow", "compare"), f"{name}: "):
            covered = parts["potential"].options.elements()
            if element is not None and covered is not None and element not in covered:
                raise InputError(f"{parts['potential'].name} has no parameters for {element}; it covers {', '.join(covered)}.")
    present = {symbol for structure in data for symbol in structure.atoms.symbols}
    chosen: list[tuple[Place, Selection]] = [(("potential",), config.selections["potential"])]
    chosen += [(("workflow", "reference"), parts["potential"]) for parts in config.variants["reference"].values()]
    for part, selection in chosen:
        with survey.at(part):
            covered = selection.options.elements()
            lacking = sorted(present - covered) if covered is not None else []
            if lacking:
                raise InputError(f"{selection.name} has no parameters for {', '.join(lacking)}, which structures hold.")
    groups = set(data.groups)
    without: dict[str, tuple[str, ...]] = {}
    if options.studies.transferability is not None:
        without = options.studies.transferability.without
    for name, left_out in {"": (), **without}.items():
        place: Place = ("workflow", "studies", "transferability", "without") if name else ("workflow",)
        with survey.at(place, f"{name}: " if name else ""):
            unknown = [group for group in left_out if group not in groups]
            if unknown:
                known = ", ".join(sorted(groups)) if any(groups) else "none has a name"
                raise InputError(f"no structure is of the group {unknown[0]}; groups: {known}.")
            rng = seeds.stream(config.seed, "split")
            Parts.of(data, options.test_fraction, options.validation_fraction, rng, left_out)


def _check_wires(survey: PotentialSurvey, measure: bool) -> dict[str, float | None]:
    """The wires of the studies can be built and pulled; time of the pulls, as far as the dynamics foresees it."""
    options, config = survey.options, survey.config
    reference = next((parts["potential"] for parts in config.variants["reference"].values()), None)
    if reference is None or not options.pulled:
        return {}
    wires, learning = options.studies.wires, options.studies.active_learning
    counts = {"wires": wires.pulls if wires else 0, "active_learning": (1 + learning.rounds) * learning.pulls if learning else 0}
    total: float | None = 0.0
    for name, parts in config.variants["pulled"].items():
        length = None
        with survey.at(("workflow", "studies", name, "structure")), one_thread():
            atoms = built_atoms(parts["structure"].build(), seeds.stream(config.seed, "structure"))
        if survey.problems:
            return {}
        with survey.at(("workflow", "studies", name, "dynamics")), one_thread():
            dynamics = parts["dynamics"].build()
            if isinstance(dynamics, ForeseeingDynamics):
                length = dynamics.foresee(atoms, reference.build(), measure)
        known = length is not None and length.seconds is not None
        total = total + counts[name] * length.seconds if known and total is not None else None  # type: ignore[operator, union-attr]
    return {"pulls": total}


def _work(survey: PotentialSurvey, data: ReferenceData) -> dict[str, int]:
    options, studies = survey.options, survey.options.studies
    fits = options.seeds + sum(len(scan.cases) * (scan.seeds or options.seeds) for scan in studies.options_scan)
    properties = (options.seeds + len(options.compare) + len(options.reference)) * len(options.properties)
    if studies.transferability is not None:
        trainings = len(studies.transferability.without) * (studies.transferability.seeds or options.seeds)
        fits += trainings
        properties += trainings * len(studies.transferability.properties)
    work = {"labels": len(data) if options.reference_file is None else 0}
    pulls = 0
    if studies.wires is not None:
        pulls += studies.wires.pulls
    if studies.active_learning is not None:
        learning = studies.active_learning
        fits += learning.rounds * options.seeds
        pulls += (1 + learning.rounds) * learning.pulls
        work["labels"] += learning.rounds * learning.structures_per_round
    return {**work, "fits": fits, "properties": properties, **({"pulls": pulls} if pulls else {})}


def _seconds_per_atom(data: ReferenceData, reference: Selection) -> float:
    """Time of energy and forces of an atom by the reference, from the smallest structure."""
    atoms = min((structure.atoms for structure in data), key=len)
    moved = atoms.copy()
    moved.positions += 0.01
    calculator = reference.build().calculator()
    energy_and_forces(calculator, atoms)  # the first call may compile
    started = time.perf_counter()
    energy_and_forces(calculator, moved)
    return (time.perf_counter() - started) / len(atoms)
