"""Marks of layers: taken as they are, and held against the bonds."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import graphene
from sharvin.crystals.layer_marks import fitting_layers, layers_of
from sharvin.errors import InputError


def two_layers(rotation_deg: float = 0.0) -> Atoms:
    sheet = graphene(size=(2, 2, 1), vacuum=10.0)
    upper = sheet.copy()
    upper.positions[:, 2] += 3.35
    both: Atoms = sheet + upper
    both.set_array("layer", np.repeat([4, 2], len(sheet)))
    both.rotate(rotation_deg, (1, 2, 3), rotate_cell=True)
    return both


@pytest.mark.parametrize("rotation_deg", [0.0, 50.0])
def test_marks_are_given_as_they_are_in_any_orientation(rotation_deg: float) -> None:
    atoms = two_layers(rotation_deg)
    expected = np.repeat([4, 2], len(atoms) // 2)
    assert layers_of(atoms).dtype == np.int64
    assert np.array_equal(layers_of(atoms), expected)
    assert np.array_equal(fitting_layers(atoms), expected)
    assert np.array_equal(fitting_layers(atoms, fewest_bonds=3), expected)


def test_a_rippled_layer_is_one_layer() -> None:
    """Heights do not tell layers; bonds do."""
    atoms = two_layers().repeat((6, 1, 1))
    phase = 2 * np.pi * atoms.positions[:, 0] / atoms.cell[0, 0]
    atoms.positions[:, 2] += 2.5 * np.sin(phase)
    assert np.ptp(atoms.positions[atoms.arrays["layer"] == 4, 2]) > 3.35
    assert set(fitting_layers(atoms)) == {2, 4}


def test_marks_of_whole_numbers_as_floats_are_taken_and_others_refused() -> None:
    atoms = two_layers()
    atoms.set_array("sheet", atoms.arrays["layer"].astype(float))
    assert np.array_equal(layers_of(atoms, "sheet"), atoms.arrays["layer"])
    atoms.arrays["sheet"][0] = np.nan
    with pytest.raises(InputError, match="array sheet of a structure must hold one whole number for each atom"):
        layers_of(atoms, "sheet")
    with pytest.raises(InputError, match="does not say to which layer its atoms belong"):
        layers_of(atoms, "molecule")


def test_atoms_that_no_layer_fits_are_named() -> None:
    atoms = two_layers()
    atoms.arrays["layer"][5] = 2
    with pytest.raises(InputError, match=r"no layer fits atom 5: it is marked as of layer 2 and bonded to atom \d of layer 4"):
        fitting_layers(atoms)
    alone = two_layers() + Atoms("C", positions=[[0.0, 0.0, 17.5]])
    alone.arrays["layer"][-1] = 3
    with pytest.raises(InputError, match=r"no layer fits atom 16: it is marked as of layer 3 and has no neighbour there"):
        fitting_layers(alone)
    with pytest.raises(InputError, match=r"atom 0 has 3 bond\(s\) in its layer, and the potential needs 4"):
        fitting_layers(two_layers(), fewest_bonds=4)
