"""Regressor ``tight_binding``: the learnt Hamiltonian of :mod:`sharvin_models.tight_binding_network`, straight from structures.

It predicts conductances in G0 and nothing else. Wires of the training and validation structures are made once and kept, about
0.7 kB an atom of the device; predictions pass one structure at a time, so that they do not depend on the others, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.samples import Dataset, Samples
from torch import Tensor

from sharvin_models.configs import TightBindingOptions
from sharvin_models.inputs import require_frame_datasets, require_frames
from sharvin_models.saved_model import Arrays
from sharvin_models.standardisation import TargetScale
from sharvin_models.tight_binding_network import TightBindingNetwork
from sharvin_models.trained_regressor import LearningProblem, TrainedRegressor
from sharvin_models.wire_contacts import Wire, WireBuilder


class TightBinding(TrainedRegressor[TightBindingOptions, TightBindingNetwork, list[Wire]]):
    """One orbital an atom, on-site energies and hoppings learnt, conductance by Green functions; kind ``graph``.

    Structures that are not wires between two crystalline electrodes of one element, and elements that the training had not, are
    refused, see :class:`~sharvin_models.wire_contacts.WireBuilder`.

    Parameters
    ----------
    options : TightBindingOptions
    """

    name = "tight_binding"

    def __init__(self, options: TightBindingOptions) -> None:
        super().__init__(options)
        self._elements: tuple[int, ...] = ()

    def _problem(
        self, data: Dataset, validation: Dataset, rng: np.random.Generator
    ) -> LearningProblem[TightBindingNetwork, list[Wire]]:
        frames, validation_frames = require_frame_datasets(data, validation, self.name)
        negative = np.flatnonzero(data.targets < 0.0)
        if len(negative):
            raise InputError(
                f"{self.name} learns conductances, and the target of structure {negative[0]} is {data.targets[negative[0]]:g}; "
                "choose another regressor for this quantity."
            )
        self._elements = tuple(sorted({int(z) for frame in frames for z in np.unique(frame.numbers)}))
        wires, validation_wires = self._wires(frames), self._wires(validation_frames)
        targets = TargetScale.standard(data.targets)
        edges, centres = (sum(counts) for counts in zip(*((w.graph.n_edges, w.graph.n_centres) for w in wires), strict=True))
        network = TightBindingNetwork(len(self._elements), max(edges / centres, 1.0), self.options)
        network.initialise(rng)
        network.to(self._device)
        mean, spread = targets.target_mean, targets.target_spread

        def predict(batch: NDArray[np.int64]) -> Tensor:
            return (network([wires[int(index)] for index in batch]) - mean) / spread  # type: ignore[no-any-return]

        return LearningProblem(network, predict, targets.standardised(data.targets), spread, validation_wires)

    def _inputs(self, network: TightBindingNetwork, samples: Samples) -> list[Wire]:
        return self._wires(require_frames(samples, self.name))

    def _predict(self, network: TightBindingNetwork, inputs: list[Wire]) -> NDArray[np.float64]:
        return np.array([float(network([wire])) for wire in inputs], dtype=np.float64)

    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        return {"elements": [chemical_symbols[z] for z in self._elements]}, {}

    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> TightBindingNetwork:
        self._elements = tuple(chemical_symbols.index(symbol) for symbol in description["elements"])
        return TightBindingNetwork(len(self._elements), 1.0, self.options)

    def _wires(self, frames: Frames) -> list[Wire]:
        build = WireBuilder(self.name, self.options.decay, self.options.cutoff, self._elements)
        return [build(frame, index) for index, frame in enumerate(frames)]
