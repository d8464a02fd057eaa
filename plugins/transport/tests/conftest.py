"""Structures that the tests of transport share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    patch = pytest.MonkeyPatch()
    folder: Path = tmp_path_factory.mktemp("cache")
    patch.setenv("SHARVIN_CACHE", str(folder))
    yield folder
    patch.undo()


def bulk_wire(element: str = "Au", a: float = 4.08, width: int = 3, layers: int = 10) -> Atoms:
    """Undisturbed (100) crystal between its own ends."""
    d = a / np.sqrt(2)
    grid = np.arange(width) * d
    x, y = np.meshgrid(grid, grid, indexing="ij")
    flat = np.column_stack([x.ravel(), y.ravel()])
    xyz = np.concatenate([np.column_stack([flat + 0.5 * (k % 2) * d, np.full(len(flat), k * a / 2)]) for k in range(layers)])
    return Atoms(f"{element}{len(xyz)}", positions=xyz, cell=[width * d, width * d, layers * a / 2 + 12], pbc=[True, True, False])


def point_contact(element: str = "Au", a: float = 4.08, bond: float = 2.7, seed: int | None = None) -> Atoms:
    """3×3 electrodes of five layers, pyramids of four atoms, a chain of three between them; inner atoms displaced by 0.08 Å."""
    d = a / np.sqrt(2)
    left = bulk_wire(element, a, 3, 5).positions
    z, middle = left[:, 2].max(), left[left[:, 2] > left[:, 2].max() - 0.1][:, :2]
    corner = middle.mean(axis=0)  # an atom of the last layer is here; the four hollows around it carry the pyramid
    hollows = np.array([[i * d / 2, j * d / 2] for i in (-1, 1) for j in (-1, 1)]) + corner
    pyramid = np.column_stack([hollows, np.full(4, z + a / 2)])
    chain = np.array([[*corner, z + a + k * bond] for k in range(3)])
    top = chain[-1, 2] + z + a
    right = np.concatenate([pyramid, left])
    right = np.column_stack([right[:, :2], top - right[:, 2]])
    xyz = np.concatenate([left, pyramid, chain, right])
    if seed is not None:
        inner = (xyz[:, 2] > 3.5 * a / 2) & (xyz[:, 2] < top - 3.5 * a / 2)
        xyz[inner] += np.random.default_rng(seed).normal(0, 0.08, (int(inner.sum()), 3))
    return Atoms(f"{element}{len(xyz)}", positions=xyz, cell=[3 * d, 3 * d, top + 12], pbc=[True, True, False])


def loosened_crystal(n1: int = 1, n2: int = 1) -> Atoms:
    """Gold (100), n1 × n2 atoms a layer, whose middle layer is moved, so that it scatters in the same way in every cell.

    Its lengths have few digits, so that no rounding of the electrodes tells one cell from another.
    """
    d, spacing, layers = 2.885, 2.04, 11
    positions = [[0.5 * (k % 2) * d, 0.5 * (k % 2) * d, k * spacing] for k in range(layers)]
    atoms = Atoms(f"Au{layers}", positions=positions, cell=[d, d, 40.0], pbc=[True, True, False]).repeat((n1, n2, 1))
    z = np.unique(np.round(atoms.positions[:, 2], 3))
    middle = np.abs(atoms.positions[:, 2] - z[len(z) // 2]) < 0.1
    atoms.positions[middle] += [0.3, 0.15, 0.4]
    return atoms


@pytest.fixture(scope="session")
def bulk() -> Callable[..., Atoms]:
    return bulk_wire


@pytest.fixture(scope="session")
def contact() -> Callable[..., Atoms]:
    return point_contact


@pytest.fixture(scope="session")
def loosened() -> Callable[..., Atoms]:
    return loosened_crystal
