"""Executor ``processes``: worker processes on this machine, one thread each, through pebble's process pool."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext
from multiprocessing.synchronize import RLock
from typing import Any

from pebble import ProcessExpired, ProcessPool

from sharvin.errors import RunError
from sharvin.executors.configs import ProcessOptions
from sharvin.executors.threads import one_thread, worker_with_one_thread
from sharvin.protocols import Outcome

QUEUED_PER_WORKER = 4
DIED_AT_START = (
    "the worker processes died as soon as they started; a script that runs a study must do so under "
    "`if __name__ == '__main__':`, because each worker imports it."
)


class ProcessExecutor:
    """A pool of fresh (spawned) processes that lives from enter to exit.

    A worker that dies takes one item with it: the item is tried again, then recorded as failed.
    """

    def __init__(self, options: ProcessOptions) -> None:
        self.workers = options.workers or len(os.sched_getaffinity(0))
        self._retries = options.retries
        self._pool: ProcessPool | None = None
        self._context = _LastingLocks()
        self._exits = ExitStack()

    def __enter__(self) -> ProcessExecutor:
        self._exits.enter_context(one_thread())
        self._pool = ProcessPool(
            max_workers=self.workers,
            initializer=_start_worker,
            initargs=(os.getpid(),),
            context=self._context,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._pool is not None:
            if any(exc):
                self._pool.stop()
            else:
                self._pool.close()
            self._pool.join()
            self._pool = None
        self._exits.close()

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Outcome]:
        """Outcomes as they finish. See :class:`sharvin.protocols.Executor`."""
        if self._pool is None:
            raise RunError("the executor 'processes' works inside its with block only.")
        waiting = enumerate(items)
        running: dict[Any, tuple[int, Any, int]] = {}
        heard = False

        def submit(index: int, item: Any, tries: int) -> None:
            assert self._pool is not None
            with _deaf_to_interrupts():  # as the first call starts the workers
                future = self._pool.schedule(function, args=[item])
            running[future] = (index, item, tries)

        try:
            while True:
                while len(running) < QUEUED_PER_WORKER * self.workers:
                    following = next(waiting, None)
                    if following is None:
                        break
                    submit(*following, 0)
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    index, item, tries = running.pop(future)
                    try:
                        outcome = Outcome(index, future.result())
                    except ProcessExpired as death:
                        if tries < self._retries:
                            submit(index, item, tries + 1)
                            continue
                        outcome = Outcome(index, error=f"the worker process died (exit code {death.exitcode})")
                    except BrokenProcessPool as error:
                        if not heard and "expired" in str(error):
                            raise RunError(DIED_AT_START) from error
                        outcome = Outcome(index, error=f"{type(error).__name__}: {error}")
                    except (Exception, SystemExit) as error:  # the worker boundary: a failed item must not end the others
                        outcome = Outcome(index, error=f"{type(error).__name__}: {error}")
                    heard = True
                    yield outcome
        finally:
            for future in running:
                future.cancel()


class _LastingLocks(SpawnContext):
    """Starts workers; its locks live as long as it does.

    A pool that stops lets go of its locks before it ends its workers. One that is still starting then would not find them, and
    say so with a traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: list[RLock] = []

    def RLock(self) -> RLock:
        """A lock that other processes can share."""
        self._made.append(super().RLock())
        return self._made[-1]


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C goes to the whole terminal; what begins in this block never hears of it: the caller alone decides, afterwards."""
    resource_tracker.ensure_running()  # which ends such a block, if it has to be started in it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(parent: int) -> None:
    worker_with_one_thread()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
