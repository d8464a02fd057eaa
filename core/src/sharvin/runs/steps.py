"""Steps that are computed once: keys, items, failures, times.

A step's key is the hash of all it depends on: its components with their versions and options, the code that is under
development (:mod:`sharvin.runs.source_code`), and the keys of its inputs. What a key already has in the store is not computed
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sharvin.errors import ItemError, RunError, StoreError
from sharvin.runs.atomic import atomically, remove
from sharvin.runs.digests import digest_of, digest_of_path
from sharvin.runs.facts import RunFacts
from sharvin.runs.items import ItemFunction, failure_file, item_names, run_item
from sharvin.runs.source_code import code_identity
from sharvin.runs.watchers import Watchers, called
from sharvin.store import read_json, verify, write_json

DIGESTS = "digests.json"
"""File in a step's folder: digests of its items as they were written, which ``--repair`` compares."""


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


@dataclass
class Steps:
    """The step engine of a run. :class:`sharvin.context.Context` documents what its methods promise.

    Parameters
    ----------
    run : RunFacts
    watchers : Watchers
    seconds_of : dict of str to dict of str to float
        Wall time by step and, within it, by FOLDER/ITEM of its store.
    failures : list of Failure
    computed : int
        Items that this process computed.
    """

    run: RunFacts
    watchers: Watchers
    seconds_of: dict[str, dict[str, float]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of each step so far, by name."""
        return {step: sum(parts.values()) for step, parts in self.seconds_of.items()}

    def map(
        self,
        step: str,
        function: ItemFunction,
        tasks: Sequence[Any] | Callable[[], Sequence[Any]],
        depends_on: Mapping[str, Any],
        suffix: str,
        detail: str,
        items_depend_on: Sequence[Mapping[str, Any]] | None,
    ) -> StepResult:
        """Run independent items, each of which writes one file, and skip those that have theirs."""
        key = self.key_of(step, function, depends_on)
        names = item_names(tasks, items_depend_on)
        folder = self._folder(step, key)
        paths = [folder / f"item-{name}{suffix}" for name in names]
        self._forget_unusable(folder, paths)
        waiting = [i for i, path in enumerate(paths) if not path.exists() and not failure_file(path).exists()]
        made: Sequence[Any] = [] if not waiting else tasks() if callable(tasks) else tasks
        with self._timed(step, folder, names, [names[i] for i in waiting]):
            self._compute(step, called(step, detail), function, [(i, made[i], paths[i]) for i in waiting], len(paths))
        if waiting:
            _remove_unfinished(folder)  # a worker of a killed run may have outlived it by a moment
        failures = self._failures(step, paths, bool(waiting))
        identity = key if items_depend_on is None else digest_of({"step": key, "items": names})
        result = StepResult(step, identity, [path if path.exists() else None for path in paths], failures, len(waiting))
        return self._finished(result, detail)

    def single(self, step: str, function: Callable[[Path], None], depends_on: Mapping[str, Any]) -> StepResult:
        """Run a step in this process that writes one folder, or skip it if the folder is there."""
        key = self.key_of(step, function, depends_on)
        folder = self._folder(step, key)
        path = folder / "output"
        self._forget_unusable(folder, [path])
        computed = int(not path.exists())

        def write(temporary: Path) -> None:
            temporary.mkdir()
            function(temporary)

        with self._timed(step, folder, [path.name], [path.name] * computed):
            if computed:
                with _remembered(folder) as done:
                    atomically(path, write)
                    done.append(path)
        return self._finished(StepResult(step, key, [path], [], computed))

    def discard(self, step: str) -> None:
        """Delete what a step stored, but for the records of its time."""
        for folder in self.run.store.glob(f"{step}-*"):
            for entry in folder.iterdir():
                if entry.name != "seconds.json":
                    remove(entry)

    def key_of(self, step: str, function: Callable[..., None], depends_on: Mapping[str, Any]) -> str:
        """Hash of all that a step depends on, the code of its function included."""
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        code = code_identity(inner.__module__, data_files=False)
        return digest_of({"step": step, "seed": self.run.config.seed, "code": code, **depends_on})

    def _folder(self, step: str, key: str) -> Path:
        folder = self.run.store / f"{step}-{key[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _forget_unusable(self, folder: Path, paths: Sequence[Path]) -> None:
        """Remove what a killed run left behind, and on request failures and damaged files."""
        _remove_unfinished(folder)
        for path in paths:
            if self.run.resume.retry_failed:
                failure_file(path).unlink(missing_ok=True)
            if self.run.resume.repair and path.exists() and (damage := _damage(path, _digests(folder).get(path.name))):
                self.watchers.file_damaged(damage)
                damaged = path.with_name(f"{path.name}.damaged")
                remove(damaged)
                path.rename(damaged)

    def _compute(self, step: str, title: str, function: ItemFunction, items: Sequence[tuple[int, Any, Path]], total: int) -> None:
        """Compute the items (number, task, path) that are missing of `total`."""
        if not items:
            return
        limit, folder = self.run.config.max_failures, items[0][2].parent
        failed = sum(1 for _ in folder.glob("*.failed.json"))
        work = partial(run_item, function)
        with (
            self.watchers.progress(title, total, done=total - len(items)) as advance,
            closing(self.run.executor.map(work, [(task, path) for _, task, path in items])) as outcomes,  # type: ignore[type-var]
            _remembered(folder) as done,
        ):
            for outcome in outcomes:
                advance(1)
                number, _, path = items[outcome.index]
                reason, where = outcome.error, ""
                if reason is None and outcome.value is not None:
                    verdict, reason, where = outcome.value
                    if verdict is not ItemError:
                        raise verdict(reason)
                if reason is None:
                    done.append(path)
                    continue
                write_json(failure_file(path), {"reason": reason, "traceback": where})
                self.watchers.item_failed(step, number, reason, where)
                failed += 1
                if failed > limit:
                    raise RunError(f"{failed} items of step {step} failed, more than max_failures = {limit}; the last: {reason}")

    def _failures(self, step: str, paths: Sequence[Path], tried: bool) -> list[Failure]:
        """Failed items with their reasons; RunError if there is no other. `tried`: whether any was computed now."""
        found = [
            Failure(step, i, read_json(failure_file(path))["reason"])
            for i, path in enumerate(paths)
            if not path.exists() and failure_file(path).exists()
        ]
        self.failures.extend(found)
        if paths and len(found) == len(paths):
            again = "" if tried else "; once the cause is mended, run again with --retry-failed"
            raise RunError(f"every item of step {step} failed; the first: {found[0].reason}{again}")
        return found

    @contextmanager
    def _timed(self, step: str, folder: Path, names: Sequence[str], computed: Sequence[str]) -> Iterator[None]:
        """Wall time of a step, summed over the runs that worked on its items; those of another config or code are not counted."""
        record = folder / "seconds.json"
        spent: dict[str, float] = read_json(record).get("of_items", {}) if record.exists() else {}
        started = time.perf_counter()
        if computed:
            self.watchers.step_started(step, len(computed))
        try:
            yield
        finally:
            share = (time.perf_counter() - started) / max(len(computed), 1)
            spent |= {name: spent.get(name, 0.0) + share for name in computed}
            if computed:
                write_json(record, {"of_items": spent})
            own = {f"{folder.name}/{name}": spent[name] for name in names if name in spent}
            self.seconds_of.setdefault(step, {}).update(own)

    def _finished(self, result: StepResult, detail: str = "") -> StepResult:
        self.computed += result.computed
        self.watchers.step_finished(result, detail, self.seconds[result.step])
        return result


def _remove_unfinished(folder: Path) -> None:
    """Remove files that were being written when a run was killed; only one run works in a folder at a time."""
    for leftover in folder.glob(".*.tmp"):
        remove(leftover)


def _digests(folder: Path) -> dict[str, str]:
    """Digests by name of what a step's folder holds, as it was written."""
    record = folder / DIGESTS
    try:
        return dict(read_json(record)) if record.exists() else {}
    except StoreError:
        return {}  # files are then read through, which finds most damage


@contextmanager
def _remembered(folder: Path) -> Iterator[list[Path]]:
    """Files and folders that the caller lists as done, their digests remembered even where it is interrupted."""
    done: list[Path] = []
    try:
        yield done
    finally:
        if done:
            write_json(folder / DIGESTS, _digests(folder) | {path.name: digest_of_path(path) for path in done})


def _damage(path: Path, digest: str | None) -> str:
    """What is wrong with a file or folder of the store, in a sentence; empty if nothing is."""
    try:
        verify(path)
    except StoreError as error:
        return str(error).partition(": run again")[0] + "."
    if digest is not None and digest != digest_of_path(path):
        return f"the store file {path} is damaged (it is not as it was written)."
    return ""
