"""Blocks from a file belong to the structures that they were computed for, and to no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from sharvin.crystals.block_files import write_blocks
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.protocols import BlockHamiltonian
from sharvin.registry import create
from sharvin.testing.component import ComponentTests


def layer(a: float, seed: int) -> Atoms:
    cell = [[a, 0, 0], [a / 2, a * np.sqrt(0.75), 0], [0, 0, 15]]
    atoms = Atoms("C2", scaled_positions=[[0, 0, 0.5], [1 / 3, 1 / 3, 0.5]], cell=cell, pbc=(True, True, False))
    atoms.positions += np.random.default_rng(seed).normal(0, 0.03, (2, 3))
    atoms.set_array("layer", np.array([0, 0]))
    return atoms


@pytest.fixture
def structures() -> list[Atoms]:
    return [layer(2.46, 1), layer(2.46, 2), layer(2.5, 3).repeat((2, 1, 1)), Atoms("CH", positions=[[0, 0, 0], [0, 0, 1.1]])]


@pytest.fixture
def file(tmp_path: Path, structures: list[Atoms]) -> Path:
    exact = create("hamiltonians", "slater_koster")
    write_blocks(tmp_path / "blocks.h5", [exact.blocks(atoms) for atoms in structures])
    return tmp_path / "blocks.h5"


def test_stored_structures_have_their_blocks_also_from_a_text_file(file: Path, structures: list[Atoms]) -> None:
    stored, exact = create("hamiltonians", "stored_blocks", file=str(file)), create("hamiltonians", "slater_koster")
    assert isinstance(stored, BlockHamiltonian)
    write(file.with_suffix(".extxyz"), structures, format="extxyz")
    for atoms in read(file.with_suffix(".extxyz"), ":"):
        found, expected = stored.blocks(atoms), exact.blocks(atoms)
        assert found.atoms == atoms
        k = [0.2, 0.3, 0.0] if atoms.pbc.any() else [0.0, 0.0, 0.0]
        for mine, theirs in zip(stored.bloch(atoms).at(k), expected.bloch().at(k), strict=True):
            assert np.abs(mine - theirs).max() < 1e-5
    assert stored.range_A(np.array([6])) < exact.range_A(np.array([6])) < stored.range_A(np.array([6])) + 1.5


def test_atoms_may_have_been_moved_by_cell_vectors(file: Path, structures: list[Atoms]) -> None:
    stored, exact = create("hamiltonians", "stored_blocks", file=str(file)), create("hamiltonians", "slater_koster")
    moved = structures[1].copy()
    moved.positions[0] += 2 * moved.cell[0] - moved.cell[1]
    found, expected = stored.blocks(moved), exact.blocks(moved)
    assert np.linalg.norm(found.vectors, axis=1).max() == pytest.approx(expected.reach_A)
    k = [0.11, 0.37, 0.0]
    for mine, theirs in zip(found.sparse_bloch().at(k), expected.sparse_bloch().at(k), strict=True):
        assert np.abs((mine - theirs).toarray()).max() < 1e-10


def test_other_structures_are_refused(file: Path, structures: list[Atoms]) -> None:
    stored = create("hamiltonians", "stored_blocks", file=str(file))
    other = structures[0].copy()
    other.positions[1, 2] += 0.2
    with pytest.raises(
        ItemError, match=r"has no blocks of this structure: the nearest one has atoms or cell vectors 0\.\d+ Å away"
    ):
        stored.blocks(other)
    strained = structures[0].copy()
    strained.set_cell(strained.cell.array * [[1.01], [1.0], [1.0]])
    with pytest.raises(ItemError):
        stored.blocks(strained)
    closed = structures[0].copy()
    closed.pbc = True
    with pytest.raises(ItemError, match="others are periodic"):
        stored.blocks(closed)
    with pytest.raises(InputError, match="no structure C3"):
        stored.blocks(Atoms("C3"))
    with pytest.raises(InputError, match="no structures of Au"):
        stored.range_A(np.array([6, 79]))
    wire = Atoms("C12", positions=[[0, 0, 1.3 * i] for i in range(12)])
    with pytest.raises(InputError, match="no leads"):
        stored.two_terminal(Junction.detect(wire, 1.5))


def test_files_that_hold_no_blocks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        create("hamiltonians", "stored_blocks", file=str(tmp_path / "text.h5"))
    write_blocks(tmp_path / "empty.h5", [])
    with pytest.raises(InputError, match="holds no structure"):
        create("hamiltonians", "stored_blocks", file=str(tmp_path / "empty.h5"))


class TestStoredBlocks(ComponentTests):
    kind = "hamiltonians"
    name = "stored_blocks"

    @pytest.fixture
    def component_options(self, file: Path) -> dict[str, str]:
        return {"file": str(file)}
