"""What is known of a study of thermal disorder before its first step."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.errors import InputError, SharvinError
from sharvin.executors.threads import one_thread
from sharvin.options.validation import ConfigError
from sharvin.protocols import (
    CostedHamiltonian,
    ForeseeingDynamics,
    Hamiltonian,
    HarmonicDynamics,
    LearningByOption,
    Potential,
    TrainableHamiltonian,
)
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import RunLength, StudyPlan

from sharvin_studies.thermal_transport.conductances import between_leads_at_rest
from sharvin_studies.thermal_transport.configs import ThermalTransportOptions


def plan(config: Config, options: ThermalTransportOptions, measure: bool) -> StudyPlan:
    """The plan of a study.

    Raises
    ------
    ConfigError
        With the mistakes found.
    """
    place: tuple[str | int, ...] = ("structure",)
    try:
        with one_thread():
            atoms = built_atoms(config.selections["structure"].build(), seeds.stream(config.seed, "structure"))
            place = ("potential",)
            potential = config.selections["potential"].build()
            place = ("hamiltonian",)
            hamiltonian = config.selections["hamiltonian"].build()
            _require_learnt(hamiltonian)
            range_A = hamiltonian.range_A(np.unique(atoms.numbers))
            place = ("structure",)
            junction = between_leads_at_rest(atoms, range_A)
            place = ("transport",)
            config.selections["transport"].build()
            frames, seconds = 0, 0.0
            for option in ("series", "estimates"):
                for name, parts in config.variants[option].items():
                    place = config.place_of_case("series", name, "dynamics") if option == "series" else ("workflow", "single")
                    length = _foreseen(parts["dynamics"], atoms, potential, measure)
                    frames += length.frames
                    seconds += length.seconds or 0.0
            place = ("executor",)
            config.selections["executor"].build()
    except SharvinError as error:
        raise ConfigError([config.problem(place, str(error))]) from None
    count = len(options.series)
    each = hamiltonian.label_seconds(junction) * options.fermi_nodes if isinstance(hamiltonian, CostedHamiltonian) else None
    return StudyPlan(
        {"series": count, "samples": frames, "conductances": frames + count},
        [f"a contact of {len(atoms)} atoms", "its electrodes", config.selections["dynamics"].name],
        {"samples": seconds if measure else None, "conductances": None if each is None else each * (frames + count)},
        24.0 * len(atoms) * frames,
    )


def _require_learnt(hamiltonian: Hamiltonian) -> None:
    """Do nothing, or say that the Hamiltonian would have to learn first.

    Raises
    ------
    InputError
    """
    if not (isinstance(hamiltonian, TrainableHamiltonian) and hamiltonian.learns):
        return
    setting = f" ({hamiltonian.learning_option})" if isinstance(hamiltonian, LearningByOption) else ""
    raise InputError(
        f"it has to learn{setting}, which thermal_transport does not teach it; name what another study has learnt, or another "
        "setting."
    )


def _foreseen(selection: Selection, atoms: Atoms, potential: Potential, measure: bool) -> RunLength:
    """What dynamics say of their run; one frame where they say nothing.

    Raises
    ------
    InputError
        If they know no vibrations, or would refuse the structure.
    """
    dynamics = selection.build()
    if not isinstance(dynamics, HarmonicDynamics):
        raise InputError(f"{selection.name} knows no vibrations; name dynamics of a harmonic crystal.")
    if not isinstance(dynamics, ForeseeingDynamics):
        return RunLength(1, 0, None)
    return dynamics.foresee(atoms, potential, measure)
