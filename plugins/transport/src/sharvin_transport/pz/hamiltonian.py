r"""The Hamiltonian `slater_koster_pz`: one p orbital per carbon atom, perpendicular to its layer.

With *d* the vector between two atoms and n their normal (P. Moon and M. Koshino, Phys. Rev. B 87, 205404 (2013)),

.. math:: -t(d) = V_{pp\pi} \Big[1 - \Big(\frac{d \cdot n}{d}\Big)^2\Big] + V_{pp\sigma} \Big(\frac{d \cdot n}{d}\Big)^2, \quad
          V_{pp\pi} = V_\pi e^{-(d - a)/\delta}, \quad V_{pp\sigma} = V_\sigma e^{-(d - c)/\delta}.

Where the normals of the two atoms differ it is the same two-centre integral of p orbitals along either,
:math:`n_i^T [V_{pp\pi} (1 - \hat d \hat d^T) + V_{pp\sigma} \hat d \hat d^T] n_j`. The basis is orthonormal and on-site energies
are zero. The cutoff is sharp, as published.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.crystals.block_devices import DeviceOfBlocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.junction import Junction
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs
from sharvin.two_terminal import BlochHamiltonian, TwoTerminal

from sharvin_transport.pz.configs import SlaterKosterPzOptions
from sharvin_transport.pz.normals import BROKEN, FARTHEST, axis_normals, local_normals, near, stated_normals

Floats = NDArray[np.float64]

BASIS = OrbitalBasis({6: (1,)}, {6: 1.0}, along_axes=True)


class SlaterKosterPz:
    """H of p_z orbitals.

    Parameters
    ----------
    options : SlaterKosterPzOptions
    """

    def __init__(self, options: SlaterKosterPzOptions) -> None:
        self.options = options
        sees = 0.0 if options.normals == "layer" else FARTHEST * options.pi_bond_A
        self._devices = DeviceOfBlocks(self.blocks, options.cutoff_A, sees, options.smearing_K)

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals couple; InputError for elements other than carbon."""
        BASIS.require(np.asarray(numbers))
        return self.options.cutoff_A

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """Elements of all pairs within the cutoff, as blocks 1 × 1.

        Raises
        ------
        InputError
            Elements other than carbon, normals that are no unit vectors, or layers whose normal is not known.
        ItemError
            If two atoms are at one place.
        """
        BASIS.require(atoms.numbers)
        pairs = self._pairs(atoms)
        pairs.require_apart()
        normals = self._normals(atoms, pairs)
        values = self._elements(pairs, normals)
        return HamiltonianBlocks(
            atoms.copy(),
            BASIS,
            pairs.first,
            pairs.second,
            pairs.image,
            np.zeros((len(atoms), 1, 1)),
            values[:, None, None],
            axes=normals,
        )

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) of a periodic structure with dense matrices; of large ones ``blocks(atoms).sparse_bloch()`` is H(k).

        Raises
        ------
        InputError
            As :meth:`blocks`, and for structures so large that dense matrices would take more than 2 GB.
        """
        return self.blocks(atoms).bloch()

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device and leads of a junction along z, at transverse Γ.

        Raises
        ------
        InputError
            As :meth:`blocks`, and for principal layers thinner than the cutoff or leads with different Fermi energies.
        """
        BASIS.require(junction.atoms.numbers)
        return self._devices.two_terminal(junction, self.options.fermi_energy_eV)

    def _pairs(self, atoms: Atoms) -> NeighbourPairs:
        reach = self.options.cutoff_A
        return neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach, full=False)

    def _normals(self, atoms: Atoms, pairs: NeighbourPairs) -> Floats:
        options = self.options
        if options.normals == "layer" and (stated := stated_normals(atoms)) is not None:
            return stated.copy()
        reach = (BROKEN if options.normals == "layer" else FARTHEST) * options.pi_bond_A
        if options.cutoff_A < reach:
            pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach, full=False)
        inside = near(atoms, pairs, reach)
        return axis_normals(atoms, inside) if options.normals == "layer" else local_normals(atoms, inside, options.pi_bond_A)

    def _elements(self, pairs: NeighbourPairs, normals: Floats) -> Floats:
        options = self.options
        unit = pairs.vector / pairs.distance[:, None]
        first, second = normals[pairs.first], normals[pairs.second]
        sigma = np.einsum("ni,ni->n", unit, first) * np.einsum("ni,ni->n", unit, second)
        pi = np.einsum("ni,ni->n", first, second) - sigma
        V_pi = options.V_pi_eV * np.exp((options.pi_bond_A - pairs.distance) / options.decay_A)
        V_sigma = options.V_sigma_eV * np.exp((options.interlayer_A - pairs.distance) / options.decay_A)
        return np.asarray(V_pi * pi + V_sigma * sigma)
