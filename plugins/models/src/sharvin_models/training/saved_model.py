"""Folder of a trained regressor, and what every regressor with such a folder shares.

``model.json`` says what it is, with its options; ``model.safetensors`` holds its arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from sharvin.errors import InputError
from sharvin.options import Options
from sharvin.runs.atomic import write_bytes
from sharvin.runs.model_description import damaged, read_description, write_description

from sharvin_models.training.configs import MACHINE

Arrays = dict[str, NDArray[Any]]
ARRAYS = "model.safetensors"

O = TypeVar("O", bound=Options)  # noqa: E741
T = TypeVar("T")


class SavedRegressor(ABC, Generic[O]):
    """A regressor that can be saved once it has learnt, and loaded.

    Parameters
    ----------
    options : Options
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Of the files; others are refused."""
    local: ClassVar[frozenset[str]] = frozenset(MACHINE)
    """Options that a loaded model leaves as they are."""

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        """What was learnt, as JSON can hold it and as arrays; None where nothing was."""

    @abstractmethod
    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        """Take over what :meth:`_learnt` gave; the options are those of the saved model already."""

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into an existing folder.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        learnt = self._learnt()
        if learnt is None:
            raise InputError(f"{self.name}: there is no model yet; fit one before saving.")
        description, arrays = learnt
        save_model(folder, self.name, self.version, {"options": self.options.model_dump(mode="json"), **description}, arrays)

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included, except those of :attr:`local`, such as `threads`.

        Raises
        ------
        InputError
            If the folder holds no model of this regressor and version, or a damaged one.
        """
        description, arrays = load_model(folder, self.name, self.version)
        here, before = self.options.model_dump(include=set(self.local)), self.options
        try:
            self.options = type(self.options).model_validate({**description["options"], **here})
            self._become(description, arrays)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            self.options = before
            raise damaged(folder, f"{type(error).__name__}: {error}") from None

    def _require_learnt(self, model: T | None) -> T:
        """Return what predictions are made of, which is None before a fit or a load."""
        if model is None:
            raise InputError(f"{self.name}: there is no model yet; fit or load one before predicting.")
        return model


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
    laid_out = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    write_bytes(folder / ARRAYS, save(laid_out))
    write_description(folder, name, version, description)


def load_model(folder: Path, name: str, version: int) -> tuple[dict[str, Any], Arrays]:
    """Description and arrays of a saved model.

    Raises
    ------
    InputError
        If there is no model, it is damaged, or it is another regressor's or another version's.
    """
    description = read_description(folder, name, version)
    try:
        return description, load_file(folder / ARRAYS)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no trained model: {ARRAYS} is missing.") from None
    except SafetensorError as error:
        raise damaged(folder, error) from None
