r"""Directions of p_z orbitals: one axis across flat layers, or the local normals of corrugated ones.

The normal of an atom is that of the plane through its three neighbours, the direction in which the weighted scatter of these,

.. math:: C = \sum_j w_j (r_j - \bar r)(r_j - \bar r)^T,

is least. Weights are 1 for bonds and fall smoothly to 0 where a bond breaks. To the plane of an atom with fewer than three
bonds, at an edge, it and its second neighbours belong as well, with the weight that is missing. So normals change smoothly as
atoms move.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import NeighbourPairs

Floats = NDArray[np.float64]

WHOLE, BROKEN, FARTHEST = 1.25, 1.5, 2.25
"""Bonds are whole up to the first and broken beyond the second of these multiples of their length. The farthest atoms that have a
say in a normal are at the third one."""
_UNIT = 1e-6
_FLAT = 1e-3
"""Least second eigenvalue of the scatter in units of the squared bond; of atoms on a line it is zero."""
_ACROSS = 0.25
"""Largest share of the squared length of all bonds along an axis that is taken for the one across the layers, …"""
_SLANTED = 0.5 * np.sin(np.deg2rad(15.0)) ** 2
"""… and by how much it may be more than along the best direction: that of layers which are slanted by 15°."""


def stated_normals(atoms: Atoms) -> Floats | None:
    """The array `normal` of a structure, float64[n, 3], or None where it has none.

    Raises
    ------
    InputError
        If these are not unit vectors.
    """
    if "normal" not in atoms.arrays:
        return None
    normals = np.asarray(atoms.arrays["normal"], dtype=np.float64)
    if normals.shape != (len(atoms), 3):
        raise InputError(f"the array normal must have the shape ({len(atoms)}, 3), not {normals.shape}.")
    off = np.abs(np.linalg.norm(normals, axis=1) - 1.0)
    if not np.all(off < _UNIT):
        worst = int(np.argmax(np.where(np.isfinite(off), off, np.inf)))
        raise InputError(f"the array normal must hold unit vectors; that of atom {worst} is {normals[worst].tolist()}.")
    return normals


def near(atoms: Atoms, pairs: NeighbourPairs, reach_A: float) -> NeighbourPairs:
    """Pairs of atoms of one layer, by the array `layer` where there is one, closer than `reach_A`."""
    chosen = pairs.distance < reach_A
    if "layer" in atoms.arrays:
        layer = np.asarray(atoms.arrays["layer"])
        chosen &= layer[pairs.first] == layer[pairs.second]
    return pairs.take(chosen)


def across(bonded: NeighbourPairs) -> Floats | None:
    """The coordinate axis that bonds run along least, z first and x last of equal ones; None where no axis is across layers."""
    total = float((bonded.vector**2).sum())
    if total == 0.0:
        return np.array([0.0, 0.0, 1.0])
    moments = bonded.vector.T @ bonded.vector / total
    shares = np.diag(moments)
    axis = 2 - int(np.argmin(np.round(shares[::-1], 6)))
    if shares[axis] > min(_ACROSS, np.linalg.eigvalsh(moments)[0] + _SLANTED):
        return None
    return np.asarray(np.eye(3)[axis])


def axis_normals(atoms: Atoms, bonded: NeighbourPairs) -> Floats:
    """The axis across the layers for every atom, float64[n, 3].

    Raises
    ------
    InputError
        If layers are not perpendicular to an axis.
    """
    axis = across(bonded)
    if axis is None:
        raise InputError(
            "the layers are perpendicular to none of the axes x, y and z; give the atoms' normals as the array normal, or use "
            "normals: local."
        )
    return np.tile(axis, (len(atoms), 1))


def local_normals(atoms: Atoms, pairs: NeighbourPairs, bond_A: float) -> Floats:
    """Normals of the atoms' surroundings, float64[n, 3], from the pairs of each layer that are nearer than :data:`FARTHEST`.

    Those of a layer point to one side where it is flat enough to have one: along the axis that bonds run along least. The sign of
    a normal is a choice of gauge.

    Raises
    ------
    InputError
        If the neighbours of an atom span no plane.
    """
    n = len(atoms)
    centre = np.concatenate([pairs.first, pairs.second])
    vector = np.concatenate([pairs.vector, -pairs.vector])
    distance = np.tile(pairs.distance, 2) / bond_A
    weight = _weight(distance, WHOLE, BROKEN)
    own = np.maximum(3.0 - np.bincount(centre, weight, n), 0.0)
    weight += own[centre] * (_weight(distance, WHOLE, FARTHEST) - weight)
    total = np.bincount(centre, weight, n) + own
    mean = np.column_stack([np.bincount(centre, weight * vector[:, axis], n) for axis in range(3)]) / total[:, None]
    scatter = np.zeros((n, 3, 3))
    np.add.at(scatter, centre, weight[:, None, None] * vector[:, :, None] * vector[:, None, :])
    scatter -= total[:, None, None] * mean[:, :, None] * mean[:, None, :]
    values, directions = np.linalg.eigh(scatter)
    flat = values[:, 1] - values[:, 0]
    if n and flat.min() < _FLAT * bond_A**2:
        atom = int(np.argmin(flat))
        raise InputError(
            f"atom {atom} has no local normal: the {int((centre == atom).sum())} atoms of its layer within "
            f"{FARTHEST * bond_A:.2f} Å of it span no plane; give the array normal, or use normals: layer."
        )
    normals = directions[:, :, 0]
    side = across(pairs.take(pairs.distance < BROKEN * bond_A))
    along = normals @ (np.array([0.0, 0.0, 1.0]) if side is None else side)
    return np.asarray(np.where(along < 0.0, -1.0, 1.0)[:, None] * normals)


def _weight(distance: Floats, whole: float, broken: float) -> Floats:
    """1 up to `whole`, 0 from `broken` on, twice differentiable between."""
    u = np.clip((distance - whole) / (broken - whole), 0.0, 1.0)
    return np.asarray(1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u * u))
