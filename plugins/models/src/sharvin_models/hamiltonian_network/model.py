"""A trained model: two-centre integrals, the network, and the scales between them; it gives the blocks of structures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError, ItemError
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs
from torch import Tensor

from sharvin_models.hamiltonian_network.block_channels import BlockChannels, harmonics_of
from sharvin_models.hamiltonian_network.configs import HedgeElectronOptions
from sharvin_models.hamiltonian_network.fits import HoppingFit, OnsiteFit, fade
from sharvin_models.hamiltonian_network.heads import gaussians_of, unit_harmonics
from sharvin_models.hamiltonian_network.network import BlockNetwork
from sharvin_models.hamiltonian_network.pair_groups import GroupKey, PairGroup
from sharvin_models.hamiltonian_network.structure_inputs import (
    StructureInput,
    StructureReader,
    axes_across,
    stated_axes,
)
from sharvin_models.hamiltonian_network.two_centre_part import PairFit
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.training.training_loop import threads

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
FADE_A = 1.0
"""Width below `correction_reach_A` over which what the network adds falls to zero."""


class BlockModel:
    """Blocks of structures.

    Parameters
    ----------
    name : str
        Of the Hamiltonian, for messages.
    options : HedgeElectronOptions
    basis : OrbitalBasis
    relations : PairRelations
    reach_A : float
        Up to which pairs have blocks.
    axes_across : bool
        Whether the orbitals' axes are those across the layers where a structure does not state them.
    onsite : list of OnsiteFit
        Of each element.
    hopping : dict of GroupKey to HoppingFit
    network : BlockNetwork
    spectrum_eV : pair of float
        Between which the eigenvalues of the training set lie.
    """

    def __init__(
        self,
        name: str,
        options: HedgeElectronOptions,
        basis: OrbitalBasis,
        relations: PairRelations,
        reach_A: float,
        axes_across: bool,
        onsite: list[OnsiteFit],
        hopping: dict[GroupKey, HoppingFit],
        network: BlockNetwork,
        spectrum_eV: tuple[float, float],
    ) -> None:
        self.name, self.options, self.basis, self.relations, self.reach_A = name, options, basis, relations, reach_A
        self.axes_across, self.onsite, self.hopping = axes_across, onsite, hopping
        self.network, self.spectrum_eV = network, spectrum_eV
        self._reader = StructureReader(name, options, relations, basis.elements)

    @property
    def dtype(self) -> torch.dtype:
        """Of the network."""
        found = getattr(torch, self.options.dtype)
        assert isinstance(found, torch.dtype)
        return found

    def pairs(self, atoms: Atoms) -> NeighbourPairs:
        """All pairs of a structure within reach; ItemError if atoms are at one place."""
        found = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, self.reach_A, full=False, what=self.name)
        found.require_apart(f"{self.name}: the structure")
        return found

    def blocks(self, atoms: Atoms, pairs: NeighbourPairs, axes: Floats | None = None) -> HamiltonianBlocks:
        """Predicted blocks of the pairs.

        Parameters
        ----------
        atoms : Atoms
        pairs : NeighbourPairs
        axes : float64[n_atoms, 3], optional
            Of orbitals along axes, where the structure does not state them itself.

        Raises
        ------
        InputError
            For elements or groups of pairs that the training had not, missing labels of relations, or axes that are not known.
        ItemError
            If the structure is broken, or blocks are not finite.
        """
        self.basis.require(atoms.numbers)
        axes = self._axes(atoms, axes)
        found = self._reader.of_pairs(atoms, pairs, axes)
        m = self.basis.largest
        H_onsite, H = np.zeros((len(atoms), m, m)), np.zeros((len(pairs), m, m))
        with_overlap = any(own.overlap is not None for own in self.onsite)
        S_onsite, S = (np.zeros_like(H_onsite), np.zeros_like(H)) if with_overlap else (None, None)
        with threads(self.options.threads), torch.no_grad():
            features = self.features(found)
            for number in range(len(self.basis.elements)):
                where = found.atoms_of(number)
                if len(where):
                    _fill(H_onsite, where.numpy(), self.onsite_blocks(number, features, found, where))
                    if S_onsite is not None:
                        _fill(S_onsite, where.numpy(), self._onsite_overlap(number, found, where))
            for group in found.groups:
                self._require_known(group.key)
                self._fill_group(group, features, H, S)
        if not (np.isfinite(H).all() and np.isfinite(H_onsite).all()):
            raise ItemError(f"{self.name} gives blocks that are not finite for this structure.")
        return HamiltonianBlocks(atoms.copy(), self.basis, pairs.first, pairs.second, pairs.image, H_onsite, H, S_onsite, S, axes)

    def _fill_group(self, group: PairGroup, features: Tensor, H: Floats, S: Floats | None) -> None:
        """Blocks of one group, in chunks: those that the network corrects, and those that are too long for it."""
        own, told = self.hopping[group.key], self.network.pair_head(group.key).of_atoms(features)
        near = (group.distances < self.correction_reach_A).numpy()
        for part, corrected in ((group.taken(near), True), (group.taken(~near), False)):
            for begin in range(0, len(part), self.options.chunk_pairs):
                chunk = part.taken(slice(begin, begin + self.options.chunk_pairs))
                end = fade(chunk.distances, self.reach_A, self.options.taper_A)
                components = own.fit.components(chunk)
                if corrected:
                    components += self.corrections(chunk, told).double()
                values = own.fit.channels.elements(components * end, chunk.axes)
                _fill(H, chunk.place, values, chunk)
                if S is not None and own.overlap is not None:
                    values = own.overlap.channels.elements(own.overlap.components(chunk) * end, chunk.axes)
                    _fill(S, chunk.place, values, chunk)

    @property
    def correction_reach_A(self) -> float:
        """Distance from which on the network adds nothing."""
        asked = self.options.correction_reach_A
        return np.inf if asked is None or asked >= self.reach_A else asked

    def features(self, found: StructureInput) -> Tensor:
        """Features of the atoms by the network, [(l_max + 1)², channels, n]."""
        batch = found.batch
        values: Tensor = self.network(batch.vectors, batch.neighbours, batch.species)
        return values[..., : batch.n_atoms]

    def onsite_blocks(self, number: int, features: Tensor, found: StructureInput, where: Tensor) -> Tensor:
        """On-site blocks float64[n, orbitals, orbitals] of an element's atoms in eV."""
        own = self.onsite[number]
        axes = None if found.axes is None else (found.axes[:, where], found.axes[:, where])
        mean = own.channels.elements(torch.from_numpy(own.components)[:, None].expand(-1, len(where)), axes)
        return mean + self.onsite_corrections(number, features, where, axes).double()

    def onsite_corrections(self, number: int, features: Tensor, where: Tensor, axes: tuple[Tensor, Tensor] | None) -> Tensor:
        """What the network adds to them, symmetric, [n, orbitals, orbitals] in eV."""
        own = self.onsite[number]
        parts = self.network.onsite[number](features.index_select(2, where)) * own.scales().to(self.dtype)
        values = own.channels.elements(parts, axes)
        return 0.5 * (values + values.mT)

    def _onsite_overlap(self, number: int, found: StructureInput, where: Tensor) -> Tensor:
        own = self.onsite[number]
        assert own.overlap is not None
        axes = None if found.axes is None else (found.axes[:, where], found.axes[:, where])
        return own.channels.elements(torch.from_numpy(own.overlap)[:, None].expand(-1, len(where)), axes)

    def corrections(self, group: PairGroup, told: tuple[Tensor, Tensor]) -> Tensor:
        """What the network adds to the components of blocks of pairs in eV, [components, n], in the direction of the group."""
        inputs = self.pair_inputs(group)
        return self.network.pair_head(group.key)(told, group.first, group.second, inputs[0], inputs[1:-1]) * inputs[-1]

    def pair_inputs(self, group: PairGroup) -> list[Tensor]:
        """What the head takes besides atoms: Gaussians of the distance, harmonics of each l; last the unit of its results."""
        own, head, distances = self.hopping[group.key], self.network.pair_head(group.key), group.distances
        end = 1.0 if self.correction_reach_A == np.inf else fade(distances, self.correction_reach_A, FADE_A)
        found = [
            gaussians_of(distances, self.options.pair_functions, self.reach_A),
            *(unit_harmonics(order, harmonics_of(order, group.vectors)) for order in range(head.l_pair + 1)),
            own.scales(distances) * end,
        ]
        return [values.to(self.dtype) for values in found]

    def _require_known(self, key: GroupKey) -> None:
        if key not in self.hopping:
            first, second = (chemical_symbols[self.basis.elements[place]] for place in (key.first, key.second))
            within = "" if self.relations.kind == "none" else f" in the relation {self.relations.names[key.relation]!r}"
            raise InputError(
                f"{self.name}: the structure has pairs {first}-{second}{within}, and the training set had none; train with some."
            )

    def _axes(self, atoms: Atoms, given: Floats | None) -> Floats | None:
        if not self.basis.along_axes:
            return None
        axes = stated_axes(atoms, self.name) if given is None else given
        if axes is None and self.axes_across:
            axes = axes_across(atoms, self.options.cutoff_A)
        if axes is None:
            raise InputError(
                f"{self.name}: the axes of the orbitals are not known: give the array 'normal' of the structure, a unit vector "
                "for each atom, as the Hamiltonian that it was trained on has them."
            )
        return axes

    def arrays(self) -> Arrays:
        """What :meth:`described` takes besides the description."""
        found: Arrays = {f"network/{name}": value.numpy() for name, value in self.network.state_dict().items()}
        for number, own in enumerate(self.onsite):
            found |= {f"onsite/{number}/components": own.components, f"onsite/{number}/spread": own.spread_eV}
            if own.overlap is not None:
                found[f"onsite/{number}/overlap"] = own.overlap
        for key, pair in self.hopping.items():
            found[f"hopping/{key}/spread"] = pair.spread
            for name, fit in (("H", pair.fit), ("S", pair.overlap)):
                if fit is not None:
                    place = f"hopping/{key}/{name}"
                    found |= {f"{place}/envelope": fit.envelope, f"{place}/weights": fit.weights}
                    found[f"{place}/range"] = np.array([fit.start_A, fit.end_A])
        return found

    def description(self) -> dict[str, Any]:
        """Plain data for ``model.json``."""
        return {
            "elements": [chemical_symbols[z] for z in self.basis.elements],
            "labels": list(self.relations.values) if self.relations.kind == "by_labels" else [],
            "closest_A": list(self.relations.closest_A),
            "basis": self.basis.description(),
            "reach_A": self.reach_A,
            "axes_across": self.axes_across,
            "groups": [list(key) for key in self.hopping],
            "spectrum_eV": list(self.spectrum_eV),
        }

    @classmethod
    def described(cls, name: str, options: HedgeElectronOptions, data: dict[str, Any], arrays: Arrays) -> BlockModel:
        """The model that :meth:`description` and :meth:`arrays` describe."""
        basis = OrbitalBasis.described(data["basis"])
        shells = [basis.shells[z] for z in basis.elements]
        relations = PairRelations.of(options.messages(), basis.elements, data["labels"], data["closest_A"])
        onsite = []
        for number, own in enumerate(shells):
            place = f"onsite/{number}"
            fitted = arrays[f"{place}/components"], arrays[f"{place}/spread"], arrays.get(f"{place}/overlap")
            onsite.append(OnsiteFit(BlockChannels(own, own), *fitted))
        hopping = {}
        for key in (GroupKey(*map(int, item)) for item in data["groups"]):
            channels, place = BlockChannels(shells[key.first], shells[key.second]), f"hopping/{key}"
            fit, overlap = (_read_fit(channels, arrays, f"{place}/{name}") for name in "HS")
            if fit is None:
                raise KeyError(f"{place}/H")
            hopping[key] = HoppingFit(fit, arrays[f"{place}/spread"], overlap)
        none = np.ones(len(relations.names))
        network = BlockNetwork(shells, list(hopping), none, relations.cutoffs_A, options)
        prefix = "network/"
        network.load_state_dict(
            {key[len(prefix) :]: torch.from_numpy(value) for key, value in arrays.items() if key.startswith(prefix)}
        )
        network.to(getattr(torch, options.dtype)).requires_grad_(False)
        low, high = (float(value) for value in data["spectrum_eV"])
        reach, across = float(data["reach_A"]), bool(data["axes_across"])
        return cls(name, options, basis, relations, reach, across, onsite, hopping, network, (low, high))


def _fill(blocks: Floats, place: NDArray[np.int64], values: Tensor, group: PairGroup | None = None) -> None:
    """Put blocks of atoms with few orbitals, or those of pairs in the direction of their group, where they belong."""
    _, rows, columns = values.shape
    placed = np.zeros((len(values), *blocks.shape[1:]))
    placed[:, :rows, :columns] = values.numpy()
    blocks[place] = placed if group is None else group.oriented(placed)


def _read_fit(channels: BlockChannels, arrays: Arrays, place: str) -> PairFit | None:
    if f"{place}/range" not in arrays:
        return None
    start, end = (float(value) for value in arrays[f"{place}/range"])
    return PairFit(channels, start, end, arrays[f"{place}/envelope"], arrays[f"{place}/weights"])
