import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from sharvin.errors import InputError
from sharvin.registry import registry
from vesin import ase_neighbor_list

RNG = np.random.default_rng(0)


def nanowire(**options):
    return registry().build("structures", "nanowire", options).build(RNG)


def from_file(path, **options):
    return registry().build("structures", "from_file", {"path": str(path), **options}).build(RNG)


def test_the_compact_gold_wire_of_the_literature_has_304_atoms():
    wire = nanowire(name="33-6-55")
    electrode = wire.arrays["electrode"]
    assert len(wire) == 304
    assert [int((electrode == side).sum()) for side in (-1, 0, 1)] == [125, 54, 125]
    assert wire.arrays["rigid"].sum() == 200
    assert len(nanowire(name="33-16-55")) == 250 + 9 * 16
    assert len(nanowire(name="44-6-66")) == 2 * 180 + 96


def test_a_name_and_its_numbers_are_the_same_wire():
    assert nanowire(name="33-6-55") == nanowire(neck=[3, 3, 6], electrode=[5, 5, 5]) == nanowire()
    with pytest.raises(InputError, match="only one of them"):
        nanowire(name="33-6-55", neck=[3, 3, 7], electrode=[5, 5, 5])


def test_layers_of_two_sizes_alternate_about_one_axis():
    """Each layer of a widened neck sits in the hollows of the next: 3×3 atoms over the nine hollows of 4×4."""
    wire = nanowire(name="3344-6-55")
    neck = wire[wire.arrays["electrode"] == 0]
    heights, counts = np.unique(np.round(neck.positions[:, 2], 6), return_counts=True)
    assert counts.tolist() == [9, 16, 9, 16, 9, 16]
    axes = [neck.positions[np.isclose(neck.positions[:, 2], z), :2].mean(axis=0) for z in heights]
    np.testing.assert_allclose(axes, np.broadcast_to(axes[0], (6, 2)), atol=1e-9)
    assert wire == nanowire(neck=[3, 3, 6], second_neck=[4, 4], electrode=[5, 5, 5])
    assert len(wire) == 250 + 3 * 9 + 3 * 16
    with pytest.raises(InputError, match="does not fit"):
        nanowire(neck=[3, 3, 6], second_neck=[6, 6], electrode=[5, 5, 5])
    with pytest.raises(InputError, match="only one of them"):
        nanowire(name="33-6-55", second_neck=[4, 4])


@pytest.mark.parametrize("name", ["33-6-55", "33-10-55", "33-12-55", "33-16-55", "44-6-66", "55-6-77", "3344-6-55"])
@pytest.mark.parametrize("element", ["Au", "Ag"])
def test_every_wire_of_the_literature_is_one_piece_of_crystal(name, element):
    wire = nanowire(name=name, element=element, lattice_constant_A=4.08)
    i, d = ase_neighbor_list("id", wire, 3.0)
    assert d == pytest.approx(4.08 / 2**0.5)
    assert np.bincount(i, minlength=len(wire)).min() >= 3


@pytest.mark.parametrize(
    ("crystal", "element", "orientation", "a", "nearest", "neighbours"),
    [
        ("fcc", "Au", "100", 4.08, 2**-0.5, 12),
        ("fcc", "Au", "110", 4.08, 2**-0.5, 12),
        ("fcc", "Au", "111", 4.08, 2**-0.5, 12),
        ("bcc", "K", "100", 5.344, 0.75**0.5, 8),
    ],
)
def test_the_stacking_is_that_of_the_crystal_through_the_whole_wire(crystal, element, orientation, a, nearest, neighbours):
    size = {"element": element, "crystal": crystal, "orientation": orientation, "lattice_constant_A": a}
    wire = nanowire(**size, neck=[4, 4, 7], electrode=[4, 4, 4])
    i, d = ase_neighbor_list("id", wire, 1.05 * nearest * a)
    assert d == pytest.approx(nearest * a)
    z = wire.positions[:, 2]
    inside = (z > z.min() + nearest * a) & (z < z.max() - nearest * a)
    assert (np.bincount(i, minlength=len(wire))[inside] == neighbours).all()
    narrow = nanowire(**size, neck=[2, 3, 7], electrode=[4, 5, 4])
    assert ase_neighbor_list("d", narrow, 1.05 * nearest * a)[0] == pytest.approx(nearest * a)
    assert len(narrow) == 7 * 6 + 2 * 4 * 20


@pytest.mark.parametrize("orientation", ["100", "110"])
def test_every_neck_atom_of_a_narrow_wire_keeps_bonds_to_the_layers_above_and_below(orientation):
    wire = nanowire(orientation=orientation, neck=[3, 3, 8], electrode=[5, 5, 4])
    i, vectors = ase_neighbor_list("iD", wire, 3.2)
    neck = wire.arrays["electrode"] == 0
    for direction in (1, -1):
        assert np.isin(np.flatnonzero(neck), i[direction * vectors[:, 2] > 0.5]).all()


def test_the_neck_is_centred_on_the_electrodes_as_well_as_the_lattice_allows():
    for size in (2, 3, 4):
        wire = nanowire(neck=[size, size, 8], electrode=[6, 6, 5])
        neck, ends = wire[wire.arrays["electrode"] == 0], wire[wire.arrays["electrode"] != 0]
        spacing = 4.08 / 2**0.5
        for axis in (0, 1):
            middle = (ends.positions[:, axis].min() + ends.positions[:, axis].max()) / 2
            assert abs(neck.positions[:, axis].mean() - middle) <= spacing / 4 + 1e-9


def test_atoms_are_ordered_along_the_wire_with_the_left_electrode_first():
    wire = nanowire()
    key = np.round(wire.positions, 6)
    assert (np.lexsort((key[:, 0], key[:, 1], key[:, 2])) == np.arange(len(wire))).all()
    assert wire.arrays["electrode"][0] == -1
    assert wire.arrays["electrode"].dtype == np.int8
    assert wire.arrays["rigid"].dtype == bool
    assert wire.pbc.tolist() == [True, True, False]


def test_wires_that_cannot_be_built_are_refused():
    with pytest.raises(InputError, match="does not fit"):
        nanowire(neck=[6, 6, 6], electrode=[5, 5, 5])
    with pytest.raises(InputError, match="rigid layers"):
        nanowire(neck=[3, 3, 6], electrode=[5, 5, 5], rigid_layers=6)
    with pytest.raises(InputError, match="not a chemical symbol"):
        nanowire(element="Gold")
    with pytest.raises(InputError, match="bcc"):
        nanowire(element="K", orientation="111")
    with pytest.raises(InputError, match="lattice_constant"):
        nanowire(element="Au", crystal="bcc")
    with pytest.raises(InputError, match="both"):
        nanowire(neck=[3, 3, 6])


def test_a_wire_written_to_a_file_comes_back_with_its_electrodes(tmp_path):
    wire = nanowire()
    write(tmp_path / "marked.extxyz", wire)
    marked = from_file(tmp_path / "marked.extxyz")
    bare = Atoms(wire.symbols, positions=wire.positions, cell=wire.cell, pbc=wire.pbc)
    write(tmp_path / "bare.extxyz", bare)
    layered = from_file(tmp_path / "bare.extxyz", electrode_layers=5)
    for found in (marked, layered):
        assert (found.arrays["electrode"] == wire.arrays["electrode"]).all()
        assert (found.arrays["rigid"] == wire.arrays["rigid"]).all()
        assert found.positions == pytest.approx(wire.positions, abs=1e-6)
    with pytest.raises(InputError, match="already has"):
        from_file(tmp_path / "marked.extxyz", electrode_layers=5)
    with pytest.raises(InputError, match="too few"):
        from_file(tmp_path / "bare.extxyz", electrode_layers=9)


def test_frames_of_a_trajectory_are_chosen_by_index(tmp_path):
    crystals = [bulk("Au", a=a) for a in (4.0, 4.1, 4.2)]
    write(tmp_path / "three.extxyz", crystals)
    assert from_file(tmp_path / "three.extxyz", index=1).cell.cellpar() == pytest.approx(crystals[1].cell.cellpar())
    assert from_file(tmp_path / "three.extxyz").cell.cellpar() == pytest.approx(crystals[2].cell.cellpar())
    with pytest.raises(InputError, match="frame 7"):
        from_file(tmp_path / "three.extxyz", index=7)


DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp ff
0 10
0 10
0 20
ITEM: ATOMS id {name} x y z
1 {first} 1 1 1
2 {second} 1 1 4
"""


def test_lammps_dumps_say_their_elements_or_are_told(tmp_path):
    named, typed = tmp_path / "named.dump", tmp_path / "typed.dump"
    named.write_text(DUMP.format(name="element", first="Au", second="Ag"))
    typed.write_text(DUMP.format(name="type", first=1, second=2))
    assert from_file(named).get_chemical_formula() == "AgAu"
    assert from_file(typed, species=["Au", "Ag"]).symbols.get_chemical_formula() == "AgAu"
    with pytest.raises(InputError, match="no elements"):
        from_file(typed)
    with pytest.raises(InputError, match="has an element column"):
        from_file(named, species=["Au", "Ag"])


def test_files_that_are_missing_or_no_structures_are_named(tmp_path):
    (tmp_path / "text.xyz").write_text("nothing\n")
    with pytest.raises(InputError, match="there is no structure file"):
        from_file(tmp_path / "absent.xyz")
    with pytest.raises(InputError, match="cannot read"):
        from_file(tmp_path / "text.xyz")


def test_the_periodicity_of_a_file_that_cannot_say_it_is_set(tmp_path):
    wire = nanowire(neck=[1, 1, 3], electrode=[2, 2, 3])
    write(tmp_path / "POSCAR", wire, format="vasp")
    read = from_file(tmp_path / "POSCAR", electrode_layers=3, pbc=[True, True, False])
    assert list(read.pbc) == [True, True, False]
    np.testing.assert_array_equal(read.arrays["electrode"], wire.arrays["electrode"])


def test_a_set_from_a_file_has_its_frames_with_their_arrays_and_groups(tmp_path):
    frames = [Atoms("C2", positions=[[0, 0, 0], [0, 0, 1.2 + 0.1 * number]]) for number in range(4)]
    for number, atoms in enumerate(frames):
        atoms.set_array("layer", np.array([0, number]))
        if number:
            atoms.info["group"] = "stretched"
    write(tmp_path / "dimers.extxyz", frames, format="extxyz")
    path = str(tmp_path / "dimers.extxyz")
    found = registry().build("structures", "set_from_file", {"path": path}).build_all(RNG)
    assert [atoms.info["group"] for atoms in found] == ["dimers", "stretched", "stretched", "stretched"]
    assert [atoms.arrays["layer"].tolist() for atoms in found] == [[0, number] for number in range(4)]
    some = registry().build("structures", "set_from_file", {"path": path, "index": "1:4:2"}).build_all(RNG)
    assert [atoms.get_distance(0, 1) for atoms in some] == pytest.approx([1.3, 1.5])
    with pytest.raises(InputError):
        registry().build("structures", "set_from_file", {"path": path, "index": "7"}).build_all(RNG)
    with pytest.raises(InputError, match="index"):
        registry().build("structures", "set_from_file", {"path": path, "index": "first"})
