"""`.skf` files tabulated from a table give its H, S and transmission back; what public sets are like is read as it is meant."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100
from ase.data import atomic_numbers
from ase.io import write
from ase.units import Bohr, Hartree
from click.testing import CliRunner
from sharvin.cli import cli
from sharvin.devices.lead_channels import band_ranges
from sharvin.devices.transmission_series import series_at_k
from sharvin.devices.two_terminal_file import Device, read_two_terminal, write_two_terminal
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.registry import create
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster
from sharvin_transport.slater_koster.skf_file import read_skf
from sharvin_transport.slater_koster.tables import CHANNELS

PTBP = SlaterKoster(SlaterKosterOptions())
IN_FILE = ("dd_sigma", "dd_pi", "dd_delta", "pd_sigma", "pd_pi", "pp_sigma", "pp_pi", "sd_sigma", "sp_sigma", "ss_sigma")


def write_skf(path: Path, table: SlaterKoster, a: str, b: str, points: int = 1100, spacing_bohr: float = 0.02) -> Path:
    """The two-centre integrals ⟨a|·|b⟩ of a table as a `.skf` file."""
    za, zb = atomic_numbers[a], atomic_numbers[b]
    hopping, overlap = table.table.raw(za, zb, spacing_bohr * Bohr * np.arange(1, points + 1))
    order = [CHANNELS.index(channel) for channel in IN_FILE]
    rows = np.concatenate([hopping[order] / Hartree, overlap[order]]).T
    lines = [f"{spacing_bohr}, {points}"]
    if a == b:
        s, p, d = map(float, table.table.onsite(za, np.zeros(1))[0] / Hartree)
        occupied = (
            f"{table.table.electrons[za]} 0.0 0.0" if table.table.orbitals[za] == 9 else f"2*0.0 {table.table.electrons[za]}"
        )
        lines.append(f"{d!r} {p!r} {s!r} 0.0 3*0.4 {occupied}")
    lines.append("196.97, 19*0.0")
    lines += [" ".join(map(repr, map(float, row))) for row in rows]
    path.write_text("\n".join([*lines, "Spline", "12 0.05", "0 0 -1"]))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Au, Ag and H of the table `ptbp`."""
    path = tmp_path_factory.mktemp("skf")
    for a, b in product(("Au", "Ag", "H"), repeat=2):
        write_skf(path / f"{a}-{b}.skf", PTBP, a, b)
    return path


def test_an_alloy_has_the_hamiltonian_of_the_table_it_was_tabulated_from(folder: Path) -> None:
    files = SlaterKoster(SlaterKosterOptions(table=str(folder)))
    atoms = Atoms("AuAgAuHAg", positions=[[0, 0, 0], [2.1, 1.7, 0.9], [-0.4, 2.6, 2.2], [3.6, 3.1, 0.2], [1.9, -1.2, 3.0]])
    ours, theirs = files.bloch(atoms), PTBP.bloch(atoms)
    assert ours.H_R.shape == (1, 37, 37) and ours.electrons == theirs.electrons
    assert np.abs(ours.H_R - theirs.H_R).max() < 1e-7 and np.abs(ours.S_R - theirs.S_R).max() < 1e-8
    assert files.range_A(atoms.numbers) == PTBP.range_A(atoms.numbers)


def test_the_first_orbital_sits_on_the_first_element_of_the_name(folder: Path) -> None:
    files = SlaterKoster(SlaterKosterOptions(table=str(folder)))
    pair = Atoms("AuAg", positions=[[0, 0, 0], [0, 0, 2.8]])
    H = files.bloch(pair).H_R[0]
    r = np.array([2.8])
    gold_s, silver_s = files.table.radial(79, 47, r)[0][1, 0], files.table.radial(47, 79, r)[0][1, 0]
    assert abs(gold_s - silver_s) > 0.05
    assert H[0, 9 + 3] == pytest.approx(gold_s) and H[3, 9] == pytest.approx(-silver_s)
    rows = np.loadtxt(folder / "Au-Ag.skf", skiprows=2, max_rows=1100)
    near = round(2.8 / (0.02 * Bohr)) - 1
    assert rows[near, 8] * Hartree == pytest.approx(gold_s, rel=0.02)


def test_a_contact_transmits_as_with_the_table(folder: Path, contact: Callable[..., Atoms]) -> None:
    gold = {"Au-Au": str(folder / "Au-Au.skf")}
    files = create("hamiltonians", "slater_koster", table=gold)
    atoms = contact(seed=3)
    systems = [h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers))) for h in (files, PTBP)]
    assert systems[0].fermi_energy_eV == pytest.approx(
        systems[1].fermi_energy_eV, abs=2e-5
    )  # the table is brought to zero at its tail
    T = create("transport", "rgf").transmission(systems, np.array([-0.3, 0.0]))
    assert T[0] == pytest.approx(T[1], abs=1e-5)


def test_a_short_grid_still_ends_smoothly(tmp_path: Path) -> None:
    write_skf(tmp_path / "Au-Au.skf", PTBP, "Au", "Au", points=500)
    table = SlaterKoster(SlaterKosterOptions(table=str(tmp_path))).table
    end = table.cutoff_A(79, 79)
    assert 5.27 < end <= 500 * 0.02 * Bohr
    step = 1e-3
    hopping = table.radial(79, 79, np.arange(end - 0.6, end + 0.1, step))[0]
    slope = np.diff(hopping, axis=1) / step
    assert np.abs(hopping[:, -90:]).max() == 0.0
    assert np.abs(np.diff(slope, axis=1)).max() < 5e-3  # no jump of a slope, which are of the order of 1 eV/Å
    assert np.abs(table.raw(79, 79, np.array([end]))[0]).max() > 1e-3


def s_only(folder: Path, envelope: Callable[[np.ndarray], np.ndarray], elements: str = "Au", points: int = 150) -> SlaterKoster:
    """Elements with one s orbital, integrals that decay in 0.8 Å times an envelope, rows every 0.05 bohr."""
    r = 0.05 * np.arange(1, points + 1)
    size = np.exp(-(r * Bohr - 2.9) / 0.8) * envelope(r * Bohr)
    folder.mkdir(exist_ok=True)
    for a, b in product(elements.split(), repeat=2):
        atom = [f"2*0.0 {-0.1 if a == 'Au' else -0.06} 0.0 3*0.3 2*0.0 1.0"] if a == b else []
        rows = [f"9*0.0 {-0.08 * x!r} 9*0.0 {0.1 * x!r}" for x in map(float, size)]
        (folder / f"{a}-{b}.skf").write_text("\n".join([f"0.05, {points}", *atom, "1.0 19*0.0", *rows, "Spline"]))
    return SlaterKoster(SlaterKosterOptions(table=str(folder)))


def quintic(r: np.ndarray) -> np.ndarray:
    """1 up to 2.96 Å, smoothly to 0 at 3.97 Å."""
    u = np.clip((r - 5.6 * Bohr) / (1.9 * Bohr), 0, 1)
    return 1 - u**3 * (10 - 15 * u + 6 * u**2)


def test_integrals_that_end_smoothly_are_those_of_the_file_and_others_are_damped(tmp_path: Path) -> None:
    r = np.array([2.9, 3.5, 3.8, 3.9])
    plain = -0.08 * Hartree * np.exp(-(r - 2.9) / 0.8)
    for points in (150, 190):  # the grid ends with the integrals, or goes on with zeros
        smooth = s_only(tmp_path / "smooth", quintic, points=points).table
        assert smooth.radial(79, 79, r)[0][0] == pytest.approx(plain * quintic(r), abs=1e-5)
        assert smooth.radial(79, 79, r)[1][0] == pytest.approx(-plain * quintic(r) / 0.8 / Hartree, abs=1e-6)
        assert abs(smooth.cutoff_A(79, 79) - 3.97) < 0.05 and not smooth.radial(79, 79, np.array([3.97, 4.1]))[0].any()
        cut = s_only(tmp_path / f"cut{points}", lambda r: np.where(r < 3.96, 1.0, 0.0), points=points).table
        damped = cut.radial(79, 79, r)[0][0] / plain
        assert damped[0] == pytest.approx(1.0, abs=1e-6) and 0.01 < damped[2] < 0.5 and damped[3] < 0.05


@pytest.mark.filterwarnings("ignore::sharvin.errors.PhysicsWarning")  # of small cells
def test_inner_layers_may_lie_in_other_transverse_images_than_the_lead_s(tmp_path: Path) -> None:
    """Hollow sites lie in either of two transverse images, so that their couplings are each other's complex conjugates."""
    hamiltonian = s_only(tmp_path / "set", quintic, "Au Ag")
    slab = fcc100("Au", (1, 1, 14), a=4.08)
    atoms = Atoms(slab.symbols, positions=slab.positions, cell=[*slab.cell[:2], [0, 0, 120]], pbc=[True, True, False])
    atoms.numbers[6] = 47
    atoms.positions[7:, 2] += 0.2
    write(tmp_path / "wire.extxyz", atoms)
    junction = Junction.detect(atoms, hamiltonian.range_A(atoms.numbers))
    hamiltonian = SlaterKoster(SlaterKosterOptions(table=str(tmp_path / "set"), k_points=[3, 3]))
    at_k = next(series_at_k(hamiltonian, [junction]))
    write_two_terminal(tmp_path / "wire.h5", [Device(at_k, atoms)])
    assert len(read_two_terminal(tmp_path / "wire.h5")[0].at_k) == len(at_k)
    T = [weight * create("transport", "dense").transmission([system], np.zeros(1))[0, 0] for weight, system in at_k]
    options = ["--k-points", "3x3", "--set", f"hamiltonian.table={tmp_path / 'set'}"]
    done = CliRunner().invoke(cli, ["transmission", str(tmp_path / "wire.extxyz"), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = np.loadtxt(tmp_path / "wire-transmission.csv", delimiter=",", skiprows=1)[1]
    assert 0.1 < found < 0.99 and found == pytest.approx(sum(T), abs=1e-6)


def test_wrong_files_are_refused_with_the_reason(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "Au-Au.skf").read_text().splitlines()
    cases = {
        "extended": (["@", *lines], "extended .skf format"),
        "truncated": (lines[:200], "states 1100 points.*and has 197"),
        "spoilt": ([*lines[:50], "1.0 2.0", *lines[51:]], "line 51 has 2 numbers, not 20 integrals"),
        "two elements": ([lines[0], *lines[2:]], "line 2 has 20 numbers"),
    }
    for name, (content, sentence) in cases.items():
        own = tmp_path / name
        own.mkdir()
        (own / "Au-Au.skf").write_text("\n".join(content))
        with pytest.raises(InputError, match=sentence):
            SlaterKoster(SlaterKosterOptions(table=str(own)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no files A-B\.skf"):
        SlaterKoster(SlaterKosterOptions(table=str(tmp_path / "empty")))
    with pytest.raises(InputError, match="'Au_Au' is no pair of elements"):
        SlaterKoster(SlaterKosterOptions(table={"Au_Au": "x.skf"}))
    alone = {f"{a}-{a}": str(folder / f"{a}-{a}.skf") for a in ("Au", "Ag")}
    with pytest.raises(InputError, match="no parameters for Ag with Au"):
        SlaterKoster(SlaterKosterOptions(table=alone)).range_A(np.array([79, 47]))


def test_elements_and_files_are_known_beforehand(folder: Path) -> None:
    options = SlaterKosterOptions(table=str(folder))
    assert options.elements() == {"Au", "Ag", "H"} and len(options.files()) == 9
    assert SlaterKosterOptions(table={"Au-Au": "my/gold.skf"}).files() == ("my/gold.skf",)


# Rows of public sets (mio, 3ob …): d, p and s integrals of sizes like those of carbon and hydrogen, decaying with distance.
SIZES = dict(zip(IN_FILE, (0.1, -0.1, 0.02, 0.2, -0.1, 0.3, -0.2, -0.2, 0.35, -0.5), strict=True))
ATOMS = {
    "C": "0.0 -0.19435511 -0.50489172 -0.04547908 0.387425 0.364696 0.364696 0.0 2.0 2.0",
    "H": "0.0 0.000039 -0.23860040, -0.0330, 0.3471 0.4919 0.419500 0.0 0.0 1.0",  # as in mio: a p energy and no p orbitals
    "S": "0.021602 -0.25760 -0.63000 -0.4 3*0.3288 0.0 4.0 2.0",
    "Ca": "3*0.0 -0.4 3*0.3 0.0 0.0 2.0",
}
ORBITALS = {"C": "sp", "H": "s", "S": "spd", "Ca": "sp"}


def public(pair: str, placeholders: int = 19, points: int = 500, scale: float = 1.0, exchanged: bool = False) -> list[str]:
    """Lines of a file as public sets have them: rows of 20*1.0 at short distances, columns of absent shells zero."""
    one, other = pair.split("-")[:: -1 if exchanged else 1]
    r = 0.02 * np.arange(1, points)
    lines = [f"0.02, {points},1", *([ATOMS[one]] if one == other else []), "1.008,\t19*1.0,"]
    columns = [
        SIZES[c] * scale * np.exp(-(r**2) / 8) if c[0] in ORBITALS[one] and c[1] in ORBITALS[other] else 0.0 * r for c in IN_FILE
    ]
    rows = np.concatenate([columns, -0.8 * np.array(columns)]).T
    lines += ["20*1.0,\t\t"] * placeholders + [" ".join(f"{x:.12e}" for x in row) for row in rows[placeholders:]]
    return [*lines, "Spline", "12 0.05", "0 0 -1"]


def public_set(folder: Path, elements: str = "C H") -> Path:
    folder.mkdir(exist_ok=True)
    for a, b in product(elements.split(), repeat=2):
        (folder / f"{a}-{b}.skf").write_text("\n".join(public(f"{a}-{b}")))
    return folder


def test_shells_are_those_with_electrons_or_integrals_that_are_no_placeholders(tmp_path: Path) -> None:
    files = SlaterKoster(SlaterKosterOptions(table=str(public_set(tmp_path / "set", "C H S Ca"))))
    assert dict(files.table.orbitals) == {6: 4, 1: 1, 16: 9, 20: 4}
    assert dict(files.table.electrons) == {6: 4.0, 1: 1.0, 16: 6.0, 20: 2.0}
    methane = Atoms("CH4", positions=[[0, 0, 0], *(0.63 * np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]))])
    bloch = files.bloch(methane)
    assert bloch.H_R.shape == (1, 8, 8) and np.abs(np.linalg.eigvals(np.linalg.solve(bloch.S_R[0], bloch.H_R[0]))).min() > 1.0
    alone = SlaterKosterOptions(table=str(tmp_path / "set" / "C-C.skf"))
    assert dict(SlaterKoster(alone).table.orbitals) == {6: 4}


def test_placeholders_are_never_taken_for_integrals(tmp_path: Path) -> None:
    (tmp_path / "C-C.skf").write_text("\n".join(public("C-C", placeholders=60)))
    table = SlaterKoster(SlaterKosterOptions(table=str(tmp_path))).table
    r = np.array([0.7, 1.4])
    expected = -0.5 * Hartree * np.exp(-((r / Bohr) ** 2) / 8)
    assert table.radial(6, 6, r)[0][0] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(InputError, match=r"C-C\.skf begins at 0\.65 Å, but a C and a C atom are 0\.50 Å apart"):
        table.radial(6, 6, np.array([0.5]))
    (tmp_path / "C-C.skf").write_text("\n".join(public("C-C", placeholders=495)))
    with pytest.raises(InputError, match="has no integrals: 495 of its 499 rows are placeholders"):
        SlaterKoster(SlaterKosterOptions(table={"C-C": str(tmp_path / "C-C.skf")}))


def test_fortran_s_ways_of_writing_numbers_are_read(tmp_path: Path) -> None:
    (tmp_path / "C-C.skf").write_text("\n".join(public("C-C")))
    expected = read_skf(tmp_path / "C-C.skf", True)
    plain = public("C-C")
    ways = {
        "exponents": "\n".join([line.replace("e-", "D-").replace("e+", "d+") for line in plain[:-3]]),
        "three digits": "\n".join(plain).replace("0.000000000000e+00", "0.123-105"),
        "commas and tabs": "\n".join([*plain[:3], *(line.replace(" ", ",\t") for line in plain[3:])]),
        "carriage returns": "\r\n".join(plain),
        "byte-order mark": "\ufeff" + "\n".join(plain),
        "comments and empty lines": "\n".join(["# the set mio", plain[0] + " ! grid", "", *plain[1:50], "! half", *plain[50:]]),
    }
    for name, text in ways.items():
        (tmp_path / "C-C.skf").write_bytes(text.encode())
        read = read_skf(tmp_path / "C-C.skf", True)
        assert read.integrals == pytest.approx(expected.integrals, abs=1e-12), name
        assert np.array_equal(read.onsite, expected.onsite) and read.electrons == 4.0, name
    (tmp_path / "C-C.skf").write_bytes(gzip.compress("\n".join(plain).encode()))
    assert np.array_equal(read_skf(tmp_path / "C-C.skf", True).integrals, expected.integrals)


def test_the_extended_format_is_read_where_it_has_no_f_orbitals(tmp_path: Path) -> None:
    lines = public("C-C")
    (tmp_path / "C-C.skf").write_text("\n".join(lines))
    expected = read_skf(tmp_path / "C-C.skf", True)

    def wide(line: str, f: str) -> str:
        if line.startswith("20*"):
            return "40*1.0"
        halves = [line.split()[:10], line.split()[10:]]
        return " ".join(" ".join([*[f] * 7, *h[:3], f, f, h[3], h[4], h[5], h[6], f, h[7], h[8], h[9]]) for h in halves)

    for f, message in (("0.0", None), ("0.3", None), ("0.{}", r"has f orbitals \(the extended \.skf format, @\)")):
        atom = "0.0 " + lines[1].replace(" 0.387425", " 0.4 0.387425").replace(" 0.0 2.0 2.0", " 0.0 0.0 2.0 2.0")
        rows = [wide(line, f.format(100 + k)) for k, line in enumerate(lines[3:502])]
        (tmp_path / "C-C.skf").write_text("\n".join(["@", lines[0], atom, lines[2], *rows]))
        if message is None:
            assert np.array_equal(read_skf(tmp_path / "C-C.skf", True).integrals, expected.integrals)
        else:
            with pytest.raises(InputError, match=message):
                read_skf(tmp_path / "C-C.skf", True)


def test_one_odd_file_does_not_block_a_set(tmp_path: Path) -> None:
    folder = public_set(tmp_path)
    for odd in ("H-N_short.skf", "C-H.skf.bak", "README", "README-first.skf", "c-h.skf", "CH.skf", "C-H-C.skf", "Xy-Zz.skf"):
        (folder / odd).write_text("not a table")
    (folder / "Au-Au.skf").write_text("damaged")
    (folder / "H-N.skf").symlink_to(folder / "nowhere.skf")
    options = SlaterKosterOptions(table=str(folder))
    assert options.elements() == {"C", "H", "Au"} and len(options.files()) == 5
    files = SlaterKoster(options)
    assert files.range_A(np.array([6, 1])) > 2.0
    with pytest.raises(InputError, match=r"Au-Au\.skf is not of the simple \.skf format"):
        files.range_A(np.array([79]))
    (folder / "C-H.skf").write_text("H-C.skf\n")
    with pytest.raises(InputError, match=r"C-H\.skf holds the name of another file, 'H-C\.skf': it is a symbolic link"):
        SlaterKoster(SlaterKosterOptions(table=str(folder), tail_eV=2e-5)).range_A(np.array([6, 1]))
    (folder / "C-H.skf").unlink()
    with pytest.raises(InputError, match=r"no parameters for C with H: the file C-H\.skf is missing"):
        SlaterKoster(SlaterKosterOptions(table=str(folder))).range_A(np.array([6, 1]))


def test_two_files_of_a_pair_must_say_the_same(tmp_path: Path) -> None:
    folder = public_set(tmp_path)
    (folder / "H-C.skf").write_text("\n".join(public("H-C", scale=1.05)))
    sentence = r"H-C\.skf and .*C-H\.skf contradict each other: ss_sigma of H, .* at 0\.80 Å; take both files from one set"
    with pytest.raises(InputError, match=sentence):
        SlaterKoster(SlaterKosterOptions(table=str(folder))).range_A(np.array([1, 6]))
    for pair in ("H-C", "C-H"):
        (folder / f"{pair}.skf").write_text("\n".join(public(pair, exchanged=True)))
    with pytest.raises(InputError, match=r"seem to be exchanged: H-C\.skf has no sp_sigma integral"):
        SlaterKoster(SlaterKosterOptions(table=str(folder), tail_eV=2e-5)).range_A(np.array([1, 6]))


def test_small_differences_of_the_two_files_do_not_make_atoms_order_matter(tmp_path: Path) -> None:
    folder = public_set(tmp_path)
    (folder / "H-C.skf").write_text("\n".join(public("H-C", points=450, scale=1.0001)))
    files = SlaterKoster(SlaterKosterOptions(table=str(folder), tail_eV=3e-5))
    one = files.bloch(Atoms("CH", positions=[[0, 0, 0], [0.2, 0.3, 1.0]])).H_R[0]
    other = files.bloch(Atoms("HC", positions=[[0.2, 0.3, 1.0], [0, 0, 0]])).H_R[0]
    order = [1, 2, 3, 4, 0]
    assert np.abs(one - other[np.ix_(order, order)]).max() < 1e-14


def test_a_misspelt_table_gets_a_suggestion() -> None:
    for name in ("ptpb", "PTBP"):
        with pytest.raises(InputError, match=rf"there is no table '{name}' \(did you mean 'ptbp'\?\)"):
            create("hamiltonians", "slater_koster", table=name)


def test_a_chain_of_hydrogen_has_one_channel_and_no_level_beside_its_band(tmp_path: Path) -> None:
    hamiltonian = create("hamiltonians", "slater_koster", table=str(public_set(tmp_path)), fermi_energy_eV=-6.0)
    atoms = Atoms("H30", positions=[[0, 0, 1.1 * k] for k in range(30)])
    system = hamiltonian.two_terminal(Junction.detect(atoms, hamiltonian.range_A(atoms.numbers)))
    bottom, top = band_ranges(system.left).min() + 6.0, band_ranges(system.left).max() + 6.0
    energies = np.array([bottom - 1.0, bottom + 0.1, 5.99, 6.0 + 1e-5, top - 0.1, top + 1.0])
    T = create("transport", "rgf").transmission([system], energies)[0]
    assert system.size == 30 and bottom < 5.9 and pytest.approx([0, 1, 1, 1, 1, 0], abs=1e-7) == T
