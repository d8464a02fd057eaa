"""What is known of a break-junction study before its first pull: mistakes that would stop it, and how much work it is.

The starting wire of every series is built (milliseconds), its electrodes are found for every Hamiltonian that will see it, the
potential gives one energy of it and the descriptors describe it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from sharvin import seeds
from sharvin.config import Config, Selection
from sharvin.errors import SharvinError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.protocols import CostedHamiltonian, ForeseeingDynamics
from sharvin.returned_values import built_atoms, features_of
from sharvin.samples import FeatureRows
from sharvin.study_plan import RunLength, StudyPlan
from sharvin.validation import ConfigError
from sharvin.wire_checks import check_distances, check_rigid, detect
from sharvin.workflows import break_junction_hamiltonian as teaching
from sharvin.workflows.break_junction_configs import OWN, BreakJunctionOptions, PullSeries
from sharvin.workflows.break_junction_trial_label import try_label

LARGEST_FORCE_EV_PER_A = 100.0
"""No atom of a wire that holds together feels more."""
BYTES_PER_ATOM = 12
"""Of a stored frame: three coordinates in single precision."""
KIND = {"training_pulls": "training pulls", "production_pulls": "production pulls"}

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Wire:
    """The starting wire of a series of pulls."""

    option: str
    series: PullSeries
    atoms: Atoms
    structure: Place
    length: RunLength | None = None
    junction: Junction | None = None

    @property
    def called(self) -> str:
        """What messages call it."""
        return "" if self.series.name == OWN else f"{self.option} {self.series.name}: "


@dataclass
class Survey:
    """A look at all parts of a study together.

    Parameters
    ----------
    config : Config
    options : BreakJunctionOptions
    measure : bool
        Take timings.
    """

    config: Config
    options: BreakJunctionOptions
    measure: bool
    problems: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    feature_bytes: float | None = None
    cause: BaseException | None = None
    """What foreign code raised first, for who wants its traceback."""

    def plan(self) -> StudyPlan:
        """The plan.

        Raises
        ------
        ConfigError
            With all mistakes found.
        """
        with self.at(("workflow",)):
            teaching.check_options(self.options, self.config.selections["hamiltonian"])
        self.check_cases()
        for key in ("transport", "executor"):
            with self.at((key,)):
                self.config.selections[key].build()
        self.build_wires()
        self.find_electrodes()
        self.compute_energies()
        self.foresee_pulls()
        self.describe()
        if self.measure:
            try_label(self)
        if self.problems:
            raise ConfigError(list(dict.fromkeys(self.problems))) from self.cause
        return self.summary()

    @contextmanager
    def at(self, place: Place, prefix: str = "", anything: str = "") -> Iterator[None]:
        """Note errors of a part as problems at its place; with `anything` also those of users' and third parties' code."""
        try:
            yield
        except ConfigError as error:
            self.problems += error.problems
        except SharvinError as error:
            self.problems.append(self.config.problem(place, f"{prefix}{error}"))
            if isinstance(error.__cause__, Exception | SystemExit):
                self.cause = self.cause or error.__cause__
        except (Exception, SystemExit) as error:  # the code of a plugin or of a user's calculator may raise anything
            if not anything:
                raise
            self.cause = self.cause or error
            said = str(error).strip().splitlines()
            reason = f"{type(error).__name__}{': ' + said[0] if said else ''}"
            self.problems.append(self.config.problem(place, f"{prefix}{anything} fails: {reason}."))

    def check_cases(self) -> None:
        """Models to compare have names of their own and can be made; their Hamiltonians need not learn."""
        chosen, variants = self.config.selections, self.config.variants
        for number, case in enumerate(self.options.compare):
            if case.name == chosen["regressor"].name:
                sentence = f"a case is named {case.name}, which is what the config's own model is called; name it otherwise."
                self.problems.append(self.config.problem(("workflow", "compare", number, "name"), sentence))
        asked: list[tuple[Place, Mapping[str, Selection]]] = [(("regressor",), chosen)]
        asked += [(self.config.place_of_case("compare", n, "regressor"), parts) for n, parts in variants["compare"].items()]
        made: list[Selection] = []
        for where, parts in asked:
            if "regressor" in parts and parts["regressor"] not in made:
                made.append(parts["regressor"])
                with self.at(where, anything="the regressor"):
                    parts["regressor"].build()  # which fails where there is no GPU that it asks for, say
        for option, name, other in self.other_hamiltonians():
            with self.at(self.config.place_of_case(option, name, "hamiltonian")):
                hamiltonian = other.built()
                if teaching.learns(hamiltonian):
                    place = self.config.place_of_case(option, name, "hamiltonian")
                    self.problems.append(self.config.problem(place, teaching.why_it_cannot_learn(hamiltonian)))

    def other_hamiltonians(self) -> list[tuple[str, str, Selection]]:
        """Option, case and Hamiltonian of those that label some snapshots besides the config's own."""
        own = self.config.selections["hamiltonian"]
        return [
            (option, name, parts["hamiltonian"])
            for option in ("compare", "spectra")
            for name, parts in self.config.variants[option].items()
            if parts["hamiltonian"] != own
        ]

    def parts(self, option: str, name: str) -> dict[str, Selection]:
        """Components of a case."""
        return {**self.config.selections, **self.config.variants[option][name]}

    def build_wires(self) -> None:
        """The starting wire of each series, its atoms at distances that atoms have."""
        built: dict[str, Atoms] = {}
        for option in KIND:
            for series in getattr(self.options, option):
                chosen = self.parts(option, series.name)["structure"]
                place = self.config.place_of_case(option, series.name, "structure")
                with self.at(place, anything="the structure"):
                    key = str(chosen.identity)
                    if key not in built:
                        seed = seeds.item_seed(self.config.seed, "train_pulls")
                        built[key] = built_atoms(chosen.build(), seeds.stream(seed, "structure"))
                        check_distances(built[key])
                    self.wires.append(Wire(option, series, built[key], place))
        sizes = sorted({len(wire.atoms) for wire in self.wires})
        if sizes:
            among = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
            self.checked.append(f"{len(built)} starting wire{'s' if len(built) > 1 else ''} of {among} atoms")

    def find_electrodes(self) -> None:
        """Electrodes that are thick enough for every Hamiltonian that will see the wires."""
        own = self.config.selections["hamiltonian"]
        asked: list[tuple[Place, Selection, tuple[str, ...]]] = [(("hamiltonian",), own, tuple(KIND))]
        for option, name, other in self.other_hamiltonians():
            with_check = option == "compare" and self.options.check_snapshots
            seen = tuple(KIND) if with_check else ("training_pulls",)
            asked.append((self.config.place_of_case(option, name, "hamiltonian"), other, seen))
        found: list[Wire] = []
        for place, chosen, seen in asked:
            with self.at(place, anything="the Hamiltonian"):
                hamiltonian = chosen.built()
                done: dict[int, Junction] = {}
                for wire in self.wires:
                    if wire.option not in seen:
                        continue
                    with self.at(place):
                        range_A = hamiltonian.range_A(wire.atoms.numbers)
                        said = (
                            wire.called if chosen == own else f"{wire.called}for the Hamiltonian of {'.'.join(map(str, place))}: "
                        )
                        with self.at(wire.structure, said):
                            if id(wire.atoms) not in done:
                                done[id(wire.atoms)] = detect(wire.atoms, range_A)
                                check_rigid(done[id(wire.atoms)])
                    if chosen == own:
                        found.append(Wire(wire.option, wire.series, wire.atoms, wire.structure, None, done.get(id(wire.atoms))))
        self.wires = found or self.wires
        names = dict.fromkeys(chosen.name for _, chosen, _ in asked)
        self.checked.append(f"electrodes for {' and '.join(names)}")

    def compute_energies(self) -> None:
        """One energy and the forces of each kind of wire."""
        chosen = self.config.selections["potential"]
        potential: Any = None
        with self.at(("potential",), anything="the potential"):
            potential = chosen.build()
        if potential is None:
            return
        seen: set[int] = set()
        for wire in self.wires:
            if id(wire.atoms) in seen:
                continue
            seen.add(id(wire.atoms))
            with self.at(("potential",), wire.called, anything="the energy of the starting wire"):
                atoms = wire.atoms.copy()
                atoms.calc = potential.calculator()
                energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces())
                sentence = _wrong_energy(energy, forces)
                if sentence:
                    self.problems.append(self.config.problem(("potential",), wire.called + sentence))
        self.checked.append(f"energy and forces of {chosen.name}")

    def foresee_pulls(self) -> None:
        """Whether the dynamics can move the wires, and for how long."""
        if self.problems:
            return  # which are the reason of what would be said here
        potential = self.config.selections["potential"].build()
        lengths: dict[tuple[int, str], RunLength] = {}
        found = []
        for wire in self.wires:
            chosen = self.parts(wire.option, wire.series.name)["dynamics"]
            place = self.config.place_of_case(wire.option, wire.series.name, "dynamics")
            key = (id(wire.atoms), str(chosen.identity))
            with self.at(place, wire.called, anything="the dynamics"):
                dynamics = chosen.build()
                if isinstance(dynamics, ForeseeingDynamics) and key not in lengths:
                    with self.at(wire.structure, wire.called):
                        lengths[key] = dynamics.foresee(wire.atoms, potential, self.measure)
            found.append(Wire(wire.option, wire.series, wire.atoms, wire.structure, lengths.get(key), wire.junction))
        self.wires = found

    def describe(self) -> None:
        """The features of each wire by each descriptor."""
        own = self.config.selections
        asked: dict[str, tuple[Place, Selection]] = {}
        if "descriptor" in own:
            asked[str(own["descriptor"].identity)] = ("descriptor",), own["descriptor"]
        for name, parts in self.config.variants["compare"].items():
            if "descriptor" in parts:
                place = self.config.place_of_case("compare", name, "descriptor")
                asked.setdefault(str(parts["descriptor"].identity), (place, parts["descriptor"]))
        atoms = {id(wire.atoms): wire for wire in self.wires}
        for place, chosen in asked.values():
            for wire in atoms.values():
                with self.at(place, wire.called, anything="the descriptor"):
                    features = features_of(chosen.built(), Frames([Frame.from_atoms(wire.atoms)]))
                    if place == ("descriptor",) and isinstance(features, FeatureRows) and wire.option == "training_pulls":
                        self.feature_bytes = max(self.feature_bytes or 0.0, float(features.rows(0).nbytes))
        if asked:
            self.checked.append(f"features of {', '.join(dict.fromkeys(chosen.name for _, chosen in asked.values()))}")

    def summary(self) -> StudyPlan:
        """Numbers of pulls, labels and fits, and what they take."""
        options, own = self.options, self.config.selections["hamiltonian"]
        frames = {option: self.frames(option) for option in KIND}
        snapshots = None if frames["training_pulls"] is None else max(1, frames["training_pulls"] // options.label_every)
        learns = teaching.learns(own.built())
        labels = None if snapshots is None else self.labelled(snapshots)
        check = self.check_labels(options.check_snapshots)
        references = options.reference_snapshots if learns else 0
        if learns and check:
            references += self.check_labels(options.check_reference_snapshots)
        work = {KIND[option]: options.number_of(option) for option in KIND if getattr(options, option)}  # type: ignore[arg-type]
        if references:
            work["reference snapshots"] = references
        if labels is not None:
            work["labels"] = labels + check
        elif check:
            work["check labels"] = check
        baselines = [case for case in options.compare if case.hamiltonian]
        if baselines and labels is not None:
            work["labels of other Hamiltonians"] = len(baselines) * (max(1, round(options.test_fraction * labels)) + check)
        work["fits"] = self.fits()
        if frames["production_pulls"]:
            work["predicted snapshots"] = frames["production_pulls"]
        if options.spectra:
            work["spectra"] = len(options.spectra)
        seconds: dict[str, float | None] = {"pulls": self.pull_seconds()}
        junctions = [wire.junction for wire in self.wires if wire.junction is not None]
        hamiltonian = own.built()
        costed = isinstance(hamiltonian, CostedHamiltonian) and junctions and labels is not None
        if costed and labels is not None:
            largest = max(junctions, key=lambda junction: len(junction.atoms))
            seconds["labels"] = (labels + check) * hamiltonian.label_seconds(junctions[0])
            if references:
                seconds["references"] = references * hamiltonian.reference_seconds(largest if check else junctions[0])
        else:
            seconds["labels"] = None
        seconds["fits"] = None
        return StudyPlan(work, self.checked, seconds, self.disk_bytes(frames, labels), self.notes(frames))

    def frames(self, option: str) -> int | None:
        """About how many frames all pulls of an option give; None if the dynamics does not say."""
        wires = [wire for wire in self.wires if wire.option == option]
        lengths = [wire.length for wire in wires]
        if any(length is None for length in lengths):
            return None
        return sum(wire.series.pulls * length.frames for wire, length in zip(wires, lengths, strict=True) if length)

    def check_labels(self, asked: int) -> int:
        """Snapshots of all series of production pulls that are labelled, if so many of each are asked for."""
        found = 0
        for series in self.options.production_pulls:
            there = self.snapshots_of(series)
            found += asked if there is None else min(asked, there)
        return found

    def snapshots_of(self, series: PullSeries) -> int | None:
        """About how many snapshots a series of production pulls gives; None if the dynamics does not say."""
        lengths = (w.length for w in self.wires if w.option == "production_pulls" and w.series == series and w.length)
        return next((series.pulls * length.frames for length in lengths), None)

    def labelled(self, snapshots: int) -> int:
        """Labels of training snapshots: all, or what active learning spends."""
        asked = self.options.acquire
        if asked is None:
            return snapshots
        shared = round((self.options.validation_fraction + self.options.test_fraction) * snapshots)
        spent = asked.rounds * asked.per_round * (2 if asked.compare_random else 1)
        return min(snapshots, shared + asked.start + spent)

    def fits(self) -> int:
        """Fits of all models, members, splits and rounds."""
        options = self.options
        members = options.ensemble.members if options.ensemble else 1
        own = 1 + (options.split_by == "both") + len(options.learning_curve)
        if options.acquire is not None:
            own += (options.acquire.rounds + 1) * (2 if options.acquire.compare_random else 1)
        return members * own + sum(case.members for case in options.compare if not case.hamiltonian)

    def pull_seconds(self) -> float | None:
        """Time of all pulls on one core; None if it was not measured."""
        found = 0.0
        for wire in self.wires:
            if wire.length is None or wire.length.seconds is None:
                return None
            found += wire.series.pulls * wire.length.seconds
        return found

    def disk_bytes(self, frames: dict[str, int | None], labels: int | None) -> float | None:
        """Size of the trajectories, and of the features while fits run."""
        if any(number is None for number in frames.values()):
            return None
        pulled = sum(
            wire.series.pulls * wire.length.frames * len(wire.atoms) * BYTES_PER_ATOM for wire in self.wires if wire.length
        )
        return pulled + self.cached_features(labels)

    def cached_features(self, labels: int | None) -> float:
        """Bytes of the features that are kept in files while fits run."""
        needed = (self.feature_bytes or 0.0) * (labels or 0)
        return needed if needed <= self.options.feature_cache_GB * 1e9 else 0.0

    def notes(self, frames: dict[str, int | None]) -> list[str]:
        """What the estimates rest on, and electrodes that are not ideal."""
        said = [(wire.called, wire.junction.imperfection()) for wire in self.wires if wire.junction is not None]
        found = [f"{called}{words}" for called, words in said if words is not None]
        if frames["training_pulls"] is None:
            found.append(f"the number of snapshots is not known beforehand of {self.config.selections['dynamics'].name}.")
        for series in self.options.production_pulls:
            there, asked = self.snapshots_of(series), self.options.check_snapshots
            if there is not None and asked > there:
                called = "the production pulls" if series.name == OWN else f"the production pulls {series.name}"
                found.append(f"check_snapshots is {asked:,}, but {called} give about {there:,} snapshots: all will be labelled.")
        return list(dict.fromkeys(found + self.remarks))


def plan(config: Config, options: BreakJunctionOptions, measure: bool) -> StudyPlan:
    """The plan of a study; :class:`~sharvin.validation.ConfigError` if something would stop it."""
    return Survey(config, options, measure).plan()


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
