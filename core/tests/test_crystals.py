"""Blocks between atoms: orbitals, their turning, pairs, files, sparse H(k) and devices."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from sharvin.crystals.block_files import read_blocks, write_blocks
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.store import write_table

MIXED = OrbitalBasis({6: (0, 0, 1), 1: (0,)}, {6: 4.0, 1: 1.0})
PZ = OrbitalBasis({6: (1,)}, {6: 1.0}, along_axes=True)


def random_blocks(atoms: Atoms, basis: OrbitalBasis, cutoff: float, seed: int = 1, overlap: bool = True) -> HamiltonianBlocks:
    """Random elements, falling with distance, for all pairs within the cutoff."""
    rng = np.random.default_rng(seed)
    pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff, full=False)
    count, m = basis.count(atoms.numbers), basis.largest
    present = np.arange(m) < count[:, None]
    own = present[:, :, None] & present[:, None, :]
    within = present[pairs.first][:, :, None] & present[pairs.second][:, None, :]
    fall = np.exp(-pairs.distance)[:, None, None]

    def symmetric(scale: float) -> np.ndarray:
        values = rng.normal(scale=scale, size=own.shape)
        return (values + values.transpose(0, 2, 1)) * own

    S, S_onsite = (0.1 * rng.normal(size=within.shape) * fall * within, np.eye(m) * own) if overlap else (None, None)
    axes = np.tile([0.0, 0.0, 1.0], (len(atoms), 1)) if basis.along_axes else None
    H = rng.normal(size=within.shape) * fall * within
    return HamiltonianBlocks(atoms, basis, pairs.first, pairs.second, pairs.image, symmetric(1.0), H, S_onsite, S, axes)


def cell_of(symbols: str = "C2H", seed: int = 0) -> Atoms:
    """Atoms in a slanted cell, periodic along two directions, with arrays of their own."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols, cell=[[2.6, 0, 0], [0.7, 2.9, 0], [0.2, -0.3, 7.0]], pbc=(True, True, False))
    atoms.set_scaled_positions(np.linspace(0.1, 0.8, len(atoms))[:, None] + rng.normal(0, 0.03, (len(atoms), 3)))
    return atoms


@pytest.mark.parametrize(("basis", "overlap", "symbols"), [(MIXED, True, "C2H"), (MIXED, False, "C2H"), (PZ, False, "C3")])
def test_files_give_back_what_was_written(tmp_path, basis, overlap, symbols):
    atoms = cell_of(symbols)
    atoms.set_array("layer", np.array([0, 0, 1]))
    atoms.set_array("name", np.array(["α", "b", "cc"]))
    atoms.set_velocities(np.ones((3, 3)))
    atoms.info.update(group="first", temperature_K=300.0, other=np.eye(2))
    written = [random_blocks(atoms, basis, 4.0, seed, overlap) for seed in (1, 2)] + [random_blocks(atoms, basis, 0.1)]
    if basis is MIXED:
        written.append(random_blocks(Atoms("H", positions=[[1.0, 2.0, 3.0]]), basis, 4.0))
    write_blocks(tmp_path / "blocks.h5", written)
    found = read_blocks(tmp_path / "blocks.h5")
    assert len(found) == len(written)
    for one, other in zip(found, written, strict=True):
        assert one.atoms == other.atoms and one.basis == other.basis
        assert one.atoms.arrays.keys() == other.atoms.arrays.keys()
        for name, values in other.atoms.arrays.items():
            assert np.array_equal(one.atoms.arrays[name], values) and one.atoms.arrays[name].dtype == values.dtype
        for name in ("first", "second", "image", "H_onsite", "H", "S_onsite", "S", "axes"):
            values = getattr(other, name)
            assert getattr(one, name) is None if values is None else np.array_equal(getattr(one, name), values)
    assert found[0].atoms.info == {"group": "first", "temperature_K": 300.0}
    write_blocks(tmp_path / "blocks.h5", written[:1], single_precision=True)
    (single,) = read_blocks(tmp_path / "blocks.h5")
    assert single.H.dtype == np.float64 and np.allclose(single.H, written[0].H, rtol=1e-7)
    write_table(tmp_path / "table.h5", {"H": np.eye(3)})
    with pytest.raises(InputError, match="holds no blocks"):
        read_blocks(tmp_path / "table.h5")
