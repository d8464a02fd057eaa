"""What the regressors share that train a network: where they compute, the training itself, its progress and their file.

A subclass says which network it trains, on what, and how predictions come from it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.runs.fit_progress import require_folder
from sharvin.samples import Dataset, Prediction, Samples
from torch import Tensor, nn

from sharvin_models.training.configs import TrainingOptions
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.training_loop import device_of, threads, train

O = TypeVar("O", bound=TrainingOptions)  # noqa: E741
Network = TypeVar("Network", bound=nn.Module)
Inputs = TypeVar("Inputs")


@dataclass(frozen=True, eq=False)
class LearningProblem(Generic[Network, Inputs]):
    """What a fit trains, and on what.

    Parameters
    ----------
    network : torch.nn.Module
        Initialised, where it is to compute.
    predict : callable
        See :func:`~sharvin_models.training.training_loop.train`.
    targets : float64[n_samples]
        Standardised.
    unit : float
        That of the standardised targets.
    validation : Inputs
        The validation set in the form that predictions are made from.
    """

    network: Network
    predict: Callable[[NDArray[np.int64]], Tensor]
    targets: NDArray[np.float64]
    unit: float
    validation: Inputs


class TrainedRegressor(SavedRegressor[O], Generic[O, Network, Inputs]):
    """A network with one number as output.

    Parameters
    ----------
    options : TrainingOptions

    Raises
    ------
    InputError
        If `device` is ``cuda`` or `precision` is ``mixed`` and there is no GPU.
    """

    def __init__(self, options: O) -> None:
        super().__init__(options)
        self._device = device_of(options, self.name)
        self._network: Network | None = None
        self._folder: Path | None = None

    @abstractmethod
    def _problem(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> LearningProblem[Network, Inputs]:
        """Check both sets, take scales from the training set and draw the weights."""

    @abstractmethod
    def _inputs(self, network: Network, samples: Samples) -> Inputs:
        """The samples, checked to be like the training's, in the form that predictions are made from."""

    @abstractmethod
    def _predict(self, network: Network, inputs: Inputs) -> NDArray[np.float64]:
        """Predictions in the unit of the targets, float64[n]."""

    @abstractmethod
    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        """What the file holds besides options and weights."""

    @abstractmethod
    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> Network:
        """Take over what :meth:`_scales` gave, and build a network with undefined weights; leave its arrays only."""

    def keep_progress(self, folder: Path) -> None:
        """Leave checkpoints and metrics of fits in this folder; see :class:`sharvin.protocols.ResumableRegressor`.

        Raises
        ------
        InputError
            If there is no such folder.
        """
        self._folder = require_folder(folder)

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; equal data and an equal state of `rng` give an equal model, bit for bit, on one kind of machine.

        Parameters
        ----------
        data, validation : Dataset
            The validation set chooses the epoch that is kept.
        rng : numpy.random.Generator
            Draws the initial weights, the order of the samples, and what else the training leaves to chance.

        Returns
        -------
        dict
            ``train_mae`` (during the epoch) and ``validation_mae`` (after it) in the unit of the targets, one value per epoch.

        Raises
        ------
        InputError
            If a set is empty, a target or sample is not finite or of no use to the network, or the two sets do not fit together.
        ItemError
            If the network takes structures, and one of them is broken: positions are not finite or two atoms overlap.
        RunError
            If training diverges.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        before = vars(self).copy()
        try:
            return self._fit(data, validation, rng)
        except BaseException:
            vars(self).update(before)  # a failed fit leaves the model of the one before, scales and elements included
            raise

    def _fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        problem = self._problem(data, validation, rng)
        network, unit = problem.network, problem.unit

        def validation_error() -> float:
            with torch.no_grad():
                return mean_absolute_error(self._predict(network, problem.validation), validation.targets)

        with threads(self.options.threads):
            train_error, curve = train(
                network,
                problem.predict,
                problem.targets,
                validation_error,
                self.options,
                rng,
                unit=unit,
                folder=self._folder,
                validation_targets=validation.targets,
            )
        self._network = network.eval()
        return {"train_mae": [error * unit for error in train_error], "validation_mae": curve}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if samples are not finite, or differ from the training's in kind, size or elements.
        ItemError
            If the network takes structures, and one of them is broken: positions are not finite or two atoms overlap.
        """
        network = self._require_learnt(self._network)
        with threads(self.options.threads), torch.no_grad():
            return Prediction(self._predict(network, self._inputs(network, samples)))

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        if self._network is None:
            return None
        description, arrays = self._scales()
        weights = {name: value.cpu().numpy() for name, value in self._network.state_dict().items()}
        return description, {**arrays, **weights}

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        network = self._rebuilt(description, arrays)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self._network = network.to(self._device).eval()
