"""A fence around the code of plugins: what it prints is kept, how long it takes is measured, whatever it raises is caught.

One plugin that prints as it is imported would otherwise spoil the output of every command, and one that raises
``KeyboardInterrupt`` would look like its user's Ctrl-C.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import FrameType
from typing import Any, BinaryIO, Generic, TextIO, TypeVar

from sharvin.errors import Terminated

T = TypeVar("T")


@dataclass(frozen=True)
class Fenced(Generic[T]):
    """What became of a call behind the fence: its value or error, what it printed, and its wall time in seconds."""

    value: T | None
    error: BaseException | None
    printed: str
    seconds: float


def fenced(call: Callable[[], T]) -> Fenced[T]:
    """Call a plugin's code.

    Parameters
    ----------
    call : callable

    Returns
    -------
    Fenced

    Raises
    ------
    KeyboardInterrupt
        If the user pressed Ctrl-C or the process was asked to end, and not if the plugin raised it.
    """
    value, failure, texts = None, None, list[str]()
    started = time.perf_counter()
    with _interrupts() as pressed, _held_back(texts):
        try:
            value = call()
        except BaseException as error:  # a plugin may raise anything, SystemExit too; it must not stop the program
            if isinstance(error, Terminated) or (isinstance(error, KeyboardInterrupt) and pressed):
                raise
            failure = error
    return Fenced(value, failure, "".join(texts).strip(), time.perf_counter() - started)


def reason_of(error: BaseException) -> str:
    """Kind and message of an error, on one line."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # the message is the plugin's code, too
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class _HeldBack(io.TextIOBase):
    """A text stream that keeps what is written behind the fence; what a logger writes to it later is passed on."""

    def __init__(self, beyond: TextIO | None, texts: list[str]) -> None:
        self._beyond, self._texts = beyond, texts
        self.holding = True

    def write(self, text: str) -> int:
        if self.holding:
            self._texts.append(text)
        elif self._beyond is not None:
            self._beyond.write(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        if not self.holding and self._beyond is not None:
            self._beyond.flush()

    def fileno(self) -> int:
        if self._beyond is None:
            raise io.UnsupportedOperation("fileno")
        return self._beyond.fileno()

    @property
    def buffer(self) -> _HeldBytes:
        return _HeldBytes(self)


class _HeldBytes(io.RawIOBase):
    """Bytes for :class:`_HeldBack`."""

    def __init__(self, stream: _HeldBack) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


@contextmanager
def _held_back(texts: list[str]) -> Iterator[None]:
    """Keep what is printed, by Python on both streams and by compiled code on the standard output; nothing can be asked."""
    out, err, asked = _HeldBack(sys.stdout, texts), _HeldBack(sys.stderr, texts), sys.stdin
    sys.stdin = io.StringIO()
    with _descriptor_held_back(texts), redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.holding = err.holding = False
            sys.stdin = asked


@contextmanager
def _descriptor_held_back(texts: list[str]) -> Iterator[None]:
    """File descriptor 1 into a file of no name. The standard error stays, so that a crash can be read."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError):  # a closed standard output, which nothing can spoil
        yield
        return
    try:
        with _file_of_no_name() as file:
            os.dup2(file.fileno(), 1)
            try:
                yield
            finally:
                os.dup2(kept, 1)
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    finally:
        os.close(kept)


def _file_of_no_name() -> BinaryIO:
    """In memory where the system can, as no folder may be writable."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("sharvin"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that is empty as long as nobody presses Ctrl-C."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed
        return

    def record(number: int, frame: FrameType | None) -> Any:
        pressed.append(number)
        return before(number, frame)

    signal.signal(signal.SIGINT, record)
    try:
        yield pressed
    finally:
        if signal.getsignal(signal.SIGINT) is record:  # and not what the plugin chose
            signal.signal(signal.SIGINT, before)
