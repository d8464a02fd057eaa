"""A trained network with its scales: what evaluates structures."""

from __future__ import annotations

import numpy as np
import torch
from ase import Atoms
from sharvin.errors import ItemError
from sharvin.protocols import EnergyForcesVirial, NeighbourList

from sharvin_models.message_passing.configs import MessagePassingOptions
from sharvin_models.message_passing.energy_and_forces import Evaluator, NetworkFunction
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.pair_baseline import PairBaseline
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import AtomSurroundings, SurroundingsBuilder, batched
from sharvin_models.training.training_loop import threads

PATIENCE = 1000
"""Evaluations of a calculator that are not worth compiling for."""


class TrainedNetwork:
    """Energy, forces and virial of structures; it can be copied and pickled.

    Parameters
    ----------
    network : AtomEnergyNetwork
    scales : EnergyScales
    relations : PairRelations
    options : MessagePassingOptions
    name : str
        Of the potential, for messages.
    pairs : PairBaseline or None
        What the network's energies are added to.
    """

    def __init__(
        self,
        network: AtomEnergyNetwork,
        scales: EnergyScales,
        relations: PairRelations,
        options: MessagePassingOptions,
        name: str,
        pairs: PairBaseline | None = None,
    ) -> None:
        self.network, self.scales, self.relations, self.options, self.name = network, scales, relations, options, name
        self.pairs = pairs
        self._build = SurroundingsBuilder(name, relations, scales.elements)
        self._evaluator = Evaluator(NetworkFunction(network, scales.scale_eV, capacity=1), options.compile, PATIENCE)

    def of_atoms(self, atoms: Atoms) -> EnergyForcesVirial:
        """Of a structure; errors are those of :meth:`SurroundingsBuilder.of_atoms`."""
        return self._of(self._build.of_atoms(atoms))

    def of_neighbours(self, neighbours: NeighbourList) -> EnergyForcesVirial:
        """Of atoms whose neighbours are known; errors are those of :meth:`SurroundingsBuilder.of_neighbours`."""
        return self._of(self._build.of_neighbours(neighbours))

    def _of(self, structure: AtomSurroundings) -> EnergyForcesVirial:
        if not len(structure):
            return EnergyForcesVirial(0.0, np.zeros((0, 3)), np.zeros((3, 3)))
        options = self.options
        batch = batched([structure], len(self.scales.elements), self.relations.cutoffs_A, getattr(torch, options.dtype))
        with threads(options.threads):
            found = self._evaluator(batch)
        energy = float(found.energies[0]) + self.scales.offset_eV(structure.species)
        forces, virial = (values.double().numpy() for values in (found.forces, found.virial))
        if self.pairs is not None:
            known = self.pairs.of(structure)
            energy, forces, virial = energy + known.energy_eV, forces + known.forces_eV_per_A, virial + known.virial_eV
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise ItemError(f"{self.name} gives energies or forces that are not finite for this structure.")
        return EnergyForcesVirial(energy, forces, virial)
