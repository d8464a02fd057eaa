"""A look at all parts of a break-junction study together: what is found, and what would stop it, with its place in the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.errors import SharvinError
from sharvin.junction import Junction
from sharvin.options.validation import ConfigError
from sharvin.study_plan import RunLength

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.configs import OWN, BreakJunctionOptions, PullSeries

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class StartingWire:
    """The starting wire of a series of pulls."""

    option: str
    series: PullSeries
    atoms: Atoms
    structure: Place
    length: RunLength | None = None
    junction: Junction | None = None
    pull_of_file: str | None = None
    """Name of the pull, where it is read from a file and not pulled."""
    labelled: bool = False
    """Whether the file states its conductances."""

    @property
    def called(self) -> str:
        """What messages call it."""
        series = "" if self.series.name == OWN else f"{self.option} {self.series.name}: "
        return series if self.pull_of_file is None else f"{series}pull {self.pull_of_file}: "


@dataclass
class Survey:
    """What is known of a study before its first pull.

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
    wires: list[StartingWire] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    feature_bytes: float | None = None
    cause: BaseException | None = None
    """What foreign code raised first, for who wants its traceback."""

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
            if "regressor" in chosen and case.name == chosen["regressor"].name:
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
