"""Executor ``serial``: one item after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sharvin.executors.configs import SerialOptions
from sharvin.executors.threads import one_thread
from sharvin.protocols import Outcome


class SerialExecutor:
    """Items in order, in this process, with one thread."""

    def __init__(self, options: SerialOptions) -> None:
        self.workers = 1

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Outcome]:
        """Outcomes in order. See :class:`sharvin.protocols.Executor`."""
        for index, item in enumerate(items):
            with one_thread():
                try:
                    outcome = Outcome(index, function(item))
                except (Exception, SystemExit) as error:  # the worker boundary: a failed item must not end the others
                    outcome = Outcome(index, error=f"{type(error).__name__}: {error}")
            yield outcome
