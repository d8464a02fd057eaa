"""The structures of the set by name: single layers and bilayers of graphene, ideal, strained, shifted and with displaced atoms.

They depend on a seed alone. ``compute.py`` computes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

LATTICE_CONSTANT_A = 2.46
DISTANCE_A = 3.35
BOX_A = 20.0
SEED = 1


@dataclass(frozen=True)
class Job:
    """A structure, its group, and its name."""

    name: str
    group: str
    atoms: Atoms


def layer(a: float = LATTICE_CONSTANT_A, shift: tuple[float, float] = (0.0, 0.0), height: float = 0.0) -> Atoms:
    """Two atoms of a layer, moved by fractions of the cell vectors, at a height above the middle of the box (Å)."""
    cell = [[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, BOX_A]]
    places = [[shift[0], shift[1], 0.5], [1 / 3 + shift[0], 1 / 3 + shift[1], 0.5]]
    made = Atoms("C2", scaled_positions=places, cell=cell, pbc=(True, True, False))
    made.positions[:, 2] += height
    return made


def bilayer(shift: tuple[float, float], distance: float = DISTANCE_A, a: float = LATTICE_CONSTANT_A) -> Atoms:
    """Two layers; without a shift atoms are on top of each other, AA, and with (1/3, 1/3) every other one, AB."""
    return layer(a, height=-distance / 2) + layer(a, shift, height=distance / 2)


def displaced(atoms: Atoms, size: float, rng: np.random.Generator) -> Atoms:
    """A copy with every coordinate moved by a normal deviate (Å)."""
    made: Atoms = atoms.copy()
    made.positions += rng.normal(0.0, size, made.positions.shape)
    return made


def single_layers() -> Iterator[Job]:
    """Ideal, strained, and with displaced atoms."""
    rng = np.random.default_rng([SEED, 0])
    for a in (2.46, 2.42, 2.50):
        yield Job(f"layer_a{a:.2f}", "layer", layer(a))
    for number, size in enumerate((0.03, 0.05, 0.05, 0.08)):
        yield Job(f"layer_2x1_displaced_{number}", "layer_displaced", displaced(layer().repeat((2, 1, 1)), size, rng))
    yield Job("layer_2x2_displaced", "layer_displaced", displaced(layer().repeat((2, 2, 1)), 0.05, rng))


def bilayers() -> Iterator[Job]:
    """Ideal stackings, shifted layers at several distances, and with displaced atoms."""
    rng = np.random.default_rng([SEED, 1])
    for name, shift in (("AA", (0.0, 0.0)), ("AB", (1 / 3, 1 / 3)), ("SP", (0.5, 0.0))):
        yield Job(f"bilayer_{name}", "bilayer", bilayer(shift))
    for number, distance in enumerate((3.2, 3.45, 3.6)):
        shift = tuple(rng.uniform(0, 1, 2).tolist())
        yield Job(f"bilayer_shifted_{number}", "bilayer", bilayer((shift[0], shift[1]), distance))
    for number, size in enumerate((0.03, 0.05, 0.08)):
        shift = ((1 / 3, 1 / 3), (0.0, 0.0), (0.2, 0.7))[number]
        yield Job(f"bilayer_displaced_{number}", "bilayer_displaced", displaced(bilayer(shift), size, rng))


def all_jobs() -> list[Job]:
    """All structures in their order; the array ``layer`` says to which layer an atom belongs."""
    jobs = [*single_layers(), *bilayers()]
    for job in jobs:
        middle = job.atoms.positions[:, 2].mean()
        above = job.atoms.positions[:, 2] > middle
        job.atoms.set_array(
            "layer", above.astype(int) if job.group.startswith("bilayer") else np.zeros(len(job.atoms), dtype=int)
        )
        job.atoms.info.update(name=job.name, group=job.group)
    return jobs
