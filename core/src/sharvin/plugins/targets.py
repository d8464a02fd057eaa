"""Targets of records: what they name, and whether the packages they need are there."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any


def load_target(target: str) -> Any:
    """The object at ``"package.module:name"``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def is_installed(package: str) -> bool:
    """Whether a package can be found by its import name; only its parents are imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def quotes(module: str, name: str) -> bool:
    """Whether the source of a module, which need not be importable, has this name in quotes."""
    package, *inner = module.partition(":")[0].split(".")
    try:
        found = importlib.util.find_spec(package)
        roots = list(found.submodule_search_locations or ()) if found else []
        places = [Path(root, *inner).with_suffix(".py") for root in roots] if inner else []
        places += [Path(root, *inner, "__init__.py") for root in roots]
        places += [Path(found.origin)] if found and found.origin and not inner else []
        text = "".join(place.read_text(encoding="utf-8") for place in places if place.is_file())
    except (ImportError, ValueError, OSError):
        return False
    return f'"{name}"' in text or f"'{name}'" in text
