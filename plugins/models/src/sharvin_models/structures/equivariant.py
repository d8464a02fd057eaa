"""Regressor ``equivariant``: the network of :mod:`~sharvin_models.structures.equivariant_network` on graphs of structures.

Graphs of the training and validation structures are made once and kept, 0.3 kB a centre; radial functions and spherical harmonics
are made for every batch. Predictions pass one structure at a time, so that they do not depend on the others, bit for bit.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.frames import Frames
from sharvin.samples import Dataset, Samples
from torch import Tensor

from sharvin_models.structures.configs import EquivariantOptions
from sharvin_models.structures.equivariant_network import EquivariantNetwork
from sharvin_models.structures.neighbour_graph import Graph, GraphBatch, GraphBuilder, batched
from sharvin_models.training.inputs import require_frame_datasets, require_frames
from sharvin_models.training.saved_model import Arrays
from sharvin_models.training.standardisation import TargetScale
from sharvin_models.training.trained_regressor import LearningProblem, TrainedRegressor


class Equivariant(TrainedRegressor[EquivariantOptions, EquivariantNetwork, list[Graph]]):
    """E(3)-equivariant message passing between atoms, pooling over atoms, dense head; kind ``graph``.

    Structures of elements that the training had not, without atoms, or of which no graph can be made are refused, see
    :class:`~sharvin_models.structures.neighbour_graph.GraphBuilder`.

    Parameters
    ----------
    options : EquivariantOptions
    """

    name = "equivariant"

    def __init__(self, options: EquivariantOptions) -> None:
        super().__init__(options)
        self._elements: tuple[int, ...] = ()
        self._targets = TargetScale()

    def _problem(
        self, data: Dataset, validation: Dataset, rng: np.random.Generator
    ) -> LearningProblem[EquivariantNetwork, list[Graph]]:
        frames, validation_frames = require_frame_datasets(data, validation, self.name)
        elements = tuple(sorted({int(z) for frame in frames for z in np.unique(frame.numbers)}))
        graphs, validation_graphs = self._graphs(frames, elements), self._graphs(validation_frames, elements)
        self._elements = elements
        self._targets = TargetScale.standard(data.targets)
        edges, centres = (sum(counts) for counts in zip(*((graph.n_edges, graph.n_centres) for graph in graphs), strict=True))
        network = EquivariantNetwork(len(elements), max(edges / centres, 1.0), self.options)
        network.initialise(rng)
        network.to(self._device)

        def predict(batch: NDArray[np.int64]) -> Tensor:
            chosen = self._batched([graphs[int(index)] for index in batch])
            return network(chosen.jittered(self.options.jitter_A, self.options.cutoff_A, rng))  # type: ignore[no-any-return]

        targets = self._targets.standardised(data.targets)
        return LearningProblem(network, predict, targets, self._targets.target_spread, validation_graphs)

    def _inputs(self, network: EquivariantNetwork, samples: Samples) -> list[Graph]:
        return self._graphs(require_frames(samples, self.name), self._elements)

    def _predict(self, network: EquivariantNetwork, inputs: list[Graph]) -> NDArray[np.float64]:
        outputs = [float(network(self._batched([graph]))) for graph in inputs]
        return self._targets.restored(np.array(outputs, dtype=np.float64))

    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        return {"elements": [chemical_symbols[z] for z in self._elements], **asdict(self._targets)}, {}

    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> EquivariantNetwork:
        self._elements = tuple(chemical_symbols.index(symbol) for symbol in description["elements"])
        self._targets = TargetScale(description["target_mean"], description["target_spread"])
        return EquivariantNetwork(len(self._elements), 1.0, self.options)

    def _graphs(self, frames: Frames, elements: tuple[int, ...]) -> list[Graph]:
        build = GraphBuilder(self.name, self.options.cutoff_A, self.options.centres, elements)
        return [build(frame, index) for index, frame in enumerate(frames)]

    def _batched(self, graphs: list[Graph]) -> GraphBatch:
        return batched(graphs, self.options.cutoff_A, self._device)
