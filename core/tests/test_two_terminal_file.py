"""H and S come back from a file bit for bit, any program can write one, and a wrong file is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import csr_array
from sharvin.brillouin import monkhorst_pack
from sharvin.errors import InputError
from sharvin.testing import systems
from sharvin.two_terminal import Lead, Supercell, TwoTerminal
from sharvin.two_terminal_file import Device, TwoTerminalFile, is_two_terminal_file, read_two_terminal, write_two_terminal


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
    return all(arrays) and all(leads) and a.fermi_energy == b.fermi_energy


def test_devices_come_back_bit_for_bit_and_share_their_lead(tmp_path: Path) -> None:
    lead = ring_lead()
    written = [device(lead, 1), device(lead, 2, complex_valued=True)]
    write_two_terminal(tmp_path / "pair.h5", written)
    read = read_two_terminal(tmp_path / "pair.h5")
    assert [len(found.samples) for found in read] == [1, 1] and read[0].atoms is None
    assert all(same(a, found.samples[0][1]) for a, found in zip(written, read, strict=True))
    again = [found.samples[0][1].left for found in read]
    assert again[0] is again[1] is read[0].samples[0][1].right
    assert again[0].supercell is not None and again[0].supercell.repeats == (2, 1)


def test_k_points_and_atoms_come_back(tmp_path: Path) -> None:
    lead = ring_lead()
    _, weights = monkhorst_pack(3, 1)
    atoms = Atoms("Au4", positions=np.arange(12.0).reshape(4, 3), cell=[2, 3, 40], pbc=[True, True, False])
    samples = [(float(weight), replace(device(lead, k), atom=np.repeat(np.arange(4), 2))) for k, weight in enumerate(weights)]
    write_two_terminal(tmp_path / "k.h5", [Device(samples, atoms)])
    found = read_two_terminal(tmp_path / "k.h5")[0]
    assert [weight for weight, _ in found.samples] == list(weights)
    assert all(same(a, b) for (_, a), (_, b) in zip(samples, found.samples, strict=True))
    assert found.atoms == atoms
    assert all(np.array_equal(b.atom, [0, 0, 1, 1, 2, 2, 3, 3]) for _, b in found.samples)


def test_the_ten_lines_of_h5py_in_the_manual_write_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "h_and_s.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(manual.split("```python\n")[1].split("```")[0], {})
    expected = systems.chain([0.0, 0.5, 0.0])
    system = read_two_terminal(tmp_path / "mine.h5")[0].samples[0][1]
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
        ("shape", "blocks of a lead must be square and of one size"),
    ],
)
def test_a_file_that_is_no_device_is_refused_with_the_reason(tmp_path: Path, change: str, sentence: str) -> None:
    path = tmp_path / "wrong.h5"
    write_two_terminal(path, [device(ring_lead(), 1)])
    spoil(path, change)
    with pytest.raises(InputError, match=sentence):
        read_two_terminal(path)


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
