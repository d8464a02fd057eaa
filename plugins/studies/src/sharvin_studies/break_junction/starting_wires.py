"""The starting wires of a break-junction study: built, and shown to every part that will see them.

Each function looks at the wires of a :class:`~sharvin_studies.break_junction.survey.Survey` and notes what would stop it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from sharvin.config import Selection
from sharvin.electrodes.wire_checks import check_distances, check_rigid, detect
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.protocols import ForeseeingDynamics
from sharvin.runs import seeds
from sharvin.runs.returned_values import built_atoms, features_of
from sharvin.samples import FeatureRows
from sharvin.study_plan import RunLength

from sharvin_studies.break_junction.survey import Place, StartingWire, Survey

LARGEST_FORCE_EV_PER_A = 100.0
"""No atom of a wire that holds together feels more."""
KIND = {"training_pulls": "training pulls", "production_pulls": "production pulls"}


def build(survey: Survey) -> None:
    """The starting wire of each series, its atoms at distances that atoms have."""
    built: dict[str, Atoms] = {}
    for option in KIND:
        for series in getattr(survey.options, option):
            if getattr(series, "file", None) is not None:
                continue  # its frames are there already
            chosen = survey.parts(option, series.name)["structure"]
            place = survey.config.place_of_case(option, series.name, "structure")
            with survey.at(place, anything="the structure"):
                key = str(chosen.identity)
                if key not in built:
                    seed = seeds.item_seed(survey.config.seed, "train_pulls")
                    built[key] = built_atoms(chosen.build(), seeds.stream(seed, "structure"))
                    check_distances(built[key])
                survey.wires.append(StartingWire(option, series, built[key], place))
    sizes = sorted({len(wire.atoms) for wire in survey.wires})
    if built:
        among = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
        survey.checked.append(f"{len(built)} starting wire{'s' if len(built) > 1 else ''} of {among} atoms")


def find_electrodes(survey: Survey) -> None:
    """Electrodes that are thick enough for every Hamiltonian that will see the wires."""
    own = survey.config.selections["hamiltonian"]
    asked: list[tuple[Place, Selection, tuple[str, ...]]] = [(("hamiltonian",), own, tuple(KIND))]
    for option, name, other in survey.other_hamiltonians():
        with_check = option == "compare" and survey.options.labels_production
        seen = tuple(KIND) if with_check or "regressor" not in survey.config.selections else ("training_pulls",)
        asked.append((survey.config.place_of_case(option, name, "hamiltonian"), other, seen))
    found: list[StartingWire] = []
    for place, chosen, seen in asked:
        with survey.at(place, anything="the Hamiltonian"):
            hamiltonian = chosen.built()
            done: dict[int, Junction] = {}
            for wire in survey.wires:
                if wire.option not in seen:
                    continue
                with survey.at(place):
                    range_A = hamiltonian.range_A(wire.atoms.numbers)
                    said = wire.called if chosen == own else f"{wire.called}for the Hamiltonian of {'.'.join(map(str, place))}: "
                    with survey.at(wire.structure, said):
                        if id(wire.atoms) not in done:
                            done[id(wire.atoms)] = detect(wire.atoms, range_A)
                            check_rigid(done[id(wire.atoms)])
                if chosen == own:
                    found.append(replace(wire, junction=done.get(id(wire.atoms))))
    survey.wires = found or survey.wires
    names = dict.fromkeys(chosen.name for _, chosen, _ in asked)
    survey.checked.append(f"electrodes for {' and '.join(names)}")


def compute_energies(survey: Survey) -> None:
    """One energy and the forces of each kind of wire by each potential that pulls it."""
    seen: set[tuple[int, str]] = set()
    names: dict[str, None] = {}
    built: dict[str, Any] = {}
    for wire in survey.wires:
        if wire.pull_of_file is not None:
            continue
        chosen = survey.parts(wire.option, wire.series.name)["potential"]
        place = survey.config.place_of_case(wire.option, wire.series.name, "potential")
        key = str(chosen.identity)
        if (id(wire.atoms), key) in seen:
            continue
        seen.add((id(wire.atoms), key))
        with survey.at(place, anything="the potential"):
            built[key] = built[key] if key in built else chosen.build()
        if key not in built:
            continue
        names[chosen.name] = None
        with survey.at(place, wire.called, anything="the energy of the starting wire"):
            atoms = wire.atoms.copy()
            atoms.calc = built[key].calculator()
            energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces())
            sentence = _wrong_energy(energy, forces)
            if sentence:
                survey.problems.append(survey.config.problem(place, wire.called + sentence))
    if names:
        survey.checked.append(f"energy and forces of {' and '.join(names)}")


def foresee_pulls(survey: Survey) -> None:
    """Whether the dynamics can move the wires, and for how long."""
    if survey.problems:
        return  # which are the reason of what would be said here
    lengths: dict[tuple[int, str, str], RunLength] = {}
    found = []
    for wire in survey.wires:
        if wire.pull_of_file is not None:
            found.append(wire)
            continue
        parts = survey.parts(wire.option, wire.series.name)
        chosen, potential = parts["dynamics"], parts["potential"]
        place = survey.config.place_of_case(wire.option, wire.series.name, "dynamics")
        key = (id(wire.atoms), str(chosen.identity), str(potential.identity))
        with survey.at(place, wire.called, anything="the dynamics"):
            dynamics = chosen.build()
            if isinstance(dynamics, ForeseeingDynamics) and key not in lengths:
                with survey.at(wire.structure, wire.called):
                    lengths[key] = dynamics.foresee(wire.atoms, potential.build(), survey.measure)
        found.append(replace(wire, length=lengths.get(key)))
    survey.wires = found


def describe(survey: Survey) -> None:
    """The features of each wire by each descriptor."""
    own = survey.config.selections
    asked: dict[str, tuple[Place, Selection]] = {}
    if "descriptor" in own:
        asked[str(own["descriptor"].identity)] = ("descriptor",), own["descriptor"]
    for name, parts in survey.config.variants["compare"].items():
        if "descriptor" in parts:
            place = survey.config.place_of_case("compare", name, "descriptor")
            asked.setdefault(str(parts["descriptor"].identity), (place, parts["descriptor"]))
    atoms = {id(wire.atoms): wire for wire in survey.wires}
    for place, chosen in asked.values():
        for wire in atoms.values():
            with survey.at(place, wire.called, anything="the descriptor"):
                features = features_of(chosen.built(), Frames([Frame.from_atoms(wire.atoms)]))
                if place == ("descriptor",) and isinstance(features, FeatureRows) and wire.option == "training_pulls":
                    survey.feature_bytes = max(survey.feature_bytes or 0.0, float(features.rows(0).nbytes))
    if asked:
        survey.checked.append(f"features of {', '.join(dict.fromkeys(chosen.name for _, chosen in asked.values()))}")


def _wrong_energy(energy: float, forces: np.ndarray[Any, Any]) -> str:
    """What is wrong with the energy and forces of a starting wire; nothing if they may be right."""
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        return "it gives an energy or forces of the starting wire that are not finite numbers; check elements and positions."
    largest = float(np.linalg.norm(forces, axis=1).max())
    if energy == 0.0 and largest == 0.0:
        return "it gives neither energy nor forces of the starting wire: its range is shorter than the bonds."
    if largest > LARGEST_FORCE_EV_PER_A:
        return (
            f"it gives a force of {largest:.3g} eV/Å on an atom of the starting wire, which no solid bears; check the lattice "
            "constant, the positions and the potential."
        )
    return ""
