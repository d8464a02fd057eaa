"""Potential ``equivariant_potential``, and what potentials that are message-passing networks share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols
from sharvin.errors import InputError
from sharvin.protocols import EnergyForcesVirial, NeighbourList
from sharvin.reference_data import ReferenceData
from sharvin.runs.fit_progress import require_folder

from sharvin_models.message_passing.configs import LOCAL, EquivariantPotentialOptions, MessagePassingOptions
from sharvin_models.message_passing.force_calculator import EquivariantCalculator
from sharvin_models.message_passing.force_training import ForceTraining
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.pair_baseline import PairBaseline
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import SurroundingsBuilder
from sharvin_models.message_passing.trained_network import TrainedNetwork
from sharvin_models.message_passing.triplet_terms import TripletTerms
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.training_loop import threads

M = TypeVar("M", bound=MessagePassingOptions)
PAIRS = "pair_weights_"
"""Names of the arrays of a saved model that are no weights of the network begin so."""


class MessagePassingPotential(SavedRegressor[M]):
    """Many-body message passing between atoms; see :mod:`~sharvin_models.message_passing.network`.

    Parameters
    ----------
    options : MessagePassingOptions

    Raises
    ------
    InputError
        If `model` is given and holds no model, another one's, or a damaged one.
    """

    local: ClassVar[frozenset[str]] = frozenset(LOCAL)
    checks_labels: ClassVar[bool] = False
    """Whether structures are refused whose labels put atoms closer together than training pairs of that relation were."""

    def __init__(self, options: M) -> None:
        super().__init__(options)
        self._trained: TrainedNetwork | None = None
        self._folder: Path | None = None
        if options.model is not None:
            self.load(Path(options.model).expanduser())

    @property
    def cutoff_A(self) -> float:
        """Distance beyond which atoms do not hear of each other directly; before a fit or a load, the one of most relations."""
        return self.options.cutoff_A if self._trained is None else self._trained.relations.longest_A

    def calculator(self) -> Calculator:
        """ASE calculator with energy, forces and stress.

        Raises
        ------
        InputError
            Before a fit or a load.
        """
        found = self._ready()
        return EquivariantCalculator(
            TrainedNetwork(found.network, found.scales, found.relations, found.options, self.name, found.pairs).of_atoms
        )

    def evaluate(self, neighbours: NeighbourList) -> EnergyForcesVirial:
        """Energy, forces and virial of atoms whose neighbours another program found; pairs beyond the cutoff may be listed.

        Raises
        ------
        InputError
            Before a fit or a load, for an element that the training had not, or if the array that tells relations is missing.
        """
        return self._ready().of_neighbours(neighbours)

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit leaves ``checkpoint.safetensors`` and ``metrics.jsonl`` in this folder, and goes on from there.

        Raises
        ------
        InputError
            If there is no such folder.
        """
        self._folder = require_folder(folder)

    def fit(self, data: ReferenceData, validation: ReferenceData, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn; equal data and an equal state of `rng` give an equal potential, bit for bit, on one kind of machine.

        Parameters
        ----------
        data, validation : ReferenceData
            The validation set chooses the epoch that is kept.
        rng : numpy.random.Generator
            Draws the initial weights and the order of the structures.

        Returns
        -------
        dict
            ``train_energy_rmse_eV_per_atom``, ``train_force_rmse_eV_per_A`` (during the epoch, before each step), and the same
            with ``validation_`` (after it, of the averaged weights), one value per epoch.

        Raises
        ------
        InputError
            If a set is empty, or the validation set has elements that the training set has not.
        RunError
            If training diverges.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        if not len(data) or not len(validation):
            raise InputError(f"{self.name}: there is nothing to {'learn from' if not len(data) else 'validate with'}.")
        relations = PairRelations.of(self.options, data.numbers, self._labels(data))
        build = SurroundingsBuilder(self.name, relations, data.numbers)
        pairs, options = None, self.options
        if options.baseline == "pairs":
            pairs = PairBaseline.fitted(data, build, options.splines_per_A, options.triplet_cutoff_A)
            data, validation = (pairs.rest(items, build) for items in (data, validation))
        scales = EnergyScales.of(data, self.options.atom_energies, self.name)
        training = ForceTraining(data, validation, scales, relations, self.options, self.name)
        network = AtomEnergyNetwork(len(scales.elements), training.mean_neighbours, relations.cutoffs_A, self.options)
        network.initialise(rng)
        network.to(getattr(torch, self.options.dtype))
        with threads(self.options.threads):
            curves = training.train(network, rng, self._folder)
        relations = replace(relations, closest_A=training.closest_A) if self.checks_labels else relations
        self._trained = TrainedNetwork(network.requires_grad_(False), scales, relations, self.options, self.name, pairs)
        return curves

    def _labels(self, data: ReferenceData) -> tuple[int, ...]:
        """Labels that occur, where relations are told by them."""
        if self.options.relation_kind != "by_labels":
            return ()
        any_label = PairRelations("by_array", self.options.relation_array, (), ())
        found = [
            any_label.labels(item.atoms.numbers, item.atoms.arrays, f"{self.name}: training structure {number}")
            for number, item in enumerate(data)
        ]
        return tuple(np.unique(np.concatenate(found)).tolist())

    def _ready(self) -> TrainedNetwork:
        if self._trained is None:
            raise InputError(f"{self.name}: there is no model yet; give its folder as model, or fit one.")
        return self._trained

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        if self._trained is None:
            return None
        scales, relations = self._trained.scales, self._trained.relations
        description = {
            "elements": [chemical_symbols[z] for z in scales.elements],
            "atom_energies_eV": scales.atom_energies_eV.tolist(),
            "shift_eV": scales.shift_eV,
            "scale_eV": scales.scale_eV,
            "labels": list(relations.values) if relations.kind == "by_labels" else [],
            "closest_A": list(relations.closest_A),
        }
        arrays = {name: value.numpy() for name, value in self._trained.network.state_dict().items()}
        pairs = self._trained.pairs
        if pairs is not None:
            description["pairs"] = {"starts_A": list(pairs.starts_A), "ends_A": list(pairs.ends_A)}
            arrays |= {f"{PAIRS}{number}": weights for number, weights in enumerate(pairs.weights)}
            if pairs.triplets is not None and pairs.triplet_weights is not None:
                description["pairs"] |= {"triplets": {"cutoff_A": pairs.triplets.cutoff_A, "middle_A": pairs.triplets.middle_A}}
                arrays[f"{PAIRS}triplets"] = pairs.triplet_weights
        return description, arrays

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        scales = EnergyScales(
            tuple(chemical_symbols.index(symbol) for symbol in description["elements"]),
            np.array(description["atom_energies_eV"], dtype=np.float64),
            float(description["shift_eV"]),
            float(description["scale_eV"]),
        )
        labels, closest = description.get("labels", []), description.get("closest_A", [])
        relations = PairRelations.of(self.options, scales.elements, labels, closest)
        mean_neighbours = np.ones(arrays["mean_neighbours"].shape)
        network = AtomEnergyNetwork(len(scales.elements), mean_neighbours, relations.cutoffs_A, self.options)
        pairs, told = None, description.get("pairs")
        if told is not None:
            weights = tuple(np.asarray(arrays[f"{PAIRS}{n}"], dtype=np.float64) for n in range(len(told["starts_A"])))
            pairs = PairBaseline(tuple(told["starts_A"]), tuple(told["ends_A"]), weights)
            if "triplets" in told:
                terms = TripletTerms(told["triplets"]["cutoff_A"], told["triplets"]["middle_A"], len(scales.elements))
                pairs = replace(pairs, triplets=terms, triplet_weights=np.asarray(arrays[f"{PAIRS}triplets"], dtype=np.float64))
        arrays = {name: array for name, array in arrays.items() if not name.startswith(PAIRS)}
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        network.to(getattr(torch, self.options.dtype)).requires_grad_(False)
        self._trained = TrainedNetwork(network, scales, relations, self.options, self.name, pairs)


class EquivariantPotential(MessagePassingPotential[EquivariantPotentialOptions]):
    """Many-body message passing between atoms."""

    name = "equivariant_potential"
