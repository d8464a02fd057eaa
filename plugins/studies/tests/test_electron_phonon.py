"""The study of electron-phonon coupling: errors of blocks, errors of velocities, energies of large cells, cases of its config."""

from dataclasses import replace

import numpy as np
import pytest
import sharvin
from ase import Atoms
from sharvin.errors import InputError, ItemError
from sharvin_studies.bands.dense import bands
from sharvin_studies.bands.sparse_bands import SparseBands
from sharvin_studies.electron_phonon.block_errors import block_errors, shell_in_words
from sharvin_studies.electron_phonon.configs import VelocityOptions
from sharvin_studies.electron_phonon.large_cell import LargeBands, energy_above
from sharvin_studies.electron_phonon.timings import Timing
from sharvin_studies.electron_phonon.velocities import SeriesVelocity, repeats_of
from sharvin_studies.electron_phonon.workflow import require_error


@pytest.fixture(scope="module")
def bilayer():
    atoms = sharvin.create("structures", "bilayer_graphene", supercell=(2, 2)).build(np.random.default_rng(0))
    return sharvin.create("hamiltonians", "slater_koster_pz", cutoff_A=4.0).blocks(atoms)


# Errors of blocks


def test_errors_are_zero_of_the_same_blocks_and_count_every_element_once(bilayer):
    errors = block_errors([bilayer], [bilayer])
    assert errors.mae_eV == errors.nearest_largest_eV == 0.0
    assert errors.elements.sum() == len(bilayer.atoms) + len(bilayer)
    assert errors.elements[0] == len(bilayer.atoms)
    assert errors.nearest[0] == 3 * len(bilayer.atoms) / 2


def test_one_wrong_block_is_found_in_its_shell_and_not_hidden_by_the_mean(bilayer):
    distance = np.linalg.norm(bilayer.vectors, axis=1)
    bond = int(distance.argmin())
    H = bilayer.H.copy()
    H[bond] += 0.1
    errors = block_errors([replace(bilayer, H=H)], [bilayer])
    shell = 1 + int(distance[bond] / 0.5)
    assert errors.largest_eV[shell] == pytest.approx(0.1)
    assert errors.largest_eV[np.arange(len(errors.largest_eV)) != shell].max() == 0.0
    assert errors.nearest_largest_eV == pytest.approx(0.1)
    assert errors.mae_eV == pytest.approx(0.1 / errors.elements.sum())
    assert shell_in_words(shell) == "1–1.5 Å"


def test_pairs_may_stand_in_the_opposite_direction_and_in_any_order(bilayer):
    order = np.random.default_rng(1).permutation(len(bilayer))
    turned = replace(
        bilayer,
        first=bilayer.second[order],
        second=bilayer.first[order],
        image=-bilayer.image[order],
        H=bilayer.H[order].transpose(0, 2, 1),
    )
    assert block_errors([turned], [bilayer]).mae_eV == 0.0


def test_a_missing_pair_is_an_error(bilayer):
    fewer = replace(bilayer, first=bilayer.first[1:], second=bilayer.second[1:], image=bilayer.image[1:], H=bilayer.H[1:])
    with pytest.raises(ItemError, match="1 pairs of the reference are missing"):
        block_errors([fewer], [bilayer])


def test_tables_of_errors_are_read_as_they_were_written(bilayer):
    errors = block_errors([replace(bilayer, H=1.1 * bilayer.H)], [bilayer])
    again = type(errors).of_table(errors.table())
    assert again.mae_eV == errors.mae_eV
    assert again.nearest_mae_eV == pytest.approx(0.1 * 2.7, rel=0.02)


# Large cells


def test_an_energy_between_valence_and_conduction_bands_is_found(bilayer):
    sparse = bilayer.sparse_bloch()
    energies = bands(sparse, [[0.0, 0.0, 0.0]])[0]
    middle = energy_above(SparseBands(sparse), (0.0, 0.0, 0.0), len(energies) // 2)
    assert abs(int((energies < middle).sum()) - len(energies) // 2) <= 2


def test_the_central_width_is_that_of_two_bands_on_each_side():
    energies = np.array([[-9.0, -2.0, -1.0, 1.0, 2.5, 9.0], [-9.0, -1.0, -0.5, 0.5, 3.0, 9.0]])
    found = LargeBands(4, None, energies, 3, 1.0, 1.0, 1.0)
    assert found.central_width_eV == 5.0
    assert found.neutral_eV == 0.0


# Velocities


def series(velocity=8e5, error=8e3, samples=100):
    return SeriesVelocity(
        "cold", 0.0, 8e5, samples, velocity, error, np.array([samples]), np.array([velocity]), np.array([error]), []
    )


def test_too_few_samples_say_how_many_are_needed():
    require_error({"reference": [series()]}, 1.0)
    require_error({"reference": [series()]}, None)
    with pytest.raises(
        InputError, match=r"has 100 samples and a standard error of 1 %, above largest_error_percent 0.5; it needs .*400"
    ):
        require_error({"reference": [series()]}, 0.5)
    with pytest.raises(InputError, match=r"no standard error yet.*about 16 samples"):
        require_error({"trained": [series(error=np.nan, samples=4)]}, 0.5)


def test_repeats_of_a_supercell_in_its_primitive_cell():
    small = np.array([[2.46, 0, 0], [1.23, 2.1304, 0], [0, 0, 0]])
    matrix = np.array([[3, 0, 0], [1, 2, 0], [0, 0, 1]])
    rest = Atoms("C", cell=np.vstack([(matrix @ small)[:2], [0, 0, 0]]), pbc=(True, True, False))
    assert np.array_equal(repeats_of(rest, small), matrix)
    assert np.array_equal(repeats_of(rest, small + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 40.0]])), matrix)
    with pytest.raises(InputError, match="no supercell"):
        repeats_of(rest, 1.1 * small)


def test_windows_begin_below_their_end():
    with pytest.raises(ValueError, match="smaller distance first"):
        VelocityOptions(window_per_A=(0.06, 0.03))


def test_the_exponent_of_the_time_is_that_of_the_larger_half():
    atoms = np.array([10, 100, 1000, 10000])
    assert Timing(atoms, np.array([5.0, 5.0, 10.0, 100.0])).exponent == pytest.approx(1.0)
    assert np.isnan(Timing(atoms[:1], np.ones(1)).exponent)
