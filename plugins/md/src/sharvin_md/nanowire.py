"""Crystalline wires between crystalline electrodes, along z.

The wire is a stack of atomic layers. Layer l is a two-dimensional lattice shifted by l·s within its primitive cell, and the
stacking goes on through the neck. With the cubic lattice constant a and d = a/√2:

=========== ======================= ================ ==========
orientation primitive vectors        shift s          spacing
=========== ======================= ================ ==========
fcc (100)   (d, 0), (0, d)           (1/2, 1/2)       a/2
fcc (110)   (d, 0), (0, a)           (1/2, 1/2)       d/2
fcc (111)   (d, 0), (d/2, √3 d/2)    (1/3, 1/3)       a/√3
bcc (100)   (a, 0), (0, a)           (1/2, 1/2)       a/2
=========== ======================= ================ ==========
"""

from __future__ import annotations

from math import floor, sqrt
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, reference_states
from numpy.typing import NDArray
from sharvin.electrodes.wire_checks import check_distances
from sharvin.errors import InputError

from sharvin_md.configs import NanowireOptions


class Nanowire:
    """Structure ``nanowire``.

    Parameters
    ----------
    options : NanowireOptions

    Raises
    ------
    InputError
        For an unknown element, a crystal or lattice constant that must be given, or an orientation that the crystal lacks.
    """

    def __init__(self, options: NanowireOptions) -> None:
        self.options = options
        if options.element not in atomic_numbers or options.element == "X":
            raise InputError(f"nanowire: {options.element!r} is not a chemical symbol.")
        state: dict[str, Any] = reference_states[atomic_numbers[options.element]] or {}
        self.crystal = str(options.crystal or state.get("symmetry"))
        if self.crystal not in ("fcc", "bcc"):
            raise InputError(f"nanowire: {options.element} is neither fcc nor bcc; state crystal and lattice_constant_A.")
        if options.lattice_constant_A is None and state.get("symmetry") != self.crystal:
            raise InputError(
                f"nanowire: {options.element} has no measured {self.crystal} lattice constant; state lattice_constant_A."
            )
        if self.crystal == "bcc" and options.orientation != "100":
            raise InputError(f"nanowire: bcc wires are built along 100, not {options.orientation}.")
        self.lattice_constant_A = float(options.lattice_constant_A or state["a"])

    def build(self, rng: np.random.Generator) -> Atoms:
        """The wire, the same for any generator; periodic in x and y, atoms ordered by z, y, x, left electrode at low z."""
        options = self.options
        vectors, shift, spacing = _layers(self.crystal, options.orientation, self.lattice_constant_A)
        neck, electrode = options.geometry()
        sections = (neck[:2], options.second_layer())
        rigid_layers, total = options.rigid(), neck[2] + 2 * electrode[2]
        centre = _axis(electrode, _offsets(shift, total))
        positions, sides, rigid = [], [], []
        for layer in range(total):
            side = -1 if layer < electrode[2] else (1 if layer >= electrode[2] + neck[2] else 0)
            nx, ny = electrode[:2] if side else sections[(layer - electrode[2]) % 2]
            offset = (layer * np.array(shift)) % 1.0
            start = (0, 0) if side else tuple(_nearest(centre[k] - ((nx, ny)[k] - 1) / 2 - offset[k]) for k in (0, 1))
            rows, columns = np.mgrid[0:ny, 0:nx]
            lattice = np.stack([columns.ravel() + start[0] + offset[0], rows.ravel() + start[1] + offset[1]], axis=1)
            height = np.full((len(lattice), 1), options.vacuum_A / 2 + layer * spacing)
            positions.append(np.hstack([lattice @ vectors, height]))
            sides.append(np.full(len(lattice), side, dtype=np.int8))
            rigid.append(np.full(len(lattice), min(layer, total - 1 - layer) < rigid_layers))
        cell = np.zeros((3, 3))
        cell[:2, :2] = vectors * np.array([[electrode[0]], [electrode[1]]])
        cell[2, 2] = (total - 1) * spacing + options.vacuum_A
        coordinates = np.concatenate(positions)
        atoms = Atoms([options.element] * len(coordinates), positions=coordinates, cell=cell, pbc=(True, True, False))
        try:
            check_distances(atoms)
        except InputError as error:
            raise InputError(f"nanowire: lattice_constant_A {self.lattice_constant_A:g}: {error}") from None
        atoms.set_array("electrode", np.concatenate(sides))
        atoms.set_array("rigid", np.concatenate(rigid))
        return atoms


def _layers(crystal: str, orientation: str, lattice_constant_A: float) -> tuple[NDArray[np.float64], tuple[float, float], float]:
    """In-plane primitive vectors [2, 2], shift from one layer to the next in units of them, layer spacing."""
    a = lattice_constant_A
    d = a / sqrt(2)
    if crystal == "bcc":
        return np.diag([a, a]), (1 / 2, 1 / 2), a / 2
    if orientation == "100":
        return np.diag([d, d]), (1 / 2, 1 / 2), a / 2
    if orientation == "110":
        return np.diag([d, a]), (1 / 2, 1 / 2), d / 2
    return np.array([[d, 0.0], [d / 2, sqrt(3) / 2 * d]]), (1 / 3, 1 / 3), a / sqrt(3)


def _offsets(shift: tuple[float, float], layers: int) -> NDArray[np.float64]:
    return np.asarray((np.arange(layers)[:, None] * np.array(shift)) % 1.0)


def _axis(electrode: tuple[int, int, int], offsets: NDArray[np.float64]) -> tuple[float, float]:
    """Centre of the electrodes in units of the primitive vectors, midway between the extreme layer positions."""
    middle = (offsets.min(axis=0) + offsets.max(axis=0)) / 2
    return (electrode[0] - 1) / 2 + float(middle[0]), (electrode[1] - 1) / 2 + float(middle[1])


def _nearest(value: float) -> int:
    return floor(value + 0.5 + 1e-9)
