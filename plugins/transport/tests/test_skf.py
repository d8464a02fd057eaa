"""`.skf` files tabulated from a table give its H, S and transmission back; the order of two elements is the file's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.registry import create
from sharvin_transport.configs import SlaterKosterOptions
from sharvin_transport.slater_koster import SlaterKoster
from sharvin_transport.tables import CHANNELS

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
    assert systems[0].fermi_energy == pytest.approx(systems[1].fermi_energy, abs=1e-6)
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
