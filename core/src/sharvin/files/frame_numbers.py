"""Which frames of a file are chosen: a number or a range, as in Python."""

from __future__ import annotations

import re
from collections.abc import Callable

from sharvin.errors import InputError

_ENDLESS = 2**62


def parsed_index(index: str) -> int | slice:
    """A number, or a range ``start:stop:step``, as frames are chosen.

    Raises
    ------
    InputError
        If it is neither.
    """
    index = index.strip()
    if re.fullmatch(r"-?\d+", index):
        return int(index)
    if not re.fullmatch(r"(-?\d*):(-?\d*)(:-?[1-9]\d*|:)?", index) or re.search(r"-(:|$)", index):
        raise InputError(f"frames are chosen by a number or a range start:stop:step, not {index!r}.")
    return slice(*(int(part) if part else None for part in index.split(":")))


def chosen_range(wanted: int | slice, count: Callable[[], int]) -> range:
    """Numbers of the chosen frames; they may go beyond the end of the file where that needs no counting.

    Parameters
    ----------
    wanted : int or slice
    count : callable
        Gives the number of frames of the file; called only for negative numbers and steps.
    """
    if isinstance(wanted, int):
        first = wanted if wanted >= 0 else count() + wanted
        return range(first, first + 1) if first >= 0 else range(0)
    if any(part is not None and part < 0 for part in (wanted.start, wanted.stop, wanted.step)):
        return range(count())[wanted]
    return range(_ENDLESS)[wanted]


def no_such_frame(path: object, index: str, count: int) -> InputError:
    """What to say where a file has none of the chosen frames."""
    what = "1 frame, numbered 0" if count == 1 else f"{count} frames, numbered 0 to {count - 1}"
    if not count:
        return InputError(f"{path} holds no frame.")
    return InputError(f"{path} has no frame {index}: it has {what}.")
