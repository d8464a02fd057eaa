"""The run: its folder, seeds, executor, store, log, and steps that are computed once.

A step's key is the hash of all it depends on: its components with their versions and options, the code that is under
development (:mod:`sharvin.runs.source_code`), and the keys of its inputs.
What a key already has in the store is not computed again, so a killed run resumes where it was, and a changed line of
the config recomputes only what depends on it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from traceback import format_exc
from typing import Any

import numpy as np
from rich.console import Console

from sharvin.config import Config
from sharvin.errors import InputError, ItemError, RunError, SharvinError, StoreError
from sharvin.protocols import Executor
from sharvin.registry import registry
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically, remove
from sharvin.runs.progress import progress_bar
from sharvin.runs.source_code import code_identity
from sharvin.store import read_json, verify, write_json


@dataclass(frozen=True)
class Failure:
    """A failed item: which step, which item, why."""

    step: str
    item: int
    reason: str


@dataclass(frozen=True)
class StepResult:
    """Files of a finished step; ``paths[i]`` is None where item i failed, ``key`` identifies all that they depend on."""

    step: str
    key: str
    paths: Sequence[Path | None]
    failures: Sequence[Failure]
    computed: int

    @property
    def finished(self) -> list[tuple[int, Path]]:
        """Items that have a file, with their numbers."""
        return [(item, path) for item, path in enumerate(self.paths) if path is not None]


@dataclass(frozen=True)
class Resume:
    """What to do with what the store already has."""

    repair: bool = False
    """Read every file and compute damaged ones anew."""
    retry_failed: bool = False
    """Try items again that failed before."""


@dataclass
class Context:
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

    config: Config
    folder: Path
    executor: Executor
    console: Console = field(default_factory=Console)
    resume: Resume = field(default_factory=Resume)
    debug: bool = False
    seconds_of: dict[str, dict[str, float]] = field(default_factory=dict)
    """Wall time by step and, within it, by FOLDER/ITEM of its store."""
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of each step so far, by name."""
        return {step: sum(parts.values()) for step, parts in self.seconds_of.items()}

    def rng(self, step: str, item: int = 0) -> np.random.Generator:
        """Random numbers of one item of one step."""
        return seeds.stream(self.config.seed, step, item)

    def seed(self, step: str, item: int = 0) -> int:
        """Positive 31-bit seed of one item of one step."""
        return seeds.item_seed(self.config.seed, step, item)

    def identity(self, *keys: str) -> dict[str, Any]:
        """What the chosen components (by config key, such as ``"potential"``) contribute to a step's key."""
        return {key: self.config.selections[key].identity for key in keys}

    def log(self, event: str, **details: Any) -> None:
        """One line of ``log.jsonl``."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **details}, default=str)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def ensemble(
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
            One picklable task an item. Item i depends on task i and `depends_on` only, so more items may be added later. Or a
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
        key = self._key(step, function, depends_on)
        folder = self.folder / "store" / f"{step}-{key[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        if items_depend_on is None:
            assert not callable(tasks)
            names = [f"{i:05d}" for i in range(len(tasks))]
        else:
            names = [_digest(content)[:20] for content in items_depend_on]
        paths = [folder / f"item-{name}{suffix}" for name in names]
        self._forget_unusable(folder, paths)
        waiting = [i for i, path in enumerate(paths) if not path.exists() and not _failure_file(path).exists()]
        made: Sequence[Any] = [] if not waiting else tasks() if callable(tasks) else tasks
        with self._timed(step, folder, names, [names[i] for i in waiting]):
            self._compute(step, _called(step, detail), function, [(i, made[i], paths[i]) for i in waiting], len(paths))
        failures = [
            Failure(step, i, read_json(_failure_file(path))["reason"])
            for i, path in enumerate(paths)
            if not path.exists() and _failure_file(path).exists()
        ]
        self.failures.extend(failures)
        if paths and len(failures) == len(paths):
            again = "" if waiting else "; once the cause is mended, run again with --retry-failed"
            raise RunError(f"every item of step {step} failed; the first: {failures[0].reason}{again}")
        identity = key if items_depend_on is None else _digest({"step": key, "items": names})
        result = StepResult(step, identity, [path if path.exists() else None for path in paths], failures, len(waiting))
        self._finished(result, detail)
        return result

    def single(self, step: str, function: Callable[[Path], None], depends_on: Mapping[str, Any]) -> StepResult:
        """Run a step in this process that writes one folder, or skip it if the folder is there."""
        key = self._key(step, function, depends_on)
        folder = self.folder / "store" / f"{step}-{key[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "output"
        self._forget_unusable(folder, [path])
        computed = int(not path.exists())
        with self._timed(step, folder, [path.name], [path.name] * computed):
            if computed:

                def write(temporary: Path) -> None:
                    temporary.mkdir()
                    function(temporary)

                atomically(path, write)
        result = StepResult(step, key, [path], [], computed)
        self._finished(result)
        return result

    def discard(self, step: str) -> None:
        """Delete what a step stored, but for the records of its time, where later steps have taken from it what they needed."""
        for folder in (self.folder / "store").glob(f"{step}-*"):
            for entry in folder.iterdir():
                if entry.name != "seconds.json":
                    remove(entry)

    def _key(self, step: str, function: Callable[..., None], depends_on: Mapping[str, Any]) -> str:
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        code = code_identity(inner.__module__, data_files=False)
        return _digest({"step": step, "seed": self.config.seed, "code": code, **depends_on})

    def _compute(
        self,
        step: str,
        title: str,
        function: Callable[[Any, Path], None],
        items: Sequence[tuple[int, Any, Path]],
        total: int,
    ) -> None:
        if not items:
            return
        numbers = [number for number, _, _ in items]
        work = partial(_run_item, function)
        failed = sum(1 for _ in (items[0][2].parent).glob("*.failed.json"))
        with (
            progress_bar(title, total, self.console, done=total - len(items)) as advance,
            closing(self.executor.map(work, [(task, path) for _, task, path in items])) as outcomes,  # type: ignore[type-var]
        ):
            for outcome in outcomes:
                advance(1)
                number, path = numbers[outcome.index], items[outcome.index][2]
                reason, where = outcome.error, ""
                if reason is None and outcome.value is not None:
                    verdict, reason, where = outcome.value
                    if verdict is not ItemError:
                        raise verdict(reason)
                if reason is None:
                    continue
                write_json(_failure_file(path), {"reason": reason, "traceback": where})
                self.log("item failed", step=step, item=number, reason=reason, traceback=where)
                if self.debug and where:
                    self.console.print(f"item {number} of step {step} failed:\n{where}", highlight=False, markup=False)
                failed += 1
                if failed > self.config.max_failures:
                    raise RunError(
                        f"{failed} items of step {step} failed, more than max_failures = {self.config.max_failures}; "
                        f"the last: {reason}"
                    )

    def _forget_unusable(self, folder: Path, paths: Sequence[Path]) -> None:
        for leftover in folder.glob(".*.tmp"):
            remove(leftover)
        for path in paths:
            if self.resume.retry_failed:
                _failure_file(path).unlink(missing_ok=True)
            if self.resume.repair and path.exists():
                try:
                    verify(path)
                except StoreError as error:
                    self.console.print(f"computing anew: {error}", highlight=False)
                    path.rename(path.with_name(f"{path.name}.damaged"))

    @contextmanager
    def _timed(self, step: str, folder: Path, names: Sequence[str], computed: Sequence[str]) -> Iterator[None]:
        """Wall time of a step, summed over the runs that worked on its items; those of another config or code are not counted."""
        record = folder / "seconds.json"
        spent: dict[str, float] = read_json(record).get("of_items", {}) if record.exists() else {}
        started = time.perf_counter()
        if computed:
            self.log("step started", step=step, items=len(computed))
        try:
            yield
        finally:
            share = (time.perf_counter() - started) / max(len(computed), 1)
            spent |= {name: spent.get(name, 0.0) + share for name in computed}
            if computed:
                write_json(record, {"of_items": spent})
            own = {f"{folder.name}/{name}": spent[name] for name in names if name in spent}
            self.seconds_of.setdefault(step, {}).update(own)

    def _finished(self, result: StepResult, detail: str = "") -> None:
        self.computed += result.computed
        state = "done" if result.computed else "nothing to compute"
        failed = f", {len(result.failures)} failed" if result.failures else ""
        self.console.print(
            f"{_called(result.step, detail)}: {len(result.paths)} items, {state}{failed} ({self.seconds[result.step]:.1f} s)",
            highlight=False,
        )
        self.log("step finished", **{**asdict(result), "paths": len(result.paths)})
        for watcher in registry().manager.hook.sharvin_step_finished.get_hookimpls():
            try:
                arguments = {"step": result.step, "result": result, "context": self}
                watcher.function(*(arguments[name] for name in watcher.argnames))
            except (Exception, SystemExit) as error:  # the plugin boundary: a watcher must not end the run that it watches
                self.log("watcher failed", plugin=watcher.plugin_name, reason=f"{type(error).__name__}: {error}")


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20).hexdigest()


def _called(step: str, detail: str) -> str:
    """One name of a step for bar and console, the one that log, store and report have."""
    return f"{step} ({detail})" if detail else step


def _failure_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.failed.json")


def _run_item(function: Callable[[Any, Path], None], item: tuple[Any, Path]) -> tuple[type[SharvinError], str, str] | None:
    """Compute one item in a worker; None, or the kind of error, the reason and the traceback.

    Only an ItemError leaves the run going. It stands for errors of code that is not ours, too: plugins and the user's modules.
    """
    task, path = item
    try:
        function(task, path)
    except SharvinError as error:
        kind = next(kind for kind in (ItemError, StoreError, InputError, SharvinError) if isinstance(error, kind))
        return kind, str(error), format_exc()
    except (
        Exception,
        SystemExit,
    ) as error:  # the traceback would be lost on the way to the run's log
        return ItemError, f"{type(error).__name__}: {error}", format_exc()
    return None
