"""Folders in DeepH-pack's layout: what stands where, in which order, and that nothing is lost on the way."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from ase import Atoms
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.deeph_files import openmx_order, read_deeph, write_deeph
from sharvin.crystals.orbital_basis import ORBITALS, OrbitalBasis
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

ELECTRONS = {6: 4.0, 79: 11.0}
BASIS = OrbitalBasis({6: (0, 0, 1), 79: (0, 1, 2)}, ELECTRONS)


def some_blocks(overlap: bool = True) -> HamiltonianBlocks:
    rng = np.random.default_rng(2)
    atoms = Atoms("CAuC", cell=[[2.6, 0.1, 0], [0.7, 2.9, 0], [0.2, -0.3, 12.0]], pbc=(True, True, False))
    atoms.positions = [[0.1, 0.3, 4.0], [1.2, 1.0, 5.5], [0.4, 2.0, 6.5]]
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 4.0, full=False)
    present = np.arange(9) < BASIS.count(atoms.numbers)[:, None]
    own, within = present[:, :, None] & present[:, None], present[pairs.first][:, :, None] & present[pairs.second][:, None]
    H, S = (rng.normal(size=within.shape) * within for _ in range(2))
    onsite = rng.normal(size=own.shape) * own
    onsite = onsite + onsite.transpose(0, 2, 1)
    S_onsite = np.eye(9) * own
    parts = (S_onsite, S) if overlap else (None, None)
    return HamiltonianBlocks(atoms, BASIS, pairs.first, pairs.second, pairs.image, onsite, H, *parts)


@pytest.mark.parametrize("overlap", [True, False])
def test_a_folder_gives_back_what_was_written(tmp_path, overlap):
    written = some_blocks(overlap)
    folder = tmp_path / "graphene"
    write_deeph(folder, written, fermi_energy_eV=-4.3)
    found = read_deeph(folder, ELECTRONS, pbc=(True, True, False))
    assert found.atoms.info == {"fermi_energy_eV": -4.3} and found.basis == BASIS
    assert np.allclose(found.atoms.positions, written.atoms.positions, rtol=0, atol=1e-14)
    assert np.allclose(found.atoms.cell.array, written.atoms.cell.array, rtol=0, atol=1e-14)
    assert len(found) == len(written) and np.array_equal(found.H_onsite, written.H_onsite)
    place, flipped = found.places(written.first, written.second, written.image)
    for name in ("H", "S") if overlap else ("H",):
        values = getattr(found, name)[place]
        assert np.array_equal(np.where(flipped[:, None, None], values.transpose(0, 2, 1), values), getattr(written, name))
    assert overlap or found.S is None
    k = [0.2, 0.31, 0.0]
    assert np.abs((found.sparse_bloch().at(k)[0] - written.sparse_bloch().at(k)[0]).toarray()).max() < 1e-14


def test_files_hold_what_the_layout_says(tmp_path):
    blocks = some_blocks()
    folder = tmp_path / "one"
    write_deeph(folder, blocks)
    info = json.loads((folder / "info.json").read_text())
    assert info == {"nsites": 3, "isorthogonal": False, "isspinful": False, "norbits": 19, "fermi_level": 0.0}
    lattice, reciprocal = np.loadtxt(folder / "lat.dat"), np.loadtxt(folder / "rlat.dat")
    assert np.allclose(lattice[:, 1], [0.7, 2.9, 0.0]) and np.allclose(reciprocal.T @ lattice, 2 * np.pi * np.eye(3))
    assert np.loadtxt(folder / "site_positions.dat").shape == (3, 3)
    assert np.loadtxt(folder / "element.dat").tolist() == [6, 79, 6]
    assert (folder / "orbital_types.dat").read_text().splitlines() == ["0 0 1", "0 1 2", "0 0 1"]
    with h5py.File(folder / "hamiltonians.h5") as file:
        assert len(file) == 3 + 2 * len(blocks)
        pair = int(np.flatnonzero((blocks.first != blocks.second) & blocks.image.any(axis=1))[0])
        i, j, R = blocks.first[pair], blocks.second[pair], blocks.image[pair]
        ahead = file[f"[{R[0]}, {R[1]}, {R[2]}, {i + 1}, {j + 1}]"][()]
        assert np.array_equal(file[f"[{-R[0]}, {-R[1]}, {-R[2]}, {j + 1}, {i + 1}]"][()], ahead.T)
        onsite = file["[0, 0, 0, 2, 2]"][()]
    # OpenMX: s; x, y, z; 3z2-r2, x2-y2, xy, xz, yz
    here = [name for shell in (0, 1, 2) for name in ORBITALS[shell]]
    there = ["s", "x", "y", "z", "3z2-r2", "x2-y2", "xy", "zx", "yz"]
    assert [here[place] for place in openmx_order((0, 1, 2))] == there
    at = {name: place for place, name in enumerate(here)}
    for row, one in enumerate(there):
        for column, other in enumerate(there):
            assert onsite[row, column] == blocks.H_onsite[1][at[one], at[other]]


def test_one_direction_is_enough_and_of_two_the_mean_is_taken(tmp_path):
    blocks = some_blocks()
    folder = tmp_path / "one"
    write_deeph(folder, blocks)
    pair = int(np.flatnonzero(blocks.first != blocks.second)[0])
    i, j, R = blocks.first[pair], blocks.second[pair], blocks.image[pair]
    with h5py.File(folder / "hamiltonians.h5", "a") as file:
        file[f"[{R[0]}, {R[1]}, {R[2]}, {i + 1}, {j + 1}]"][...] += 0.5
        last = max(range(len(blocks)), key=lambda number: number != pair and number)
        del file[f"[{', '.join(map(str, -blocks.image[last]))}, {blocks.second[last] + 1}, {blocks.first[last] + 1}]"]
    found = read_deeph(folder, ELECTRONS, pbc=(True, True, False))
    place, flipped = found.places(blocks.first, blocks.second, blocks.image)
    H = np.where(flipped[:, None, None], found.H[place].transpose(0, 2, 1), found.H[place])
    n, m = (BASIS.size(int(blocks.atoms.numbers[atom])) for atom in (i, j))
    expected = blocks.H.copy()
    expected[pair, :n, :m] += 0.25
    assert np.allclose(H, expected, rtol=0, atol=1e-14)


def test_what_does_not_fit_is_said(tmp_path):
    blocks = some_blocks()
    folder = tmp_path / "one"
    write_deeph(folder, blocks)
    with pytest.raises(InputError, match="is there already"):
        write_deeph(folder, blocks)
    with pytest.raises(InputError, match="pairs of atoms across cell vector 2"):
        read_deeph(folder, ELECTRONS, pbc=(True, False, False))
    with pytest.raises(InputError, match="how many valence electrons element 79 has"):
        read_deeph(folder, {6: 4.0})
    with pytest.raises(InputError, match="not a complete folder"):
        read_deeph(tmp_path, ELECTRONS)
    with pytest.raises(InputError, match="not a complete folder"):
        read_deeph(folder, ELECTRONS, hamiltonians="hamiltonians_pred.h5")
    open_cell = blocks.atoms.copy()
    open_cell.cell[2] = 0.0
    bare = HamiltonianBlocks(open_cell, BASIS, blocks.first, blocks.second, blocks.image, blocks.H_onsite, blocks.H)
    with pytest.raises(InputError, match="needs three cell vectors"):
        write_deeph(tmp_path / "two", bare)
    pz = OrbitalBasis({6: (1,)}, {6: 1.0}, along_axes=True)
    one = HamiltonianBlocks(
        Atoms("C"), pz, *np.zeros((2, 0), int), np.zeros((0, 3), int), np.ones((1, 1, 1)), np.zeros((0, 1, 1)), axes=np.eye(3)[2:]
    )
    with pytest.raises(InputError, match="whose shells are complete"):
        write_deeph(tmp_path / "three", one)
    with h5py.File(folder / "hamiltonians.h5", "a") as file:
        del file["[0, 0, 0, 2, 2]"]
    with pytest.raises(InputError, match="lacks the block of atom 2"):
        read_deeph(folder, ELECTRONS)
    (folder / "info.json").write_text('{"isspinful": true}')
    with pytest.raises(InputError, match="with spin"):
        read_deeph(folder, ELECTRONS)
