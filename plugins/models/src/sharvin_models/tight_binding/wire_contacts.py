r"""Wires as one-orbital tight-binding systems: which atoms are the device, which pairs couple, and what the electrodes add.

Energies are in units of the hopping between nearest neighbours of the electrode's crystal, at distance d. There

.. math:: t(r) = -e^{-\kappa (r/d - 1)} f(r),

with a quintic f that falls from 1 at :data:`FULL` of the range to 0 at the range, `reach` times d. The Fermi energy fills half
of the crystal's band, one electron an atom, whatever the electrode's cross-section.

The outermost principal layers of a wire are its leads' and semi-infinite. What they add to the rest, the device, is the
self-energy :math:`\Sigma = \tau^T g\,\tau` with the surface Green function g of :mod:`sharvin.devices.decimation` and the bare
hopping τ from the principal layer to the device.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.devices.decimation import decimate
from sharvin.electrodes.junction_checks import overlap
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame
from sharvin.junction import LAYER_TOLERANCE_A, Electrode, Junction
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs
from sharvin.runs.cache import most_recent

from sharvin_models.structures.neighbour_graph import Graph, GraphBuilder

FULL = 0.82
"""Part of its range over which the hopping is not yet taken to zero."""
ETA = 1e-7
"""Imaginary part of the energy in the leads."""
UNMOVED_A = 1e-3
"""Atoms of an electrode within this of their places in an earlier snapshot are where they were."""
MEMORY_BYTES = 50_000_000
"""Memory for surface Green functions that a builder keeps, and as much for electrodes that it has found."""
_FARTHEST_NEIGHBOUR_A = 7.0
_K_POINTS = 32

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SelfEnergy:
    """What a lead adds to the Hamiltonian of the device.

    Parameters
    ----------
    atoms : int64[k]
        Atoms of the device that couple to the lead.
    matrix : complex128[k, k]
        Σ between these atoms; symmetric.
    """

    atoms: Integers
    matrix: NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Wire:
    """A device between two leads, and the graph of its atoms' surroundings.

    Parameters
    ----------
    graph : Graph
        Its centres are the atoms of the device, in the frame's order; atoms of the principal layers are boundary nodes.
    pairs : int64[2, n_pairs]
        Atoms of the device that couple; the Hamiltonian is what `bare` gives, plus its transpose.
    distances : float32[n_pairs]
        In Å.
    bare : float32[n_pairs]
        Hopping t(r) as in the electrode's crystal.
    left, right : SelfEnergy
    fermi_energy : float
        In units of the hopping at d, as `bare` is.
    """

    graph: Graph
    pairs: Integers
    distances: NDArray[np.float32]
    bare: NDArray[np.float32]
    left: SelfEnergy
    right: SelfEnergy
    fermi_energy: float


@dataclass(frozen=True)
class Bonds:
    """The hopping t(r) of the electrodes.

    Parameters
    ----------
    decay : float
        κ.
    reach : float
        Range in distances d of nearest neighbours.
    """

    decay: float = 2.0
    reach: float = 1.4

    def hopping(self, distances: Floats, nearest_A: float) -> Floats:
        """t(r), float64[n], at distances float64[n] in Å, in units of that between nearest neighbours of the electrode."""
        x = distances / nearest_A
        u = np.clip((x / self.reach - FULL) / (1.0 - FULL), 0.0, 1.0)
        return np.asarray(-np.exp(-self.decay * (x - 1.0)) * (1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u * u)))


@dataclass(frozen=True, eq=False)
class ElectrodeSurfaces:
    """What a wire needs of one electrode: its Fermi energy, and the surfaces of the leads that it is made of.

    Parameters
    ----------
    nearest_A : float
        Distance d of nearest neighbours.
    fermi_energy : float
        In units of the hopping at d.
    towards_right, towards_left : complex128[n, n]
        Surface Green functions of the lead that ends towards +z and of the one that ends towards −z, between the atoms of a
        principal layer, in units of the inverse hopping.
    """

    nearest_A: float
    fermi_energy: float
    towards_right: NDArray[np.complex128]
    towards_left: NDArray[np.complex128]

    @property
    def nbytes(self) -> int:
        """Memory of the surface Green functions."""
        return self.towards_right.nbytes + self.towards_left.nbytes


class WireBuilder:
    """Makes wires of frames; electrodes that were found and their surface Green functions are kept for later frames.

    The least recently used ones are forgotten and computed again when needed: of each, as many are kept as fit into
    :data:`MEMORY_BYTES`, and two at least. A principal layer of n atoms takes 32 n² bytes (80 kB for 50 atoms: 625 electrodes),
    the electrodes found in a wire 60 to 70 bytes per atom of the wire.

    Parameters
    ----------
    name : str
        Of the regressor, for messages.
    bonds : Bonds
        The electrodes' hopping.
    cutoff_A : float
        Of the graph, in Å.
    elements : sequence of int
        Atomic numbers that may occur.
    """

    def __init__(self, name: str, bonds: Bonds, cutoff_A: float, elements: tuple[int, ...]) -> None:
        self.name, self.bonds, self.cutoff_A = name, bonds, cutoff_A
        self._graph = GraphBuilder(name, cutoff_A, "mobile", elements)
        self._surfaces: MutableMapping[bytes, ElectrodeSurfaces] = most_recent(MEMORY_BYTES, attrgetter("nbytes"))
        self._junctions: MutableMapping[bytes, Found] = most_recent(MEMORY_BYTES, attrgetter("nbytes"))

    def __call__(self, frame: Frame, index: int) -> Wire:
        """Wire of one frame, whatever came before it; `index` names it in messages.

        Raises
        ------
        InputError
            If the frame is not a wire between two like crystalline electrodes of one element, has an unknown element, or the
            cutoff is shorter than the range of the hopping.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        _require_apart(frame, self.name, index)
        junction = self._junction(frame, index)
        left, right = (np.full(len(frame), -1, dtype=np.int64) for _ in range(2))
        left[junction.left], right[junction.right] = np.arange(len(junction.left)), np.arange(len(junction.right))
        lead, opposite = (self.surfaces(electrode) for electrode in junction.electrodes()[1:])
        outer = (left >= 0) | (right >= 0)
        graph = self._graph(replace(frame, rigid=outer), index)
        place = np.full(len(frame), -1, dtype=np.int64)
        place[~outer] = np.arange(graph.n_centres)
        near = neighbour_pairs(frame.positions, frame.cell, frame.pbc, self.bonds.reach * lead.nearest_A, full=True)
        i, j, r = near.first, near.second, near.distance
        if np.any((left[i] >= 0) & (right[j] >= 0)):
            raise InputError(
                f"{self.name}: structure {index} has fewer layers between its electrodes than the hopping reaches, "
                f"{self.bonds.reach * lead.nearest_A:.2f} Å; add layers."
            )
        self_energies = []
        for layer, green in ((left, lead.towards_right), (right, opposite.towards_left)):
            crossing = (layer[i] >= 0) & (place[j] >= 0)
            tau = np.zeros((int(layer.max()) + 1, graph.n_centres))
            np.add.at(tau, (layer[i[crossing]], place[j[crossing]]), self.bonds.hopping(r[crossing], lead.nearest_A))
            touched = np.flatnonzero(tau.any(axis=0))
            self_energies.append(SelfEnergy(touched, tau[:, touched].T @ green @ tau[:, touched]))
        inside = (place[i] >= 0) & (place[j] >= 0) & (i <= j)
        i, j, r = i[inside], j[inside], r[inside]
        # An atom and its own image are listed twice, an atom and another once; both count once in H + Hᵀ.
        bare = self.bonds.hopping(r, lead.nearest_A) * np.where(i == j, 0.5, 1.0)
        pairs = np.stack([place[i], place[j]])
        at_left, at_right = self_energies
        return Wire(graph, pairs, r.astype(np.float32), bare.astype(np.float32), at_left, at_right, lead.fermi_energy)

    def surfaces(self, electrode: Electrode) -> ElectrodeSurfaces:
        """What an electrode contributes, from the cache if it was there before."""
        if electrode.key not in self._surfaces:
            self._surfaces[electrode.key] = electrode_surfaces(electrode, self.bonds)
        return self._surfaces[electrode.key]

    def _junction(self, frame: Frame, index: int) -> Junction:
        """The electrodes of a frame; those of an earlier one where looking for them again would find the same."""
        key = frame.numbers.tobytes() + np.round(frame.cell[:2], 6).tobytes() + np.asarray(frame.pbc).tobytes()
        known = self._junctions.get(key)
        if known is not None and known.holds(frame):
            return known.junction.with_positions(frame.to_atoms())
        atoms = frame.to_atoms()
        try:
            nearest = _nearest(Junction.detect(atoms, 0.0).electrodes()[1])
            junction = Junction.detect(atoms, self.bonds.reach * nearest)
            self._check(*junction.electrodes()[1:])
        except InputError as error:
            raise InputError(f"{self.name}, structure {index}: {error}") from error
        self._junctions[key] = Found.of(junction, frame)
        return junction

    def _check(self, left: Electrode, right: Electrode) -> None:
        numbers = np.union1d(left.numbers, right.numbers)
        if len(numbers) > 1:
            found = " and ".join(chemical_symbols[z] for z in numbers)
            raise InputError(f"the electrodes are of {found}, and one orbital per atom describes electrodes of one element only.")
        first, second = self.surfaces(left), self.surfaces(right)
        if max(abs(first.nearest_A - second.nearest_A), abs(first.fermi_energy - second.fermi_energy)) > 1e-3:
            raise InputError("the two electrodes are different crystals; take the same for both.")
        if self.cutoff_A < self.bonds.reach * first.nearest_A:
            raise InputError(
                f"the cutoff of {self.cutoff_A:g} Å is shorter than the range of the hopping in {chemical_symbols[numbers[0]]}; "
                f"set cutoff_A to {np.ceil(10 * self.bonds.reach * first.nearest_A) / 10:.1f} or more."
            )


@dataclass(frozen=True, eq=False)
class Found:
    """Electrodes that were found, and the atoms that decided.

    Parameters
    ----------
    junction : Junction
    ends : tuple of (int64[n], float64[n, 3])
        Of either side, the outermost layers that detection looks at: the principal layer, and two periods of the stacking at
        least; their indices and positions, relative to the first.
    """

    junction: Junction
    ends: tuple[tuple[Integers, Floats], tuple[Integers, Floats]]

    @property
    def nbytes(self) -> int:
        """Memory of the wire's atoms, its electrodes and its ends."""
        arrays = [self.junction.left, self.junction.right, *self.junction.atoms.arrays.values(), *self.ends[0], *self.ends[1]]
        for electrode in self.junction.electrodes()[1:]:
            arrays += [electrode.numbers, electrode.positions, electrode.order]
        return sum(array.nbytes for array in arrays)

    @classmethod
    def of(cls, junction: Junction, frame: Frame) -> Found:
        """What was found in a frame."""
        ends = []
        order = np.argsort(frame.positions[:, 2], kind="stable")
        for electrode, outwards in ((junction.left_electrode, order), (junction.right_electrode, order[::-1])):
            assert electrode is not None
            period = len(electrode.numbers) * electrode.period_layers // electrode.layers
            count = max(len(electrode.numbers), 2 * period)
            atoms = np.sort(outwards[:count])
            ends.append((atoms, frame.positions[atoms] - frame.positions[atoms[0]]))
        return cls(junction, (ends[0], ends[1]))

    def holds(self, frame: Frame) -> bool:
        """Whether the same atoms are the outermost ones, and in the same places."""
        z = frame.positions[:, 2]
        for (atoms, places), sign in zip(self.ends, (1.0, -1.0), strict=True):
            others = np.ones(len(z), dtype=bool)
            others[atoms] = False
            if others.any() and (sign * z[atoms]).max() + LAYER_TOLERANCE_A >= (sign * z[others]).min():
                return False
            if np.abs(frame.positions[atoms] - frame.positions[atoms[0]] - places).max() > UNMOVED_A:
                return False
        return True


def electrode_surfaces(electrode: Electrode, bonds: Bonds) -> ElectrodeSurfaces:
    """Fermi energy and surface Green functions of an electrode; the transverse cell is taken at Γ."""
    nearest = _nearest(electrode)
    pairs = _neighbours(electrode, bonds.reach * nearest)
    i, j, shifts = pairs.first, pairs.second, pairs.image
    t = bonds.hopping(pairs.distance, nearest)
    n = len(electrode.numbers)
    h00, h01 = np.zeros((n, n)), np.zeros((n, n))
    same, next_ = shifts[:, 2] == 0, shifts[:, 2] == 1
    np.add.at(h00, (i[same], j[same]), t[same])
    np.add.at(h01, (i[next_], j[next_]), t[next_])
    energy = half_filling(electrode, i, j, shifts, t)
    towards_right, towards_left = decimate((energy + 1j * ETA) * np.eye(n) - h00[None], -h01[None] + 0j, -h01.T[None] + 0j)
    return ElectrodeSurfaces(nearest, energy, towards_right[0], towards_left[0])


def half_filling(electrode: Electrode, i: Integers, j: Integers, shifts: Integers, hoppings: Floats) -> float:
    """Energy in the middle of the levels of the electrode's crystal, of its primitive transverse cell on a grid of k-points.

    It is that of the crystal in bulk, so that necks of every width meet electrodes of one metal. The Fermi energy of a lead as
    solvers fill it is another quantity: it is that of the lead's own transverse states, and changes with its cross-section.

    Parameters
    ----------
    electrode : Electrode
    i, j : int64[n_bonds]
        Ends of the bonds, in both directions.
    shifts : int64[n_bonds, 3]
        Cell of the second end.
    hoppings : float64[n_bonds]
    """
    first, second, members = electrode.order.shape
    cell_of, member_of = np.empty((len(electrode.numbers), 2), dtype=np.int64), np.empty(len(electrode.numbers), dtype=np.int64)
    for a in range(first):
        for b in range(second):
            cell_of[electrode.order[a, b]] = a, b
            member_of[electrode.order[a, b]] = np.arange(members)
    home = (cell_of[i] == 0).all(axis=1)
    i, j, shifts, hoppings = i[home], j[home], shifts[home], hoppings[home]
    away = np.column_stack([cell_of[j] + shifts[:, :2] * (first, second), shifts[:, 2]])
    # The larger the cell, the smaller its zone; the cost of a point is that of a matrix of `members` rows.
    points = max(4, round(_K_POINTS / max(1.0, members / 8.0)))
    transverse = [
        (np.arange(points) + 0.5) / points - 0.5 if periodic else np.zeros(1) for periodic in np.asarray(electrode.pbc)[:2]
    ]
    along = (np.arange(points) + 0.5) / (2 * points)
    levels = []
    for k in np.stack(np.meshgrid(*transverse, along, indexing="ij"), -1).reshape(-1, points, 3):
        elements = np.zeros((members * members, points), dtype=complex)
        np.add.at(elements, member_of[i] * members + member_of[j], hoppings[:, None] * np.exp(2j * np.pi * (away @ k.T)))
        levels.append(np.linalg.eigvalsh(elements.T.reshape(points, members, members)).ravel())
    return float(np.median(np.concatenate(levels)))


def _neighbours(electrode: Electrode, cutoff_A: float) -> NeighbourPairs:
    return neighbour_pairs(electrode.positions, electrode.cell, electrode.pbc, cutoff_A, full=True)


def _nearest(electrode: Electrode) -> float:
    """Distance of nearest neighbours in Å."""
    pairs = _neighbours(electrode, _FARTHEST_NEIGHBOUR_A)
    if not len(pairs):
        raise InputError(
            f"no atom of the electrode has a neighbour within {_FARTHEST_NEIGHBOUR_A:g} Å; check the unit of the positions."
        )
    return float(np.round(pairs.distance.min(), 4))


def _require_apart(frame: Frame, name: str, index: int) -> None:
    """Raise ItemError if two atoms overlap, as electrodes are looked for in some frames only."""
    message = overlap(frame.numbers, frame.positions, frame.cell, frame.pbc, f"{name}: structure {index}")
    if message:
        raise ItemError(f"{name}, structure {index}: {message}")
