"""The file input.data of n2p2: read with its units, written so that it is read again, refused with the line."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr, Hartree
from sharvin.errors import InputError
from sharvin.files.input_data import read_input_data, write_input_data
from sharvin.reference_data import ReferenceData, ReferenceStructure, read_reference_data

TEXT = """begin
comment water, by hand
comment group: molecule
atom 0.0 0.0 0.0 O 0.0 0.0 0.1 0.2 -0.3
atom 1.8 0.0 0.0 H 0.0 0.0 -0.1 -0.2 0.3
energy -76.5
charge 0.0
end
begin
lattice 4.0 0.0 0.0
lattice 0.0 5.0 0.0
lattice 0.0 0.0 6.0
atom 1.0 2.0 3.0 H 0.0 0.0 0.0 0.0 0.0
energy -0.5
charge 0.0
end
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "input.data"
    path.write_text(TEXT)
    return path


def test_units_are_those_that_the_user_states(path):
    metal, atomic = read_input_data(path), read_reference_data(path, "atomic")
    assert metal.groups == ("molecule", "")
    assert list(metal[0].atoms.symbols) == ["O", "H"]
    assert not metal[0].atoms.pbc.any()
    assert metal[1].atoms.pbc.all()
    assert atomic[0].energy_eV == pytest.approx(-76.5 * Hartree, rel=1e-14)
    np.testing.assert_allclose(atomic[0].forces_eV_per_A, metal[0].forces_eV_per_A * Hartree / Bohr, rtol=1e-14)
    np.testing.assert_allclose(atomic[0].atoms.positions, metal[0].atoms.positions * Bohr, rtol=1e-14)
    np.testing.assert_allclose(atomic[1].atoms.cell.lengths(), np.array([4.0, 5.0, 6.0]) * Bohr, rtol=1e-14)


@pytest.mark.parametrize("units", ["metal", "atomic"])
def test_what_is_written_is_read_again(tmp_path, units):
    rng = np.random.default_rng(0)
    crystal, cluster = bulk("Au").repeat(2), Atoms("AuAg", positions=rng.normal(size=(2, 3)) * 3)
    structures = [ReferenceStructure(a, rng.normal(), rng.normal(size=(len(a), 3)), "some group") for a in (crystal, cluster)]
    write_input_data(tmp_path / "input.data", ReferenceData(tuple(structures)), units)
    for one, two in zip(structures, read_input_data(tmp_path / "input.data", units), strict=True):
        tolerance = 0.0 if units == "metal" else 1e-14
        np.testing.assert_allclose(two.atoms.positions, one.atoms.positions, rtol=tolerance)
        np.testing.assert_allclose(two.forces_eV_per_A, one.forces_eV_per_A, rtol=tolerance)
        np.testing.assert_allclose(two.atoms.cell.array, one.atoms.cell.array, rtol=tolerance)
        assert two.energy_eV == pytest.approx(one.energy_eV, rel=tolerance)
        assert two.group == "some group"


def test_slabs_cannot_be_written(tmp_path):
    slab = Atoms("Au", cell=[4, 4, 20], pbc=(True, True, False))
    with pytest.raises(InputError, match="periodic in some directions only"):
        write_input_data(tmp_path / "input.data", ReferenceData((ReferenceStructure(slab, 0.0, np.zeros((1, 3))),)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("energy -76.5\n", "", "line 1: the structure that begins here has no energy"),
        ("energy -76.5", "energy nan", "line 6: a number is expected"),
        ("0.1 0.2 -0.3", "0.1 0.2", "line 4: an atom needs"),
        ("0.1 0.2 -0.3", "0.1 0.2 x", "line 4: 3 finite numbers"),
        ("atom 0.0 0.0 0.0 O", "atom 0.0 0.0 0.0 Xx", "line 4: 'Xx' is no chemical symbol"),
        ("energy -76.5", "energy -76.5\nenergy -70", "line 7: the structure has two energies"),
        ("lattice 0.0 0.0 6.0\n", "", "line 9: the structure that begins here has 2 lattice vectors"),
        ("end\nbegin", "begin", "line 8: a structure begins before the one of line 1 has ended"),
        ("begin\ncomment water", "comment water", "line 1: 'comment' outside of a structure"),
        ("charge 0.0\nend\nbegin", "magnetisation 1\nend\nbegin", "line 7: the keyword 'magnetisation' is not known"),
    ],
)
def test_mistakes_are_named_with_their_line(path, old, new, message):
    assert old in TEXT
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_input_data(path)


def test_a_file_that_is_cut_off_is_refused(path):
    path.write_text(TEXT[:-30])
    with pytest.raises(InputError, match="cut off"):
        read_input_data(path)
    path.write_text("")
    with pytest.raises(InputError, match="empty"):
        read_input_data(path)
