"""The mistakes that a plan finds in a config, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ase.calculators.calculator import CalculatorError
from sharvin.config import Config
from sharvin.errors import SharvinError

Place = tuple[str | int, ...]


@dataclass
class PlanSurvey:
    """What a plan looks at, and the mistakes that it finds."""

    config: Config
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def at(self, place: Place, prefix: str = "") -> Iterator[None]:
        """Note what goes wrong inside the block, at its place in the config."""
        try:
            yield
        except (SharvinError, CalculatorError, ValueError, RuntimeError, KeyError) as error:
            reason = str(error) if isinstance(error, SharvinError) else f"{type(error).__name__}: {error}"
            problem = self.config.problem(place, f"{prefix}{reason}")
            if problem not in self.problems:
                self.problems.append(problem)
