"""Gates of predicted blocks: each one violated by itself."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.gates import check_blocks, spectrum_bounds
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import ItemError
from sharvin.numerics.neighbour_pairs import neighbour_pairs

BASIS = OrbitalBasis({6: (0, 1)}, {6: 4.0})


def ring(count, overlap=0.1, hopping=-1.0):
    """A periodic chain of atoms 1.5 Å apart, s hopping to the nearest neighbour, p levels at 3 eV."""
    atoms = Atoms(
        f"C{count}", positions=[[1.5 * i, 0, 0] for i in range(count)], cell=[1.5 * count, 9, 9], pbc=(True, False, False)
    )
    pairs = near(atoms)
    H, S = np.zeros((len(pairs), 4, 4)), np.zeros((len(pairs), 4, 4))
    H[:, 0, 0], S[:, 0, 0] = hopping, overlap
    onsite = np.tile(np.diag([0.0, 3.0, 3.0, 3.0]), (count, 1, 1))
    identity = np.tile(np.eye(4), (count, 1, 1))
    return HamiltonianBlocks(atoms, BASIS, pairs.first, pairs.second, pairs.image, onsite, H, identity, S)


def near(atoms):
    return neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 2.0, full=False)


def orthonormal(blocks):
    return replace(blocks, S=None, S_onsite=None)


def taken(blocks, chosen):
    return replace(
        blocks,
        **{name: getattr(blocks, name)[chosen] for name in ("first", "second", "image", "H", "S")},
    )


def test_good_blocks_pass():
    blocks = ring(6)
    check_blocks(blocks, near(blocks.atoms), (-3.0, 4.0))
    check_blocks(orthonormal(blocks), near(blocks.atoms), (-2.01, 3.01))


def test_numbers_that_are_not_finite():
    blocks = ring(4)
    blocks.H[1, 0, 0] = np.nan
    with pytest.raises(ItemError, match=r"the H of a test fails the gate of finite numbers: H has 1 that are not"):
        check_blocks(blocks, what="the H of a test")


@pytest.mark.parametrize("name", ["H", "S"])
def test_blocks_that_are_not_hermitian(name):
    blocks = ring(4)
    getattr(blocks, f"{name}_onsite")[2, 0, 1] = 1e-6
    with pytest.raises(ItemError, match=f"Hermitian gate: the on-site block of {name} at atom 2 is off by 1e-06"):
        check_blocks(blocks)


def test_pairs_that_are_missing():
    blocks = ring(5)
    with pytest.raises(ItemError, match=r"coverage: 1 of 5 pairs of the range are missing, atoms \d and \d, 1\.50 Å apart"):
        check_blocks(taken(blocks, np.arange(4)), near(blocks.atoms))


def test_pairs_that_stand_twice_in_either_direction():
    blocks = ring(5)
    twice = taken(blocks, [0, 1, 2, 3, 4, 2])
    first, second, image = twice.first.copy(), twice.second.copy(), twice.image.copy()
    first[5], second[5], image[5] = twice.second[5], twice.first[5], -twice.image[5]
    with pytest.raises(ItemError, match="coverage: 1 pairs stand more than once"):
        check_blocks(replace(twice, first=first, second=second, image=image))


def test_pairs_beyond_the_range():
    blocks = ring(5)
    fewer = near(blocks.atoms).take(np.arange(5) != 0)
    with pytest.raises(ItemError, match="it has 1 pairs beyond the range"):
        check_blocks(blocks, fewer)


def test_an_atom_paired_with_itself():
    blocks = ring(5)
    second, image = blocks.second.copy(), blocks.image.copy()
    second[0], image[0] = blocks.first[0], 0
    with pytest.raises(ItemError, match="is paired with itself"):
        check_blocks(replace(blocks, second=second, image=image))


@pytest.mark.parametrize("count", [6, 120], ids=["dense", "sparse"])
def test_an_overlap_that_is_not_positive(count):
    """A ring of even length with overlap s has the eigenvalue 1 - 2 s."""
    check_blocks(ring(count, overlap=0.45))
    with pytest.raises(ItemError, match=r"positive overlap: the smallest eigenvalue of S at Γ is -0\.[12]"):
        check_blocks(ring(count, overlap=0.6))


@pytest.mark.parametrize("count", [6, 120], ids=["dense", "sparse"])
@pytest.mark.parametrize("overlap", [0.0, 0.1], ids=["orthonormal", "overlap"])
def test_eigenvalues_out_of_bounds(count, overlap):
    blocks = ring(count, overlap, hopping=-2.0)
    blocks = blocks if overlap else orthonormal(blocks)
    check_blocks(blocks, None, (-4.1, 5.1))
    with pytest.raises(ItemError, match=r"the gate of the spectrum: eigenvalues at Γ .*-2\.00"):
        check_blocks(blocks, None, (-2.0, 5.1))
    with pytest.raises(ItemError, match=r"the gate of the spectrum: eigenvalues at Γ .*2\.50"):
        check_blocks(blocks, None, (-4.1, 2.5))


@pytest.mark.parametrize("count", [6, 120], ids=["dense", "sparse"])
def test_bounds_are_those_of_the_spectra_with_a_margin(count):
    low, high = spectrum_bounds([orthonormal(ring(count)), orthonormal(ring(count, hopping=-1.5))])
    assert low == pytest.approx(-3.0 - 0.6 - 0.5, abs=0.05)
    assert high == pytest.approx(3.0 + 0.6 + 0.5, abs=0.05)


@pytest.mark.parametrize("count", [6, 120], ids=["dense", "sparse"])
def test_bounds_with_an_overlap(count):
    """A ring with hopping h and overlap s has the eigenvalues 2 h / (1 + 2 s) to -2 h / (1 - 2 s), and p levels at 3 eV."""
    low, high = spectrum_bounds([ring(count, overlap=0.2, hopping=-2.0)])
    first, last = -4.0 / 1.4, 4.0 / 0.6
    margin = 0.1 * (last - first) + 0.5
    assert low == pytest.approx(first - margin, abs=0.1)
    assert high == pytest.approx(last + margin, abs=0.1)
