"""What code contributes to the key of a step: the version of an installed package, the source of one under development.

A package is under development if its files lie outside the folders into which packages are installed: an editable install, a
module on ``PYTHONPATH``, a calculator beside the config. Its version says nothing of an edit, so the source is hashed: that of
the module which computes, that of all modules under development which it imports, found without running them, and the data
files of its package.
"""

from __future__ import annotations

import ast
import hashlib
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata, util
from pathlib import Path

READ_WHOLE_BYTES = 16_000_000
"""Data files of a package beyond this size count by their size and time of change."""


@cache
def code_identity(module: str, data_files: bool = True) -> dict[str, str]:
    """What a module and all that it imports contribute to a key.

    Parameters
    ----------
    module : str
        Full name; it is not imported.
    data_files : bool
        Whether the data files of the module's package count, if it is under development: tables, parameters, templates.

    Returns
    -------
    dict of str to str
        ``source``: hash of the sources under development, if there are any; ``version``: version of the installed distribution
        that the module belongs to, otherwise. Empty where neither can be known, as for a module that is not there.
    """
    sources = _own_sources(module)
    if not sources:
        version = _installed_version(module.partition(".")[0])
        return {"version": version} if version else {}
    digest = hashlib.blake2b(digest_size=20)
    for name, path in sorted(sources.items()):
        digest.update(f"{name} {_digest(path)}\n".encode())
    for name, content in _data_files(module.partition(".")[0]) if data_files else ():
        digest.update(f"{name} {content}\n".encode())
    return {"source": digest.hexdigest()}


def importable_beside(path: Path) -> None:
    """Let modules in the folder of a file be imported, in worker processes too; installed ones of the same name come first."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


def _own_sources(module: str) -> dict[str, Path]:
    """Files of a module and of what it imports, by module name, as far as they are under development."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            each = ".".join(parts[:length])
            path = _own_file(each)
            if path is not None and each not in found:
                found[each] = path
                waiting += _imports(path, each)
    return found


@cache
def _own_file(module: str) -> Path | None:
    """The file of a module under development; None for others, and for names that are no modules."""
    top, *inner = module.split(".")
    root = _own_root(top)
    if root is None or not inner:
        return root
    if root.name != "__init__.py":
        return None
    place = root.parent.joinpath(*inner)
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _own_root(package: str) -> Path | None:
    """The file of a top-level module or of a package's ``__init__`` under development."""
    try:
        found = util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return None
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        return None
    path = Path(found.origin).resolve()
    return None if any(path.is_relative_to(folder) for folder in _installation_folders()) else path


@cache
def _installation_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    names = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(name).resolve() for name in [*names, *site.getsitepackages(), site.getusersitepackages()])


@cache
def _imports(path: Path, module: str) -> list[str]:
    """Full names of what a file imports when it runs, also inside functions; of ``from a import b`` both ``a`` and ``a.b``."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the error shows where the module is imported
        return []
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    names: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        waiting += node.orelse if isinstance(node, ast.If) and for_types else list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return names


def _data_files(package: str) -> Iterator[tuple[str, str]]:
    """Names and contents' hashes of the files of a package under development that are no Python code."""
    root = _own_root(package)
    if root is None or root.name != "__init__.py":
        return
    for path in sorted(root.parent.rglob("*")):
        inner = path.relative_to(root.parent)
        if path.suffix in (".py", ".pyc", ".nbi", ".nbc") or "__pycache__" in inner.parts or not path.is_file():
            continue
        status = path.stat()
        large = status.st_size > READ_WHOLE_BYTES
        yield str(inner), f"{status.st_size} {status.st_mtime_ns}" if large else _digest(path)


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=20).hexdigest()


@cache
def _installed_version(package: str) -> str:
    """Name and version of the distribution that brings a top-level package; empty if none does, as for the standard library."""
    owners = metadata.packages_distributions().get(package, [])
    return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(owners)))
