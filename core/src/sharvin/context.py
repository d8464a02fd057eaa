"""The run that a workflow is given: :class:`Context`.

It joins what a run is (:mod:`sharvin.runs.facts`), its steps (:mod:`sharvin.runs.steps`) and who is told of them
(:mod:`sharvin.runs.watchers`). What a step's key already has in the store is not computed again, so a killed run resumes where it
was, and a changed line of the config recomputes only what depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharvin.runs.facts import Resume, RunFacts
from sharvin.runs.steps import Failure, StepResult, Steps
from sharvin.runs.watchers import Watchers

__all__ = ["Context", "Failure", "Resume", "StepResult"]


@dataclass
class Context(RunFacts):
    """A run in progress, given to workflows.

    Parameters
    ----------
    config : Config
    folder : Path
        The run folder.
    executor : Executor
        Entered already.
    console : rich.console.Console
    resume : Resume
    debug : bool
        Show the tracebacks of failed items on the console, which the log keeps in any case.
    """

    watchers: Watchers = field(init=False, repr=False, compare=False)
    steps: Steps = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.watchers = Watchers(self)
        self.steps = Steps(self, self.watchers)

    @property
    def seconds_of(self) -> dict[str, dict[str, float]]:
        """Wall time by step and, within it, by FOLDER/ITEM of its store."""
        return self.steps.seconds_of

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of each step so far, by name."""
        return self.steps.seconds

    @property
    def failures(self) -> list[Failure]:
        """All items without a result so far; a workflow may append failures of parts of an item."""
        return self.steps.failures

    @property
    def computed(self) -> int:
        """Items that were computed, not found in the store."""
        return self.steps.computed

    def log(self, event: str, **details: Any) -> None:
        """One line of ``log.jsonl``."""
        self.watchers.log(event, **details)

    def map(
        self,
        step: str,
        function: Callable[[Any, Path], None],
        tasks: Sequence[Any] | Callable[[], Sequence[Any]],
        depends_on: Mapping[str, Any],
        suffix: str = ".h5",
        detail: str = "",
        items_depend_on: Sequence[Mapping[str, Any]] | None = None,
    ) -> StepResult:
        """Run independent items, each of which writes one file, and skip those that have theirs.

        Parameters
        ----------
        step : str
            Name of the step.
        function : callable
            ``function(task, path)`` writes `path`; importable by name, so that workers find it.
        tasks : sequence
            One picklable task per item. Item i depends on task i and `depends_on` only, so more items may be added later. Or a
            function that gives them, called only if an item must be computed; then `items_depend_on` must be given.
        depends_on : mapping
            Everything that the files depend on and that is not in the key of the run's seed.
        suffix : str
            "" where `function` writes a folder.
        detail : str
            What of the step this is, where a study has several of them: shown in brackets behind the step's name.
        items_depend_on : sequence of mapping, optional
            What each item depends on besides. Its file is then named after that and not after its number: items may change
            places, and those that stay what they were are kept. No two may be equal.

        Raises
        ------
        RunError
            If more items fail than ``max_failures`` allows, or all of them.
        InputError
            If an item fails because of the input, a damaged store file or a full disk: the run ends, nothing is lost.
        """
        return self.steps.map(step, function, tasks, depends_on, suffix, detail, items_depend_on)

    ensemble = map
    """Former name of :meth:`map`."""

    def single(self, step: str, function: Callable[[Path], None], depends_on: Mapping[str, Any]) -> StepResult:
        """Run a step in this process that writes one folder, or skip it if the folder is there."""
        return self.steps.single(step, function, depends_on)

    def discard(self, step: str) -> None:
        """Delete what a step stored, but for the records of its time, where later steps have taken from it what they needed."""
        self.steps.discard(step)
