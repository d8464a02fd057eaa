"""Live progress of fits: what the fits in worker processes append to their ``metrics.jsonl`` is shown while it appears."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

INTERVAL_S = 30.0


@contextmanager
def epochs_shown(
    console: Console, progress: Path, names: Mapping[str, str], said: Callable[[dict[str, float]], str] | None = None
) -> Iterator[None]:
    """Say now and then, inside the block, how far the fits are.

    Parameters
    ----------
    console : rich.console.Console
    progress : Path
        Holds the progress folder of each fit, named after its key.
    names : mapping of str to str
        What to call the fit of a key.
    said : callable, optional
        What a line of metrics tells of the errors; default the validation error in G0.
    """
    over = threading.Event()
    tell = said or _validation_error

    def watch() -> None:
        shown: dict[str, float] = {}
        while not over.wait(INTERVAL_S):
            for key, name in names.items():
                last = _last_line(progress / key / "metrics.jsonl")
                if last and last["epoch"] != shown.get(key):
                    shown[key] = last["epoch"]
                    of_all = f" of at most {last['epochs']}" if "epochs" in last else ""
                    console.print(f"  {name}: epoch {last['epoch']}{of_all}, {tell(last)}", highlight=False)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _validation_error(line: dict[str, float]) -> str:
    return f"validation error {line['validation_mae']:.3f} G0"


def _last_line(path: Path) -> dict[str, float] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return json.loads(lines[-1]) if lines else None
    except (OSError, json.JSONDecodeError):  # not there yet, gone already, or just being written
        return None
