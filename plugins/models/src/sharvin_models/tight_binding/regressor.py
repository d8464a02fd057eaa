"""Regressor ``tight_binding``: the learnt Hamiltonian of :mod:`sharvin_models.tight_binding.network`, straight from structures.

It belongs to the regressors and not to the transport solvers, because its parameters are trained on conductances and it states no
Hamiltonian that another solver could use. What is the physics of leads, such as surface Green functions, comes from the core.

It predicts conductances in G0 and nothing else. Wires of the training and validation structures are made once and kept: 0.3 kB an
atom of the device, and 16 k² bytes for each contact of k atoms. A structure with n atoms between the electrodes' principal layers
takes 100 n² bytes while it is computed. Predictions pass one structure at a time and do not depend on the others, bit for bit.
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

from sharvin_models.tight_binding.configs import TightBindingOptions
from sharvin_models.tight_binding.network import TightBindingNetwork
from sharvin_models.tight_binding.wire_contacts import Bonds, Wire, WireBuilder
from sharvin_models.training.inputs import require_frame_datasets, require_frames
from sharvin_models.training.saved_model import Arrays
from sharvin_models.training.standardisation import TargetScale
from sharvin_models.training.trained_regressor import LearningProblem, TrainedRegressor

ROUNDING_G0 = 1e-6
"""Below zero, what may be a solver's rounding."""


class TightBinding(TrainedRegressor[TightBindingOptions, TightBindingNetwork, list[Wire]]):
    """One orbital per atom, on-site energies and hoppings learnt, conductance by Green functions; kind ``graph``.

    Structures that are not wires between two crystalline electrodes of one element, and elements that the training had not, are
    refused, see :class:`~sharvin_models.tight_binding.wire_contacts.WireBuilder`.

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
        lowest = min(data.targets.min(), validation.targets.min())
        if lowest < -ROUNDING_G0:
            raise InputError(f"{self.name} learns conductances, and a target is {lowest:g}; choose another regressor for this.")
        elements = tuple(sorted({int(z) for frame in frames for z in np.unique(frame.numbers)}))
        wires, validation_wires = self._wires(frames, elements), self._wires(validation_frames, elements)
        self._elements = elements
        targets = TargetScale.standard(data.targets)
        edges, centres = (sum(counts) for counts in zip(*((w.graph.n_edges, w.graph.n_centres) for w in wires), strict=True))
        network = TightBindingNetwork(len(elements), max(edges / centres, 1.0), self.options)
        network.initialise(rng)
        network.to(self._device)
        mean, spread = targets.target_mean, targets.target_spread

        def predict(batch: NDArray[np.int64]) -> Tensor:
            return (network([wires[int(index)] for index in batch]) - mean) / spread  # type: ignore[no-any-return]

        return LearningProblem(network, predict, targets.standardised(data.targets), spread, validation_wires)

    def _inputs(self, network: TightBindingNetwork, samples: Samples) -> list[Wire]:
        return self._wires(require_frames(samples, self.name), self._elements)

    def _predict(self, network: TightBindingNetwork, inputs: list[Wire]) -> NDArray[np.float64]:
        return np.array([float(network([wire])) for wire in inputs], dtype=np.float64)

    def _scales(self) -> tuple[dict[str, Any], Arrays]:
        return {"elements": [chemical_symbols[z] for z in self._elements]}, {}

    def _rebuilt(self, description: dict[str, Any], arrays: Arrays) -> TightBindingNetwork:
        self._elements = tuple(chemical_symbols.index(symbol) for symbol in description["elements"])
        return TightBindingNetwork(len(self._elements), 1.0, self.options)

    def _wires(self, frames: Frames, elements: tuple[int, ...]) -> list[Wire]:
        bonds = Bonds(self.options.decay, self.options.reach)
        build = WireBuilder(self.name, bonds, self.options.cutoff_A, elements)
        return [build(frame, index) for index, frame in enumerate(frames)]
