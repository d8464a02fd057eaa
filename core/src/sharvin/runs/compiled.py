"""Functions compiled by numba, kept on disk where that can be; for plugins that compute with numba, which core does not."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from sharvin.errors import InputError
from sharvin.runs.atomic import require_writable


def njit(**options: Any) -> Callable[[Any], Any]:
    """``numba.njit(cache=True, **options)``; without the cache, which is said once, where numba finds no place for it.

    Numba keeps compiled code beside the module, in the user's cache folder or in ``$NUMBA_CACHE_DIR``, and raises an error where
    none of them can be written.

    Parameters
    ----------
    **options
        Those of :func:`numba.njit`, as keywords.
    """
    from numba import njit as compiled

    def decorate(function: Any) -> Any:
        try:
            return compiled(cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            if multiprocessing.parent_process() is None:
                _say_that_code_is_not_kept()
            return compiled(**options)(function)

    return decorate


def announce() -> None:
    """Say before a run with worker processes, for all of them, that compiled code cannot be kept, if so."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    places = [Path(chosen)] if chosen else [Path(__file__).parent, user_cache_path("numba", appauthor=False)]
    if not any(_can_hold(place) for place in places):
        _say_that_code_is_not_kept()


def _can_hold(folder: Path) -> bool:
    try:
        require_writable(folder, "numba's cache folder")
    except InputError:
        return False
    return True


@cache
def _say_that_code_is_not_kept() -> None:
    sys.stderr.write(
        "Compiled functions cannot be kept: neither the folder of the installed packages nor the user's cache folder can be "
        "written. Each process compiles them anew, up to a minute: set NUMBA_CACHE_DIR to a folder that can be written.\n"
    )
