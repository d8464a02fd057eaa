"""Ends of a command that are no errors of sharvin: signals, and code of others that calls ``sys.exit``."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from sharvin.errors import Terminated

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""Exit codes, as shells have them."""


@contextmanager
def terminated_by_signal() -> Iterator[None]:
    """In this block SIGTERM raises :class:`~sharvin.errors.Terminated`, as Ctrl-C interrupts; a second one kills at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def is_terminated(error: BaseException) -> bool:
    """Whether SIGTERM, and not Ctrl-C, is the reason of an interrupt or of the ``click.Abort`` made of it."""
    return isinstance(error, Terminated) or isinstance(error.__cause__, Terminated)


def foreign_exit(error: SystemExit) -> str:
    """A sentence on code of others that ended the program; nothing where click did, which sharvin asked to."""
    places = [place for place in traceback.extract_tb(error.__traceback__) if Path(place.filename).is_file()]
    own = Path(click.__file__).parent
    if not places or own in Path(places[-1].filename).parents:
        return ""
    called = f"sys.exit({'' if error.code is None else repr(error.code)})"
    return (
        f"{places[-1].filename}, line {places[-1].lineno}, called {called} and so ended the command; a plugin or a calculator "
        "must not do that."
    )
