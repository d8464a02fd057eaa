"""The Hamiltonian `hedge_electron`: blocks between atoms from an E(3)-equivariant network with relations of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from sharvin.crystals.block_devices import DeviceOfBlocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.gates import check_blocks, spectrum_bounds
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.protocols import BlockHamiltonian
from sharvin.registry import create
from sharvin.runs.fit_progress import require_folder
from sharvin.two_terminal import BlochHamiltonian, TwoTerminal

from sharvin_models.hamiltonian_network.block_channels import BlockChannels
from sharvin_models.hamiltonian_network.block_training import BlockTraining, blocks_of
from sharvin_models.hamiltonian_network.configs import LOCAL, HedgeElectronOptions
from sharvin_models.hamiltonian_network.fits import HoppingFit, OnsiteFit
from sharvin_models.hamiltonian_network.model import BlockModel
from sharvin_models.hamiltonian_network.network import BlockNetwork
from sharvin_models.hamiltonian_network.pair_groups import GroupKey, PairGroup
from sharvin_models.hamiltonian_network.structure_inputs import StructureInput, StructureReader, axes_follow_layers
from sharvin_models.hamiltonian_network.two_centre_part import PairFit
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.training.saved_model import Arrays, SavedRegressor
from sharvin_models.training.training_loop import threads

Given = list[tuple[StructureInput, HamiltonianBlocks]]


class HedgeElectron(SavedRegressor[HedgeElectronOptions]):
    """H of any s, p and d orbitals, learnt from the blocks of another Hamiltonian.

    See :mod:`~sharvin_models.hamiltonian_network.network` and :mod:`~sharvin_models.hamiltonian_network.heads`.

    Parameters
    ----------
    options : HedgeElectronOptions

    Raises
    ------
    InputError
        If `model` is given and holds no model, another one's, or a damaged one;
        or if `overlap` names no Hamiltonian that gives blocks.
    """

    name = "hedge_electron"
    local: ClassVar[frozenset[str]] = frozenset(LOCAL)

    def __init__(self, options: HedgeElectronOptions) -> None:
        super().__init__(options)
        self._model: BlockModel | None = None
        self._overlap: BlockHamiltonian | None = None
        self._devices: DeviceOfBlocks | None = None
        self._folder: Path | None = None
        if options.model is not None:
            self.load(Path(options.model).expanduser())
        self._overlap_hamiltonian()

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals couple; `reach_A`, where it is given, also before there is a model.

        Raises
        ------
        InputError
            Before a fit or a load without `reach_A`, or for an element that the training had not.
        """
        reach = self.options.reach_A
        if self._model is not None or reach is None:
            model = self._ready()
            model.basis.require(np.asarray(numbers))
            reach = model.reach_A
        overlap = self._overlap_hamiltonian()
        return reach if overlap is None else max(reach, overlap.range_A(numbers))

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """Predicted blocks, with S where the training set or `overlap` has it.

        Raises
        ------
        InputError
            Before a fit or a load; elements, relations or axes of orbitals that are not known.
        ItemError
            If atoms are at one place, or the blocks do not pass a gate.
        """
        model = self._ready()
        model.basis.require(atoms.numbers)
        pairs = model.pairs(atoms)
        overlap = self._overlap_hamiltonian()
        reference = None if overlap is None else overlap.blocks(atoms)
        found = model.blocks(atoms, pairs, None if reference is None else reference.axes)
        if self.options.gates and reference is not None:
            check_blocks(found, pairs, what=f"the H of {self.name}")
        if reference is not None:
            found = found.with_overlap_of(reference)
        if self.options.gates:
            check_blocks(found, pairs if reference is None else None, model.spectrum_eV, f"the H of {self.name}")
        return found

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) of a periodic structure with dense matrices; of large ones ``blocks(atoms).sparse_bloch()`` is H(k).

        Raises
        ------
        InputError, ItemError
            As :meth:`blocks`, and InputError for structures so large that dense matrices would take more than 2 GB.
        """
        return self.blocks(atoms).bloch()

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device and leads of a junction along z, at transverse Γ.

        Raises
        ------
        InputError, ItemError
            As :meth:`blocks`, and InputError for principal layers thinner than the range or leads with different Fermi energies.
        """
        model = self._ready()
        model.basis.require(junction.atoms.numbers)
        if self._devices is None:
            sees = self.options.layers * model.relations.longest_A
            self._devices = DeviceOfBlocks(self.blocks, self.range_A(junction.atoms.numbers), sees)
        return self._devices.two_terminal(junction)

    def keep_progress(self, folder: Path) -> None:
        """From now on a fit leaves ``checkpoint.safetensors`` and ``metrics.jsonl`` in this folder, and goes on from there.

        Raises
        ------
        InputError
            If there is no such folder.
        """
        self._folder = require_folder(folder)

    def fit(
        self, data: Sequence[HamiltonianBlocks], validation: Sequence[HamiltonianBlocks], rng: np.random.Generator
    ) -> dict[str, list[float]]:
        """Learn; equal data and an equal state of `rng` give an equal Hamiltonian, bit for bit, on one kind of machine.

        Parameters
        ----------
        data, validation : sequence of HamiltonianBlocks
            The validation set chooses the epoch that is kept.
        rng : numpy.random.Generator
            Draws the initial weights and the order of the structures.

        Returns
        -------
        dict
            ``train_H_mae_eV`` (during the epoch, before each step) and ``validation_H_mae_eV`` (after it, of the averaged
            weights), one value per epoch: means of the absolute errors of on-site elements and of the elements of one direction
            of every pair.

        Raises
        ------
        InputError
            If a set is empty, bases differ, `reach_A` is shorter than pairs of the sets, or the validation set has elements or
            relations that the training set has not.
        RunError
            If training diverges.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        if not len(data) or not len(validation):
            raise InputError(f"{self.name}: there is nothing to {'learn from' if not len(data) else 'validate with'}.")
        with threads(self.options.threads):
            model, given, checked = self._prepared(data, validation, rng)
            curves = BlockTraining(model, given, checked).train(rng, self._folder)
        model.network.requires_grad_(False)
        self._model, self._devices = model, None
        return curves

    def _prepared(
        self, data: Sequence[HamiltonianBlocks], validation: Sequence[HamiltonianBlocks], rng: np.random.Generator
    ) -> tuple[BlockModel, Given, Given]:
        """The model before its network is trained, and both sets as it takes them."""
        options = self.options
        basis, reach = self._common_basis([*data, *validation]), self._reach_A([*data, *validation])
        relations = PairRelations.of(options.messages(), basis.elements, self._labels(data))
        reader = StructureReader(self.name, options, relations, basis.elements)
        given, checked = (
            [(reader.of_blocks(blocks, f"{what} structure {number}"), blocks) for number, blocks in enumerate(items)]
            for what, items in (("training", data), ("validation", validation))
        )
        closest = np.min([item.closest_A for item, _ in given], axis=0)
        closest = np.where(np.isfinite(closest), closest, 0.0)
        relations = replace(relations, closest_A=tuple(map(float, closest)))
        atoms = sum(len(blocks.atoms) for blocks in data)
        neighbours = np.maximum(np.sum([item.n_neighbours for item, _ in given], axis=0) / atoms, 1.0)
        onsite, hopping = self._onsite(basis, given), self._hopping(basis, given, reach)
        self._require_groups(hopping, relations, basis, checked)
        shells = [basis.shells[z] for z in basis.elements]
        network = BlockNetwork(shells, list(hopping), neighbours, relations.cutoffs_A, options)
        network.initialise(rng)
        network.to(getattr(torch, options.dtype))
        across = basis.along_axes and axes_follow_layers(data, options.cutoff_A)
        bounds = spectrum_bounds(data)
        model = BlockModel(self.name, options, basis, relations, reach, across, onsite, hopping, network, bounds)
        return model, given, checked

    def _common_basis(self, items: Sequence[HamiltonianBlocks]) -> OrbitalBasis:
        """The basis of all structures, for the elements that occur."""
        first = items[0]
        for blocks in items:
            if blocks.basis.description() != first.basis.description() or (blocks.S is None) != (first.S is None):
                raise InputError(
                    f"{self.name}: the structures have different bases, {first.basis.words()} and {blocks.basis.words()}, or "
                    "only some have an overlap; train on blocks of one Hamiltonian."
                )
        present = sorted({int(z) for blocks in items for z in np.unique(blocks.atoms.numbers)})
        basis = first.basis
        shells, electrons = ({z: own[z] for z in present} for own in (basis.shells, basis.electrons))
        return OrbitalBasis(shells, electrons, basis.along_axes)

    def _reach_A(self, items: Sequence[HamiltonianBlocks]) -> float:
        longest = max(blocks.reach_A for blocks in items)
        asked = self.options.reach_A
        if asked is None:
            return math.ceil(100.0 * max(longest, 0.5)) / 100.0 + self.options.taper_A
        if asked < longest - 1e-6:
            raise InputError(
                f"{self.name}: reach_A {asked:g} is shorter than the range of the reference, whose pairs are up to {longest:.2f} "
                "Å long; set it to that range, or leave it out."
            )
        return asked

    def _labels(self, data: Sequence[HamiltonianBlocks]) -> tuple[int, ...]:
        """Labels that occur, where relations are told by them."""
        if self.options.relations != "by_labels":
            return ()
        any_label = PairRelations("by_array", self.options.relation_array, (), ())
        found = [
            any_label.labels(item.atoms.numbers, item.atoms.arrays, f"{self.name}: training structure {number}")
            for number, item in enumerate(data)
        ]
        return tuple(np.unique(np.concatenate(found)).tolist())

    def _onsite(self, basis: OrbitalBasis, given: Given) -> list[OnsiteFit]:
        found = []
        for number, z in enumerate(basis.elements):
            size, every = basis.size(z), [item.species == number for item, _ in given]
            if not any(own.any() for own in every):
                raise InputError(f"{self.name}: the validation set has an element that the training set has not.")
            H, S = (
                np.concatenate([getattr(blocks, name)[own, :size, :size] for own, (_, blocks) in zip(every, given, strict=True)])
                if given[0][1].S is not None or name == "H_onsite"
                else None
                for name in ("H_onsite", "S_onsite")
            )
            assert H is not None
            found.append(OnsiteFit.of(BlockChannels(basis.shells[z], basis.shells[z]), H, S, basis.along_axes))
        return found

    def _hopping(self, basis: OrbitalBasis, given: Given, reach_A: float) -> dict[GroupKey, HoppingFit]:
        """Two-centre integrals of every group of pairs of the training set."""
        every: dict[GroupKey, list[tuple[PairGroup, HamiltonianBlocks]]] = {}
        for item, blocks in given:
            for group in item.groups:
                every.setdefault(group.key, []).append((group, blocks))
        options, found = self.options, {}
        until = reach_A if options.correction_reach_A is None else options.correction_reach_A
        for key in sorted(every):
            groups = [group for group, _ in every[key]]
            channels = BlockChannels(*(basis.shells[basis.elements[place]] for place in (key.first, key.second)))

            def fitted(
                values: list[NDArray[np.float64]], channels: BlockChannels, groups: list[PairGroup], alone: bool
            ) -> PairFit:
                settings = options.splines_per_A, options.smoothing
                return PairFit.of(channels, groups, values, reach_A, *settings, envelope_alone=alone)

            H = [blocks_of(group, blocks.H, channels, basis.along_axes) for group, blocks in every[key]]
            S = [blocks_of(group, blocks.S, channels, basis.along_axes) for group, blocks in every[key] if blocks.S is not None]
            fit = fitted(H, channels, groups, options.baseline == "none")
            overlap = fitted(S, channels, groups, False) if S and options.overlap is None else None
            found[key] = HoppingFit.of(fit, groups, H, until, overlap)
        return found

    def _require_groups(
        self, hopping: dict[GroupKey, HoppingFit], relations: PairRelations, basis: OrbitalBasis, checked: Given
    ) -> None:
        for number, (item, _) in enumerate(checked):
            for group in item.groups:
                if group.key not in hopping:
                    raise InputError(
                        f"{self.name}: validation structure {number} has pairs of the relation "
                        f"{relations.names[group.key.relation]!r} between elements that the training set had not; train with "
                        "some."
                    )

    def _overlap_hamiltonian(self) -> BlockHamiltonian | None:
        if self.options.overlap is None:
            return None
        if self._overlap is None:
            name = self.options.overlap["use"]
            found = create("hamiltonians", name, **{key: value for key, value in self.options.overlap.items() if key != "use"})
            if not isinstance(found, BlockHamiltonian):
                raise InputError(f"{self.name}: the Hamiltonian {name} gives no blocks, so its S cannot be the overlap.")
            self._overlap = found
        return self._overlap

    def _ready(self) -> BlockModel:
        if self._model is None:
            raise InputError(f"{self.name}: there is no model yet; give its folder as model, or fit one.")
        return self._model

    def _learnt(self) -> tuple[dict[str, Any], Arrays] | None:
        return None if self._model is None else (self._model.description(), self._model.arrays())

    def _become(self, description: dict[str, Any], arrays: Arrays) -> None:
        self._model = BlockModel.described(self.name, self.options, description, arrays)
        self._devices = self._overlap = None
