"""Functions compiled by numba, kept on disk where that can be; for plugins that compute with numba, which core does not."""

from __future__ import annotations

import glob
import hashlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from contextlib import suppress
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
            made = compiled(cache=True, **options)(function)
            _depend_on_package(made, function)
            return made
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            if multiprocessing.parent_process() is None:
                _say_that_code_is_not_kept()
            return compiled(**options)(function)

    return decorate


def _depend_on_package(dispatcher: Any, function: Any) -> None:
    """Let what numba has kept of a function count only while all compiled functions of its package are the same.

    Numba looks at the function's own module alone. A function that calls another module's would keep that one's former code when
    only the latter changes, as when a clone that is installed in place is brought up to date. So the files of what is kept have
    the package's stamp in their names; those of former stamps are removed.
    """
    kept: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    folder = getattr(sys.modules.get(function.__module__.partition(".")[0]), "__file__", None)
    if folder is None or not all(hasattr(kept, name) for name in ("_cache_path", "_index_name", "_source_stamp")):
        return
    base, place = kept._index_name.removesuffix(".nbi"), Path(kept._cache_path)
    stamped = f"{base}.{_stamp_of(Path(folder).parent)}"
    if not (place / f"{stamped}.nbi").exists() and place.is_dir():
        for former in place.glob(f"{glob.escape(base)}.*.nb[ic]"):
            with suppress(OSError):
                former.unlink()
    dispatcher._cache._cache_file = type(kept)(kept._cache_path, stamped, kept._source_stamp)


@cache
def _stamp_of(folder: Path) -> str:
    """Hash of the modules of a package that have to do with compiled functions."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        if b"compiled" in content:
            digest.update(content)
    return digest.hexdigest()[:16]


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
