"""Contracts of workflows and executors: whole studies, and where their items are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sharvin.config import Config
    from sharvin.context import Context
    from sharvin.study_plan import StudyPlan


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its value, or the reason why there is none."""

    index: int
    value: Any = None
    error: str | None = None


@runtime_checkable
class Executor(Protocol):
    """Where the work runs. Used as a context manager; workers live from enter to exit."""

    def __enter__(self) -> Executor: ...
    def __exit__(self, *exc: object) -> None: ...

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Outcome]:
        """Outcomes as they finish, in any order, numbered by the item's place.

        `function` and items must be picklable. Each worker computes with one thread. A failed item, also one whose
        worker process died, is an :class:`Outcome` with its reason; closing the iterator or Ctrl-C cancels the rest.
        """
        ...


@runtime_checkable
class Workflow(Protocol):
    """A whole study.

    A workflow whose runs hold more than results, tables and figures may have an attribute ``opened_run``, a subclass of
    :class:`sharvin.runs.opened_run.Run`, which :func:`sharvin.open_run` then gives.
    """

    def run(self, context: Context) -> dict[str, Any]:
        """Run all steps; returns the content of ``results.json``."""
        ...


@runtime_checkable
class PlanningWorkflow(Workflow, Protocol):
    """A workflow that finds mistakes before its first step and says what it would do; optional.

    ``sharvin check`` and the start of ``sharvin run`` call it. Of other workflows the parts are built, and that is all.
    """

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run of the config would do, after a look at everything that can be known in seconds.

        Parameters
        ----------
        config : Config
        measure : bool
            Take short timings, of about a second each, for the estimates; a run does without.

        Raises
        ------
        ConfigError
            With one line per mistake; :meth:`sharvin.config.Config.problem` adds the place in the config.
        """
        ...
