"""Items of a step: one file each, or a record of why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from traceback import format_exc
from typing import Any

from sharvin.errors import InputError, ItemError, SharvinError, StoreError
from sharvin.runs.digests import digest_of

ItemFunction = Callable[[Any, Path], None]
"""``function(task, path)`` writes `path`, a file or a folder."""


def item_names(
    tasks: Sequence[Any] | Callable[[], Sequence[Any]], items_depend_on: Sequence[Mapping[str, Any]] | None
) -> list[str]:
    """Names of a step's items: what each depends on, hashed, or its number where nothing is said of that.

    Raises
    ------
    TypeError
        If tasks that are made on demand come without `items_depend_on`, which alone tells how many there are.
    """
    if items_depend_on is not None:
        return [digest_of(content)[:20] for content in items_depend_on]
    if callable(tasks):
        raise TypeError("tasks that a function makes need items_depend_on, which tells how many there are.")
    return [f"{number:05d}" for number in range(len(tasks))]


def failure_file(path: Path) -> Path:
    """Where the reason is kept why an item has no file."""
    return path.with_name(f"{path.name}.failed.json")


def run_item(function: ItemFunction, item: tuple[Any, Path]) -> tuple[type[SharvinError], str, str] | None:
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
