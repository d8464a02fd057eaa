"""Structures are read as their files say, or one sentence says why not."""

import bz2
import gzip
import lzma
import os
import warnings
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase import Atoms
from sharvin.errors import InputError, PhysicsWarning
from sharvin.files.structure_files import frames_or_errors, numbered_frames, numbered_structures, read_structures
from sharvin.frames import Frame
from sharvin.store import write_trajectory

POSITIONS = np.array([[0.5, 1.0, 2.0], [3.0, 4.25, 5.5], [6.0, 2.5, 8.125]])
ALLOY = Atoms("AuAgAu", positions=POSITIONS, cell=[10.0, 11.0, 12.0], pbc=True)
HEADER = "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{count}\nITEM: BOX BOUNDS pp pp ff\n0 10\n0 11\n0 12\n"
ROWS = ("1 1 0.5 1.0 2.0", "2 2 3.0 4.25 5.5", "3 1 6.0 2.5 8.125")


def snapshot(columns="id type x y z", rows=ROWS, step=0, count=3, header=HEADER):
    return header.format(step=step, count=count) + f"ITEM: ATOMS {columns}\n" + "".join(f"{row}\n" for row in rows)


def with_column(values, rows=ROWS):
    return [f"{row} {value}" for row, value in zip(rows, values, strict=True)]


@pytest.fixture
def written(tmp_path):
    def write(text, name="pull.dump"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def only(path, species=("Au", "Ag"), index=":"):
    (atoms,) = read_structures(path, index, species)
    return atoms


def same(atoms, expected=ALLOY):
    assert atoms.get_chemical_formula("reduce") == expected.get_chemical_formula("reduce")
    np.testing.assert_allclose(atoms.positions, expected.positions, atol=1e-12)


# --- dumps ---------------------------------------------------------------------------------------------------------------------

DAMAGED = {
    "a row is missing": (snapshot(rows=ROWS[:2]), "announces 3 atoms and holds 2"),
    "cut within a row": (snapshot()[:-10], "announces 3 atoms and holds 2"),
    "cut within a number": (snapshot(rows=[f"{row}00" for row in ROWS])[:-4], "announces 3 atoms and holds 2"),
    "cut in the header": (snapshot()[:40], "is cut off"),
    "cut before the atoms": (snapshot(rows=()), "announces 3 atoms and holds 0"),
    "a row too many": (snapshot(rows=(*ROWS, "4 1 0 0 0")), "announces 3 atoms and holds 4"),
    "an id twice": (snapshot(rows=(ROWS[0], ROWS[0], ROWS[2])), "two atoms with id 1"),
    "a short row within": (snapshot(rows=(ROWS[0], "2 2 3.0 4.25", ROWS[2])), "line 2 of its atoms has 4 columns"),
    "no number": (snapshot(rows=(ROWS[0], "2 2 x 4.25 5.5", ROWS[2])), "'x' in column x"),
    "nan": (snapshot(rows=(ROWS[0], "2 2 nan 4.25 5.5", ROWS[2])), "positions that are not numbers"),
    "no coordinates": (snapshot("id type vx vy vz"), "no coordinates"),
    "no columns": (snapshot(""), "does not name the columns"),
    "no box": (snapshot().replace("0 10\n", ""), "no box"),
    "of bonds": ("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ENTRIES\n1\nITEM: ENTRIES c_1\n3.0\n", "no number of atoms"),
    "Lennard-Jones units": ("ITEM: UNITS\nlj\n" + snapshot(), "units lj"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_snapshot_is_named_and_the_others_are_read(written, case):
    text, sentence = DAMAGED[case]
    before = "" if "UNITS" in text else snapshot()
    path = written(before + text)
    with pytest.raises(InputError, match=sentence) as caught:
        list(read_structures(path, ":", ("Au", "Ag")))
    assert "\n" not in str(caught.value)
    if before:
        assert f"frame 1 of {path}" in str(caught.value)
        path.write_text(before + text + snapshot())  # a run that was killed and continued
        found = [frame for _, frame in frames_or_errors(path, ":", ("Au", "Ag"))]
        assert [isinstance(frame, InputError) for frame in found] == [False, True, False]


CUT = {
    "pull.dump": snapshot(rows=[f"{row}00" for row in ROWS]) * 2,
    "w.xyz": "3\n\nAu 0.50 1.00 2.00\nAg 3.00 4.25 5.50\nAu 6.00 2.50 8.12\n" * 2,
    "POSCAR": "AuAg\n1.0\n10 0 0\n0 11 0\n0 0 12\nAu Ag\n2 1\nCartesian\n0.50 1.00 2.00\n3.00 4.25 5.50\n6.00 2.50 8.12\n",
}


@pytest.mark.parametrize("name", CUT)
def test_no_file_that_is_cut_off_anywhere_gives_other_positions(written, name):
    species = ("Au", "Ag") if "dump" in name else ()
    whole = [atoms.positions for atoms in read_structures(written(CUT[name], name), ":", species)]
    for size in range(len(CUT[name]) - 130, len(CUT[name])):
        path = written(CUT[name][:size], name)
        found = [frame for frame in _readable(path, species) if not isinstance(frame, InputError)]
        assert len(found) <= len(whole)
        for frame, positions in zip(found, whole, strict=False):
            np.testing.assert_array_equal(frame.positions, positions)


def _readable(path, species):
    try:
        yield from (frame for _, frame in frames_or_errors(path, ":", species))
    except InputError:
        return


HEADS = {
    "plain": "",
    "units": "ITEM: UNITS\nmetal\n",
    "units and time": "ITEM: UNITS\nmetal\nITEM: TIME\n0.5\n",
    "comments": "# written by\n\n# somebody\n",
}


@pytest.mark.parametrize("head", HEADS)
def test_what_stands_before_a_snapshot_is_no_frame(written, head):
    later = "ITEM: TIME\n1.5\n" if "time" in head else ""
    path = written(HEADS[head] + later.join(snapshot(step=step) for step in range(3)))
    for index, numbers in {"1:2": [1], ":": [0, 1, 2], "-1": [2], "-2:": [1, 2], ":-1": [0, 1], "::-1": [2, 1, 0]}.items():
        found = list(numbered_structures(path, index, ("Au", "Ag")))
        assert [number for number, _ in found] == numbers
        assert [atoms.info["timestep"] for _, atoms in found] == [str(number) for number in numbers]


TILTED = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS xy xz yz pp pp pp\n-1 13 2\n0 12 -1\n0 12 1\n"
COLUMNS = {
    "unwrapped": ("id type xu yu zu", ROWS),
    "types with decimals": ("id type x y z", [row.replace(" 1 ", " 1.0 ").replace(" 2 ", " 2.0 ", 1) for row in ROWS]),
    "unsorted": ("id type x y z", ROWS[::-1]),
    "no ids": ("type x y z", [row.split(maxsplit=1)[1] for row in ROWS]),
    "more columns": ("id type x y z vx vy vz c_1[2]", [f"{row} 0 0 0 1e-3" for row in ROWS]),
    "mixed": ("id type xs y zu", [f"{i} {t} {float(x) / 10} {y} {z}" for i, t, x, y, z in map(str.split, ROWS)]),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_coordinates_of_every_form_are_the_same(written, case):
    same(only(written(snapshot(*COLUMNS[case]))))


@pytest.mark.parametrize("form", ["xs ys zs", "xsu ysu zsu"])
def test_scaled_coordinates_of_a_tilted_box_are_those_of_ase(written, form):
    cell = np.array([[11.0, 0, 0], [2.0, 11.0, 0], [-1.0, 1.0, 12.0]])
    scaled = np.linalg.solve(cell.T, POSITIONS.T).T
    rows = [f"{i + 1} {t} {a:.12f} {b:.12f} {c:.12f}" for i, (t, (a, b, c)) in enumerate(zip((1, 2, 1), scaled, strict=True))]
    path = written(snapshot(f"id type {form}", rows, header=TILTED))
    atoms = only(path)
    np.testing.assert_allclose(atoms.cell.array, cell)
    np.testing.assert_allclose(atoms.positions, POSITIONS, atol=1e-9)
    theirs = ase.io.read(path, format="lammps-dump-text", specorder=["Au", "Ag"])
    np.testing.assert_allclose(atoms.cell.array, theirs.cell.array)
    np.testing.assert_allclose(np.diff(atoms.positions, axis=0), np.diff(theirs.positions, axis=0), atol=1e-9)


def test_units_of_a_dump_are_those_it_states(written):
    atoms = only(written("ITEM: UNITS\nelectron\n" + snapshot()))
    np.testing.assert_allclose(atoms.positions, 0.529177 * POSITIONS, rtol=1e-5)


def test_what_is_assumed_of_a_dump_is_said(written):
    path = written(snapshot(header=HEADER.replace(" pp pp ff", "")) * 2)
    with pytest.warns(PhysicsWarning, match="no flags after BOX BOUNDS") as said:
        frames = [frame for _, frame in numbered_frames(path, ":", ("Au", "Ag"))]
    assert len(said) == 1 and frames[0].pbc.tolist() == [True, True, False]
    path = written(snapshot() + snapshot(rows=ROWS[::2], count=2))
    with pytest.warns(PhysicsWarning) as said:
        list(read_structures(path, ":", ("Au", "Ag")))
    assert ["frame 1 has 2 atoms and frame 0 has 3" in str(said[-1].message), "2 is missing" in str(said[0].message)] == [
        True
    ] * 2


# --- what an atom is -----------------------------------------------------------------------------------------------------------

MASSES = {"Au": 196.967, "Ag": 107.868}
STATED = {
    "element": lambda symbols: ("id type x y z element", with_column(symbols)),
    "mass": lambda symbols: ("id type x y z mass", with_column([MASSES[s] for s in symbols])),
    "typelabel": lambda symbols: ("id type x y z typelabel", with_column(symbols)),
    "labels as types": lambda symbols: (
        "id type x y z",
        [" ".join([row.split()[0], s, *row.split()[2:]]) for row, s in zip(ROWS, symbols, strict=True)],
    ),
}


@pytest.mark.parametrize("form", STATED)
def test_a_dump_says_what_its_atoms_are_and_the_user_says_it_better(written, form):
    same(only(written(snapshot(*STATED[form](["Au", "Ag", "Au"]))), ()))
    if form == "labels as types":
        return
    same(only(written(snapshot(*STATED[form](["Au", "Ag", "Au"])))))
    path = written(snapshot(*STATED[form](["Ag", "Au", "Ag"])) * 2)
    with pytest.warns(PhysicsWarning, match="types 1, 2 are Au, Ag as you said, but Ag, Au according to the file's ") as said:
        for atoms in read_structures(path, ":", ("Au", "Ag")):
            same(atoms)
    assert len(said) == 1


def test_an_element_column_counts_before_masses_and_the_contradiction_is_said(written):
    rows = with_column([107.868, 107.868, 107.868], with_column(["Au", "Ag", "Au"]))
    with pytest.warns(
        PhysicsWarning, match="type 1 is Au according to the file's element .*, but Ag according to the file's mass"
    ):
        same(only(written(snapshot("id type x y z element mass", rows)), ()))
    with pytest.warns(PhysicsWarning, match="says C throughout"):
        only(written(snapshot("id type x y z element", with_column("CCC"))), ())
    only(written(snapshot("id type x y z element mass", with_column([12.01] * 3, with_column("CCC")))), ())


UNKNOWN = [
    (snapshot(), (), r"has atom types but no elements \(2 atom types\): name them with species"),
    (snapshot(), ("Au",), r"has 2 atom types, and the species name 1 \(Au\)"),
    (snapshot(), ("Au", "Gold"), "'Gold' is not a chemical element"),
    (snapshot(), ("Au", "ag"), r"'ag' is not a chemical element \(did you mean 'Ag'"),
    (
        snapshot("id type x y z mass", with_column([40.0] * 3)),
        (),
        "no elements .2 atom types, and the file's mass column do not tell",
    ),
    (
        snapshot("id x y z", [row.replace(" 1 ", " ", 1).replace("2 2", "2") for row in ROWS]),
        ("Au", "Ag"),
        "has nothing of the kind and no numbers of atom types",
    ),
    (snapshot("id type x y z", [row.replace(" 1 ", " left ") for row in ROWS]), (), r"no elements \(2 atom types \(left, 2\)"),
    (snapshot("id type x y z", [row.replace(" 1 ", " 0 ") for row in ROWS]), ("Au", "Ag"), "atom of type 0"),
]


@pytest.mark.parametrize(("text", "species", "sentence"), UNKNOWN)
def test_what_nobody_says_is_asked_for(written, text, species, sentence):
    with pytest.raises(InputError, match=sentence):
        list(read_structures(written(text), ":", species))


# --- data files ----------------------------------------------------------------------------------------------------------------

BOX = "0 10 xlo xhi\n0 11 ylo yhi\n0 12 zlo zhi\n"
DATA_ROWS = {
    "atomic": ["1 1 0.5 1.0 2.0", "2 2 3.0 4.25 5.5", "3 1 6.0 2.5 8.125"],
    "charge": ["1 1 0.0 0.5 1.0 2.0", "2 2 -0.1 3.0 4.25 5.5", "3 1 0.1 6.0 2.5 8.125"],
    "molecular": ["1 7 1 0.5 1.0 2.0", "2 7 2 3.0 4.25 5.5", "3 7 1 6.0 2.5 8.125"],
    "full": ["1 7 1 0.0 0.5 1.0 2.0", "2 7 2 0 3.0 4.25 5.5", "3 7 1 0 6.0 2.5 8.125"],
}


def data(rows, style="", masses="", labels="", title="some atoms and Masses, 3 bonds", box=BOX, count=3):
    parts = [title, "", f"{count} atoms", "2 atom types", "", box]
    parts += ["Atom Type Labels", "", labels, ""] if labels else []
    parts += ["Masses", "", masses, ""] if masses else []
    parts += [f"Atoms {style}".strip(), "", *rows, "", "Velocities", "", *(f"{i} 0 0 0" for i in (1, 2, 3))]
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("hint", [False, True])
@pytest.mark.parametrize("style", DATA_ROWS)
def test_data_files_of_every_usual_style_hold_the_same_atoms(written, style, hint, images):
    rows = DATA_ROWS[style]
    expected = ALLOY.copy()
    if images:
        rows = with_column(["0 0 0", "0 -1 0", "0 0 1"], rows)
        expected.positions += [[0, 0, 0], [0, -11, 0], [0, 0, 12]]
    comment = f"# {style} (written by hand)" if hint else ""
    same(only(written(data(rows[::-1], comment), "wire.data")), expected)


DATA = {
    "masses": (data(DATA_ROWS["atomic"], masses="2 107.87\n1 196.97 # heavy"), (), ""),
    "comments of masses": (data(DATA_ROWS["atomic"], masses="1 1000 # Au\n2 1000 # Ag"), (), ""),
    "labels": (
        data([r.replace(" 1 ", " Au ", 1).replace("2 2 ", "2 Ag ") for r in DATA_ROWS["atomic"]], labels="1 Au\n2 Ag"),
        (),
        "",
    ),
    "labels of unsorted atoms": (
        data(["3 Au 6.0 2.5 8.125", "2 Ag 3.0 4.25 5.5", "1 Au 0.5 1.0 2.0"], labels="1 Au\n2 Ag"),
        (),
        "",
    ),
    "labels and their masses": (
        data(DATA_ROWS["full"][::-1], masses="Au 196.97\nAg 107.87", labels="1 Au\n2 Ag"),
        (),
        "",
    ),
    "the user, against masses": (
        data(DATA_ROWS["charge"], masses="1 107.87\n2 196.97"),
        ("Au", "Ag"),
        "types 1, 2 are Au, Ag as you said, but Ag, Au according to the file's masses",
    ),
    "the user, against comments": (
        data(DATA_ROWS["charge"], masses="1 196.97 # Pt\n2 107.87"),
        ("Au", "Ag"),
        "type 1 is Au as you said, but Pt according to the comments of the file's masses",
    ),
    "labels, against masses": (
        data(DATA_ROWS["atomic"], masses="1 107.87\n2 107.87", labels="1 Au\n2 Ag"),
        (),
        "type 1 is Au according to the file's type labels, but Ag according to the file's masses",
    ),
    "blank first line": (data(DATA_ROWS["atomic"], title=""), ("Au", "Ag"), ""),
    "a header with tabs": (data(DATA_ROWS["atomic"]).replace("3 atoms", "\t3\tatoms"), ("Au", "Ag"), ""),
    "no blank lines": (data(DATA_ROWS["atomic"]).replace("\n\n", "\n"), ("Au", "Ag"), ""),
    "no charge, written 0": (
        data([r.replace(" 0.0 ", " 0 ").replace("-0.1", "0") for r in DATA_ROWS["charge"]]),
        ("Au", "Ag"),
        "",
    ),
}


@pytest.mark.parametrize("case", DATA)
def test_what_an_atom_of_a_data_file_is(written, case):
    text, species, said = DATA[case]
    path = written(text, "wire.lmp")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        same(only(path, species))
    assert [said in str(one.message) for one in found] == [True] * bool(said)


WRONG_DATA = [
    (data(DATA_ROWS["atomic"]), (), "has atom types but no elements .2 atom types"),
    (data(DATA_ROWS["atomic"]), ("Au",), r"has 2 atom types, and the species name 1 \(Au\)"),
    (data(DATA_ROWS["atomic"][:2]), ("Au", "Ag"), "is cut off: it announces 3 atoms and holds 2"),
    (data(DATA_ROWS["atomic"]).split(" 8.125")[0], ("Au", "Ag"), "is cut off: it announces 3 atoms and holds 2"),
    (data([f"{row}00" for row in DATA_ROWS["atomic"]]).split("2500")[0], ("Au", "Ag"), "announces 3 atoms and holds 2"),
    (data(DATA_ROWS["atomic"]).split("Atoms")[0], ("Au", "Ag"), "has no section Atoms"),
    (
        data([r.replace(" 7 ", " 1 ") for r in DATA_ROWS["molecular"]]),
        ("Au", "Ag"),
        "style .* is not clear .*charge and molecular",
    ),
    (data(DATA_ROWS["atomic"], "# full"), ("Au", "Ag"), "has 5 columns .* style full has 7, or 10"),
    (data([DATA_ROWS["atomic"][0]] * 3), ("Au", "Ag"), "two atoms with the same id"),
    (data(DATA_ROWS["atomic"], box="0 10 xlo xhi\n"), ("Au", "Ag"), "no complete box"),
]


@pytest.mark.parametrize(("text", "species", "sentence"), WRONG_DATA)
def test_a_wrong_data_file_gets_one_sentence(written, text, species, sentence):
    with pytest.raises(InputError, match=sentence):
        only(written(text, "wire.data"), species)


def test_a_tilted_box_of_a_data_file_is_that_of_ase(written):
    path = written(
        data(with_column(["0 1 0"] * 3, DATA_ROWS["atomic"]), "# atomic", box=BOX + "1.5 -1 2 xy xz yz\n"), "wire.data"
    )
    theirs = ase.io.read(path, format="lammps-data", Z_of_type={1: 79, 2: 47})
    same(only(path), theirs)
    np.testing.assert_allclose(only(path).cell.array, theirs.cell.array)


# --- any file ------------------------------------------------------------------------------------------------------------------

XYZ = "3\n\nAu 0.5 1.0 2.0\nAg 3.0 4.25 5.5\nAu 6.0 2.5 8.125\n"
POSCAR = "AuAg\n1.0\n10 0 0\n0 11 0\n0 0 12\nAu Ag Au\n1 1 1\nCartesian\n0.5 1.0 2.0\n3.0 4.25 5.5\n6.0 2.5 8.125\n"
TEXTS = {"pull.dump": snapshot(), "wire.data": data(DATA_ROWS["full"]), "wire.xyz": XYZ, "POSCAR": POSCAR}
WAYS = {
    "gzip": lambda name, text: (f"{name}.gz", gzip.compress(text.encode())),
    "gzip without its suffix": lambda name, text: (name, gzip.compress(text.encode())),
    "bzip2": lambda name, text: (f"{name}.bz2", bz2.compress(text.encode())),
    "xz": lambda name, text: (f"{name}.xz", lzma.compress(text.encode())),
    "byte-order mark": lambda name, text: (name, b"\xef\xbb\xbf" + text.encode()),
    "UTF-16": lambda name, text: (name, text.encode("utf-16")),
    "CRLF": lambda name, text: (name, text.replace("\n", "\r\n").encode()),
    "at": lambda name, text: (f"run@300K {name}", text.encode()),
    "at a number": lambda name, text: (f"a@1.{name}", text.encode()),
    "letters": lambda name, text: (f"Drähte 金 {name}", text.encode()),
    "Latin-1 comment": lambda name, text: (name, text.replace("\n\n", "\nin \xc5\n", 1).encode("latin-1")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TEXTS)
def test_files_are_read_however_they_are_packed_and_named(written, name, way):
    new_name, content = WAYS[way](name, TEXTS[name])
    if "data" in name and "Latin" in way:
        content = TEXTS[name].replace("some atoms", "some \xc5").encode("latin-1")
    same(only(written(content, new_name), ("Au", "Ag") if "." in name and "xyz" not in name else ()))


@pytest.mark.parametrize("suffix", ["extxyz", "traj", "xyz", "traj.gz"])
def test_numbers_are_those_of_the_file(tmp_path, suffix):
    path = tmp_path / f"pull@2.{suffix.removesuffix('.gz')}"
    images = [Atoms("Au", positions=[[0, 0, float(k)]]) for k in range(5)]
    with (gzip.open if suffix.endswith("gz") else open)(path, "wb" if "traj" in suffix else "w") as stream:
        ase.io.write(stream, images, format=suffix.removesuffix(".gz"))
    for index, numbers in {
        "3": [3],
        "-1": [4],
        "-2:": [3, 4],
        "1:-1:2": [1, 3],
        "-9:2": [0, 1],
        "3:99": [3, 4],
        "::-2": [4, 2, 0],
    }.items():
        found = list(numbered_structures(path, index))
        assert [number for number, _ in found] == numbers
        assert [round(atoms.positions[0, 2]) for _, atoms in found] == numbers
    for index in ("5", "-6", "7:9", "2:1"):
        with pytest.raises(InputError, match=f"has no frame {index}: it has 5 frames, numbered 0 to 4"):
            list(numbered_structures(path, index))


@pytest.mark.parametrize("name", ["POSCAR", "wire.data"])
def test_a_file_of_one_frame_says_so(written, name):
    for index in ("1", "-2", "1:"):
        with pytest.raises(InputError, match=f"has no frame {index}: it has 1 frame, numbered 0"):
            only(written(TEXTS[name], name), ("Au", "Ag") if "data" in name else (), index)


XYZ_CASES = [
    (XYZ + XYZ[:-8], "frame 1 of .* is cut off: it announces 3 atoms and holds 2"),
    (XYZ + XYZ.rsplit("Au", 1)[0], "frame 1 of .* is cut off: it announces 3 atoms and holds 2; the frames before it .* :1"),
    (XYZ.replace("\nA", "00\nA")[:-3], "frame 0 of .* is cut off"),
    (XYZ + "3\n", "frame 1 of .* is cut off: it announces 3 atoms and holds 0"),
    (XYZ + "Cu 1 2 3\n", "frame 0 of .* announces 3 atoms and holds 4"),
    ("gold\n" + XYZ, "cannot read frame 0 of .*: line 1 is 'gold'"),
    (XYZ.replace("Ag", "Xx"), "has an atom 'Xx', which is no chemical element"),
    (XYZ.replace("Ag", "X"), "atoms X"),
    (XYZ.replace("4.25", "4,25"), "cannot read .* as xyz"),
    ("0\n\n", "no atoms"),
]


@pytest.mark.parametrize(("text", "sentence"), XYZ_CASES)
def test_a_wrong_xyz_file_gets_one_sentence(written, text, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        list(read_structures(written(text, "w.xyz")))
    assert "\n" not in str(caught.value)


def test_blank_lines_between_frames_of_an_xyz_file_do_not_end_it(written):
    assert len(list(read_structures(written(XYZ + "\n\n" + XYZ + "\n", "w.xyz")))) == 2


def test_numbers_in_place_of_symbols_are_types_where_lammps_wrote_them(written):
    lammps = XYZ.replace("\n\n", "\nAtoms. Timestep: 0\n").replace("Au", "1").replace("Ag", "2")
    same(only(written(lammps, "w.xyz"), ("Au", "Ag")))
    with pytest.raises(InputError, match=r"has atom types but no elements \(2 atom types\)"):
        only(written(lammps, "w.xyz"), ())
    same(only(written(XYZ.replace("Au", "79").replace("Ag", "47"), "w.xyz"), ()))


def test_elements_of_a_poscar_are_those_that_the_user_names(written):
    same(only(written(POSCAR.replace("Au Ag Au\n", ""), "POSCAR"), ("Au", "Ag", "Au")))
    with pytest.warns(PhysicsWarning, match="its atoms are Au, Ag, Au as you said, but Ag, Au, Ag according to the file"):
        same(only(written(POSCAR.replace("Au Ag Au", "Ag_pv Au Ag"), "POSCAR"), ("Au", "Ag", "Au")))
    with pytest.raises(InputError, match=r"has 3 kinds of atoms, and the species name 1 \(Au\)"):
        only(written(POSCAR, "POSCAR"), ("Au",))


def hdf5(path, boundary=("periodic", "periodic", "none"), size=None):
    frames = [
        Frame.from_atoms(Atoms("Au2", positions=[[0, 0, 0], [0, 0, 2.0 + k]], cell=[9, 9, 9], pbc=[1, 1, 0])) for k in range(3)
    ]
    write_trajectory(path, frames)
    with h5py.File(path, "r+") as file:
        file["particles/wire/box"].attrs["boundary"] = boundary
    if size is not None:
        os.truncate(path, int(size * path.stat().st_size))
    return path


@pytest.mark.parametrize(
    "boundary",
    [
        np.array([b"periodic", b"periodic", b"none"]),
        np.array(["periodic", "periodic", "none"], dtype=h5py.string_dtype()),
        np.array([[b"periodic"], [b"periodic"], [b"none"]], dtype="S12"),
    ],
)
def test_boundaries_of_a_trajectory_may_be_texts_of_any_kind(tmp_path, boundary):
    path = hdf5(tmp_path / "pull.h5", boundary)
    numbers, frames = zip(*numbered_frames(path, "-2:"), strict=True)
    assert numbers == (1, 2) and frames[0].pbc.tolist() == [True, True, False]
    assert [number for number, _ in numbered_structures(path, "1:")] == [1, 2]


def test_a_file_that_may_not_be_read_is_named(written, monkeypatch):
    path = written(XYZ, "w.xyz")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"w\.xyz may not be read"):
        only(path, ())


def test_what_is_no_structure_file_gets_one_sentence(tmp_path, written):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    (tmp_path / "folder").mkdir()
    for path, sentence in [
        (hdf5(tmp_path / "cut.h5", size=0.6), "HDF5 file that is cut off or damaged"),
        (hdf5(tmp_path / "start.h5", size=0.02), "HDF5 file that is cut off or damaged"),
        (other, "HDF5 file without a trajectory"),
        (written(gzip.compress(b"\x89HDF\r\n\x1a\n" + bytes(99)), "w.h5.gz"), "is a compressed HDF5 file"),
        (tmp_path / "folder", "is a folder"),
        (tmp_path / "nothing.xyz", "there is no structure file"),
        (written("", "empty.xyz"), "is empty"),
        (written("ITEM: UNITS\nmetal\n", "start.dump"), "start.dump holds no frame"),
        (written(gzip.compress(snapshot().encode() * 99)[:-30], "cut.dump.gz"), "cut off or damaged"),
        (written(b"\x28\xb5\x2f\xfd rest", "w.dump.zst"), "Zstandard"),
        (written("some words\n", "notes.txt"), "format of .* is not known"),
        (written(bytes(range(256)), "w.bin"), "format of .* is not known"),
        (written(POSCAR[:-20], "CONTCAR"), "its last coordinates are not complete"),
        (written(POSCAR[:-11], "POSCAR"), "its last coordinates are not complete"),
        (written(POSCAR[:-30], "a.vasp"), "cannot read .* as vasp"),
        (written(b"- of UlmASE-Trajectory" + bytes(30), "w.traj"), "cannot read .* as traj"),
    ]:
        for read in (numbered_structures, frames_or_errors):
            with pytest.raises(InputError, match=sentence) as caught:
                for _, frame in read(path, ":", ("Au", "Ag") if "dump" in path.name else ()):
                    if isinstance(frame, InputError):
                        raise frame
            assert "\n" not in str(caught.value) and "repair" not in str(caught.value)
