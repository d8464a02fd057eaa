"""Regressor ``equivariant``: the network of :mod:`sharvin_models.equivariant_network` on graphs of the structures themselves.

Graphs of the training and validation structures are made once and kept, 0.3 kB a centre; radial functions and spherical harmonics
are made for every batch. Predictions pass one structure at a time, so that they do not depend on the others, bit for bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.samples import Dataset, Prediction, Samples
from torch import Tensor

from sharvin_models.checkpoint import require_folder
from sharvin_models.configs import EquivariantOptions
from sharvin_models.equivariant_network import EquivariantNetwork
from sharvin_models.inputs import require_frame_datasets, require_frames
from sharvin_models.neighbour_graph import Graph, GraphBatch, GraphBuilder, batched
from sharvin_models.saved_model import load_model, save_model
from sharvin_models.training import MACHINE, device_of, threads, train

NAME = "equivariant"
VERSION = 1


class Equivariant:
    """E(3)-equivariant message passing between atoms, pooling over atoms, dense head; kind ``graph``.

    Parameters
    ----------
    options : EquivariantOptions

    Raises
    ------
    InputError
        If `device` is ``cuda`` or `precision` is ``mixed`` and there is no GPU.
    """

    def __init__(self, options: EquivariantOptions) -> None:
        self.options = options
        self._device = device_of(options, NAME)
        self._network: EquivariantNetwork | None = None
        self._elements: tuple[int, ...] = ()
        self._target_mean, self._target_spread = 0.0, 1.0
        self._folder: Path | None = None

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
            Draws the initial weights and the order of the structures.

        Returns
        -------
        dict
            ``train_mae`` (during the epoch) and ``validation_mae`` (after it) in the unit of the targets, one value an epoch.

        Raises
        ------
        InputError
            If a set is empty, a target is not finite, or a structure makes no graph, see
            :class:`~sharvin_models.neighbour_graph.GraphBuilder`.
        ItemError
            If positions are not finite or two atoms overlap.
        RunError
            If training diverges.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        frames, validation_frames = require_frame_datasets(data, validation, NAME)
        self._elements = tuple(sorted({int(z) for frame in frames for z in np.unique(frame.numbers)}))
        graphs, validation_graphs = self._graphs(frames), self._graphs(validation_frames)
        self._target_mean = float(data.targets.mean())
        self._target_spread = float(data.targets.std()) or 1.0
        edges, centres = (sum(counts) for counts in zip(*((graph.n_edges, graph.n_centres) for graph in graphs), strict=True))
        network = EquivariantNetwork(len(self._elements), max(edges / centres, 1.0), self.options)
        network.initialise(rng)
        network.to(self._device)
        scaled = (data.targets - self._target_mean) / self._target_spread

        def predict(batch: NDArray[np.int64]) -> Tensor:
            chosen = self._batched([graphs[int(index)] for index in batch])
            return network(chosen.jittered(self.options.jitter_A, self.options.cutoff, rng))  # type: ignore[no-any-return]

        def validation_error() -> float:
            return float(np.abs(self._predict(network, validation_graphs) - validation.targets).mean())

        with threads(self.options.threads):
            train_error, curve = train(
                network,
                predict,
                scaled,
                validation_error,
                self.options,
                rng,
                unit=self._target_spread,
                folder=self._folder,
                validation_targets=validation.targets,
            )
        self._network = network.eval()
        return {"train_mae": [error * self._target_spread for error in train_error], "validation_mae": curve}

    def predict(self, samples: Samples) -> Prediction:
        """Predictions in the order of the samples, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if a structure has no atoms, or an element that the training had not.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        if self._network is None:
            raise InputError(f"{NAME}: there is no model yet; fit or load one before predicting.")
        frames = require_frames(samples, NAME)
        with threads(self.options.threads):
            return Prediction(self._predict(self._network, self._graphs(frames)))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into an existing folder.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._network is None:
            raise InputError(f"{NAME}: there is no model yet; fit one before saving.")
        description = {
            "options": self.options.model_dump(mode="json"),
            "elements": [chemical_symbols[z] for z in self._elements],
            "target_mean": self._target_mean,
            "target_spread": self._target_spread,
        }
        save_model(folder, NAME, VERSION, description, {k: v.cpu().numpy() for k, v in self._network.state_dict().items()})

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included, except `threads` and `device`, which are this machine's.

        Raises
        ------
        InputError
            If the folder holds no equivariant model of this version.
        """
        description, arrays = load_model(folder, NAME, VERSION)
        here = self.options.model_dump(include=MACHINE)
        self.options = EquivariantOptions.model_validate({**description["options"], **here})
        self._elements = tuple(chemical_symbols.index(symbol) for symbol in description["elements"])
        network = EquivariantNetwork(len(self._elements), 1.0, self.options)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        self._network = network.to(self._device).eval()
        self._target_mean, self._target_spread = description["target_mean"], description["target_spread"]

    def _graphs(self, frames: Frames) -> list[Graph]:
        build = GraphBuilder(NAME, self.options.cutoff, self.options.centres, self._elements)
        return [build(frame, index) for index, frame in enumerate(frames)]

    def _batched(self, graphs: list[Graph]) -> GraphBatch:
        return batched(graphs, self.options.cutoff, self._device)

    @torch.no_grad()
    def _predict(self, network: EquivariantNetwork, graphs: list[Graph]) -> NDArray[np.float64]:
        scaled = [float(network(self._batched([graph]))) for graph in graphs]
        return self._target_mean + self._target_spread * np.array(scaled, dtype=np.float64)
