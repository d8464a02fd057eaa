"""Another Python interpreter as a process: its two pipes, the last lines of what it prints, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from sharvin.errors import InputError

from sharvin_md.foreign.worker_script import ProtocolError, read_message, write_message

SCRIPT = Path(__file__).with_name("worker_script.py")
LINES_KEPT, LINES_SHOWN, LONGEST_LINE = 40, 3, 300
SECONDS_TO_END_BY_ITSELF, SECONDS_TO_END = 0.2, 5.0
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")} | {
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""Environment of a worker: a study has one a process, and as many processes as there are cores."""
OF_THIS_INTERPRETER = ("PYTHONHOME", "__PYVENV_LAUNCHER__")
"""Variables that would lead the other interpreter to the packages of this one."""


class WorkerDiedError(Exception):
    """The process ended before it answered; the text says how, with its last lines."""


class WorkerProcess:
    """A running worker. It ends with the last reference to it, with this process, and on :meth:`end`.

    Parameters
    ----------
    title : str
        What messages call the part that wants it.
    python : str
        Path of the interpreter.
    variables : mapping of str to str
        Environment variables beside those of this process.

    Raises
    ------
    InputError
        If the system cannot start it.
    """

    def __init__(self, title: str, python: str, variables: Mapping[str, str]) -> None:
        request_end, requests = os.pipe()
        replies, reply_end = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name not in OF_THIS_INTERPRETER}
        try:
            self._process = subprocess.Popen(
                [python, str(SCRIPT), str(request_end), str(reply_end)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(request_end, reply_end),
                env={**environment, **ONE_THREAD, **variables},
                start_new_session=True,  # Ctrl-C is for this process, which ends its workers
            )
        except OSError as error:
            os.close(requests)
            os.close(replies)
            raise InputError(f"{title}: {python} does not start: {error.strerror}.") from None
        finally:
            os.close(request_end)
            os.close(reply_end)
        assert self._process.stdout is not None
        self._requests, self._replies = os.fdopen(requests, "wb"), os.fdopen(replies, "rb")
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._owner, self._lock = os.getpid(), threading.Lock()
        reader = threading.Thread(target=_keep_lines, args=(self._process.stdout, self._lines), daemon=True)
        reader.start()
        self._finalizer = weakref.finalize(
            self, _end, self._process, reader, (self._requests, self._replies), self._process.stdout, self._owner
        )

    def usable(self) -> bool:
        """Whether it runs and was started by this process, not by one that this one was forked from."""
        return os.getpid() == self._owner and self._finalizer.alive and self._process.poll() is None

    def hear(self) -> dict[str, Any]:
        """What it says without being asked.

        Raises
        ------
        WorkerDiedError
        """
        return self._exchange(None, {})[0]

    def ask(self, request: dict[str, Any], arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and arrays of its answer.

        Raises
        ------
        WorkerDiedError
        """
        return self._exchange(request, arrays)

    def end(self) -> None:
        """Kill it and what it started."""
        self._finalizer()

    def _exchange(self, request: dict[str, Any] | None, arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        with self._lock:
            try:
                if request is not None:
                    self._lines.clear()
                    write_message(self._requests, request, arrays)
                return read_message(self._replies)
            except (EOFError, BrokenPipeError, ProtocolError):
                self.end()
                raise WorkerDiedError(f"({self._fate()}){self._last_lines()}") from None
            except BaseException:  # Ctrl-C before the answer, which would be taken for that of the next request
                self.end()
                raise

    def _fate(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return signal.strsignal(-code) or f"signal {-code}"
        return f"exit code {code}"

    def _last_lines(self) -> str:
        lines = [line for line in self._lines if line][-LINES_SHOWN:]
        return f"; it last printed: {' | '.join(lines).rstrip('.')}" if lines else ""


def _keep_lines(stream: IO[bytes], lines: deque[str]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for line in stream:
            lines.append(line.decode("utf-8", errors="replace").strip()[:LONGEST_LINE])


def _end(
    process: subprocess.Popen[bytes], reader: threading.Thread, pipes: tuple[IO[bytes], ...], printed: IO[bytes], owner: int
) -> None:
    for pipe in pipes:
        with contextlib.suppress(OSError):
            pipe.close()
    if os.getpid() != owner:  # this is a fork of the process that started it, which alone may end it
        process.returncode = 0
        return
    with contextlib.suppress(subprocess.TimeoutExpired):  # at the end of its pipe it ends, unless it computes
        process.wait(SECONDS_TO_END_BY_ITSELF)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(SECONDS_TO_END)
    reader.join(SECONDS_TO_END)
    if not reader.is_alive():
        printed.close()
