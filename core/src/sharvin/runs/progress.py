"""Progress of long steps: a bar with rate and remaining time on a terminal, a quiet line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

QUIET_INTERVAL_S = 30.0


class _Rate(ProgressColumn):
    """Items per second, or seconds per item."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each", style="progress.data.speed")


@contextmanager
def progress_bar(title: str, total: int | None, console: Console, done: int = 0) -> Iterator[Callable[[int], None]]:
    """A context that gives ``advance(n)``.

    Parameters
    ----------
    title : str
    total, done : int
        Items in all (None if not known), and those finished before.
    console : rich.console.Console
    """
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
            task = bar.add_task(title, total=total, completed=done)
            yield lambda n: bar.advance(task, n)
        return
    started = said = time.monotonic()
    count = done

    def advance(n: int) -> None:
        nonlocal count, said
        count += n
        now = time.monotonic()
        if now - said < QUIET_INTERVAL_S:
            return
        said = now
        if total is None:
            console.print(f"{title}: {count}", highlight=False)
        elif count < total:
            remaining = (now - started) / max(count - done, 1) * (total - count)
            console.print(f"{title}: {count}/{total}, about {remaining:.0f} s left", highlight=False)

    yield advance
