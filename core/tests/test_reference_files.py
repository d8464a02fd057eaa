"""Files of reference data: what they say is taken as it is, and what cannot be right is refused by frame."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from sharvin.errors import InputError
from sharvin.reference_data import read_reference_data


def labelled(energy, forces=0.1, strain=1.0, **info):
    atoms = bulk("Au", cubic=True)
    atoms.set_cell(atoms.cell * strain, scale_atoms=True)
    atoms.info.update(info)
    results = {"energy": energy, "forces": np.full((4, 3), forces)}
    atoms.calc = SinglePointCalculator(atoms, **{name: value for name, value in results.items() if np.all(value != 0)})
    return atoms


def written(tmp_path, *structures):
    write(tmp_path / "data.extxyz", list(structures), format="extxyz")
    return tmp_path / "data.extxyz"


def test_energies_forces_and_groups_are_those_of_the_file(tmp_path):
    path = written(tmp_path, labelled(-15.5, group="fcc"), labelled(-15.1, 0.3, 1.02, config_type="strained"))
    data = read_reference_data(path)
    assert data.groups == ("fcc", "strained")
    assert [one.energy_eV for one in data] == [-15.5, -15.1]
    assert np.allclose(data[1].forces_eV_per_A, 0.3) and data[1].atoms.pbc.all()


@pytest.mark.parametrize(
    ("structures", "said"),
    [
        ([labelled(-15.5), labelled(0.0, strain=1.1)], "frame 1 has no energy"),
        ([labelled(-15.5, 0.0), labelled(-15.1, strain=1.1)], "frame 0 has no forces"),
        ([labelled(-15.5), labelled(-1000.0, strain=1.1)], "frames 1 and 0 have the same composition"),
        ([labelled(-15.5), labelled(-15.4, 5000.0, 1.1)], "frame 1 has a force of 5000 eV/Å"),
        ([labelled(-15.5), labelled(-15.1)], "frames 0 and 1 are the same structure"),
        ([labelled(-15.5), labelled(np.nan, strain=1.1)], "frame 1"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_frame(tmp_path, structures, said):
    with pytest.raises(InputError, match=said):
        read_reference_data(written(tmp_path, *structures))


def test_files_that_are_not_there_or_no_structures_are_refused(tmp_path):
    with pytest.raises(InputError, match="no structure file"):
        read_reference_data(tmp_path / "none.extxyz")
    (tmp_path / "text.extxyz").write_text("2\nhello\nAu 0 0\n")
    with pytest.raises(InputError, match="Frame has 1 atoms"):
        read_reference_data(tmp_path / "text.extxyz")
    (tmp_path / "some.thing").write_text("hello\n")
    with pytest.raises(InputError, match="format"):
        read_reference_data(tmp_path / "some.thing")
    write(tmp_path / "bare.extxyz", Atoms("Au"))
    with pytest.raises(InputError, match="no energy and no forces"):
        read_reference_data(tmp_path / "bare.extxyz")
