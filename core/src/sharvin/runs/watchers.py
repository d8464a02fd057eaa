"""Who is told what a run does: the console with its progress bar, ``log.jsonl``, and the plugins that watch runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sharvin.registry import registry
from sharvin.runs.facts import RunFacts
from sharvin.runs.progress import progress_bar

if TYPE_CHECKING:
    from sharvin.runs.steps import StepResult


def called(step: str, detail: str) -> str:
    """The one name of a step for bar and console; log, store and report have it without the detail."""
    return f"{step} ({detail})" if detail else step


@dataclass(frozen=True)
class Watchers:
    """Tells console, log and plugins of the steps of a run.

    Parameters
    ----------
    run : RunFacts
        The run that is watched; plugins get it as ``context``.
    """

    run: RunFacts

    def log(self, event: str, **details: Any) -> None:
        """One line of ``log.jsonl``."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **details}, default=str)
        with (self.run.folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def progress(self, title: str, total: int, done: int) -> AbstractContextManager[Callable[[int], None]]:
        """The bar of a step of `total` items, of which `done` were there before."""
        return progress_bar(title, total, self.run.console, done=done)

    def step_started(self, step: str, items: int) -> None:
        """So many items of a step are about to be computed."""
        self.log("step started", step=step, items=items)

    def item_failed(self, step: str, item: int, reason: str, traceback: str) -> None:
        """An item has no result; the run goes on."""
        self.log("item failed", step=step, item=item, reason=reason, traceback=traceback)
        if self.run.debug and traceback:
            self.run.console.print(f"item {item} of step {step} failed:\n{traceback}", highlight=False, markup=False)

    def file_damaged(self, reason: str) -> None:
        """A stored file is damaged and its item will be computed anew."""
        self.run.console.print(f"computing anew: {reason}", highlight=False)

    def step_finished(self, result: StepResult, detail: str, seconds: float) -> None:
        """A step has its files; `seconds` is the time that all steps of this name took."""
        state = "done" if result.computed else "nothing to compute"
        failed = f", {len(result.failures)} failed" if result.failures else ""
        self.run.console.print(
            f"{called(result.step, detail)}: {len(result.paths)} items, {state}{failed} ({seconds:.1f} s)", highlight=False
        )
        self.log("step finished", **{**asdict(result), "paths": len(result.paths)})
        for watcher in registry().manager.hook.sharvin_step_finished.get_hookimpls():
            try:
                arguments = {"step": result.step, "result": result, "context": self.run}
                watcher.function(*(arguments[name] for name in watcher.argnames))
            except (Exception, SystemExit) as error:  # the plugin boundary: a watcher must not end the run that it watches
                self.log("watcher failed", plugin=watcher.plugin_name, reason=f"{type(error).__name__}: {error}")
