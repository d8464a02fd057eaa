"""Folder of a trained regressor: ``model.json`` says what it is, ``model.safetensors`` holds its arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sharvin.errors import InputError

Arrays = dict[str, NDArray[Any]]


def save_model(folder: Path, name: str, version: int, description: dict[str, Any], arrays: Arrays) -> None:
    """Write a model into an existing folder; each file appears whole or not at all.

    Parameters
    ----------
    folder : Path
    name, version
        Of the regressor and of its file format; :func:`load_model` requires both.
    description : dict
        What JSON can hold: options, sizes.
    arrays : dict of str to array
    """
    temporary = folder / "model.safetensors.tmp"
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, temporary)
    temporary.replace(folder / "model.safetensors")
    temporary = folder / "model.json.tmp"
    content = {"regressor": name, "version": version, **description}
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / "model.json")


def load_model(folder: Path, name: str, version: int) -> tuple[dict[str, Any], Arrays]:
    """Description and arrays of a saved model.

    Raises
    ------
    InputError
        If there is no model, it is damaged, or it is another regressor's or another version's.
    """
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        arrays = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no trained model: {Path(error.filename or 'a file').name} is missing.") from None
    except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise InputError(f"the trained model in {folder} is damaged ({error}); train it again.") from None
    if description.get("regressor") != name:
        raise InputError(f"{folder} holds a {description.get('regressor')} model, not a {name} one.")
    if description.get("version") != version:
        raise InputError(
            f"the {name} model in {folder} has format {description.get('version')}, and this version reads {version}; "
            "train it again."
        )
    return description, arrays
