r"""H and S of a structure as blocks between atoms, :class:`HamiltonianBlocks`: what is learnt, exchanged, and made into H(k).

Each pair of atoms stands once, in the direction from `first` to the image of `second`; the opposite block is the transpose, so
what is made of blocks is Hermitian. On-site blocks are kept by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError
from sharvin.words.displayed import Displayed, Fact, composition, counted

if TYPE_CHECKING:
    from ase import Atoms

    from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
    from sharvin.two_terminal import BlochHamiltonian

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class HamiltonianBlocks(Displayed):
    """Blocks of H in eV, and of S.

    Blocks have the size of the largest atom, m × m; those of smaller atoms are filled with zeros at the end.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, with the arrays that belong to it.
    basis : OrbitalBasis
    first, second : int64[n_pairs]
        Atoms of each pair. No pair stands twice, in either direction.
    image : int64[n_pairs, 3]
        Number of cell vectors by which the second atom is moved; 0 along open directions.
    H_onsite : float64[n_atoms, m, m]
        Symmetric.
    H : float64[n_pairs, m, m]
        ⟨first|H|image of second⟩.
    S_onsite, S : the same of the overlap, or None
        None where the basis is orthonormal.
    axes : float64[n_atoms, 3] or None
        Unit vectors along which the p orbitals lie, where the basis has one along an axis of each atom.
    """

    atoms: Atoms
    basis: OrbitalBasis
    first: Integers
    second: Integers
    image: Integers
    H_onsite: Floats
    H: Floats
    S_onsite: Floats | None = None
    S: Floats | None = None
    axes: Floats | None = None

    def __post_init__(self) -> None:
        if (self.S is None) != (self.S_onsite is None):
            raise InputError("blocks of the overlap need both S and S_onsite.")
        n, pairs, m = len(self.atoms), len(self.first), self.basis.largest
        shapes = {"second": (pairs,), "image": (pairs, 3), "H_onsite": (n, m, m), "H": (pairs, m, m)}
        if self.S is not None:
            shapes |= {"S": (pairs, m, m), "S_onsite": (n, m, m)}
        if self.axes is not None:
            shapes["axes"] = (n, 3)
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise InputError(
                    f"{name} of the blocks of {n} atoms and {pairs} pairs must have shape {shape}, not "
                    f"{np.shape(getattr(self, name))}."
                )
        if self.basis.along_axes != (self.axes is not None):
            raise InputError("orbitals along axes need the axes of the atoms, and other ones have none.")
        self.basis.require(self.atoms.numbers)

    def __len__(self) -> int:
        return len(self.first)

    def _facts(self) -> Sequence[Fact]:
        overlap = "none: the basis is orthonormal" if self.S is None else "as well"
        return [
            ("atoms", composition(self.atoms.numbers)),
            ("basis", self.basis.words()),
            ("pairs", f"{counted(len(self), 'pair')} up to {self.reach_A:.3g} Å"),
            ("overlap", overlap),
        ]

    @cached_property
    def vectors(self) -> Floats:
        """From the first atom to the image of the second, float64[n_pairs, 3] in Å."""
        positions = self.atoms.positions
        return np.asarray(positions[self.second] + self.image @ self.atoms.cell.array - positions[self.first])

    @property
    def reach_A(self) -> float:
        """Length of the longest pair."""
        return float(np.linalg.norm(self.vectors, axis=1).max(initial=0.0))

    @cached_property
    def count(self) -> Integers:
        """Orbitals of each atom."""
        return self.basis.count(self.atoms.numbers)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which places of the blocks belong to orbitals, bool[n_atoms, m]."""
        return np.arange(self.basis.largest) < self.count[:, None]

    @property
    def electrons(self) -> float:
        """Valence electrons of the cell."""
        return self.basis.electrons_of(self.atoms.numbers)

    def with_overlap_of(self, other: HamiltonianBlocks) -> HamiltonianBlocks:
        """These H with the S of another Hamiltonian for the same atoms; pairs that one of them lacks are zero there.

        Raises
        ------
        InputError
            If atoms or basis differ.
        """
        if len(self.atoms) != len(other.atoms) or np.any(self.atoms.numbers != other.atoms.numbers):
            raise InputError("H and S belong to different atoms.")
        if any(self.basis.shells[z] != other.basis.shells.get(z) for z in np.unique(self.atoms.numbers)):
            raise InputError(f"H has the basis {self.basis.words()}, and S {other.basis.words()}.")
        if other.S is None:
            return replace(self, S=None, S_onsite=None)
        joined = self._with_pairs_of(other)
        S, S_onsite = np.zeros_like(joined.H), np.zeros_like(joined.H_onsite)
        place, flipped = joined.places(other.first, other.second, other.image)
        m = min(
            S.shape[1], other.S.shape[1]
        )  # what the larger of two bases has beyond that belongs to elements that are not there
        S[place, :m, :m] = np.where(flipped[:, None, None], other.S.transpose(0, 2, 1), other.S)[:, :m, :m]
        if other.S_onsite is not None:
            S_onsite[:, :m, :m] = other.S_onsite[:, :m, :m]
        return replace(joined, S=S, S_onsite=S_onsite)

    def _with_pairs_of(self, other: HamiltonianBlocks) -> HamiltonianBlocks:
        place, _ = self.places(other.first, other.second, other.image)
        new = place < 0
        H = np.concatenate([self.H, np.zeros((int(new.sum()), *self.H.shape[1:]))])
        return HamiltonianBlocks(
            self.atoms,
            self.basis,
            np.concatenate([self.first, other.first[new]]),
            np.concatenate([self.second, other.second[new]]),
            np.concatenate([self.image, other.image[new]]),
            self.H_onsite,
            H,
            axes=self.axes,
        )

    def places(self, first: Integers, second: Integers, image: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """Where pairs stand here, −1 where they do not, and whether in the opposite direction: int64[n], bool[n]."""
        extent = int(max(np.abs(self.image).max(initial=0), np.abs(image).max(initial=0)))
        own, own_flip = _keys(self.first, self.second, self.image, len(self.atoms), extent)
        asked, asked_flip = _keys(first, second, image, len(self.atoms), extent)
        order = np.argsort(own, kind="stable")
        if not len(order):
            return np.full(len(asked), -1), asked_flip
        at = np.minimum(np.searchsorted(own[order], asked), len(order) - 1)
        found = own[order][at] == asked
        place = np.where(found, order[at], -1)
        return place, asked_flip ^ own_flip[place]

    def sparse_bloch(self) -> SparseBlochHamiltonian:
        """H(k) and S(k) as sparse matrices."""
        from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian

        return SparseBlochHamiltonian.of_blocks(self)

    def bloch(self) -> BlochHamiltonian:
        """H_R and S_R as dense matrices, of a small crystal: 16 bytes times the translations times the square of the orbitals."""
        return self.sparse_bloch().dense()


def _keys(first: Integers, second: Integers, image: Integers, n: int, extent: int) -> tuple[Integers, NDArray[np.bool_]]:
    """One number for each pair, the same for its opposite direction, and whether it was turned round for that."""
    side = 2 * extent + 1
    weights = np.array([side * side, side, 1])
    ahead, back = ((sign * image + extent) @ weights for sign in (1, -1))
    flipped = (first > second) | ((first == second) & (ahead < back))
    low, high = np.where(flipped, second, first), np.where(flipped, first, second)
    cell = np.where(flipped, back, ahead)
    return (low * n + high) * side**3 + cell, flipped
