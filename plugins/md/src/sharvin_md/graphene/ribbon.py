r"""The structure ``graphene_ribbon``: graphene as a transport device along z, with two electrodes.

The ribbon lies in the xz plane. With the bond length d and the lattice constant a = √3 d its cell is, in (x, z):

======== ====== =========== ========================================== ======================
edges    period row j at x  its atoms                                  upper layer shifted by
======== ====== =========== ========================================== ======================
armchair 3 d    j a/2       (0, −d/2), (0, d/2); 3d/2 higher for odd j (0, d)
zigzag   a      3 j d/2     (0, 0), (d/2, a/2); a/2 higher for odd j   (d/2, a/2)
======== ====== =========== ========================================== ======================

The upper layer of AB stacking is shifted by a bond, and what leaves the cell along z enters it again, so every cell of the ribbon
is the same.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin_md.graphene.configs import GrapheneRibbonOptions

Floats = NDArray[np.float64]

BOUNDARY_A = 1e-6
"""Atoms that are nearer than this below the end of a cell belong to the next one."""


class GrapheneRibbon:
    """Structure ``graphene_ribbon``.

    Parameters
    ----------
    options : GrapheneRibbonOptions
    """

    def __init__(self, options: GrapheneRibbonOptions) -> None:
        self.options = options

    def build(self, rng: np.random.Generator) -> Atoms:
        """The ribbon, the same for any generator; atoms are ordered by cell along z, layer, and place across.

        Arrays: ``electrode``, ``rigid``; ``layer`` int64, 0 or 1 towards larger y; ``normal`` float64[n, 3], the normal of an
        atom's layer, which is along y.
        """
        options = self.options
        places, layer, period, width = _cell(options)
        held, outer = options.electrode_cells(), options.rigid_cells()
        total = options.length + 2 * held
        number = np.repeat(np.arange(total), len(places))
        side = np.where(number < held, -1, np.where(number >= total - held, 1, 0))
        from_end = np.minimum(number, total - 1 - number)
        positions = np.tile(places, (total, 1))
        positions[:, 2] += number * period
        thickness = options.distance_A if options.layers() == 2 else 0.0
        extent = np.array([np.ptp(places[:, 0]), thickness, np.ptp(positions[:, 2])])
        edges = extent + options.vacuum_A
        shift = options.vacuum_A / 2 - np.array([places[:, 0].min(), 0.0, positions[:, 2].min()])
        if options.periodic:
            edges[0], shift[0] = width, 0.0
        atoms = Atoms(["C"] * len(number), positions=positions + shift, cell=edges, pbc=(options.periodic, False, False))
        atoms.set_array("electrode", side.astype(np.int8))
        atoms.set_array("rigid", from_end < outer)
        atoms.set_array("layer", np.tile(layer, total))
        atoms.set_array("normal", np.tile([0.0, 1.0, 0.0], (len(number), 1)))
        return atoms


def _cell(options: GrapheneRibbonOptions) -> tuple[Floats, NDArray[np.int64], float, float]:
    """Atoms of a cell float64[n, 3] in Å, their layers, the period along z, and the width with which the ribbon repeats."""
    a = options.lattice_constant_A
    d = a / sqrt(3)
    line = np.repeat(np.arange(options.width), 2)
    second = np.tile([0.0, 1.0], options.width)
    if options.edge == "armchair":
        period, spacing, bond, stagger = 3 * d, a / 2, np.array([0.0, d]), 1.5 * d
    else:
        period, spacing, bond, stagger = a, 1.5 * d, np.array([d / 2, a / 2]), a / 2
    # The ends of an armchair ribbon cut bonds along z, so only a few corners of one bond are left.
    start = -d / 2 if options.edge == "armchair" else 0.0
    flat = second[:, None] * bond + np.stack([line * spacing, start + (line % 2) * stagger], axis=1)
    width = options.width * spacing
    shifts = {"monolayer": [np.zeros(2)], "AA": [np.zeros(2)] * 2, "AB": [np.zeros(2), bond]}[options.stacking]
    places = []
    for number, shift in enumerate(shifts):
        shifted = flat + shift
        shifted[:, 1] = (shifted[:, 1] + BOUNDARY_A) % period - BOUNDARY_A
        if options.periodic:
            shifted[:, 0] = (shifted[:, 0] + BOUNDARY_A) % width - BOUNDARY_A
        places.append(np.insert(shifted, 1, number * options.distance_A, axis=1))
    layer = np.repeat(np.arange(len(shifts), dtype=np.int64), len(flat))
    return np.concatenate(places), layer, period, width
