"""The ideal principal layer of a wire's end: the mean over the outermost copies of its period.

With b the sites of the first copy, t the translation and v the primitive transverse cell vectors, atoms lie at

    r(m, i, j, c) = b_m + i v_1 + j v_2 + c t.

t along z is the slope of a least-squares fit, b the mean over copies and transverse cells, and the lateral part of t the fraction
of transverse vectors that it stands for. So the lead is exactly periodic, and rounded coordinates are averaged. The copies are
those of the principal layer, two periods at least: what moves next to the neck has no influence on the lead. The deviation is
the largest distance of an atom from its ideal place or, if that is larger, by which two atoms move apart from copy to copy.

Two ends that are the same crystal within their deviations get their common mean: then both leads are one and the same. Last of
all, numbers are freed of rounding. Coordinates that fit to :data:`~sharvin.electrodes.wire_end.EXACT_A` are left as they are,
up to 1e-11 Å. Those that fit to :data:`SINGLE_A`, as positions stored in single precision do, are rounded to a few times their
deviation, and sites of high symmetry (twelfths of the cell) to their places, so that all snapshots of a wire have the same lead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.electrodes.electrode import Electrode
from sharvin.electrodes.stacking import IDEAL_A, Stacking, lateral_repeats
from sharvin.electrodes.wire_end import EXACT_A, LayerRun, WireEnd, layer_numbers

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SINGLE_A = 1e-5
"""Largest deviation of coordinates in single precision."""
_DIGITS = 11
_SAME_SITE_A = 0.15


@dataclass(frozen=True, eq=False)
class IdealLayer:
    """A principal layer as a lattice.

    Parameters
    ----------
    numbers : int64[m]
        Atomic numbers of the members of a primitive transverse cell, by height.
    steps : int64[m]
        Whole translations below each member.
    rest : float64[m]
        Height above these translations in Å.
    lateral : float64[m, 2]
        Place in units of `vectors`.
    vectors : float64[2, 2]
        Primitive transverse vectors in Å; unit vectors where the wire is not periodic in both directions.
    spacing_A : float
        Length of the translation along z.
    atoms : int64[N1, N2, m]
        The wire's atom that is each member of each transverse cell.
    thickness : int
        Translations in the principal layer.
    shape : Electrode
        Numbers of layers, copies, deviation, cell and periodic directions; its atoms are not used.
    """

    numbers: Integers
    steps: Integers
    rest: Floats
    lateral: Floats
    vectors: Floats
    spacing_A: float
    atoms: Integers
    thickness: int
    shape: Electrode

    def electrode(self) -> tuple[Electrode, Integers]:
        """The electrode, and the indices of its atoms in canonical order."""
        n1, n2, members = self.atoms.shape
        cells = np.stack(np.meshgrid(np.arange(n1), np.arange(n2), indexing="ij"), axis=-1).reshape(-1, 2)
        places = (self.lateral[:, None] + cells[None]).reshape(-1, 2) @ self.vectors
        heights = np.round(self.steps * self.spacing_A + self.rest, _DIGITS)
        positions = np.column_stack([places, np.repeat(heights, n1 * n2)])
        order = np.moveaxis(np.arange(members * n1 * n2).reshape(members, n1, n2), 0, 2)
        cell = self.shape.cell.copy()
        cell[2] = [0.0, 0.0, np.round(self.thickness * self.spacing_A, _DIGITS)]
        found = replace(
            self.shape,
            numbers=np.repeat(self.numbers, n1 * n2),
            positions=positions,
            cell=cell,
            order=np.ascontiguousarray(order),
        )
        return found, np.moveaxis(self.atoms, 2, 0).reshape(-1)


def mean_layer(stacking: Stacking, min_thickness_A: float) -> IdealLayer:
    """The mean over all copies of a stacking's period, as thick as a Hamiltonian's range."""
    end, run = stacking.end, stacking.run
    periods = stacking.periods(min_thickness_A)
    site, copy, atom, place = _copies(end, run, max(2, periods) * stacking.steps)
    weight = np.bincount(site).astype(np.float64)
    centred = copy - (np.bincount(site, copy) / weight)[site]
    spacing = float(centred @ place[:, 2] / (centred @ centred)) if centred.any() else run.period_A
    shift = np.array([0.0, 0.0, spacing])
    periodic = len(end.lattice) == 2
    vectors = end.lattice / np.array(stacking.repeats)[:, None] if periodic else np.eye(2)
    if not run.straight:
        lattice = vectors if periodic else end.lattice
        shift[:2] = np.round(stacking.steps * run.shift[:2] @ np.linalg.pinv(lattice)) @ lattice / stacking.steps
    moved = place - copy[:, None] * shift
    sites = np.column_stack([np.bincount(site, moved[:, axis]) / weight for axis in range(3)])
    member, cells = _members(end, sites, vectors, stacking.repeats)
    local = sites - np.column_stack([cells @ vectors, np.zeros(len(sites))])
    basis = np.column_stack([np.bincount(member, local[:, axis]) / np.bincount(member) for axis in range(3)])
    ideal = basis[member[site]] + np.column_stack([cells[site] @ vectors, np.zeros(len(site))]) + copy[:, None] * shift
    off = run.off[atom]
    apart = [np.linalg.norm(np.ptp(off[copy == c], axis=0)) for c in range(int(copy.max()))]
    deviation = float(max(np.linalg.norm(place - ideal, axis=1).max(), *apart, 0.0))

    thickness = periods * stacking.steps
    kept = copy < thickness
    site, copy, atom = site[kept], copy[kept], atom[kept]
    _, first = np.unique(member, return_index=True)
    numbers = np.tile(end.numbers[first], thickness)
    places = np.concatenate([basis + c * shift for c in range(thickness)])
    row = member[site] + len(basis) * copy
    places[:, 2] = places[:, 2] - places[:, 2].min() if end.side == "left" else places[:, 2].max() - places[:, 2]
    origin = _origin(end, numbers, places)
    fractions = (places[:, :2] - origin) @ np.linalg.inv(vectors)
    if periodic:
        fractions -= np.floor(fractions + 1e-6)
    elif len(end.lattice):
        fractions -= np.floor(fractions @ np.linalg.pinv(end.lattice) + 1e-6) @ end.lattice
    steps = np.floor(places[:, 2] / spacing + 0.02).astype(np.int64)
    rest = places[:, 2] - steps * spacing
    height = np.argsort(places[:, 2], kind="stable")
    layer = np.empty(len(places), dtype=np.int64)
    layer[height] = layer_numbers(places[height, 2])
    order = np.lexsort([*np.round((fractions * np.linalg.norm(vectors, axis=1)).T[::-1], 1), layer])
    rank = np.argsort(order)
    n1, n2 = stacking.repeats
    atoms = np.full((n1, n2, len(order)), -1, dtype=np.int64)
    where = np.zeros((len(row), 2), dtype=np.int64)
    if periodic:
        where = np.round((end.places[atom, :2] - origin) @ np.linalg.inv(vectors) - fractions[row]).astype(np.int64)
        where = (where - where[rank[row] == 0].min(axis=0)) % [n1, n2]
    atoms[where[:, 0], where[:, 1], rank[row]] = end.atoms[atom]
    layers = int(layer.max()) + 1
    shape = Electrode(
        numbers,
        places,
        end.cell,
        end.pbc,
        atoms,
        layers,
        layers // periods,
        int(run.count // (run.cell * stacking.steps)),
        deviation,
        run.count >= 2 * run.cell,
    )
    return IdealLayer(numbers[order], steps[order], rest[order], fractions[order], vectors, spacing, atoms, thickness, shape)


def layer_as_given(atoms: Atoms, indices: Integers, period_A: float) -> IdealLayer:
    """The principal layer whose atoms are where they are, repeated with a period; atoms by their indices in the wire."""
    end = WireEnd(atoms[indices], "left")
    n = len(end)
    nowhere = np.full(n, -1, dtype=np.int64)
    run = LayerRun(np.array([0.0, 0.0, period_A]), 0.0, nowhere, np.zeros((n, 3)), np.inf, n, n)
    found = mean_layer(Stacking(end, run, 1, lateral_repeats(end, n, IDEAL_A)), 0.0)
    return replace(found, atoms=np.asarray(indices, dtype=np.int64)[found.atoms])


def matched(left: IdealLayer, right: IdealLayer) -> tuple[IdealLayer, IdealLayer]:
    """Both ends of a wire, freed of rounding; with the mean of both where they are the same crystal within their deviations."""
    deviation = max(left.shape.deviation_A, right.shape.deviation_A)
    if deviation <= IDEAL_A and _alike(left, right, max(4.0 * deviation, EXACT_A)):
        mean = {name: 0.5 * (getattr(left, name) + getattr(right, name)) for name in ("rest", "lateral", "spacing_A")}
        left, right = replace(left, **mean), replace(right, **mean)
    return _rounded(left, deviation), _rounded(right, deviation)


def _alike(left: IdealLayer, right: IdealLayer, tolerance_A: float) -> bool:
    if left.atoms.shape != right.atoms.shape or left.thickness != right.thickness:
        return False
    if np.any(left.numbers != right.numbers) or np.any(left.steps != right.steps):
        return False
    differences = (left.rest - right.rest, (left.lateral - right.lateral) @ left.vectors, left.spacing_A - right.spacing_A)
    return all(bool(np.abs(difference).max() <= tolerance_A) for difference in differences)


def _rounded(layer: IdealLayer, deviation_A: float) -> IdealLayer:
    digits, near = _DIGITS, EXACT_A
    if EXACT_A < deviation_A <= SINGLE_A:
        digits, near = max(5, int(np.floor(-np.log10(4.0 * deviation_A)))), 4.0 * deviation_A
    spacing = float(np.round(layer.spacing_A, digits))
    rest = _on_twelfths(layer.rest, spacing, near, digits)
    if np.array_equal(layer.vectors, np.eye(2)):
        lateral = np.round(layer.lateral, digits)
    else:
        length = float(np.linalg.norm(layer.vectors, axis=1).max())
        lateral = _on_twelfths(layer.lateral, 1.0, near / length, digits + 1)
    return replace(layer, spacing_A=spacing, rest=rest, lateral=lateral)


def _on_twelfths(values: Floats, unit: float, near: float, digits: int) -> Floats:
    twelfth = np.round(12.0 * values / unit) / 12.0 * unit
    return np.asarray(np.where(np.abs(values - twelfth) <= near, twelfth, np.round(values, digits)))


def _copies(end: WireEnd, run: LayerRun, most: int) -> tuple[Integers, Integers, Integers, Floats]:
    """Site, copy, atom and unwrapped place of each atom of the outermost copies of a translation, from the first one inwards."""
    site, atom, place = np.arange(run.cell), np.arange(run.cell), end.places[: run.cell]
    found = [(site, np.zeros_like(site), atom, place)]
    while atom.size and len(found) < most:
        following = run.partner[atom]
        on = (following >= 0) & (following < run.count)
        place = place[on] + run.shift + run.off[atom[on]]
        site, atom = site[on], following[on]
        found.append((site, np.full_like(site, len(found)), atom, place))
    sites, copies, atoms, places = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sites, copies, atoms, places


def _members(end: WireEnd, sites: Floats, vectors: Floats, repeats: tuple[int, int]) -> tuple[Integers, Integers]:
    """Which member of its primitive transverse cell each site is, int64[n], and which cell it lies in, int64[n, 2]."""
    member, cells = np.full(len(sites), -1, dtype=np.int64), np.zeros((len(sites), 2), dtype=np.int64)
    if repeats == (1, 1):
        return np.arange(len(sites)), cells
    inverse = np.linalg.inv(vectors)
    count = 0
    while (member < 0).any():
        first = int(np.argmax(member < 0))
        fractions = (sites[:, :2] - sites[first, :2]) @ inverse
        away = np.column_stack([(fractions - np.round(fractions)) @ vectors, sites[:, 2] - sites[first, 2]])
        same = (np.linalg.norm(away, axis=1) < _SAME_SITE_A) & (end.numbers[: len(sites)] == end.numbers[first]) & (member < 0)
        member[same], cells[same] = count, np.round(fractions[same]).astype(np.int64)
        count += 1
    return member, cells


def _origin(end: WireEnd, numbers: Integers, places: Floats) -> Floats:
    """Lateral origin of an electrode, float64[2]: an atom of its lowest layer, or the middle of a wire in empty space."""
    if not len(end.lattice):
        return np.asarray(places[:, :2].mean(axis=0))
    lowest = np.flatnonzero(places[:, 2] - places[:, 2].min() < _SAME_SITE_A)
    keys = np.round(places[lowest, :2], 2)
    return np.asarray(places[lowest[np.lexsort([keys[:, 1], keys[:, 0], numbers[lowest]])[0]], :2])
