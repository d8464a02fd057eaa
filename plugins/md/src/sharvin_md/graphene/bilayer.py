r"""The structure set ``bilayer_graphene``: two layers of graphene, stacked, shifted or twisted, and displaced at random.

A layer is the lattice n1 a1 + n2 a2 with |a1| = |a2| = a at 60° and atoms at (a1 + a2)/3 and 2(a1 + a2)/3, so that the centre
of a hexagon is at the origin. A cell is two whole-number combinations of a1 and a2, other ones in a turned layer (see
:mod:`sharvin_md.graphene.commensurate`); its sites are found in whole numbers, so both layers meet exactly at its boundary. Both
layers begin as AA. The upper one is turned about the origin, which is then an atom where the axis is one, and then shifted.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

from sharvin_md.graphene.commensurate import Row
from sharvin_md.graphene.configs import BilayerGrapheneOptions

Floats = NDArray[np.float64]

BASIS = np.array([[1.0, 1.0], [2.0, 2.0]]) / 3.0
"""Atoms of a primitive cell in primitive vectors, from the centre of a hexagon."""
ONE_CELL: tuple[Row, Row] = ((1, 0), (0, 1))
CLOSEST = 0.65
"""Smallest distance of two atoms, in bond lengths."""
LARGEST_IN_DEVIATIONS = 2.5
"""Displacements are cut there; of many thousands, some would put two atoms on top of each other."""
MOST_DRAWS = 50
BOUNDARY = 1e-9
"""Fractional coordinates that are nearer than this to 1 are 0."""


class BilayerGraphene:
    """Structure set ``bilayer_graphene``.

    Parameters
    ----------
    options : BilayerGrapheneOptions
    """

    def __init__(self, options: BilayerGrapheneOptions) -> None:
        self.options = options
        twist = options.twisted()
        lower, upper = (ONE_CELL, ONE_CELL) if twist is None else twist.cells()
        repeats = np.array(options.supercell, dtype=np.int64)[:, None]
        self._cells = repeats * np.array(lower), repeats * np.array(upper)
        self._length_A = options.lattice_constant_A * sqrt(1 if twist is None else twist.sites)

    def build(self, rng: np.random.Generator) -> Atoms:
        """The first of the set.

        Atoms are ordered by layer and by primitive cell. Arrays: ``layer`` int64, 0 below and 1 above; ``normal`` float64[n, 3],
        the normal of an atom's layer.

        Raises
        ------
        InputError
            If displacements or strain bring two atoms on top of each other.
        """
        return next(self._structures(rng))

    def build_all(self, rng: np.random.Generator) -> list[Atoms]:
        """All structures; ``info["group"]`` is ``monolayer``, ``AA``, ``AB``, ``shifted`` or ``twisted``.

        Raises
        ------
        InputError
            As :meth:`build`.
        """
        return list(self._structures(rng))

    def group(self) -> str:
        """What ``info["group"]`` of the structures says."""
        options = self.options
        if options.stacking == "monolayer":
            return "monolayer"
        if options.is_twisted():
            return "twisted"
        if options.random_shift or any(options.shift):
            return "shifted"
        return "AB" if options.is_bernal() else "AA"

    def _structures(self, rng: np.random.Generator) -> Iterator[Atoms]:
        seed = int(rng.integers(2**63))
        for number in range(self.options.configurations):
            atoms = self._drawn(np.random.default_rng([seed, number]))
            atoms.info["group"] = self.group()
            yield atoms

    def _drawn(self, rng: np.random.Generator) -> Atoms:
        """One configuration; what is drawn does not depend on which of the ranges are zero."""
        options = self.options
        shift = rng.uniform(size=2) if options.random_shift else np.array(options.shift)
        xx, yy, xy = np.array(options.strain) + options.largest_strain * rng.uniform(-1, 1, size=3)
        distance = options.distance_A + options.distance_spread_A * rng.uniform(-1, 1)
        low, high = options.displacements_A()
        deviation = low + (high - low) * rng.uniform()
        atoms = self._ideal(shift, distance)
        strain = np.array([[xx, xy, 0], [xy, yy, 0], [0, 0, 0]])
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        self._displace(atoms, deviation, rng)
        return atoms

    def _displace(self, atoms: Atoms, deviation_A: float, rng: np.random.Generator) -> None:
        """Displace all atoms at random, again where a draw brings two of them on top of each other."""
        closest = CLOSEST * self.options.lattice_constant_A / sqrt(3)
        ideal = atoms.positions.copy()
        for _ in range(MOST_DRAWS if deviation_A > 0 else 1):
            steps = rng.normal(size=(len(atoms), 3))
            atoms.positions = ideal + deviation_A * np.clip(steps, -LARGEST_IN_DEVIATIONS, LARGEST_IN_DEVIATIONS)
            if len(neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, closest, full=False)) == 0:
                return
        raise InputError(
            f"bilayer_graphene: atoms come closer than {closest:.2f} Å, in each draw where they are displaced; take a smaller "
            f"displacement_A or strain, or a larger distance_A."
        )

    def _ideal(self, shift: Floats, distance_A: float) -> Atoms:
        """The structure without strain and displacements; the shift is in primitive vectors of the lower layer."""
        options = self.options
        lower, upper = self._cells
        origin = BASIS[0] if options.centre == "atom" else np.zeros(2)
        offset = shift + (BASIS[0] if options.is_bernal() else 0.0)
        layers = [_sites(lower, BASIS - origin, np.zeros(2))]
        if options.layers() == 2:
            layers.append(_sites(upper, BASIS - origin, offset @ np.linalg.inv(lower)))
        n1, n2 = options.supercell
        cell = np.diag([0.0, 0.0, options.height_A])
        cell[0, 0] = n1 * self._length_A
        cell[1, :2] = n2 * self._length_A * np.array([0.5, sqrt(3) / 2])
        layer = np.repeat(np.arange(len(layers)), [len(sites) for sites in layers])
        positions = np.concatenate(layers) @ cell[:2]
        positions[:, 2] = options.height_A / 2 + distance_A * (layer - (len(layers) - 1) / 2)
        atoms = Atoms(["C"] * len(layer), positions=positions, cell=cell, pbc=(True, True, False))
        atoms.set_array("layer", layer.astype(np.int64))
        atoms.set_array("normal", np.tile([0.0, 0.0, 1.0], (len(layer), 1)))
        return atoms


def _sites(cell: NDArray[np.int64], basis: Floats, offset: Floats) -> Floats:
    """Atoms of a layer in a cell, float64[n, 2] in fractions of its vectors, from 0 to 1.

    Parameters
    ----------
    cell : int64[2, 2]
        Vectors of the cell in primitive vectors of the layer, one per row.
    basis : float64[n_basis, 2]
        Atoms of a primitive cell, in primitive vectors.
    offset : float64[2]
        Shift of the layer in fractions of the cell's vectors.
    """
    sites = int(cell[0, 0] * cell[1, 1] - cell[0, 1] * cell[1, 0])
    corners = np.array([[0, 0], cell[0], cell[1], cell[0] + cell[1]])
    first, second = (np.arange(corners[:, k].min(), corners[:, k].max() + 1) for k in (0, 1))
    points = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    adjugate = np.array([[cell[1, 1], -cell[0, 1]], [-cell[1, 0], cell[0, 0]]])
    numerators = points @ adjugate  # fractional coordinates times the number of sites, in whole numbers
    inside = ((numerators >= 0) & (numerators < sites)).all(axis=1)
    fractions = numerators[inside, None, :] / sites + (basis @ adjugate) / sites + offset
    return np.asarray(((fractions + BOUNDARY) % 1.0 - BOUNDARY).reshape(-1, 2))
