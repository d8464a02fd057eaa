"""Ideal crystals, slabs and small pieces of an fcc metal, of about a number of atoms.

Everything but the bcc crystal is cut from one fcc crystal of lattice constant a; nearest neighbours are d = a/√2 apart. The bcc
crystal has the lattice constant a/2^(1/3), and so the same volume an atom.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import sqrt
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc100, fcc110, fcc111

FEWEST_LAYERS, MOST_LAYERS = 7, 15
"""Of slabs: enough that the middle is crystal, and that the two surfaces do not see each other."""
WEIGHT_OF_LENGTH = 0.05
"""How much a cell that is twice as long as it is wide counts, against one with the wrong number of atoms."""


@cache
def repeats(
    cell: tuple[float, float, float], atoms_per_cell: int, atoms: int, layers: tuple[int, int] = (1, 30)
) -> tuple[int, int, int]:
    """How often to repeat a cell for about this many atoms in a compact shape.

    Parameters
    ----------
    cell : tuple of float
        Lengths of its edges in Å.
    atoms_per_cell, atoms : int
        Atoms in it, and those wanted.
    layers : tuple of int
        Fewest and most repeats along z.
    """
    best, lowest = (1, 1, layers[0]), np.inf
    for nx, ny, nz in product(range(1, 13), range(1, 13), range(layers[0], layers[1] + 1)):
        count = atoms_per_cell * nx * ny * nz
        if not 0.5 * atoms <= count <= 1.5 * atoms:
            continue
        edges = np.array([nx, ny, nz]) * cell
        cost = abs(count / atoms - 1) + WEIGHT_OF_LENGTH * (edges.max() / edges.min() - 1)
        if cost < lowest - 1e-9:
            best, lowest = (nx, ny, nz), cost
    return best


def crystal(element: str, structure: str, a: float, atoms: int) -> Atoms:
    """A cubic crystal, ``fcc`` or ``bcc``; a is that of fcc."""
    length, in_cell = (a, 4) if structure == "fcc" else (a / 2 ** (1 / 3), 2)
    cell: Atoms = bulk(element, structure, a=length, cubic=True)
    made: Atoms = cell.repeat(repeats((length, length, length), in_cell, atoms))
    return made


def slab(element: str, face: str, a: float, atoms: int, vacuum_A: float) -> Atoms:
    """A slab with a face of the fcc crystal, periodic in x and y, atoms ordered by layers from below."""
    d = a / sqrt(2)
    faces: dict[str, tuple[tuple[float, float, float], Any]] = {
        "100": ((d, d, a / 2), fcc100),
        "110": ((a, d, d / 2), fcc110),
        "111": ((d, d * sqrt(3) / 2, a / sqrt(3)), fcc111),
    }
    edges, build = faces[face]
    size = repeats(edges, 1, atoms, (FEWEST_LAYERS, MOST_LAYERS))
    return _bare(build(element, size=size, a=a, vacuum=vacuum_A / 2))


def chain(element: str, bond_A: float, angle: float, vacuum_A: float) -> Atoms:
    """Eight atoms along z, periodic there; the line from each to the next is turned from z by this angle, to alternate sides."""
    number = np.arange(8)
    positions = np.zeros((8, 3))
    positions[:, 0] = bond_A * np.sin(angle) * (number % 2)
    positions[:, 2] = bond_A * np.cos(angle) * number
    wide = max(vacuum_A, bond_A) + np.ptp(positions[:, 0])
    made = Atoms([element] * 8, positions=positions, cell=[wide, wide, 8 * bond_A * np.cos(angle)], pbc=(False, False, True))
    made.center(axis=(0, 1))
    return made


def dimer(element: str, bond_A: float, vacuum_A: float) -> Atoms:
    """Two atoms along z in empty space."""
    made = Atoms([element] * 2, positions=[[0, 0, 0], [0, 0, bond_A]], pbc=False)
    made.center(vacuum=max(vacuum_A, bond_A) / 2)
    return made


def neck(element: str, a: float, width: int, length: int, atoms: int, vacuum_A: float) -> Atoms:
    """Two (100) slabs and a neck of width² atoms a layer between them, on the sites of one crystal; periodic in x and y."""
    d = a / sqrt(2)
    ends = max(atoms - length * width**2, 1)
    side = max(width + 1, round(sqrt(ends / 6)))
    layers = max(2, round(ends / (2 * side**2)))
    made: Atoms = _bare(fcc100(element, size=(side, side, 2 * layers + length), a=a, vacuum=vacuum_A / 2))
    layer = np.arange(len(made)) // side**2
    in_neck = (layer >= layers) & (layer < layers + length)
    middle = made.positions[in_neck, :2].mean(axis=0)
    kept = ~in_neck
    for one in range(layers, layers + length):
        members = np.flatnonzero(layer == one)
        sites = np.round((made.positions[members, :2] - made.positions[members, :2].min(axis=0)) / d).astype(int)
        offset = made.positions[members, :2].min(axis=0)
        start = np.round((middle - offset) / d - (width - 1) / 2).astype(int)
        inside = ((sites >= start) & (sites < start + width)).all(axis=1)
        kept[members[inside]] = True
    return made[kept]


def _bare(atoms: Atoms) -> Atoms:
    """Without the tags, adsorption sites and constraints of ase.build."""
    return Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=(True, True, False))
