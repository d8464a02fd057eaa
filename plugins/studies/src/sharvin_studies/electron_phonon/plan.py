"""What is known of a study of electron–phonon coupling before its first step."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.options.validation import ConfigError
from sharvin.protocols import (
    BlockHamiltonian,
    CheckedTrainablePotential,
    ForeseeingDynamics,
    HarmonicDynamics,
    StructureSet,
    TrainableBlockHamiltonian,
    TrainablePotential,
)
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import StudyPlan

from sharvin_studies.bands.dirac import cone_points
from sharvin_studies.bands.paths import band_path
from sharvin_studies.electron_phonon.block_training import unlabelled
from sharvin_studies.electron_phonon.configs import ElectronPhononOptions, PathOptions
from sharvin_studies.plan_survey import PlanSurvey
from sharvin_studies.potential_study.labelling import built_structures
from sharvin_studies.potential_study.trainings import Parts

SHORTER_A = 1e-6
"""Ranges that differ by less are the same."""


def plan(config: Config, options: ElectronPhononOptions, measure: bool) -> StudyPlan:
    """The plan of a study.

    Raises
    ------
    ConfigError
        With all mistakes found.
    """
    survey = PlanSurvey(config)
    with one_thread():
        _complete(survey, options)
        structure = config.selections.get("structure")
        atoms = None if structure is None else _structure(survey, structure, ("structure",))
        _parts(survey, options)
        sets = {name: _set(survey, name, options) for name in ("potential_data", "hamiltonian_data") if getattr(options, name)}
        if atoms is not None and options.hamiltonian_data is None and not survey.problems:
            _trained_hamiltonian(survey, atoms)
        if not survey.problems:
            learnt = sets.get("hamiltonian_data") or []
            _ranges(survey, learnt, options)
            if atoms is not None:
                _places(survey, atoms, options)
        if sets.get("potential_data") and not survey.problems:
            _trainable_potential(survey, sets["potential_data"])
        frames, seconds = (
            _samples(survey, atoms, measure) if atoms is not None and options.series and not survey.problems else (0, 0.0)
        )
        large = None if options.large is None else _large(survey, options)
        for number in range(len(options.sizes)):
            _structure(survey, config.variants["structures"][f"size {number}"]["structure"], ("workflow", "sizes", number))
    with survey.at(("executor",)):
        config.selections["executor"].build()
    if survey.problems:
        raise ConfigError(survey.problems)
    work = {"series": len(options.series), "samples": 2 * frames} if options.series else {}
    work |= {f"structures of the {name.removesuffix('_data')}": len(found) for name, found in sets.items()}
    work |= {"fits": len(sets)} if sets else {}
    checked = [] if atoms is None else [f"a crystal of {len(atoms)} atoms"]
    checked += [config.selections[key].name for key in ("potential", "hamiltonian") if key in config.selections]
    if large is not None:
        checked.append(f"a large cell of {len(large):,} atoms")
    steps = {"samples": bool(options.series), "fits": bool(sets), "velocities": bool(options.series and options.velocity)}
    steps |= {"bands of the large cell": options.large is not None, "timings": bool(options.sizes)}
    known = {name: seconds if name == "samples" and measure else None for name, wanted in steps.items() if wanted}
    return StudyPlan(work, checked, known, 0.0 if atoms is None else 24.0 * len(atoms) * 2 * frames)


def _structure(survey: PlanSurvey, structure: Selection, place: tuple[str | int, ...]) -> Atoms | None:
    with survey.at(place):
        return built_atoms(structure.build(), seeds.stream(survey.config.seed, "structure"))
    return None


def _set(survey: PlanSurvey, name: str, options: ElectronPhononOptions) -> list[Atoms]:
    """The structures of a training, which can be split."""
    with survey.at(("workflow", name)):
        chosen = survey.config.variants["structures"][name]["structure"]
        if not isinstance(chosen.build(), StructureSet):
            raise InputError(f"{chosen.name} builds one structure, and a training needs a set of them; name a set.")
        found = built_structures(chosen, seeds.stream(survey.config.seed, name))
        fractions = (options.test_fraction, options.validation_fraction)
        Parts.of(unlabelled(found), *fractions, seeds.stream(survey.config.seed, "split"))
        return found
    return []


def _complete(survey: PlanSurvey, options: ElectronPhononOptions) -> None:
    """A potential has what belongs to it, and nothing is named that would be ignored."""
    config = survey.config
    reference = next(iter(config.variants["reference"].values()))
    with_potential = "potential" in config.selections
    wanted = {"structure": "structure" in config.selections, "dynamics": "dynamics" in config.selections}
    wanted["reference.potential"] = "potential" in reference
    for name, there in wanted.items():
        place = ("workflow", "reference") if "." in name else (name,)
        with survey.at(place):
            if with_potential and not there:
                raise InputError(f"vibrations by a potential need a {name}; name one, or leave out the potential.")
            if there and not with_potential and name != "structure":
                raise InputError(f"{name} would be ignored, since there is no potential; remove it, or name a potential.")
    for name in ("series", "potential_data"):
        with survey.at(("workflow", name)):
            if getattr(options, name) and not with_potential:
                raise InputError(f"{name} would be ignored, since there is no potential; remove it, or name a potential.")
    needed = {
        "phonons": ("potential", with_potential),
        "velocity": ("series", bool(options.series)),
        "largest_error_percent": ("series and velocity", bool(options.series) and options.velocity is not None),
        "sample_bands": ("structure", "structure" in config.selections),
        "slowest_seconds": ("sizes", bool(options.sizes)),
    }
    for name, (other, there) in needed.items():
        with survey.at(("workflow", name)):
            value = getattr(options, name)
            if not there and value is not None and value != type(options).model_fields[name].default:
                raise InputError(f"{name} would be ignored without {other}; leave it out, or name {other}.")


def _parts(survey: PlanSurvey, options: ElectronPhononOptions) -> None:
    """Parts can be made, and do what the study asks of them."""
    config = survey.config
    reference = next(iter(config.variants["reference"].values()))
    for option, part in reference.items():
        with survey.at(("workflow", "reference", option)):
            built = part.build()
            if option == "hamiltonian" and not isinstance(built, BlockHamiltonian):
                raise InputError(f"{part.name} gives no blocks between atoms; name a Hamiltonian that does.")
    if "potential" in config.selections:
        with survey.at(("potential",)):
            chosen = config.selections["potential"]
            potential = chosen.build()
            if options.potential_data is not None and not isinstance(potential, TrainablePotential):
                raise InputError(f"{chosen.name} cannot be trained; name a potential that can, or leave out potential_data.")
    with survey.at(("hamiltonian",)):
        chosen = config.selections["hamiltonian"]
        wanted = BlockHamiltonian if options.hamiltonian_data is None else TrainableBlockHamiltonian
        if not isinstance(chosen.build(), wanted):
            missing = "gives no blocks between atoms" if options.hamiltonian_data is None else "cannot be trained on blocks of H"
            raise InputError(f"{chosen.name} {missing}; name a Hamiltonian that does, or leave out hamiltonian_data.")


def _trained_hamiltonian(survey: PlanSurvey, atoms: Atoms) -> None:
    """A Hamiltonian that is learnt, and learns nothing here, was learnt before."""
    with survey.at(("hamiltonian",)):
        part = survey.config.selections["hamiltonian"].build()
        if isinstance(part, TrainableBlockHamiltonian):
            part.blocks(atoms)


def _ranges(survey: PlanSurvey, structures: list[Atoms], options: ElectronPhononOptions) -> None:
    """A Hamiltonian that learns reaches as far as what it learns from."""
    if not structures:
        return
    config = survey.config
    elements = np.unique(np.concatenate([atoms.numbers for atoms in structures]))
    reference = next(iter(config.variants["reference"].values()))["hamiltonian"]
    try:
        ours = config.selections["hamiltonian"].build().range_A(elements)
    except InputError:  # it takes the range of what it learns
        return
    with survey.at(("hamiltonian",)):
        theirs = reference.build().range_A(elements)
        if ours < theirs - SHORTER_A:
            raise InputError(
                f"{config.selections['hamiltonian'].name} reaches {ours:g} Å, less than the {theirs:g} Å of its reference "
                f"{reference.name}, whose farther blocks it could not learn; give it a cutoff of {theirs:g} Å."
            )


def _places(survey: PlanSurvey, atoms: Atoms, options: ElectronPhononOptions) -> None:
    """Points of paths are known, and there is a cone where one is asked for."""

    def check(name: str, path: PathOptions | None, cell: Atoms) -> None:
        if path is not None:
            with survey.at(("workflow", name)):
                band_path(cell.cell.array, cell.pbc, path.corners, path.points)

    check("phonons", options.phonons, atoms)
    check("sample_bands", options.sample_bands, atoms)
    if options.velocity is not None and options.series:
        with survey.at(("workflow", "velocity")):
            # the cell of the crystal is not known yet; a small window shows whether it has corners at all
            cone_points(atoms.cell.array, atoms.pbc, window_per_A=(1e-4, 2e-4))


def _large(survey: PlanSurvey, options: ElectronPhononOptions) -> Atoms | None:
    atoms = _structure(survey, survey.config.variants["structures"]["large"]["structure"], ("workflow", "large", "structure"))
    if atoms is not None and options.large is not None:
        with survey.at(("workflow", "large", "path")):
            band_path(atoms.cell.array, atoms.pbc, options.large.path.corners, options.large.path.points)
    return atoms


def _trainable_potential(survey: PlanSurvey, structures: list[Atoms]) -> None:
    """A potential that knows whether it could be trained on the structures says so."""
    with survey.at(("potential",)):
        part = survey.config.selections["potential"].build()
        if isinstance(part, CheckedTrainablePotential):
            part.require_trainable(unlabelled(structures))


def _samples(survey: PlanSurvey, atoms: Atoms, measure: bool) -> tuple[int, float]:
    """Samples of all series, and seconds that drawing them takes by the reference."""
    config = survey.config
    potential = next(iter(config.variants["reference"].values()))["potential"]
    frames, seconds = 0, 0.0
    for name, parts in config.variants["series"].items():
        with survey.at(config.place_of_case("series", name, "dynamics")):
            dynamics = parts["dynamics"].build()
            if not isinstance(dynamics, HarmonicDynamics):
                raise InputError(f"{parts['dynamics'].name} knows no vibrations; name dynamics of a harmonic crystal.")
            if isinstance(dynamics, ForeseeingDynamics):
                length = dynamics.foresee(atoms, potential.build(), measure)
                frames += length.frames
                seconds += length.seconds or 0.0
    return frames, 2 * seconds
