r"""Wires as one-orbital tight-binding systems: which atoms are the device, which pairs couple, and what the electrodes add.

Energies are in units of the hopping between nearest neighbours of the electrode's crystal, at distance d. There

.. math:: t(r) = -e^{-\kappa (r/d - 1)} f(r),

with a quintic f that falls from 1 at :data:`SWITCH` d to 0 at :data:`REACH` d: two shells of neighbours in a bcc metal, one in an
fcc one. The Fermi energy fills half of the crystal's band, one electron an atom.

The outermost principal layers of a wire are its leads' and semi-infinite. What they add to the rest, the device, is the
self-energy :math:`\Sigma = \tau^T g\,\tau` with the surface Green function g of decimation (López Sancho, López Sancho and Rubio,
J. Phys. F 15, 851 (1985)) and the bare hopping τ from the principal layer to the device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.linalg import eigvalsh, inv
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.junction import Electrode, Junction
from vesin import NeighborList  # type: ignore[import-untyped]

from sharvin_models.neighbour_graph import Graph, GraphBuilder

REACH = 1.4
"""Range of the hopping in distances of nearest neighbours."""
SWITCH = 1.15
"""From here on the hopping is taken to zero."""
ETA = 1e-7
"""Imaginary part of the energy in the leads."""
_DOUBLINGS = 60
_DECOUPLED = 1e-13
_TRANSVERSE_POINTS, _LONGITUDINAL_POINTS = 20, 12

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Contact:
    """What a lead adds to the device.

    Parameters
    ----------
    atoms : int64[k]
        Atoms of the device that couple to the lead.
    self_energy : complex128[k, k]
        Symmetric.
    """

    atoms: Integers
    self_energy: NDArray[np.complex128]


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
    left, right : Contact
    fermi_energy : float
    """

    graph: Graph
    pairs: Integers
    distances: NDArray[np.float32]
    bare: NDArray[np.float32]
    left: Contact
    right: Contact
    fermi_energy: float


@dataclass(frozen=True, eq=False)
class Lead:
    """Of one electrode: nearest-neighbour distance in Å, Fermi energy, and the surface Green functions towards +z and −z."""

    nearest_A: float
    fermi_energy: float
    towards_right: NDArray[np.complex128]
    towards_left: NDArray[np.complex128]


class WireBuilder:
    """Makes wires of frames; electrodes are found once, and their surface Green functions computed once.

    Parameters
    ----------
    name : str
        Of the regressor, for messages.
    decay : float
        κ of the hopping.
    cutoff : float
        Of the graph, in Å.
    elements : sequence of int
        Atomic numbers that may occur.
    """

    def __init__(self, name: str, decay: float, cutoff: float, elements: tuple[int, ...]) -> None:
        self.name, self.decay = name, decay
        self._graph = GraphBuilder(name, cutoff, "mobile", elements)
        self._leads: dict[bytes, Lead] = {}
        self._junctions: dict[bytes, Junction] = {}

    def __call__(self, frame: Frame, index: int) -> Wire:
        """Wire of one frame; `index` names it in messages.

        Raises
        ------
        InputError
            If the frame is not a wire between two like crystalline electrodes of one element, or has an unknown element.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        junction = self._junction(frame, index)
        left, right = junction.left_electrode, junction.right_electrode
        assert left is not None and right is not None
        outer = np.zeros(len(frame), dtype=bool)
        outer[junction.left], outer[junction.right] = True, True
        graph = self._graph(replace(frame, rigid=outer), index)
        lead = self.lead(left)
        place = np.full(len(frame), -1, dtype=np.int64)
        place[~outer] = np.arange(graph.n_centres)
        i, j, r = pairs_within(frame.positions, frame.cell, frame.pbc, REACH * lead.nearest_A)
        inside = (place[i] >= 0) & (place[j] >= 0) & (i <= j)
        contacts = []
        for side, electrode, green in (
            (junction.left, left, lead.towards_right),
            (junction.right, right, self.lead(right).towards_left),
        ):
            layer = np.full(len(frame), -1, dtype=np.int64)
            layer[side] = np.arange(len(electrode.numbers))
            crossing = (layer[i] >= 0) & (place[j] >= 0)
            tau = np.zeros((len(side), graph.n_centres))
            np.add.at(tau, (layer[i[crossing]], place[j[crossing]]), hopping(r[crossing], lead.nearest_A, self.decay))
            touched = np.flatnonzero(tau.any(axis=0))
            if not len(touched):
                raise InputError(f"{self.name}: nothing touches an electrode of structure {index}; the wire has come off.")
            contacts.append(Contact(touched, tau[:, touched].T @ green @ tau[:, touched]))
        i, j, r = i[inside], j[inside], r[inside]
        # An atom and its own image are listed twice, an atom and another once; both count once in H + Hᵀ.
        bare = hopping(r, lead.nearest_A, self.decay) * np.where(i == j, 0.5, 1.0)
        return Wire(
            graph,
            np.stack([place[i], place[j]]),
            r.astype(np.float32),
            bare.astype(np.float32),
            contacts[0],
            contacts[1],
            lead.fermi_energy,
        )

    def lead(self, electrode: Electrode) -> Lead:
        """What a lead contributes, from the cache if it was there before."""
        if electrode.key not in self._leads:
            self._leads[electrode.key] = make_lead(electrode, self.decay)
        return self._leads[electrode.key]

    def _junction(self, frame: Frame, index: int) -> Junction:
        """The electrodes of a frame, those of an earlier frame of the same wire where they still fit."""
        key = frame.numbers.tobytes() + np.round(frame.cell[:2], 6).tobytes() + np.asarray(frame.pbc).tobytes()
        atoms = frame.to_atoms()
        if key in self._junctions:
            known = self._junctions[key].with_positions(atoms)
            if _fits(known):
                return known
        try:
            nearest = _nearest(Junction.detect(atoms, 0.1).electrodes()[1])
            junction = Junction.detect(atoms, REACH * nearest)
            left, right = junction.electrodes()[1:]
            self._check(left, right)
        except InputError as error:
            raise InputError(f"{self.name}, structure {index}: {error}") from error
        self._junctions[key] = junction
        return junction

    def _check(self, left: Electrode, right: Electrode) -> None:
        numbers = np.union1d(left.numbers, right.numbers)
        if len(numbers) > 1:
            found = " and ".join(chemical_symbols[z] for z in numbers)
            raise InputError(f"the electrodes are of {found}, and one orbital an atom describes electrodes of one element only.")
        if abs(_nearest(left) - _nearest(right)) > 1e-3:
            raise InputError("the two electrodes are crystals of different spacing; take the same for both.")


def hopping(distances: Floats, nearest_A: float, decay: float) -> Floats:
    """t(r) at distances in Å, in units of that between nearest neighbours of the electrode."""
    x = distances / nearest_A
    u = np.clip((x - SWITCH) / (REACH - SWITCH), 0.0, 1.0)
    return np.asarray(-np.exp(-decay * (x - 1.0)) * (1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u * u)))


def pairs_within(positions: Floats, cell: Floats, pbc: NDArray[np.bool_], cutoff: float) -> tuple[Integers, Integers, Floats]:
    """Both ends and the distance in Å of every pair closer than the cutoff, in both directions, sorted by atoms."""
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    periodic = np.asarray(pbc, dtype=bool)
    box = np.where(periodic[:, None], np.asarray(cell, dtype=np.float64), 0.0)
    i, j, r = search.compute(points=positions, box=box, periodic=periodic, quantities="ijd")
    return i.astype(np.int64), j.astype(np.int64), r


def make_lead(electrode: Electrode, decay: float) -> Lead:
    """Fermi energy and surface Green functions of an electrode; the transverse cell is taken at Γ.

    Raises
    ------
    InputError
        If the Fermi energy falls onto a band edge, where the surface Green function diverges.
    """
    nearest = _nearest(electrode)
    i, j, shifts, r = _bonds(electrode, REACH * nearest)
    t = hopping(r, nearest, decay)
    n = len(electrode.numbers)
    h00, h01 = np.zeros((n, n)), np.zeros((n, n))
    same, next_ = shifts[:, 2] == 0, shifts[:, 2] == 1
    np.add.at(h00, (i[same], j[same]), t[same])
    np.add.at(h01, (i[next_], j[next_]), t[next_])
    energy = half_filling(n, i, j, shifts, t, electrode)
    return Lead(nearest, energy, surface_green(h00, h01, energy), surface_green(h00, h01.T, energy))


def half_filling(n: int, i: Integers, j: Integers, shifts: Integers, hoppings: Floats, electrode: Electrode) -> float:
    """Energy in the middle of the sorted levels of the electrode's crystal, over a grid of k-points."""
    repeats = electrode.order.shape[:2]
    counts = [
        int(np.ceil(_TRANSVERSE_POINTS / repeat)) if periodic else 1
        for repeat, periodic in zip(repeats, electrode.pbc[:2], strict=True)
    ]
    grids = [(np.arange(count) + 0.5) / count - 0.5 if count > 1 else np.zeros(1) for count in counts]
    longitudinal = (np.arange(_LONGITUDINAL_POINTS) + 0.5) / (2 * _LONGITUDINAL_POINTS)
    levels = []
    for k in np.stack(np.meshgrid(*grids, longitudinal, indexing="ij"), -1).reshape(-1, 3):
        bloch = np.zeros((n, n), dtype=complex)
        np.add.at(bloch, (i, j), hoppings * np.exp(2j * np.pi * (shifts @ k)))
        levels.append(eigvalsh(bloch))
    return float(np.median(np.concatenate(levels)))


def surface_green(h00: Floats, h01: Floats, energy: float) -> NDArray[np.complex128]:
    """Surface Green function of layers that follow each other by `h01` and end, complex128[n, n].

    Raises
    ------
    InputError
        If the decimation does not end, as on a band edge.
    """
    z = (energy + 1j * ETA) * np.eye(len(h00))
    surface, bulk = h00.astype(complex), h00.astype(complex)
    back, forth = h01.T.astype(complex), h01.astype(complex)
    for _ in range(_DOUBLINGS):
        green = inv(z - bulk)
        there, here = back @ green @ forth, forth @ green @ back
        surface, bulk = surface + there, bulk + there + here
        back, forth = back @ green @ back, forth @ green @ forth
        if np.abs(back).max() < _DECOUPLED:
            return np.asarray(inv(z - surface))
    raise InputError("the Fermi energy of the electrodes lies on a band edge; change decay a little.")


def _bonds(electrode: Electrode, cutoff: float) -> tuple[Integers, Integers, Integers, Floats]:
    """Both ends, the cell of the second, and the distance of the bonds in an electrode's crystal."""
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    box = np.where(electrode.pbc[:, None], electrode.cell, 0.0)
    i, j, shifts, r = search.compute(points=electrode.positions, box=box, periodic=electrode.pbc, quantities="ijSd")
    return i.astype(np.int64), j.astype(np.int64), shifts.astype(np.int64), r


def _nearest(electrode: Electrode) -> float:
    """Distance of nearest neighbours in Å."""
    longest = float(np.linalg.norm(electrode.cell, axis=1).max())
    return float(np.round(_bonds(electrode, min(longest, 7.0) + 0.1)[3].min(), 4))


def _fits(junction: Junction) -> bool:
    """Whether the electrodes are still where the junction says, moved as wholes."""
    sides = ((junction.left, junction.left_electrode), (junction.right, junction.right_electrode))
    try:
        for side, electrode in sides:
            assert electrode is not None
            electrode.place(junction.atoms.positions[side])
    except InputError:
        return False
    return True
