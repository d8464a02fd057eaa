"""Whether a wire is broken: no chain of bonds joins its two ends.

Dynamics that measure the wire state it in the scalar :data:`NECK_WIDTH`, which is 0 then (:func:`is_unbroken`,
:func:`unbroken`). A wire that nobody measured is judged by its bonds, by the same rule (:func:`gap_A`). Two atoms are bonded
up to 1.207 (half-way between first and second neighbours of an fcc crystal) of the sum of their radii; a radius is half of
the median distance from an atom of the element to the nearest other atom, and no less than the covalent radius where there
are several elements, whose atoms need not touch their own kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import cKDTree

from sharvin.electrodes.rigid_ends import marked_ends
from sharvin.frames import Frame
from sharvin.numerics.neighbour_pairs import neighbour_pairs

NECK_WIDTH = "neck_width"
"""Scalar of a frame: the fewest atoms whose removal disconnects the electrodes."""
BOND_IN_DISTANCES = (1 + np.sqrt(2)) / 2
"""Length up to which atoms are bonded, in distances of nearest neighbours."""
END_IN_BONDS = 2.0
"""Depth of an end of the wire whose rigid atoms are not known, in bond lengths."""


def is_unbroken(frame: Frame) -> bool:
    """Whether the wire still connects its electrodes: as its neck width says, and where none is stated, it does.

    Tunnelling through a gap is not counted as transport.
    """
    return bool(frame.scalars.get(NECK_WIDTH, 1.0) > 0)


def unbroken(observables: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Which frames of a trajectory are unbroken, bool[n_frames], as :func:`is_unbroken`.

    Parameters
    ----------
    observables : mapping of str to float64[n_frames]
        Scalars of all frames, as of :func:`sharvin.store.read_observables`; one at least.
    """
    if NECK_WIDTH in observables:
        return np.asarray(observables[NECK_WIDTH] > 0)
    return np.ones(len(next(iter(observables.values()))), dtype=bool)


def gap_A(frame: Frame) -> float | None:
    """Distance (Å) between the nearest atoms of the two parts of a broken wire along z; None for a whole wire.

    Parameters
    ----------
    frame : Frame
        With its rigid atoms marked, those at low and at high z are the ends; otherwise all atoms near the lowest and the
        highest bonded one.
    """
    if len(frame) < 2:
        return None
    bonds, radius, longest = _bonds(frame)
    part = _parts(len(frame), bonds)
    left, right = _ends(frame, END_IN_BONDS * longest, np.bincount(part)[part] > 1)
    if frame.pbc[:2].any() and not np.intersect1d(part[left], part[right]).size:
        part = _parts(len(frame), np.concatenate([bonds, _bonds_across_the_cell(frame, radius)]))
    if np.intersect1d(part[left], part[right]).size:
        return None
    lower, upper = np.isin(part, part[left]), np.isin(part, part[right])
    return float(np.min(cKDTree(frame.positions[lower]).query(frame.positions[upper])[0]))


def holding_atoms(frame: Frame) -> NDArray[np.int64]:
    """Atoms each of which alone holds the wire together: without it no chain of bonds joins the ends, int64[n], ascending.

    A neck one atom wide has one of them at least; a chain of atoms consists of them. Bonds and ends are those of :func:`gap_A`;
    atoms of the ends are none of them.
    """
    if len(frame) < 3:
        return np.empty(0, dtype=np.int64)
    bonds, radius, longest = _bonds(frame)
    if frame.pbc[:2].any():
        bonds = np.concatenate([bonds, _bonds_across_the_cell(frame, radius)])
    part = _parts(len(frame), bonds)
    left, right = _ends(frame, END_IN_BONDS * longest, np.bincount(part)[part] > 1)
    between = _shortest_path(len(frame), bonds, left, right)  # which passes through every atom that all paths pass through
    return np.array(sorted(atom for atom in between if not _joined_without(atom, bonds, left, right, len(frame))), dtype=np.int64)


def _bonds(frame: Frame) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Pairs of bonded atoms within the cell int64[bonds, 2], radii of all atoms float64[n] in Å, and the longest bond in Å."""
    tree = cKDTree(frame.positions)
    radius = _radii(frame, np.asarray(tree.query(frame.positions, k=2)[0])[:, 1])
    longest = 2 * BOND_IN_DISTANCES * float(radius.max())
    pairs = tree.query_pairs(longest, output_type="ndarray")
    distance = np.linalg.norm(frame.positions[pairs[:, 0]] - frame.positions[pairs[:, 1]], axis=1)
    return pairs[distance <= BOND_IN_DISTANCES * radius[pairs].sum(axis=1)], radius, longest


def _shortest_path(count: int, bonds: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Atoms between the ends on one of the shortest paths of bonds from one to the other; none where there is no path."""
    node = np.arange(count)
    node[left], node[right] = count, count + 1
    graph = coo_array((np.ones(len(bonds), dtype=np.int8), node[bonds].T), shape=(count + 2, count + 2)).tocsr()
    _, before = breadth_first_order(graph, count, directed=False)
    path = []
    at = int(before[count + 1])
    while 0 <= at < count:
        path.append(at)
        at = int(before[at])
    return np.array(path, dtype=np.int64)


def _joined_without(atom: int, bonds: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64], count: int) -> bool:
    """Whether the ends are joined when an atom is taken away."""
    part = _parts(count, bonds[(bonds != atom).all(axis=1)])
    return bool(np.intersect1d(part[left], part[right]).size)


def is_joined_through_z(frame: Frame) -> bool:
    """Whether the ends of a broken wire meet through the cell's boundary along z, where the whole wire may have been cut.

    They do if the wire is whole once its atoms below the widest gap along z are moved by the cell's third vector.
    """
    order = np.argsort(frame.positions[:, 2])
    steps = np.diff(frame.positions[order, 2])
    if not frame.cell[2].any() or not len(steps):
        return False
    moved = frame.positions.copy()
    moved[order[: int(np.argmax(steps)) + 1]] += frame.cell[2]
    return gap_A(replace(frame, positions=moved, rigid=None)) is None


def _radii(frame: Frame, nearest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of each atom."""
    radius = np.empty(len(frame))
    kinds = np.unique(frame.numbers)
    for z in kinds:
        found = float(np.median(nearest[frame.numbers == z])) / 2
        radius[frame.numbers == z] = found if len(kinds) == 1 else max(found, float(covalent_radii[z]))
    return radius


def _parts(count: int, bonds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the part of the bond graph that each atom belongs to."""
    graph = coo_array((np.ones(len(bonds), dtype=np.int8), (bonds[:, 0], bonds[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _bonds_across_the_cell(frame: Frame, radius: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of bonded atoms, also through the sides of the cell."""
    longest = 2 * BOND_IN_DISTANCES * float(radius.max())
    periodic = frame.pbc & frame.cell.any(axis=1) & (True, True, False)
    pairs = neighbour_pairs(frame.positions, frame.cell, periodic, longest, full=False)
    bonded = pairs.distance <= BOND_IN_DISTANCES * (radius[pairs.first] + radius[pairs.second])
    return np.asarray(np.column_stack([pairs.first, pairs.second])[bonded])


def _ends(frame: Frame, depth: float, bonded: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atoms of the two ends; single atoms in the vacuum beside the wire are no end of it."""
    z = frame.positions[:, 2]
    left, right = map(np.flatnonzero, marked_ends(frame))
    if len(left) and len(right):
        return left, right
    wire = z[bonded] if bonded.any() else z
    depth = min(depth, 0.25 * float(np.ptp(wire)))
    return np.flatnonzero(z <= wire.min() + depth), np.flatnonzero(z >= wire.max() - depth)
