"""A wire seen from one of its ends: depths, atomic layers, and how far a translation maps the atoms onto one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.electrodes.transverse_images import TransverseImages

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LAYER_TOLERANCE_A = 0.05
"""Atoms closer than this in z belong to one layer."""
MATCH_TOLERANCE_A = 0.05
"""Largest distance between an atom and the image of another for the two to be equivalent."""
EXACT_A = 1e-9
"""Coordinates in double precision repeat as well as this."""
NO_IMAGE_A = 1.0
"""An atom this far from where it should be is missing there, rather than displaced."""


def layer_numbers(depths: Floats) -> Integers:
    """Number of the layer of each atom, int64[n], from depths in Å in ascending order."""
    number = np.zeros(len(depths), dtype=np.int64)
    start = 0
    while start < len(depths):
        stop = int(np.searchsorted(depths, depths[start] + LAYER_TOLERANCE_A, side="right"))
        number[stop:] += 1
        start = stop
    return number


@dataclass(frozen=True, eq=False)
class LayerRun:
    """How far a translation maps a wire's end onto itself.

    Parameters
    ----------
    shift : float64[3]
        The translation in Å, its third component inwards.
    tolerance_A : float
        Largest distance of an atom's image from its partner.
    partner : int64[n]
        The atom that each one is mapped onto, −1 where there is none.
    off : float64[n, 3]
        Where the partner is, relative to the image, in Å.
    limit_A : float
        Depth of the first atom or image that has no partner; inf if all have one.
    count : int
        Atoms in the layers before that depth.
    cell : int
        Atoms of the first copy.
    """

    shift: Floats
    tolerance_A: float
    partner: Integers
    off: Floats
    limit_A: float
    count: int
    cell: int

    @property
    def period_A(self) -> float:
        """How far the translation goes along the wire."""
        return float(self.shift[2])

    @property
    def straight(self) -> bool:
        """Whether the translation is along z."""
        return not self.shift[:2].any()

    @property
    def copies(self) -> float:
        """How many copies of the first one are there, itself counted."""
        return self.count / self.cell


class WireEnd:
    """The atoms of a wire from one end inwards.

    Parameters
    ----------
    atoms : ase.Atoms
    side : str
        "left" is the end at low z.

    Attributes
    ----------
    atoms : int64[n]
        Indices of the wire's atoms, by depth.
    numbers : int64[n]
        Atomic numbers.
    places : float64[n, 3]
        x, y and depth below the outermost atom in Å. The right end is seen in a mirror.
    layer : int64[n]
        Number of each atom's layer.
    lattice : float64[n_periodic, 2]
        Transverse cell vectors along which the wire is periodic.
    repeats : dict
        Transverse repeats found so far, by number of atoms and tolerance.
    """

    def __init__(self, atoms: Atoms, side: str) -> None:
        z = atoms.positions[:, 2]
        depths = z - z.min() if side == "left" else z.max() - z
        self.side = side
        self.atoms = np.argsort(depths, kind="stable").astype(np.int64)
        self.numbers = np.asarray(atoms.numbers, dtype=np.int64)[self.atoms]
        self.places = np.column_stack([atoms.positions[:, :2], depths])[self.atoms]
        self.depths = np.ascontiguousarray(self.places[:, 2])
        self.layer = layer_numbers(self.depths)
        self.cell, self.pbc = atoms.cell.array, np.array([atoms.pbc[0], atoms.pbc[1], True])
        self.lattice = self.cell[:2][self.pbc[:2], :2]
        self._moved: dict[bytes, tuple[Integers, Floats]] = {}
        self.repeats: dict[tuple[int, float], tuple[int, int]] = {}
        self._images = TransverseImages(self.places, self.lattice, NO_IMAGE_A)

    def __len__(self) -> int:
        return len(self.depths)

    @property
    def n_layers(self) -> int:
        """Number of layers of the wire."""
        return int(self.layer[-1]) + 1

    def layers_before(self, atoms: int) -> int:
        """Number of layers that hold the first `atoms` atoms."""
        return int(self.layer[atoms - 1]) + 1 if atoms else 0

    def seen(self, run: LayerRun) -> int:
        """Number of layers that a translation shows to be images of others."""
        return self.layers_before(run.count) - self.layers_before(run.cell)

    def height(self, layer: int) -> float:
        """Mean depth of a layer in Å."""
        return float(self.depths[self.layer == layer].mean())

    def atoms_before(self, depth_A: float) -> int:
        """Number of atoms in the layers before a depth."""
        return int(np.searchsorted(self.depths, depth_A - LAYER_TOLERANCE_A))

    def nearest(self, points: Floats) -> tuple[Integers, Floats]:
        """Nearest atom to each point [m, 3], −1 if there is none within :data:`NO_IMAGE_A`, and the vector to it [m, 3]."""
        return self._images.nearest(points)

    def moved(self, shift: Floats) -> tuple[Integers, Floats]:
        """Nearest atom to the image of each atom under a translation, and the vector to it; kept for the next time."""
        key = shift.tobytes()
        if key not in self._moved:
            self._moved[key] = self.nearest(self.places + shift)
        return self._moved[key]

    def run(self, shift: Floats, tolerance_A: float) -> LayerRun:
        """How far from the end inwards every atom that has a partner under a translation is mapped onto it."""
        partner, off = self.moved(shift)
        matched = (partner >= 0) & (np.linalg.norm(off, axis=1) <= tolerance_A) & (self.numbers[partner] == self.numbers)
        partner = np.where(matched, partner, -1)
        image = self.depths + shift[2]
        missed = image[~matched & (image <= self.depths[-1] + tolerance_A)]
        met = np.zeros(len(self), dtype=bool)
        met[partner[matched]] = True
        foreign = self.depths[~met & (self.depths >= shift[2] - LAYER_TOLERANCE_A)]
        limit = float(min(missed.min(initial=np.inf), foreign.min(initial=np.inf)))
        count = self.atoms_before(limit) if np.isfinite(limit) else len(self)
        return LayerRun(shift, tolerance_A, partner, off, limit, count, max(1, self.atoms_before(shift[2])))

    def refined(self, run: LayerRun, tolerance_A: float) -> LayerRun:
        """The run of the mean translation between the partners of another run."""
        used = np.flatnonzero((run.partner >= 0) & (run.partner < max(run.count, 2 * run.cell)))
        if not used.size:
            return run
        moved = run.off[used].mean(axis=0)
        if run.straight:
            moved[:2] = 0.0
        return self.run(run.shift + moved if np.abs(moved).max() > EXACT_A else run.shift, tolerance_A)
