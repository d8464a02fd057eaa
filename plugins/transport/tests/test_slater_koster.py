"""Two-centre Hamiltonians: symmetry, continuity and the physics of Au, Ag and K."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk as ase_bulk
from scipy.linalg import eigh
from scipy.spatial.transform import Rotation
from sharvin.devices.lead_channels import channels as open_channels
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.registry import create
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import TABLES, SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster
from sharvin_transport.slater_koster.tables import SWITCH_A, load_table
from sharvin_transport.slater_koster.two_centre import FORMS


def hamiltonian(table: str = "ptbp", **options: float) -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions(table=table, **options))


def levels(h: SlaterKoster, atoms: Atoms, k: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    H, S = h.bloch(atoms).at(np.array(k))
    return np.asarray(eigh(H, S, eigvals_only=True))


def d_rotation(R: np.ndarray) -> np.ndarray:
    """How spd orbitals turn: D'ₘ(Ru) = Dₘ(u) for quadratic forms."""
    full = np.zeros((9, 9))
    full[0, 0], full[1:4, 1:4] = 1.0, R
    for m in range(5):
        turned = R @ FORMS[m] @ R.T
        full[4:, 4 + m] = [np.sum(turned * form) / np.sum(form * form) for form in FORMS]
    return full


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_rotating_a_molecule_rotates_its_blocks(table: str) -> None:
    atoms = Atoms("Au3", positions=[[0, 0, 0], [2.5, 0.7, 0.3], [0.4, 2.4, 1.9]])
    R = Rotation.from_euler("zyx", [0.4, 1.1, -0.7]).as_matrix()
    turned = atoms.copy()
    turned.positions = atoms.positions @ R.T
    D = np.kron(np.eye(3), d_rotation(R))
    h = hamiltonian(table)
    for before, after in zip(h.bloch(atoms).at(np.zeros(3)), h.bloch(turned).at(np.zeros(3)), strict=True):
        assert np.abs(D @ before @ D.T - after).max() < 1e-12


def test_slater_and_koster_s_own_table_along_a_general_direction() -> None:
    l, m, n = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)  # noqa: E741
    h = hamiltonian()
    r = 2.8
    H, _ = h.bloch(Atoms("AuAg", positions=[[0, 0, 0], [l * r, m * r, n * r]])).at(np.zeros(3))
    v, _ = h.table.radial(79, 47, np.array([r]))
    w, _ = h.table.radial(47, 79, np.array([r]))
    _, sp, sd, pps, ppp, pds, pdp, dds, ddp, ddd = v[:, 0]
    block = H[:9, 9:].real
    assert block[0, 1] == pytest.approx(l * sp) and block[1, 0] == pytest.approx(-l * w[1, 0])
    assert block[1, 2] == pytest.approx(l * m * (pps - ppp))
    assert block[0, 4] == pytest.approx(np.sqrt(3) * l * m * sd)
    assert block[1, 4] == pytest.approx(np.sqrt(3) * l * l * m * pds + m * (1 - 2 * l * l) * pdp)
    assert block[4, 1] == pytest.approx(-(np.sqrt(3) * l * l * m * w[5, 0] + m * (1 - 2 * l * l) * w[6, 0]))
    assert block[3, 8] == pytest.approx(n * (n * n - (l * l + m * m) / 2) * pds + np.sqrt(3) * n * (l * l + m * m) * pdp)
    assert block[4, 4] == pytest.approx(
        3 * l**2 * m**2 * dds + (l**2 + m**2 - 4 * l**2 * m**2) * ddp + (n**2 + l**2 * m**2) * ddd
    )
    assert block[7, 8] == pytest.approx(
        np.sqrt(3) * (l**2 - m**2) * ((n**2 - (l**2 + m**2) / 2) * dds / 2 - n**2 * ddp + (1 + n**2) * ddd / 4)
    )


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_the_bands_of_a_crystal_do_not_depend_on_the_cell(table: str) -> None:
    h = hamiltonian(table)
    primitive, cubic = ase_bulk("Au", a=4.08), ase_bulk("Au", a=4.08, cubic=True)
    k = np.array([0.13, 0.07, 0.21])
    cartesian = k @ np.linalg.inv(cubic.cell.array).T
    folded = [
        levels(h, primitive, tuple((cartesian + shift @ np.linalg.inv(cubic.cell.array).T) @ primitive.cell.array.T))
        for shift in ([0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1])
    ]
    assert np.allclose(np.sort(np.concatenate(folded)), levels(h, cubic, tuple(k)), atol=1e-9)


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_gold_has_a_d_band_below_the_fermi_energy_and_a_free_electron_like_band_through_it(table: str) -> None:
    h = hamiltonian(table)
    atoms = ase_bulk("Au", a=4.08)
    gamma, at_x = levels(h, atoms), levels(h, atoms, (0.5, 0.5, 0.0))
    d_width = at_x[5] - at_x[0]
    assert 4.0 < d_width < 9.5
    assert gamma[1] - gamma[0] > 2.0  # the s band begins below the d bands
    assert gamma[6] - gamma[5] > 8.0  # and nothing lies between d and p at Γ


def test_elements_have_the_orbitals_that_their_table_entries_mean() -> None:
    orbitals = load_table(TABLES["ptbp"], "ptbp", 1e-5).orbitals
    assert orbitals == {1: 1, 6: 4, 7: 4, 8: 4, 11: 4} | dict.fromkeys((13, 16, 19, 28, 29, 46, 47, 78, 79), 9)
    h = hamiltonian()
    mixed = Atoms("AuCH", positions=[[0, 0, 0], [2.1, 0, 0], [2.8, 0.9, 0]])
    assert h.bloch(mixed).H_R.shape == (1, 14, 14)
    assert np.abs(levels(h, mixed).imag).max() == 0.0


@pytest.mark.parametrize(
    ("table", "symbol", "farthest"), [("ptbp", "Au", 8.16), ("nrl", "Au", 8.16), ("ptbp", "Ag", 8.18), ("ptbp", "K", 10.6)]
)
def test_the_range_is_held_by_four_layers_and_the_cutoff_is_continuous(table: str, symbol: str, farthest: float) -> None:
    h = hamiltonian(table)
    z = int(Atoms(symbol).numbers[0])
    reach = h.range_A(np.array([z]))
    assert reach <= farthest
    r = np.array([reach - 1e-4, reach, reach + 1.0])
    hopping, overlap = h.table.radial(z, z, r)
    assert np.abs(hopping[:, 0]).max() < 1e-12 and np.abs(hopping[:, 1:]).max() == np.abs(overlap[:, 1:]).max() == 0.0
    inside, _ = h.table.radial(z, z, np.array([reach - SWITCH_A]))
    raw, _ = h.table.raw(z, z, np.array([reach - SWITCH_A]))
    assert np.array_equal(inside, raw) and np.abs(raw).max() < 1e-3


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_an_unstretched_gold_chain_has_three_channels_a_stretched_one_has_one(table: str) -> None:
    h = hamiltonian(table)
    for bond, channels in ((2.6, 3), (2.9, 1)):
        chain = Atoms("Au12", positions=[[0, 0, bond * i] for i in range(12)])
        system = h.two_terminal(Junction.detect(chain, h.range_A(chain.numbers)))
        assert open_channels(system.left, system.fermi_energy_eV)[0] == channels
        assert RecursiveGreen(RecursiveGreenOptions()).transmission([system], np.zeros(1))[0, 0] == pytest.approx(
            channels, abs=1e-6
        )


def test_matrices_are_hermitian_and_overlaps_of_leads_positive(contact: Callable[..., Atoms]) -> None:
    for table in ("ptbp", "nrl"):
        h = hamiltonian(table)
        atoms = contact(seed=4)
        system = h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))
        H, S = system.H.toarray(), system.S.toarray()
        assert np.abs(H - H.T).max() < 1e-12 and np.abs(S - S.T).max() < 1e-12
        assert np.linalg.eigvalsh(S)[0] > 0.0
        n = system.left.size
        assert np.array_equal(H[:n, :n], system.left.H00) and np.array_equal(S[:n, :n], system.left.S00)
        assert np.array_equal(H[-n:, -n:], system.right.H00)
        assert system.left is system.right and system.left.supercell is not None
        for phase in (1.0, -1.0, 1j):
            s01 = system.left.S01 * phase
            assert np.linalg.eigvalsh(system.left.S00 + s01 + s01.conj().T)[0] > 0.0


def test_a_device_equals_the_finite_cluster_wherever_the_centre_is_involved(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("nrl")
    atoms = contact(seed=4)
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    system = h.two_terminal(junction)
    inner = np.setdiff1d(np.arange(len(atoms)), np.r_[junction.left, junction.right])
    inner = inner[np.argsort(atoms.positions[inner, 2], kind="stable")]
    order = np.concatenate([junction.left, inner, junction.right])
    cluster = h.bloch(atoms[order])
    n = system.left.size
    for device, whole in ((system.H, cluster.H_R.sum(axis=0)), (system.S, cluster.S_R.sum(axis=0))):
        assert np.abs(device.toarray()[n:-n] - whole[n:-n]).max() < 1e-5  # the leads' atoms are snapped to their lattice


def test_snapshots_share_one_lead(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian()
    atoms = contact()
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    later = contact(bond=2.9, seed=1)
    later.positions[:] = later.positions.astype(np.float32)
    assert h.two_terminal(junction).left is h.two_terminal(junction.with_positions(later)).right


def test_what_the_table_cannot_do_is_said() -> None:
    with pytest.raises(InputError, match=r"'nrl' has no parameters for Ag; it has Cu, Au"):
        hamiltonian("nrl").range_A(np.array([47]))
    with pytest.raises(InputError, match="no parameters for Cu with Au"):
        hamiltonian("nrl").range_A(np.array([29, 79]))
    with pytest.raises(InputError, match="no Slater-Koster table"):
        hamiltonian("nowhere.json")
    with pytest.raises(InputError, match=r"atoms H 0 and H 1 overlap: they are 0\.10 Å apart"):
        hamiltonian().bloch(Atoms("H2", positions=[[0, 0, 0], [0.1, 0, 0]]))


def test_a_snapshot_with_overlapping_atoms_fails_alone(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian()
    atoms = contact()
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    atoms = atoms.copy()
    atoms.positions[50] = atoms.positions[49] + [0.5, 0, 0]
    with pytest.raises(ItemError, match=r"atoms Au (49|50) and Au (49|50) overlap"):
        h.two_terminal(junction.with_positions(atoms))


def test_a_user_s_table_is_read_and_an_incomplete_one_refused(tmp_path: Path) -> None:
    data = json.loads(TABLES["nrl"].read_text())
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    atoms = Atoms("Au2", positions=[[0, 0, 0], [0, 0, 2.7]])
    assert np.array_equal(levels(hamiltonian(str(path)), atoms), levels(hamiltonian("nrl"), atoms))
    assert SlaterKosterOptions(table=str(path)).elements() == {"Au", "Cu"}
    del data["elements"]["Au"]["rc"]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(data))
    with pytest.raises(InputError, match="not complete"):
        hamiltonian(str(broken))


def test_parts_are_found_by_name_and_their_elements_known_beforehand() -> None:
    assert isinstance(create("hamiltonians", "slater_koster", table="nrl"), SlaterKoster)
    elements = SlaterKosterOptions().elements()
    assert elements is not None and {"Au", "Ag", "K"} <= elements and len(elements) == 14


def test_two_atoms_that_no_overlap_matrix_allows_are_named(contact: Callable[..., Atoms]) -> None:
    # 1.45 Å: they do not overlap as spheres, but the orbitals of the NRL table do by more than one.
    h = hamiltonian("nrl")
    atoms = contact()
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    close = atoms.copy()
    chain = np.flatnonzero(np.abs(atoms.positions[:, 2] - atoms.positions[:, 2].mean()) < 3.0)
    close.positions[chain[1]] = close.positions[chain[0]] + [0.0, 0.0, 1.45]
    words = rf"atoms Au ({chain[0]}|{chain[1]}) and Au ({chain[0]}|{chain[1]}) are too close for this table: at 1\.45 Å"
    with pytest.raises(ItemError, match=words):
        h.two_terminal(junction.with_positions(close))
    with pytest.raises(InputError, match="too close for this table"):
        h.bloch(Atoms("Au2", positions=[[0, 0, 0], [0, 0, 1.45]]))


def test_every_orbital_knows_its_atom(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian()
    atoms = contact(seed=1)
    atoms = atoms[np.random.default_rng(0).permutation(len(atoms))]
    system = h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))
    assert system.atom is not None
    assert np.array_equal(np.bincount(system.atom), np.full(len(atoms), 9))
    z = atoms.positions[system.atom, 2]
    assert z[: system.left.size].max() < z[system.left.size : -system.right.size].min()
