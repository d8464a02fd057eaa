"""Two-terminal geometry along z: :class:`Junction`, its ideal :class:`Electrode` s, and how they are found in a wire.

An electrode is found by geometry alone. Its atoms lie in layers of equal z; the stacking period *q* is the smallest number of
layers after which the structure repeats by a translation along z. A principal layer is the smallest multiple of *q*
layers that is at least as thick as the Hamiltonian's range, so that it couples to its two neighbours only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from sharvin.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LAYER_TOLERANCE_A = 0.05
"""Atoms closer than this in z belong to one layer."""
MATCH_TOLERANCE_A = 0.02
"""Largest distance between an atom and the image of another for the two to be equivalent."""
NO_IMAGE_A = 1.0
"""An atom this far from where it should be is missing there, rather than displaced."""
OVERLAP = 0.5
"""Two atoms overlap when they are closer than this part of the sum of their covalent radii."""


@dataclass(frozen=True, eq=False)
class Electrode:
    """One ideal principal layer: a lattice repeated in x and y, and along z with the period.

    Parameters
    ----------
    numbers : int64[n]
        Atomic numbers, in the order of the junction's ``left`` or ``right``: along z, then by transverse cell.
    positions : float64[n, 3]
        Ideal positions in Å, relative to the electrode's own origin.
    cell : float64[3, 3]
        Transverse cell vectors and (0, 0, period), in Å.
    pbc : bool[3]
        Periodic in x, y, and along z.
    order : int64[N1, N2, m]
        Which atom is atom m of the primitive transverse cell (i, j); N1 = N2 = 1 where there is no smaller cell.
    """

    numbers: Integers
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    order: Integers

    @cached_property
    def key(self) -> bytes:
        """What the lead depends on; equal for electrodes that differ by a translation only."""
        return b"".join(
            np.ascontiguousarray(a).tobytes() for a in (self.numbers, self.positions, self.cell, self.pbc, self.order)
        )

    @property
    def period_A(self) -> float:
        """Thickness of the principal layer in Å."""
        return float(self.cell[2, 2])

    def crystal(self) -> Atoms:
        """The lead as a crystal, periodic along z."""
        return Atoms(self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)

    def place(self, positions: Floats, side: str = "left or right") -> Floats:
        """Ideal positions, float64[n, 3], moved onto those of a snapshot; `side` is named if they do not fit.

        Raises
        ------
        InputError
            If the snapshot's electrode is not this electrode moved as a whole.
        """
        moved = _wrapped(positions - self.positions - (positions[0] - self.positions[0]), self.cell, self.pbc[:2])
        origin = positions[0] - self.positions[0] + moved.mean(axis=0)
        off = np.linalg.norm(moved - moved.mean(axis=0), axis=1)
        if off.max() > LAYER_TOLERANCE_A:
            raise InputError(
                f"the {side} electrode has left its ideal lattice: its atoms have moved against each other, "
                f"the worst by {off.max():.2f} Å (accepted: {LAYER_TOLERANCE_A} Å); keep the outer layers rigid or detect the "
                "junction again."
            )
        return np.asarray(self.positions + origin)


@dataclass(frozen=True, eq=False)
class Junction:
    """A wire between two crystalline electrodes.

    Parameters
    ----------
    atoms : ase.Atoms
        The whole wire; electrodes at both ends in z, periodic in x and y where they fill the cell.
    left, right : int64[n]
        Indices of the atoms of the outermost ideal principal layers.
    left_period_A, right_period_A : float
        Thickness of a principal layer: the lead repeats `left` with this period along z.
    left_electrode, right_electrode : Electrode, optional
        The ideal principal layers, atoms in the order of `left` and `right`; found from the geometry if not given.
    """

    atoms: Atoms
    left: Integers
    right: Integers
    left_period_A: float
    right_period_A: float
    left_electrode: Electrode | None = None
    right_electrode: Electrode | None = None

    def with_positions(self, atoms: Atoms) -> Junction:
        """The same junction with moved atoms (same order); no detection again."""
        if len(atoms) != len(self.atoms) or np.any(atoms.numbers != self.atoms.numbers):
            raise InputError("the atoms given are not those of the junction: their number, species or order differs.")
        return replace(self, atoms=atoms)

    def electrodes(self) -> tuple[Junction, Electrode, Electrode]:
        """The junction with `left` and `right` in canonical order, and its ideal principal layers."""
        if self.left_electrode is not None and self.right_electrode is not None:
            return self, self.left_electrode, self.right_electrode
        left, order_l = ideal_electrode(self.atoms, self.left, self.left_period_A)
        right, order_r = ideal_electrode(self.atoms, self.right, self.right_period_A)
        junction = replace(self, left=order_l, right=order_r, left_electrode=left, right_electrode=right)
        return junction, left, right

    @classmethod
    def detect(cls, atoms: Atoms, min_thickness_A: float) -> Junction:
        """Find the crystalline electrodes; principal layers at least `min_thickness_A` thick (the Hamiltonian's range).

        Raises
        ------
        InputError
            One sentence that says why it is not a junction: too thin for the range, not periodic, overlapping atoms …
        """
        _check_cell(atoms)
        _check_overlap(atoms)
        left, left_period = _principal_layer(atoms, min_thickness_A, "left")
        right, right_period = _principal_layer(atoms, min_thickness_A, "right")
        if np.intersect1d(left, right).size:
            length = np.ptp(atoms.positions[:, 2])
            raise InputError(
                f"the wire is {length:.2f} Å long, too short for two electrodes of {left_period:.2f} Å and "
                f"{right_period:.2f} Å; add layers to its ends."
            )
        return cls(atoms, left, right, left_period, right_period).electrodes()[0]


def _check_cell(atoms: Atoms) -> None:
    if len(atoms) < 2:
        raise InputError("a junction needs atoms; the structure has fewer than two.")
    if not np.all(np.isfinite(atoms.positions)):
        raise InputError("the structure has positions that are not finite numbers.")
    if atoms.pbc[2]:
        raise InputError(
            "the structure is periodic along z, the transport direction; set its third pbc flag to false and put "
            "electrodes at both ends."
        )
    for axis in (0, 1):
        vector = atoms.cell.array[axis]
        if atoms.pbc[axis] and (np.linalg.norm(vector) < 0.1 or abs(vector[2]) > 1e-6):
            raise InputError(
                f"periodic cell vector {axis + 1} must lie in the xy plane, across the transport direction, not {vector}."
            )


def _check_overlap(atoms: Atoms) -> None:
    radii = OVERLAP * covalent_radii[atoms.numbers]
    i, j, distance = neighbor_list("ijd", atoms, radii)
    if len(i):
        worst = int(np.argmin(distance))
        raise InputError(overlap_message(atoms.numbers, int(i[worst]), int(j[worst]), float(distance[worst])))


def overlap_message(numbers: Integers, i: int, j: int, distance: float) -> str:
    """The sentence that names two overlapping atoms, `distance` Å apart."""
    names = [f"{chemical_symbols[numbers[k]]} {k}" for k in (i, j)]
    return f"atoms {names[0]} and {names[1]} overlap: they are {distance:.2f} Å apart; check positions, cell and pbc."


def _wrapped(vectors: Floats, cell: Floats, periodic: NDArray[np.bool_]) -> Floats:
    """Vectors [..., 3] moved by transverse cell vectors next to zero."""
    axes = np.flatnonzero(periodic[:2])
    if axes.size == 0:
        return vectors
    lattice = cell[axes][:, :2]
    fractions = vectors[..., :2] @ np.linalg.pinv(lattice)
    moved = np.array(vectors, dtype=np.float64)
    moved[..., :2] -= np.round(fractions) @ lattice
    return moved


def _match(moved: Floats, target: Floats, cell: Floats, pbc: NDArray[np.bool_]) -> Integers | None:
    """For each of `moved` [n, 3] the index of the atom of `target` [n, 3] at the same place, or None."""
    if len(moved) != len(target):
        return None
    distance = np.linalg.norm(_wrapped(moved[:, None] - target[None], cell, pbc), axis=-1)
    nearest = distance.argmin(axis=1)
    if distance[np.arange(len(moved)), nearest].max() > MATCH_TOLERANCE_A or np.unique(nearest).size < len(nearest):
        return None
    return np.asarray(nearest, dtype=np.int64)


def _layers(z: Floats, side: str) -> list[Integers]:
    """Atoms by layer, from the end of the wire inwards."""
    inwards = z if side == "left" else -z
    order = np.argsort(inwards, kind="stable")
    layers: list[list[int]] = []
    start = -np.inf
    for atom in order:
        if inwards[atom] - start > LAYER_TOLERANCE_A:
            layers.append([])
            start = inwards[atom]
        layers[-1].append(int(atom))
    return [np.array(layer, dtype=np.int64) for layer in layers]


def _maps(atoms: Atoms, source: Integers, target: Integers, shift: Floats) -> bool:
    """Whether a translation maps one layer onto another, species included."""
    place = _match(atoms.positions[source] + shift, atoms.positions[target], atoms.cell.array, atoms.pbc)
    return place is not None and bool(np.all(atoms.numbers[source] == atoms.numbers[target][place]))


def _repeats(atoms: Atoms, layers: list[Integers], q: int, side: str) -> tuple[int, float]:
    """How many layers from the end repeat q layers further in, and the period in Å."""
    if len(layers) <= q:
        return 0, 0.0
    z = [atoms.positions[layer, 2].mean() for layer in layers]
    period = z[q] - z[0]
    for count in range(len(layers) - q):
        step = z[count + q] - z[count]
        if abs(step - period) > MATCH_TOLERANCE_A or not _maps(atoms, layers[count], layers[count + q], np.array([0, 0, step])):
            return count, abs(float(period))
    return len(layers) - q, abs(float(period))


def _stacking(atoms: Atoms, layers: list[Integers]) -> tuple[int, int, float] | None:
    """Stacking period from the step between neighbouring layers, where no whole period can be seen.

    Returns the period in layers, the number of ideal layers and the spacing in Å.
    """
    if len(layers) < 2 or len(layers[0]) != len(layers[1]):
        return None
    positions = atoms.positions
    for target in layers[1]:
        step = positions[target] - positions[layers[0][0]]
        count = 0
        while count + 1 < len(layers) and _maps(atoms, layers[count], layers[count + 1], step):
            count += 1
        if count < 1:
            continue
        for q in range(1, count + 2):
            lateral = q * step * np.array([1.0, 1.0, 0.0])
            if _maps(atoms, layers[0], layers[0], lateral):
                return q, count + 1, abs(float(step[2]))
    return None


def _principal_layer(atoms: Atoms, min_thickness_A: float, side: str) -> tuple[Integers, float]:
    """Atoms and period of the outermost principal layer."""
    layers = _layers(atoms.positions[:, 2], side)
    best: tuple[int, int, float] | None = None
    for q in range(1, len(layers) // 2 + 1):
        count, period = _repeats(atoms, layers, q, side)
        if count >= q or (count >= 1 and best is None and q <= 6):
            best = (q, q + count, period / q)
            break
    stacked = _stacking(atoms, layers[:8])
    if stacked is not None and (best is None or stacked[0] < best[0]):
        best = stacked
    if best is None:
        raise InputError(
            f"the {side} end of the wire is not a crystalline electrode: its outer layers, {_counts(layers)} atoms "
            f"from the end inwards, do not repeat along z within {MATCH_TOLERANCE_A} Å{_closest_repeat(atoms, layers)}; "
            "put two ideal stacking periods there."
        )
    q, ideal, spacing = best
    needed = q * int(np.ceil((min_thickness_A - 1e-3) / (q * spacing)))
    needed = max(needed, q)
    if needed > ideal:
        raise InputError(
            f"the {side} electrode is too thin: its {ideal} ideal layers are {ideal * spacing:.2f} Å thick, and a principal "
            f"layer for a Hamiltonian that reaches {min_thickness_A:.2f} Å needs {needed} layers ({needed * spacing:.2f} Å)"
            f"{_first_deviation(atoms, layers, q, ideal, spacing, side)}; add layers to the electrode."
        )
    return np.concatenate(layers[:needed]), needed * spacing


def _miss(atoms: Atoms, source: Integers, height: float) -> float:
    """Largest distance of the images of `source`, moved by `height` along z, from the nearest atom, in Å."""
    moved = atoms.positions[source] + np.array([0.0, 0.0, height])
    away = _wrapped(moved[:, None] - atoms.positions[None], atoms.cell.array, atoms.pbc)
    return float(np.linalg.norm(away, axis=-1).min(axis=1).max())


def _closest_repeat(atoms: Atoms, layers: list[Integers]) -> str:
    """How far the outermost layer is from its best image among the next ones, in words; nothing if there is none near."""
    heights = [float(atoms.positions[layer, 2].mean() - atoms.positions[layers[0], 2].mean()) for layer in layers[1:9]]
    misses = [_miss(atoms, layers[0], height) for height in heights]
    if not misses or min(misses) > NO_IMAGE_A:
        return ""
    return f" (at best, {abs(heights[int(np.argmin(misses))]):.2f} Å further in, they are {min(misses):.2f} Å off)"


def _first_deviation(atoms: Atoms, layers: list[Integers], q: int, ideal: int, spacing: float, side: str) -> str:
    """How far the first layer that is not ideal is from its place, in words; nothing if the electrode just ends there."""
    if ideal < q:
        return ""
    miss = _miss(atoms, layers[ideal - q], q * spacing * (1 if side == "left" else -1))
    return f", and layer {ideal + 1} from the end is {miss:.2f} Å off its ideal place" if miss < NO_IMAGE_A else ""


def _counts(layers: list[Integers]) -> str:
    return ", ".join(str(len(layer)) for layer in layers[:4])


def ideal_electrode(atoms: Atoms, indices: Integers, period_A: float) -> tuple[Electrode, Integers]:
    """Ideal principal layer of a wire's end, and its atoms' indices in canonical order.

    Coordinates are snapped to the lattice that they lie on (to 1e-5 Å in the spacing, 1e-4 Å inside the cell), so that
    snapshots stored in single precision give one and the same lead.
    """
    pbc = np.array([atoms.pbc[0], atoms.pbc[1], True])
    transverse = np.round(atoms.cell.array, 6)
    positions = atoms.positions[indices]
    layers = _layers(positions[:, 2], "left")
    spacing = np.round(period_A / len(layers), 5)
    heights = np.array([positions[layer, 2].mean() for layer in layers])
    heights -= heights[0]
    if np.abs(heights - spacing * np.arange(len(layers))).max() < MATCH_TOLERANCE_A / 4:
        heights, period = spacing * np.arange(len(layers)), spacing * len(layers)
    else:
        heights, period = np.round(heights, 4), np.round(period_A, 4)
    repeats = (1, 1)
    if pbc[0] and pbc[1]:
        repeats = _primitive_repeats(positions, atoms.numbers[indices], layers, transverse, pbc)
    vectors = transverse[:2] / np.array(repeats)[:, None]
    local = positions - np.array([*positions[layers[0][0], :2], positions[layers[0], 2].mean()])
    ideal, cells = np.empty_like(local), np.empty((len(indices), 3), dtype=np.int64)
    members = 0
    for layer, height in zip(layers, heights, strict=True):
        found, place = _on_lattice(local[layer], vectors, repeats)
        ideal[layer] = np.column_stack([found, np.full(len(layer), height)])
        cells[layer] = np.column_stack([place[:, :2], members + place[:, 2]])
        members += len(layer) // (repeats[0] * repeats[1])
    order = np.concatenate([layer[np.lexsort(cells[layer].T[[1, 0, 2]])] for layer in layers])
    where = np.empty((*repeats, members), dtype=np.int64)
    where[tuple(cells[order].T)] = np.arange(len(order))
    cell = np.array([transverse[0], transverse[1], [0.0, 0.0, period]])
    return Electrode(atoms.numbers[indices][order].astype(np.int64), ideal[order], cell, pbc, where), indices[order]


def _primitive_repeats(
    positions: Floats, numbers: Integers, layers: list[Integers], cell: Floats, pbc: NDArray[np.bool_]
) -> tuple[int, int]:
    """Largest (N1, N2) such that the cell vectors divided by them map every layer onto itself."""
    found = []
    for axis in (0, 1):
        most = int(np.gcd.reduce([len(layer) for layer in layers]))
        for n in sorted((n for n in range(1, most + 1) if most % n == 0), reverse=True):
            shift = cell[axis] / n
            places = [_match(positions[layer] + shift, positions[layer], cell, pbc) for layer in layers]
            if all(
                place is not None and np.all(numbers[layer] == numbers[layer][place])
                for layer, place in zip(layers, places, strict=True)
            ):
                found.append(n)
                break
    return found[0], found[1]


def _on_lattice(local: Floats, vectors: Floats, repeats: tuple[int, int]) -> tuple[Floats, Integers]:
    """Ideal xy of a layer's atoms, [n, 2], and the transverse cell and member (i, j, m) of each, int64[n, 3]."""
    n_cells = repeats[0] * repeats[1]
    if n_cells == 1:
        members = np.lexsort(np.round(local[:, :2], 2).T[::-1])
        place = np.zeros((len(local), 3), dtype=np.int64)
        place[members, 2] = np.arange(len(local))
        return np.round(local[:, :2], 4), place
    inverse = np.linalg.inv(vectors[:, :2])
    fractions = local[:, :2] @ inverse
    basis: list[Floats] = []
    place = np.empty((len(local), 3), dtype=np.int64)
    for atom, fraction in enumerate(fractions):
        offsets = [fraction - other for other in basis]
        same = [np.abs((o - np.round(o)) @ vectors[:, :2]).max() < 2 * MATCH_TOLERANCE_A for o in offsets]
        m = same.index(True) if any(same) else len(basis)
        if m == len(basis):
            # Sites of high symmetry are multiples of 1/12 of the cell: snapped there, rounding cannot split equal electrodes.
            twelfth = np.round(np.mod(fraction, 1.0) * 12) / 12
            near = np.abs((np.mod(fraction, 1.0) - twelfth) @ vectors[:, :2]).max() < 1e-4
            basis.append(twelfth if near else np.round(np.mod(fraction, 1.0), 5))
        place[atom, :2] = np.mod(np.round(fraction - basis[m]).astype(np.int64), repeats)
        place[atom, 2] = m
    rank = np.empty(len(basis), dtype=np.int64)
    rank[np.lexsort(np.array(basis).T[::-1])] = np.arange(len(basis))
    ideal = (place[:, :2] + np.array(basis)[place[:, 2]]) @ vectors[:, :2]
    place[:, 2] = rank[place[:, 2]]
    return ideal, place
