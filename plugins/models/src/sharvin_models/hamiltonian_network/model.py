"""A trained model: two-centre integrals, the network, and the scales between them; it gives the blocks of structures."""

from __future__ import annotations

from dataclasses import dataclass
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
from sharvin_models.training.training_loop import threads

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class OnsiteFit:
    """Mean on-site block of an element, and the spread about it.

    Parameters
    ----------
    channels : BlockChannels
    components : float64[components]
        Of the mean, in eV.
    spread_eV : float64[n_shell_pairs]
        Root mean square deviation of an element of the block.
    """

    channels: BlockChannels
    components: Floats
    spread_eV: Floats

    def scales(self) -> Tensor:
        """Of each component, float64[components, 1]."""
        return torch.from_numpy(self.spread_eV)[self.channels.shell_of_component][:, None]


@dataclass(frozen=True, eq=False)
class HoppingFit:
    """Two-centre integrals of a group of pairs, and the spread of blocks about them.

    Parameters
    ----------
    fit : PairFit
    spread : float64[n_shell_pairs]
        Root mean square deviation of an element of a block in units of its envelope.
    """

    fit: PairFit
    spread: Floats

    def scales(self, distances: Tensor) -> Tensor:
        """Of each component, float64[components, n] in eV."""
        envelopes = self.fit.envelopes(distances.numpy()) * self.spread[:, None]
        return torch.from_numpy(envelopes)[self.fit.channels.shell_of_component]


class BlockModel:
    """Blocks of structures.

    Parameters
    ----------
    name : str
        Of the Hamiltonian, for messages.
    options : HedgeElectronOptions
    basis : OrbitalBasis
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
        reach_A: float,
        axes_across: bool,
        onsite: list[OnsiteFit],
        hopping: dict[GroupKey, HoppingFit],
        network: BlockNetwork,
        spectrum_eV: tuple[float, float],
    ) -> None:
        self.name, self.options, self.basis, self.reach_A = name, options, basis, reach_A
        self.axes_across, self.onsite, self.hopping = axes_across, onsite, hopping
        self.network, self.spectrum_eV = network, spectrum_eV
        self._reader = StructureReader(name, options, basis.elements)

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

    def blocks(self, atoms: Atoms, pairs: NeighbourPairs) -> HamiltonianBlocks:
        """Predicted blocks of the pairs.

        Raises
        ------
        InputError
            For elements or groups of pairs that the training had not, missing labels of relations, or axes that are not known.
        ItemError
            If the structure is broken, or blocks are not finite.
        """
        self.basis.require(atoms.numbers)
        axes = self._axes(atoms)
        found = self._reader.of_pairs(atoms, pairs, axes)
        m = self.basis.largest
        H_onsite, H = np.zeros((len(atoms), m, m)), np.zeros((len(pairs), m, m))
        with threads(self.options.threads), torch.no_grad():
            features = self.features(found)
            for number in range(len(self.basis.elements)):
                where = found.atoms_of(number)
                if len(where):
                    values = self.onsite_blocks(number, features, found, where)
                    H_onsite[where.numpy(), : values.shape[1], : values.shape[2]] = values.numpy()
            for group in found.groups:
                self._require_known(group.key)
                told = self.network.pair_head(group.key).of_atoms(features)
                for begin in range(0, len(group), self.options.chunk_pairs):
                    chunk = group.taken(slice(begin, begin + self.options.chunk_pairs))
                    values = self.hopping_blocks(chunk, told)
                    placed = np.zeros((len(chunk), m, m))
                    placed[:, : values.shape[1], : values.shape[2]] = values.numpy()
                    H[chunk.place] = chunk.oriented(placed)
        if not (np.isfinite(H).all() and np.isfinite(H_onsite).all()):
            raise ItemError(f"{self.name} gives blocks that are not finite for this structure.")
        return HamiltonianBlocks(
            atoms.copy(), self.basis, pairs.first, pairs.second, pairs.image, H_onsite, H, axes=axes
        )

    def features(self, found: StructureInput) -> Tensor:
        """Features of the atoms by the network, [(l_max + 1)², channels, n]."""
        batch = found.batch
        values: Tensor = self.network(batch.vectors, batch.neighbours, batch.species)
        return values[..., : batch.n_atoms]

    def onsite_blocks(self, number: int, features: Tensor, found: StructureInput, where: Tensor) -> Tensor:
        """On-site blocks float64[n, orbitals, orbitals] of an element's atoms in eV."""
        own = self.onsite[number]
        parts = self.network.onsite[number](features.index_select(2, where)).double() * own.scales()
        axes = None if found.axes is None else (found.axes[:, where], found.axes[:, where])
        values = own.channels.elements(parts + torch.from_numpy(own.components)[:, None], axes)
        return 0.5 * (values + values.mT)

    def hopping_blocks(self, group: PairGroup, told: tuple[Tensor, Tensor]) -> Tensor:
        """Blocks float64[n, orbitals, orbitals] of pairs in eV, in the direction of the group."""
        own, head = self.hopping[group.key], self.network.pair_head(group.key)
        distances = group.distances
        gaussians = gaussians_of(distances, self.options.pair_functions, self.reach_A).to(self.dtype)
        harmonics = [
            unit_harmonics(order, harmonics_of(order, group.vectors)).to(self.dtype) for order in range(head.l_pair + 1)
        ]
        parts = head(told, group.first, group.second, gaussians, harmonics).double() * own.scales(distances)
        return own.fit.channels.elements(parts + own.fit.components(group), group.axes)

    def _require_known(self, key: GroupKey) -> None:
        if key not in self.hopping:
            first, second = (chemical_symbols[self.basis.elements[place]] for place in (key.first, key.second))
            within = {0: "", 1: f" of different {self.options.relation_array!r}"}[key.relation]
            raise InputError(
                f"{self.name}: the structure has pairs {first}-{second}{within}, and the training set had none; train with some."
            )

    def _axes(self, atoms: Atoms) -> Floats | None:
        if not self.basis.along_axes:
            return None
        axes = stated_axes(atoms, self.name)
        if axes is None and self.axes_across:
            axes = axes_across(atoms, self.options.cutoff_A)
        if axes is None:
            raise InputError(
                f"{self.name}: the axes of the orbitals are not known: give the array 'normal' of the structure, a unit vector for "
                "each atom, as the Hamiltonian that it was trained on has them."
            )
        return axes

    def arrays(self) -> Arrays:
        """What :meth:`described` takes besides the description."""
        found: Arrays = {f"network/{name}": value.numpy() for name, value in self.network.state_dict().items()}
        for number, own in enumerate(self.onsite):
            found |= {f"onsite/{number}/components": own.components, f"onsite/{number}/spread": own.spread_eV}
        for key, pair in self.hopping.items():
            found |= {
                f"hopping/{key}/envelope": pair.fit.envelope,
                f"hopping/{key}/weights": pair.fit.weights,
                f"hopping/{key}/spread": pair.spread,
                f"hopping/{key}/range": np.array([pair.fit.start_A, pair.fit.end_A]),
            }
        return found

    def description(self) -> dict[str, Any]:
        """Plain data for ``model.json``."""
        return {
            "elements": [chemical_symbols[z] for z in self.basis.elements],
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
        onsite = [
            OnsiteFit(BlockChannels(own, own), arrays[f"onsite/{number}/components"], arrays[f"onsite/{number}/spread"])
            for number, own in enumerate(shells)
        ]
        hopping = {}
        for key in (GroupKey(*map(int, item)) for item in data["groups"]):
            start, end = (float(value) for value in arrays[f"hopping/{key}/range"])
            channels = BlockChannels(shells[key.first], shells[key.second])
            fit = PairFit(channels, start, end, arrays[f"hopping/{key}/envelope"], arrays[f"hopping/{key}/weights"])
            hopping[key] = HoppingFit(fit, arrays[f"hopping/{key}/spread"])
        network = BlockNetwork(shells, list(hopping), 1.0, options)
        prefix = "network/"
        network.load_state_dict(
            {key[len(prefix) :]: torch.from_numpy(value) for key, value in arrays.items() if key.startswith(prefix)}
        )
        network.to(getattr(torch, options.dtype)).requires_grad_(False)
        low, high = (float(value) for value in data["spectrum_eV"])
        return cls(
            name, options, basis, float(data["reach_A"]), bool(data["axes_across"]), onsite, hopping, network, (low, high)
        )
