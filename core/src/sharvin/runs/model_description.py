"""``model.json`` of a saved regressor: which one it is, of which format, with which options; arrays lie in files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharvin.errors import InputError
from sharvin.runs.atomic import write_bytes

DESCRIPTION = "model.json"


def write_description(folder: Path, name: str, version: int, content: Mapping[str, Any]) -> None:
    """Write the description into an existing folder, whole or not at all.

    Parameters
    ----------
    folder : Path
    name, version
        Of the regressor and of its files; :func:`read_description` requires both.
    content : mapping
        What JSON can hold: options, sizes.
    """
    whole = {"regressor": name, "version": version, **content}
    write_bytes(folder / DESCRIPTION, (json.dumps(whole, indent=2) + "\n").encode())


def read_description(folder: Path, name: str, version: int) -> dict[str, Any]:
    """Content of the description of a saved model.

    Raises
    ------
    InputError
        If there is none, it is damaged, or it is another regressor's or another version's.
    """
    try:
        found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder} holds no trained model: {DESCRIPTION} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise damaged(folder, error) from None
    if not isinstance(found, dict):
        raise damaged(folder, f"{DESCRIPTION} holds no description")
    if found.get("regressor") != name:
        raise InputError(f"{folder} holds a {found.get('regressor')} model, not a {name} one.")
    if found.get("version") != version:
        raise InputError(
            f"the {name} model in {folder} has format {found.get('version')}, and this version reads {version}; train it again."
        )
    return found


def damaged(folder: Path, reason: object) -> InputError:
    """The error that says that a saved model cannot be read; of a reason that is an exception, its first line."""
    said = str(reason).partition("\n")[0]
    return InputError(f"the trained model in {folder} is damaged ({said}); train it again.")
