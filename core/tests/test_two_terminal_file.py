"""H and S come back from a file bit for bit, any program can write one, and a wrong file is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import csr_array
from sharvin.devices.brillouin import monkhorst_pack
from sharvin.devices.two_terminal_file import Device, TwoTerminalFile, is_two_terminal_file, read_two_terminal, write_two_terminal
from sharvin.errors import InputError
from sharvin.testing import systems
from sharvin.two_terminal import Lead, Supercell, TwoTerminal


def ring_lead() -> Lead:
    """Two chains that hop onto each other, symmetric under their exchange."""
    h00 = np.array([[0.1, -0.3], [-0.3, 0.1]])
    return Lead(h00, -np.eye(2), np.eye(2), 0.05 * np.eye(2), Supercell(np.array([[[0]], [[1]]])))


def device(lead: Lead, seed: int, complex_valued: bool = False) -> TwoTerminal:
    rng = np.random.default_rng(seed)
    h = np.kron(np.eye(4), lead.H00) + np.kron(np.eye(4, k=1), lead.H01) + np.kron(np.eye(4, k=-1), lead.H01.T)
    s = np.kron(np.eye(4), lead.S00) + np.kron(np.eye(4, k=1), lead.S01) + np.kron(np.eye(4, k=-1), lead.S01.T)
    h = h.astype(complex if complex_valued else float)
    h[2:6, 2:6] += np.diag(rng.normal(size=4))
    if complex_valued:
        h[2, 5], h[5, 2] = 0.2j, -0.2j
    return TwoTerminal(csr_array(h), csr_array(s), lead, lead, 0.3 + 0.1 * seed)


def same(a: TwoTerminal, b: TwoTerminal) -> bool:
    arrays = [
        np.array_equal(getattr(x, part), getattr(y, part)) and getattr(x, part).dtype == getattr(y, part).dtype
        for x, y in ((a.H, b.H), (a.S, b.S))
        for part in ("data", "indices", "indptr")
    ]
    leads = [x.key == y.key for x, y in ((a.left, b.left), (a.right, b.right))]
    return all(arrays) and all(leads) and a.fermi_energy_eV == b.fermi_energy_eV


def test_devices_come_back_bit_for_bit_and_share_their_lead(tmp_path: Path) -> None:
    lead = ring_lead()
    written = [device(lead, 1), device(lead, 2, complex_valued=True)]
    write_two_terminal(tmp_path / "pair.h5", written)
    read = read_two_terminal(tmp_path / "pair.h5")
    assert [len(found.at_k) for found in read] == [1, 1] and read[0].atoms is None
    assert all(same(a, found.at_k[0][1]) for a, found in zip(written, read, strict=True))
    again = [found.at_k[0][1].left for found in read]
    assert again[0] is again[1] is read[0].at_k[0][1].right
    assert again[0].supercell is not None and again[0].supercell.repeats == (2, 1)


def test_k_points_and_atoms_come_back(tmp_path: Path) -> None:
    lead = ring_lead()
    _, weights = monkhorst_pack(3, 1)
    atoms = Atoms("Au4", positions=np.arange(12.0).reshape(4, 3), cell=[2, 3, 40], pbc=[True, True, False])
    at_k = [(float(weight), replace(device(lead, k), atom=np.repeat(np.arange(4), 2))) for k, weight in enumerate(weights)]
    write_two_terminal(tmp_path / "k.h5", [Device(at_k, atoms)])
    found = read_two_terminal(tmp_path / "k.h5")[0]
    assert [weight for weight, _ in found.at_k] == list(weights)
    assert all(same(a, b) for (_, a), (_, b) in zip(at_k, found.at_k, strict=True))
    assert found.atoms == atoms
    assert all(np.array_equal(b.atom, [0, 0, 1, 1, 2, 2, 3, 3]) for _, b in found.at_k)


def test_the_ten_lines_of_h5py_in_the_manual_write_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "h_and_s.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(manual.split("```python\n")[1].split("```")[0], {})
    expected = systems.chain([0.0, 0.5, 0.0])
    system = read_two_terminal(tmp_path / "mine.h5")[0].at_k[0][1]
    assert np.array_equal(system.H.toarray(), expected.H.toarray()) and np.array_equal(system.S.toarray(), np.eye(5))
    assert np.array_equal(system.left.H01, expected.left.H01) and np.array_equal(system.left.S01, [[0.0]])


def spoil(path: Path, change: str) -> None:
    with h5py.File(path, "r+") as file:
        group = file["devices/0"]
        if change == "units":
            file.attrs["units"] = "Hartree"
        elif change == "version":
            file.attrs["version"] = 2
        elif change == "numbering":
            file.move("devices/0", "devices/7")
        elif change == "fermi":
            del group.attrs["fermi_energy"]
        elif change == "lead":
            del group["left/H01"]
        elif change == "hermitian":
            group["H/data"][5] += 0.1
        elif change == "layer":
            group["left/H00"][:] += 1e-3 * np.eye(2)
        elif change == "finite":
            group["S/data"][3] = np.nan
        elif change == "indices":
            group["H/indices"][0] = 99
        elif change == "nan":
            group["left/S01"][0, 0] = np.nan
        elif change == "text":
            del group["left/H00"]
            group["left/H00"] = np.array([[b"a", b"b"], [b"c", b"d"]])
        elif change == "group":
            del group["left/H00"], group["H/indptr"]
        elif change == "counted from 1":
            group["H/indptr"][:] += 1
            group["H/indices"][:] += 1
        elif change == "fermi energies":
            group.attrs["fermi_energy"] = np.array([0.1, 0.2])
        elif change == "fermi nan":
            group.attrs["fermi_energy"] = np.nan
        elif change == "repeats":
            group["left/supercell"][...] = 0
        elif change == "other repeats":
            group["left/H01"][0, 0] += 0.01
        elif change == "devices":
            del file["devices"]
            file["devices"] = 1.0
        elif change == "S01 of a lead":
            del group["left/S01"]
        elif change == "S00 of a lead":
            del group["right/S00"]
        elif change == "S of a lead":
            del group["right"]
            for name in ("H00", "H01"):
                group[f"right/{name}"] = group[f"left/{name}"][()]
        elif change == "S of the device":
            del group["S"]
        elif change == "s":
            group.move("S", "s")
        elif change == "s00":
            group.move("left/S00", "left/s00")
        elif change == "zero":
            group["left/S01"][...] = 0
        elif change == "overlap":
            group["Overlap"] = np.eye(8)
        elif change == "k-points and matrices":
            group["k_points/0/H"] = np.eye(8)
        elif change == "k-points from 1":
            for name in ("H", "S", "left", "right"):
                group.move(name, f"k_points/1/{name}")
        elif change == "cell":
            group["atoms/numbers"], group["atoms/positions"] = np.ones(8), np.zeros((8, 3))
        elif change == "number":
            del file["devices/0"]
            file["devices/0"] = 1.0
        elif change == "no group":
            del group["right"]
            group["right"] = 1.0
        elif change == "shape":
            del group["left/H01"]
            group["left/H01"] = np.zeros((3, 3))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("units", "must say units = \"eV\", not 'Hartree'"),
        ("version", "is of version 2"),
        ("numbering", "must be numbered 0, 1, …; it has 7"),
        ("fermi", "device 0, is not complete.*fermi_energy"),
        ("lead", "device 0, is not complete.*H01"),
        ("hermitian", r"device 0: the device's H is not Hermitian: element .* by 0\.1 eV"),
        ("layer", r"outermost left principal layer differs from its lead's H00 by 1\.0e-03"),
        ("finite", "the device's S has elements that are not finite"),
        ("indices", "/H is no CSR matrix of 8 rows"),
        ("nan", "S01 of the left lead has elements that are not finite numbers"),
        ("text", "left/H00 must hold numbers, not .S1"),
        ("group", "is not complete: /devices/0/H lacks indptr of a sparse matrix in CSR form"),
        ("counted from 1", "/devices/0/H counts rows and columns from 1; indices and indptr count from 0"),
        ("fermi energies", "attribute fermi_energy of /devices/0 must be one finite number, not array"),
        ("fermi nan", "attribute fermi_energy of /devices/0 must be one finite number, not nan"),
        ("repeats", "supercell must hold each of the 2 orbitals of the lead once"),
        ("other repeats", r"H01 of the lead changes by 1\.0e-02 under a shift by one cell of its supercell"),
        ("devices", "is no file of H and S"),
        ("S01 of a lead", "device 0: /devices/0/left has S00 and no S01; give both, or neither"),
        ("S00 of a lead", "device 0: /devices/0/left has S01 and no S00; give both, or neither"),
        ("S of a lead", r"the right lead has no S00 and S01, but S .* right principal layer differs .* by up to 0\.05; give S00"),
        ("S of the device", r"the device has no S, but its left lead has an overlap of up to 0\.05"),
        ("s", r"device 0: /devices/0 has 's' \(did you mean 'S'\?\), which is not read; a device may have H, S, left, right"),
        ("s00", r"device 0: /devices/0/left has 's00' \(did you mean 'S00'"),
        ("zero", r"S01 of the left lead is zero, .* by up to 0\.05"),
        ("overlap", "/devices/0 has 'Overlap', which is not read"),
        (
            "k-points and matrices",
            "/devices/0 has 'H', which is not read; a device with k_points may have k_points, atoms",
        ),
        ("k-points from 1", "/devices/0/k_points must be numbered 0, 1, …; it has 1"),
        ("cell", "device 0: /devices/0/atoms has no cell and no pbc; it needs numbers"),
        ("number", "device 0: /devices/0 must be a group"),
        ("no group", "device 0: /devices/0/right must be a group"),
        ("shape", "blocks of a lead must be square and of one size"),
    ],
)
def test_a_file_that_is_no_device_is_refused_with_the_reason(tmp_path: Path, change: str, sentence: str) -> None:
    path = tmp_path / "wrong.h5"
    write_two_terminal(path, [device(ring_lead(), 1)])
    spoil(path, change)
    with pytest.raises(InputError, match=sentence) as refused:
        read_two_terminal(path)
    assert str(refused.value).count("wrong.h5") == 1


def test_a_basis_without_overlaps_needs_none_in_the_leads_and_attributes_are_free(tmp_path: Path) -> None:
    path, system = tmp_path / "orthogonal.h5", systems.chain([0.5])
    write_two_terminal(path, [system])
    with h5py.File(path, "r+") as file:
        file["author"] = "someone"
        file["devices/0"].attrs["made_by"] = file["devices/0/left"].attrs["basis"] = "mine"
        for name in ("left/S00", "left/S01"):
            del file[f"devices/0/{name}"]
        assert "right" in file["devices/0"]
    assert same(read_two_terminal(path)[0].at_k[0][1], system)
    with h5py.File(path, "r+") as file:
        del file["devices/0/S"]
    assert np.array_equal(read_two_terminal(path)[0].at_k[0][1].S.toarray(), system.S.toarray())


def test_a_device_whose_atoms_are_incomplete_names_the_file(tmp_path: Path) -> None:
    write_two_terminal(tmp_path / "mine.h5", [systems.chain([0.5])])
    spoil(tmp_path / "mine.h5", "cell")
    with pytest.raises(InputError, match=r"mine\.h5, device 0: /devices/0/atoms has no cell"):
        TwoTerminalFile(tmp_path / "mine.h5").atoms(0)


def as_others_write(path: Path, way: str) -> None:
    """Store a file's content the way other programs do."""
    with h5py.File(path, "r+") as file:
        group = file["devices/0"]
        plain = {"format": "sharvin-two-terminal", "units": "eV"}
        if way == "arrays of one":
            for name, text in plain.items():
                file.attrs[name] = np.array([text], dtype=h5py.string_dtype())
            file.attrs["version"], group.attrs["fermi_energy"] = np.array([[1.0]]), np.array([0.4], dtype=np.float32)
        elif way == "bytes of fixed length":
            for name, text in plain.items():
                file.attrs[name] = np.bytes_(text.ljust(24, "\0"))
            file.attrs["version"] = np.array([b"1   "])
        elif way == "whole numbers":
            for name in ("S00",):
                del group[f"left/{name}"]
                group[f"left/{name}"] = np.eye(2, dtype=np.int8)
            for name in ("indices", "indptr"):
                values = group[f"H/{name}"][()].astype(np.float64)
                del group[f"H/{name}"]
                group[f"H/{name}"] = values
        elif way == "compounds":
            values = group["H/data"][()]
            pairs = np.zeros(len(values), dtype=[("real", "f8"), ("imag", "f8")])
            pairs["real"] = values
            del group["H/data"]
            group["H/data"] = pairs
        elif way == "sparse leads":
            H01 = csr_array(group["left/H01"][()])
            del group["left/H01"]
            for name in ("data", "indices", "indptr"):
                group[f"left/H01/{name}"] = getattr(H01, name)


@pytest.mark.parametrize("way", ["arrays of one", "bytes of fixed length", "whole numbers", "compounds", "sparse leads"])
def test_what_other_programs_write_is_read(tmp_path: Path, way: str) -> None:
    path, system = tmp_path / "other.h5", device(ring_lead(), 1)
    write_two_terminal(path, [system])
    as_others_write(path, way)
    assert is_two_terminal_file(path)
    found = read_two_terminal(path)[0].at_k[0][1]
    assert np.array_equal(found.H.toarray(), system.H.toarray()) and np.array_equal(found.left.H01, system.left.H01)
    assert found.fermi_energy_eV == pytest.approx(0.4, abs=1e-7)


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_named(tmp_path: Path, part: float) -> None:
    whole = tmp_path / "whole.h5"
    write_two_terminal(whole, [device(ring_lead(), n) for n in range(5)])
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    for read in (is_two_terminal_file, read_two_terminal):
        with pytest.raises(InputError, match=r"cut\.h5"):
            read(cut)


def test_other_files_are_not_taken_for_one(tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1.0
    (tmp_path / "text.h5").write_text("hello")
    assert not is_two_terminal_file(other) and not is_two_terminal_file(tmp_path / "text.h5")
    with pytest.raises(InputError, match="is no file of H and S"):
        TwoTerminalFile(other)
    with pytest.raises(InputError, match=r"cannot read .*text\.h5 as HDF5"):
        TwoTerminalFile(tmp_path / "text.h5")
    with pytest.raises(InputError, match="there is no file"):
        TwoTerminalFile(tmp_path / "nowhere.h5")


def test_weights_and_atoms_must_fit_the_device() -> None:
    system = device(ring_lead(), 1)
    with pytest.raises(InputError, match=r"must sum to 1, not 0\.5"):
        Device([(0.5, system)])
    with pytest.raises(InputError, match="belongs to atom 1, but the device has 1 atoms"):
        Device([(1.0, replace(system, atom=np.ones(8, dtype=np.int64)))], Atoms("H"))
