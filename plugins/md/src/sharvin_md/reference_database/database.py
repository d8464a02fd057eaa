r"""Crystals and slabs, strained and displaced, from which a potential learns an element.

A strain ε moves r to (1 + ε) r. It is symmetric; by turns it is a change of volume, ε = e·1, a shear, that is a random tensor
without trace, or both. Crystals at several volumes tell the lattice constant and the bulk modulus, shears tell C11 − C12 and C44.
Slabs are strained within their plane, their layers move apart by as much at most, and the distances of the two outermost layers
at either side change by more, so that relaxed surfaces lie within what is known. Volumes and amplitudes of displacements go
evenly through their ranges, by multiples of irrational numbers, however many structures there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import floor, sqrt
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, reference_states
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

from sharvin_md.reference_database.configs import GROUPS, ReferenceDatabaseOptions
from sharvin_md.reference_database.shapes import chain, crystal, dimer, neck, slab

NAMES = dict(zip(GROUPS, ("fcc100", "fcc111", "bcc", "fcc", "vacancy", "fcc110", "chain", "dimer", "neck"), strict=True))
"""What ``atoms.info["group"]`` says, by the option that counts."""
EVEN_VOLUME, EVEN_RATTLE = 0.6180339887498949, 0.7548776662466927
LARGEST_IN_DEVIATIONS = 2.5
"""Displacements are cut there: of 45 000 of them, some would put two atoms on top of each other."""
CLOSEST = 0.65
"""Smallest distance of two atoms, in nearest-neighbour distances."""
MOST_DRAWS = 50
OUTER_LAYERS = 3.0
"""Largest change of the distance of the outermost layers, in largest strains."""
STEEPEST_ZIGZAG = np.pi / 3

Draw = np.random.Generator


class ReferenceDatabase:
    """Structure set ``reference_database``.

    Parameters
    ----------
    options : ReferenceDatabaseOptions

    Raises
    ------
    InputError
        If the element's fcc lattice constant is neither given nor known.
    """

    def __init__(self, options: ReferenceDatabaseOptions) -> None:
        self.options = options
        self.lattice_constant_A = options.lattice_constant_A or _measured_fcc(options.element)
        self.nearest_A = self.lattice_constant_A / sqrt(2)
        crystals, slabs = self._crystal, self._slab
        self._builders: dict[str, Callable[[int, Draw], Atoms]] = {
            "slabs_100": partial(slabs, "100"),
            "slabs_111": partial(slabs, "111"),
            "bcc": partial(crystals, "bcc", 0),
            "fcc": partial(crystals, "fcc", 0),
            "vacancies": partial(crystals, "fcc", 1),
            "surfaces_110": partial(slabs, "110"),
            "chains": self._chain,
            "dimers": self._dimer,
            "necks": self._neck,
        }

    def build(self, rng: np.random.Generator) -> Atoms:
        """The first of the set."""
        return next(self._structures(rng))

    def build_all(self, rng: np.random.Generator) -> list[Atoms]:
        """All structures, group by group; ``info["group"]`` is one of :data:`NAMES`.

        Those of a group do not depend on how many there are of other groups.

        Raises
        ------
        InputError
            If strain and displacements bring atoms on top of each other.
        """
        return list(self._structures(rng))

    def _structures(self, rng: np.random.Generator) -> Iterator[Atoms]:
        seeds = rng.integers(2**32, size=len(GROUPS))
        for group, seed in zip(GROUPS, seeds, strict=True):
            for number in range(getattr(self.options, group)):
                atoms = self._without_overlap(group, number, np.random.default_rng([int(seed), number]))
                atoms.info["group"] = NAMES[group]
                yield atoms

    def _without_overlap(self, group: str, number: int, rng: Draw) -> Atoms:
        shortest = self._bonds()[0] if group in ("chains", "dimers") else self.nearest_A
        for _ in range(MOST_DRAWS):
            atoms = self._builders[group](number, rng)
            if len(neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, CLOSEST * shortest, full=False)) == 0:
                return atoms
        raise InputError(
            f"reference_database: atoms of {NAMES[group]} {number + 1} come closer than {CLOSEST * shortest:.2f} Å in each of "
            f"{MOST_DRAWS} draws; take a smaller rattle_A or largest_strain."
        )

    def _crystal(self, structure: str, missing: int, number: int, rng: Draw) -> Atoms:
        atoms = crystal(self.options.element, structure, self.lattice_constant_A, self.options.atoms)
        if missing:
            gone = rng.choice(len(atoms), size=1 + number % 3, replace=False)
            del atoms[[int(one) for one in gone]]
        if number:
            _strain(atoms, self._tensor(number, rng, 3))
        return self._displaced(atoms, number, rng)

    def _slab(self, face: str, number: int, rng: Draw) -> Atoms:
        options = self.options
        atoms = slab(options.element, face, self.lattice_constant_A, options.atoms, options.vacuum_A)
        if number:
            strain = np.zeros((3, 3))
            strain[:2, :2] = self._tensor(number, rng, 2)
            strain[2, 2] = rng.uniform(-1, 1) * options.largest_strain
            _strain(atoms, strain)
            self._move_outer_layers(atoms, rng)
            atoms.center(vacuum=options.vacuum_A / 2, axis=2)
        return self._displaced(atoms, number, rng)

    def _move_outer_layers(self, atoms: Atoms, rng: Draw) -> None:
        """Change the distances between the three outermost layers at both sides; inwards more than outwards, as surfaces do."""
        heights, layer = np.unique(np.round(atoms.positions[:, 2], 6), return_inverse=True)
        spacing = float(heights[1] - heights[0])
        for side in (1, -1):
            from_outside = len(heights) - 1 - layer if side == 1 else layer
            for outer in (0, 1):
                change = rng.uniform(-1, 0.5) * OUTER_LAYERS * self.options.largest_strain / (1 + outer)
                atoms.positions[from_outside <= outer, 2] += side * change * spacing

    def _chain(self, number: int, rng: Draw) -> Atoms:
        options = self.options
        angle = STEEPEST_ZIGZAG * _even(number, EVEN_VOLUME) if number % 3 else 0.0
        return self._displaced(chain(options.element, self._bond(number, options.chains), angle, options.vacuum_A), number, rng)

    def _dimer(self, number: int, rng: Draw) -> Atoms:
        return dimer(self.options.element, self._bond(number, self.options.dimers), self.options.vacuum_A)

    def _neck(self, number: int, rng: Draw) -> Atoms:
        options = self.options
        width, length = 1 + number % 3, 2 + (number // 3) % 4
        atoms = neck(options.element, self.lattice_constant_A, width, length, options.atoms, options.vacuum_A)
        if number:
            _strain(atoms, np.diag([0.0, 0.0, rng.uniform(-1, 2) * options.largest_strain]))
            atoms.center(vacuum=options.vacuum_A / 2, axis=2)
        return self._displaced(atoms, number, rng)

    def _bonds(self) -> tuple[float, float]:
        return self.options.bond_lengths_A or (0.8 * self.nearest_A, 1.5 * self.nearest_A)

    def _bond(self, number: int, count: int) -> float:
        shortest, longest = self._bonds()
        return shortest + (longest - shortest) * (number / (count - 1) if count > 1 else 0.5)

    def _tensor(self, number: int, rng: Draw, dimension: int) -> NDArray[np.float64]:
        """Strain of a member of a group: a volume, a shear, or both, in 2 or 3 dimensions."""
        largest = self.options.largest_strain
        volume = largest * (2 * _even(number, EVEN_VOLUME) - 1) * np.eye(dimension)
        tensor = rng.normal(size=(dimension, dimension))
        tensor = (tensor + tensor.T) / 2
        tensor -= np.trace(tensor) / dimension * np.eye(dimension)
        shear = largest * rng.uniform() * tensor / np.abs(np.linalg.eigvalsh(tensor)).max()
        return np.asarray((volume, shear, (volume + shear) / 2)[number % 3])

    def _displaced(self, atoms: Atoms, number: int, rng: Draw) -> Atoms:
        share = self.options.at_rest
        if number == 0 or floor(number * share) > floor((number - 1) * share):
            return atoms
        low, high = self.options.rattle_A
        deviation = low + (high - low) * _even(number, EVEN_RATTLE)
        steps = np.clip(rng.normal(size=(len(atoms), 3)), -LARGEST_IN_DEVIATIONS, LARGEST_IN_DEVIATIONS)
        atoms.positions += deviation * steps
        return atoms


def _even(number: int, irrational: float) -> float:
    """Numbers from 0 to 1, evenly spread for any count of them."""
    return (number * irrational) % 1.0


def _strain(atoms: Atoms, strain: NDArray[np.float64]) -> None:
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)


def _measured_fcc(element: str) -> float:
    """Cubic lattice constant in Å of the fcc crystal that has the volume of the element's measured one."""
    state: dict[str, Any] = reference_states[atomic_numbers[element]] or {}
    if state.get("symmetry") == "fcc":
        return float(state["a"])
    if state.get("symmetry") == "bcc":
        return float(state["a"]) * 2 ** (1 / 3)
    raise InputError(f"reference_database: {element} has no measured fcc or bcc crystal; give lattice_constant_A.")
