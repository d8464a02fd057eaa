"""Threads of this process: for items that spend their time outside Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from sharvin.protocols import Outcome
from threadpoolctl import threadpool_limits

from plugin_package.configs import PartNameOptions


class PartName:
    """A pool of threads; an item that kills the process takes the run with it."""

    def __init__(self, options: PartNameOptions) -> None:
        self.workers = options.workers

    def __enter__(self) -> PartName:
        self._limits = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(self.workers)
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._limits.restore_original_limits()

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Outcome]:
        """Outcomes as they finish."""
        places = {self._pool.submit(function, item): place for place, item in enumerate(items)}
        try:
            for future in as_completed(places):
                error = future.exception()
                if error is not None:
                    yield Outcome(places[future], error=f"{type(error).__name__}: {error}")
                else:
                    yield Outcome(places[future], value=future.result())
        finally:
            for future in places:
                future.cancel()
