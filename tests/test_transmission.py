"""``sharvin transmission`` gives T(E) of structure files in every format people have, or says why it cannot."""

import csv

import ase.io
import numpy as np
import pytest
import sharvin
from scipy.sparse import csr_array
from sharvin import Junction
from sharvin import create as sharvin_create
from sharvin.devices.brillouin import averaged_transmission
from sharvin.devices.transmission_series import series_at_k
from sharvin.errors import PhysicsWarning
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_transport.transmission.command import _beside_band_edge
from sharvin_transport.transmission.conditions import parse_energies
from sharvin_transport.transmission.figures import draw_transmission


@pytest.fixture(scope="module")
def wire():
    options = {"element": "Au", "neck": [1, 1, 3], "electrode": [3, 3, 5], "lattice_constant_A": 4.08}
    return sharvin.create("structures", "nanowire", **options).build(np.random.default_rng(0))


@pytest.fixture(scope="module")
def expected(wire):
    hamiltonian = sharvin.create("hamiltonians", "slater_koster")
    junction = sharvin.Junction.detect(wire, hamiltonian.range_A(wire.numbers))
    return sharvin.create("transport", "rgf").transmission([hamiltonian.two_terminal(junction)], np.array([-0.5, 0.0, 0.5]))[0]


def read(path):
    with path.open() as stream:
        rows = list(csv.reader(stream))
    return rows[0], np.array(rows[1:], dtype=float)


FORMATS = {
    "wire.extxyz": ({}, []),
    "POSCAR": ({"format": "vasp", "direct": False}, []),
    "wire.data": ({"format": "lammps-data", "atom_style": "atomic"}, ["--species", "Au"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_formats_people_have_give_the_same_transmission(sharvin, wire, expected, tmp_path, name):
    options, arguments = FORMATS[name]
    ase.io.write(tmp_path / name, wire, **options)
    result = sharvin("transmission", tmp_path / name, "--energies", "-0.5:0.5:0.5", "--out", tmp_path / "t", *arguments)
    assert result.returncode == 0, result.stderr
    header, table = read(tmp_path / "t.csv")
    assert header == ["energy_eV", "transmission_frame_0"]
    np.testing.assert_allclose(table[:, 0], [-0.5, 0.0, 0.5])
    np.testing.assert_allclose(table[:, 1], expected, atol=1e-4)
    assert (tmp_path / "t.png").stat().st_size > 5000


def write_dump(path, frames):
    with path.open("w") as stream:
        for step, atoms in enumerate(frames):
            cell = atoms.cell.array.diagonal()
            stream.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp ff\n")
            stream.writelines(f"0.0 {length:.10f}\n" for length in cell)
            stream.write("ITEM: ATOMS id type x y z\n")
            stream.writelines(f"{i + 1} 1 {x:.10f} {y:.10f} {z:.10f}\n" for i, (x, y, z) in enumerate(atoms.positions))


def test_a_range_of_frames_of_a_lammps_dump(sharvin, wire, expected, tmp_path):
    write_dump(tmp_path / "pull.dump", [wire, wire, wire])
    result = sharvin("transmission", tmp_path / "pull.dump", "--species", "Au", "--frames", "1:3", "--out", tmp_path / "t")
    assert result.returncode == 0, result.stderr
    header, table = read(tmp_path / "t.csv")
    assert header == ["energy_eV", "transmission_frame_1", "transmission_frame_2"], "frames keep their numbers in the file"
    np.testing.assert_allclose(table, [[0.0, expected[1], expected[1]]], atol=1e-4)


def test_a_broken_wire_does_not_conduct(sharvin, wire, tmp_path):
    apart = wire.copy()
    right = apart.positions[:, 2] > apart.positions[:, 2].mean()
    apart.positions[right, 2] += 12.0
    apart.cell[2, 2] += 12.0
    ase.io.write(tmp_path / "apart.extxyz", apart)
    assert sharvin("transmission", tmp_path / "apart.extxyz").returncode == 0
    _, table = read(tmp_path / "apart-transmission.csv")
    assert abs(table[0, 1]) < 1e-6


def overlapping(wire):
    wire.positions[50] = wire.positions[49] + [0.1, 0.0, 0.0]


def thin(wire):
    keep = np.isin(np.round(wire.positions[:, 2], 1), np.unique(np.round(wire.positions[:, 2], 1))[2:-2])
    del wire[~keep]


def of_lead_free_elements(wire):
    wire.numbers[:] = 92


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (overlapping, "overlap"),
        (thin, "electrode is too thin"),
        (of_lead_free_elements, "U"),
    ],
)
def test_what_is_no_junction_gets_one_sentence(sharvin, wire, tmp_path, spoil, words):
    spoiled = wire.copy()
    spoil(spoiled)
    ase.io.write(tmp_path / "wire.extxyz", spoiled)
    result = sharvin("transmission", tmp_path / "wire.extxyz", "--out", tmp_path / "t")
    assert result.returncode == 2, result.stdout
    assert words in result.stderr and "frame 0" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "t.csv").exists()


def apart(wire):
    """Single atoms far outside both ends: they are no electrode."""
    for end in (-1.0, 1.0):
        atoms = wire[[0]]
        atoms.positions[0, 2] = wire.positions[:, 2].mean() + end * (np.ptp(wire.positions[:, 2]) / 2 + 12.0)
        wire.extend(atoms)


def along_x(wire):
    wire.positions = wire.positions[:, [2, 0, 1]]
    wire.cell = wire.cell.array[[2, 0, 1]][:, [2, 0, 1]]
    wire.pbc = [False, True, True]


@pytest.mark.parametrize(("spoil", "words"), [(apart, "left end of the wire"), (along_x, "runs along x")])
def test_an_end_that_is_no_electrode_is_refused(sharvin, wire, tmp_path, spoil, words):
    spoiled = wire.copy()
    spoil(spoiled)
    ase.io.write(tmp_path / "wire.extxyz", spoiled)
    result = sharvin("transmission", tmp_path / "wire.extxyz")
    assert result.returncode == 2 and words in result.stderr


def test_what_was_understood_is_said_before_the_result(sharvin, wire, tmp_path):
    ase.io.write(tmp_path / "wire.extxyz", wire)
    result = sharvin("transmission", tmp_path / "wire.extxyz")
    said = result.stdout[: result.stdout.index("Transmission at")]
    for words in (
        "Au",
        "4 atomic layers",
        "3 × 3 transverse cells",
        "x (8.",
        "Γ only",
        "--neutrality local",
        "E_F",
        "channels left",
    ):
        assert words in " ".join(said.split()), words
    assert "give --k-points 3x3" in result.stderr
    assert not (tmp_path / "wire-transmission.png").exists(), "one number is no picture"


def test_k_points_and_neutrality_are_two_words(sharvin, wire, tmp_path):
    ase.io.write(tmp_path / "wire.extxyz", wire)
    arguments = ["--k-points", "1x2", "--neutrality", "local", "--set", "hamiltonian.neutrality_tolerance=0.02"]
    result = sharvin("transmission", tmp_path / "wire.extxyz", *arguments)
    assert result.returncode == 0, result.stderr
    assert "1 × 2 around Γ, 2 computed" in result.stdout
    options = {"k_points": [1, 2], "charge_neutrality": "local", "neutrality_tolerance": 0.02}
    hamiltonian = sharvin_create("hamiltonians", "slater_koster", **options)
    at_k = next(series_at_k(hamiltonian, [Junction.detect(wire, hamiltonian.range_A(wire.numbers))]))
    expected = averaged_transmission(sharvin_create("transport", "rgf"), at_k, np.zeros(1))
    np.testing.assert_allclose(read(tmp_path / "wire-transmission.csv")[1][0, 1], expected[0], atol=1e-4)


def test_a_frame_that_is_no_junction_is_left_out_and_named(sharvin, wire, expected, tmp_path):
    wrong = wire.copy()
    overlapping(wrong)
    ase.io.write(tmp_path / "pull.extxyz", [wire, wrong, wire])
    result = sharvin("transmission", tmp_path / "pull.extxyz", "--lead-layers", "2")
    assert result.returncode == 0, result.stderr
    assert "left out: frame 1" in result.stdout and "overlap" in result.stdout
    header, table = read(tmp_path / "pull-transmission.csv")
    assert header == ["energy_eV", "transmission_frame_0", "transmission_frame_2"]
    np.testing.assert_allclose(table[0, 1:], expected[1], atol=1e-4)


def test_electrodes_that_are_not_ideal_are_named_with_what_it_means_for_the_result(sharvin, wire, tmp_path):
    shifted = wire.copy()
    layers = np.unique(np.round(wire.positions[:, 2], 2))
    shifted.positions[np.abs(wire.positions[:, 2] - layers[1]) < 0.1, 2] += 0.01
    ase.io.write(tmp_path / "wire.extxyz", shifted)
    result = sharvin("transmission", tmp_path / "wire.extxyz")
    assert result.returncode == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "the electrodes are not ideal" in said and "T(E_F) is" in said and "repeat the outermost layers" in said


def test_output_that_cannot_be_written_is_said_before_computing(sharvin, wire, tmp_path):
    ase.io.write(tmp_path / "wire.extxyz", wire)
    (tmp_path / "file").write_text("")
    result = sharvin("transmission", tmp_path / "wire.extxyz", "--out", tmp_path / "file" / "t")
    assert result.returncode == 2 and "cannot be written" in result.stderr and "leads" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--k-points", "3y3"], "such as 3x3"),
        (["--k-points", "0x3"], "such as 3x3"),
        (["--hamiltonian", "slater_coster"], "did you mean 'slater_koster'"),
        (["--set", "hamiltonian.tabel=nrl"], "did you mean 'table'"),
        (["--set", "potential.file=x"], "--set takes hamiltonian.OPTION=VALUE"),
        (["--energies", "a:b"], "--energies wants"),
        (["--frames", "7"], "has no frame"),
        (["--frames", "x"], "frame"),
        (["--species", "Xx"], "is not a chemical element"),
    ],
)
def test_wrong_options_get_one_sentence(sharvin, wire, tmp_path, arguments, words):
    ase.io.write(tmp_path / "wire.extxyz", wire)
    result = sharvin("transmission", tmp_path / "wire.extxyz", *arguments)
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr


def test_types_without_elements_are_not_guessed(sharvin, wire, tmp_path):
    write_dump(tmp_path / "pull.dump", [wire])
    result = sharvin("transmission", tmp_path / "pull.dump")
    assert result.returncode == 2 and "has atom types but no elements" in result.stderr


def test_a_transmission_that_spans_decades_is_drawn_on_a_logarithmic_axis():
    grid, T = np.linspace(-1, 1, 41), np.logspace(-4, 0, 41)[None]
    scales = [draw_transmission(grid, T, [7], "", scale).axes[0].get_yscale() for scale in ("auto", "linear", "log")]
    assert scales == ["log", "linear", "log"]
    assert draw_transmission(grid, 1.0 + T, [7], "").axes[0].get_yscale() == "linear"
    assert draw_transmission(grid, 0.0 * T, [7], "", "log").axes[0].get_yscale() == "linear", "zero has no logarithm"


def test_an_energy_on_a_band_edge_does_not_lose_the_others():
    """T of a clean chain is taken right beside the edge, and that is said."""
    one, hop = np.ones((1, 1)), -np.ones((1, 1))
    lead = Lead(0.0 * one, hop, one, 0.0 * one)
    chain = TwoTerminal(csr_array(np.diag(-np.ones(5), 1) + np.diag(-np.ones(5), -1)), csr_array(np.eye(6)), lead, lead)
    solver = sharvin_create("transport", "rgf")
    with pytest.warns(PhysicsWarning, match=r"E − E_F = 2 eV lies on a band edge"):
        T = [_beside_band_edge(solver, [(1.0, chain)], energy) for energy in (0.5, 2.0)]
    assert T[0] == pytest.approx(1.0, abs=1e-8) and -1e-9 < T[1] < 1 + 1e-8


def test_a_grid_includes_both_ends():
    np.testing.assert_allclose(parse_energies("-1:1:0.05"), np.linspace(-1, 1, 41))
    np.testing.assert_allclose(parse_energies("0,0.5"), [0.0, 0.5])
