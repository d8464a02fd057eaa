"""Shifts of whole layers against each other, and which atoms are a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry.dimensionality.rank_determination import RDA
from numpy.typing import NDArray
from scipy.linalg import orth
from sharvin.crystals.layer_marks import BOND_IN_RADII, LAYER, layers_of
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

from sharvin_md.vibrations.crystal_cell import Array
from sharvin_md.vibrations.normal_modes import NormalModes, Statistics, mean_squares, signed_THz


@dataclass(frozen=True, eq=False)
class RigidLayerModes:
    """Shifts of whole layers against each other, taken for themselves.

    Parameters
    ----------
    eigenvalues : float64[k]
        ω² in eV/(u Å²) among these motions alone; three for each layer but one, or for each layer that shifts where atoms are
        rigid. They are close to normal modes of a stacking. A relaxed twisted bilayer slides with a lower frequency, since its
        pattern of relaxation moves along.
    vectors : float64[3 n, k]
        Orthonormal, mass-weighted, of the mobile atoms.
    masses : float64[n]
        In u.
    fixed : bool
        Whether they were taken out of the motion.
    """

    eigenvalues: Array
    vectors: Array
    masses: Array
    fixed: bool

    @property
    def frequencies_THz(self) -> Array:
        """Ascending; negative where a stacking is unstable."""
        return signed_THz(self.eigenvalues)

    def mean_square_displacements_A2(self, temperature_K: float, statistics: Statistics = "quantum") -> Array | None:
        """⟨u²⟩ in Å² of x, y and z that they contribute (or would, where fixed), float64[3], the mean over the mobile atoms.

        None where a shift is not stable.
        """
        if self.eigenvalues.min() <= 0:
            return None
        modes = NormalModes(self.eigenvalues, self.vectors, self.masses)
        found = modes.mean_square_displacements(mean_squares(self.eigenvalues, temperature_K, statistics))
        return np.asarray(found.mean(axis=0))


def rigid_layer_modes(
    atoms: Atoms, mobile: NDArray[np.bool_], force_constants: Array, without: Array, fixed: bool
) -> RigidLayerModes | None:
    """The shifts of the layers of a structure against each other.

    Layers that hold rigid atoms do not shift. The others shift against these, or, where no atom is rigid, against each other.

    Parameters
    ----------
    atoms : Atoms
    mobile : bool[n_atoms]
    force_constants : float64[3 n_mobile, 3 n_mobile]
        In eV/Å².
    without : float64[3 n_mobile, m]
        Orthonormal, mass-weighted motions of the structure as a whole.
    fixed : bool
        Whether they are to be taken out of the motion.

    Returns
    -------
    RigidLayerModes or None
        None where `fixed` is False and there are no such shifts.

    Raises
    ------
    InputError
        If `fixed` and there are none; if the array ``layer`` is not one of whole numbers.
    """
    layers, shifting = shifting_layers(atoms, mobile, fixed)
    if not shifting:
        return None
    masses = atoms.get_masses()[mobile]
    motions = layer_motions(masses, layers[mobile], shifting, without)
    unweighted = motions / np.sqrt(np.repeat(masses, 3))[:, None]
    eigenvalues, mixed = np.linalg.eigh(unweighted.T @ force_constants @ unweighted)
    return RigidLayerModes(eigenvalues, motions @ mixed, masses, fixed)


def shifting_layers(atoms: Atoms, mobile: NDArray[np.bool_], required: bool) -> tuple[NDArray[np.int64], list[int]]:
    """The layer of each atom, int64[n_atoms], and those layers that can shift: none where there are not two, or all are held.

    Raises
    ------
    InputError
        If there are none and they are `required`; if the array ``layer`` is not one of whole numbers.
    """
    found = layers_found(atoms)
    layers = np.zeros(len(atoms), dtype=np.int64) if found is None else found
    names = [int(layer) for layer in np.unique(layers)]
    shifting = [layer for layer in names if mobile[layers == layer].all()] if len(names) > 1 else []
    if required and len(names) < 2:
        raise InputError(
            "rigid_layer_modes: fix needs at least two layers, told by the array layer of the structure or by its bonds; mark "
            "them, or take keep."
        )
    if required and not shifting:
        raise InputError("rigid_layer_modes: fix has nothing to fix, because every layer is held by rigid atoms; take keep.")
    return layers, shifting


def layers_found(atoms: Atoms) -> NDArray[np.int64] | None:
    """The layer of each atom, by the array ``layer`` or else by the bonds; None where these make anything but two layers or more.

    Closer than 1.3 sums of their covalent radii, atoms are bonded. Such atoms are a layer where they repeat in two directions: P.
    M. Larsen and others, Phys. Rev. Materials 3, 034003 (2019), as ASE implements it.

    Raises
    ------
    InputError
        If the array is not one of whole numbers.
    """
    if LAYER in atoms.arrays:
        return layers_of(atoms)
    if atoms.pbc.sum() < 2:
        return None
    radii = BOND_IN_RADII * covalent_radii[atoms.numbers]
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 2.0 * float(radii.max()), full=False)
    pairs = pairs.take(pairs.distance < radii[pairs.first] + radii[pairs.second])
    bonded = RDA(len(atoms))
    for first, second, image in zip(pairs.first, pairs.second, pairs.image, strict=True):
        bonded.insert_bond(int(first), int(second), tuple(int(part) for part in image))
    of_dimension = bonded.check()
    if of_dimension[2] < 2 or sum(of_dimension) != of_dimension[2]:
        return None
    components, _ = bonded.get_components()
    _, first_atom, component = np.unique(components, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first_atom))[component], dtype=np.int64)


def layer_motions(masses: Array, layers: NDArray[np.int64], shifting: list[int], without: Array) -> Array:
    """Translations of whole layers, float64[3 n, k]: orthonormal, mass-weighted.

    Parameters
    ----------
    masses : float64[n]
    layers : int64[n]
    shifting : list of int
        The layers that shift.
    without : float64[3 n, m]
        Orthonormal motions that they are at right angles to: those of the structure as a whole.
    """
    roots = np.sqrt(masses)
    columns = np.array([np.where(layers == layer, roots, 0.0) for layer in shifting])
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)
    motions = np.einsum("ki,ab->iakb", columns, np.eye(3)).reshape(3 * len(masses), -1)
    return np.asarray(orth(motions - without @ (without.T @ motions), rcond=1e-6))
