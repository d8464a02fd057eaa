"""Transmission obeys what any elastic transmission must obey."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import csr_array, diags_array
from sharvin.devices.lead_channels import channels
from sharvin.devices.lead_filling import lead_fermi_energy
from sharvin.devices.transverse_states import unfold
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire
from sharvin.junction import Junction
from sharvin.two_terminal import Lead, Supercell, TwoTerminal
from sharvin_transport.block_tridiagonal.interior import Interior, partition
from sharvin_transport.external.configs import SislOptions
from sharvin_transport.external.sisl_btd import SislTransport
from sharvin_transport.leads.surface_green import SurfaceGreen, SurfaceGreens
from sharvin_transport.leads.transverse import Transverse, fold
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.lead_coupling import LeadCouplings
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

RGF = RecursiveGreen(RecursiveGreenOptions())
TABLES = {name: SlaterKoster(SlaterKosterOptions(table=name)) for name in ("ptbp", "nrl")}


def transmission(system: TwoTerminal, *energies: float) -> np.ndarray:
    return RGF.transmission([system], np.array(energies))[0]


def device(atoms: Atoms, table: str = "ptbp") -> TwoTerminal:
    h = TABLES[table]
    return h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))


def grid_channels(width: int, energy: float) -> int:
    return int(np.count_nonzero(np.abs(energy + 2 * np.cos(np.arange(1, width + 1) * np.pi / (width + 1))) < 2))


@pytest.mark.parametrize("width", [1, 2, 5, 8])
@pytest.mark.parametrize("energy", [0.0, 0.3, -1.1, 3.3])
def test_the_conductance_of_a_clean_square_lattice_is_its_number_of_open_channels(width: int, energy: float) -> None:
    system = GridWire(np.zeros((6, width))).two_terminal()
    assert transmission(system, energy)[0] == pytest.approx(grid_channels(width, energy), abs=1e-8)
    assert channels(system.left, energy)[0] == grid_channels(width, energy)


@pytest.mark.parametrize("epsilon", [0.4, 2.0])
@pytest.mark.parametrize("energy", [-1.2, 0.0, 0.5, 1.7])
def test_one_impurity_in_a_chain(epsilon: float, energy: float) -> None:
    onsite = np.array([[0.0], [epsilon], [0.0]])
    sin_k = np.sqrt(1 - (energy / 2) ** 2)
    assert transmission(GridWire(onsite).two_terminal(), energy)[0] == pytest.approx(
        1 / (1 + (epsilon / (2 * sin_k)) ** 2), abs=1e-9
    )


@pytest.mark.parametrize("energy", [-1.0, 0.0, 0.9])
def test_two_impurities_are_a_fabry_perot_resonator(energy: float) -> None:
    epsilon, d = 1.5, 5
    onsite = np.zeros((9, 1))
    onsite[[1, 1 + d]] = epsilon
    k = np.arccos(-energy / 2)
    r = -1j * epsilon / (2 * np.sin(k)) / (1 + 1j * epsilon / (2 * np.sin(k)))
    t = 1 / (1 + 1j * epsilon / (2 * np.sin(k)))
    exact = abs(t * t / (1 - r * r * np.exp(2j * k * d))) ** 2
    assert transmission(GridWire(onsite).two_terminal(), energy)[0] == pytest.approx(exact, abs=1e-9)


def test_a_uniform_barrier_across_a_wire_separates_into_its_modes() -> None:
    width, length, height, energy = 4, 3, 0.8, -0.7
    onsite = np.zeros((length + 2, width))
    onsite[1:-1] = height
    total = 0.0
    for n in range(1, width + 1):
        mode = energy + 2 * np.cos(n * np.pi / (width + 1))
        if abs(mode) < 2:
            chain = np.zeros((length + 2, 1))
            chain[1:-1] = height
            total += transmission(GridWire(chain).two_terminal(), mode)[0]
    assert transmission(GridWire(onsite).two_terminal(), energy)[0] == pytest.approx(total, abs=1e-8)


def test_disorder_lowers_transmission_below_the_channels_and_it_is_equal_both_ways() -> None:
    energies = np.linspace(-3, 3, 13)
    rng = np.random.default_rng(5)
    for _ in range(3):
        system = GridWire(rng.uniform(-2, 2, (7, 6))).two_terminal()
        T = RGF.transmission([system, system.reversed()], energies)
        channels = np.array([grid_channels(6, e) for e in energies])
        assert np.all(T > -1e-12) and np.all(channels + 1e-8 >= T)
        assert np.allclose(T[0], T[1], atol=1e-8)


def test_a_magnetic_field_obeys_reciprocity() -> None:
    rng = np.random.default_rng(6)
    wire = GridWire(rng.uniform(-1, 1, (5, 4))).two_terminal()
    phase = np.exp(1j * rng.uniform(0, 2 * np.pi, (28, 28)))
    phase = np.triu(phase, 1)
    inside = np.zeros((28, 28), dtype=bool)
    inside[4:-4, 4:-4] = True
    H = wire.H.toarray().astype(complex)
    H = np.where(inside & (phase != 0), H * phase, H)
    H = np.triu(H, 1) + np.triu(H, 1).conj().T + np.diag(np.diag(H))
    forward = TwoTerminal(csr_array(H), wire.S, wire.left, wire.right)
    backward = TwoTerminal(csr_array(H.conj()), wire.S, wire.left, wire.right)
    T = RGF.transmission([forward, forward.reversed(), backward, wire], np.array([0.3, -0.8]))
    assert np.allclose(T[0], T[1], atol=1e-8) and np.allclose(T[1], T[2], atol=1e-8)
    assert np.abs(T[0] - T[3]).max() > 0.05


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_an_undisturbed_crystal_transmits_every_band_that_crosses(table: str, bulk: Callable[..., Atoms]) -> None:
    system = device(bulk(layers=11), table)
    energies = np.array([-1.0, 0.0, 0.8])
    counts = channels(system.left, system.fermi_energy_eV + energies)
    assert transmission(system, *energies) == pytest.approx(counts, abs=1e-6)
    assert counts[1] >= 7


def test_more_clean_lead_changes_nothing(contact: Callable[..., Atoms]) -> None:
    atoms = contact(seed=2)
    longer = atoms.copy()
    period, z = 4.08, atoms.positions[:, 2]
    ends = []
    for side in (-1, 1):
        layers = atoms[np.flatnonzero(z < 3.0) if side < 0 else np.flatnonzero(z > z.max() - 3.0)]
        layers.positions[:, 2] += side * period
        ends.append(layers)
    longer = ends[0] + atoms + ends[1]
    assert transmission(device(longer), -0.4, 0.0) == pytest.approx(transmission(device(atoms), -0.4, 0.0), abs=1e-6)


def test_transmission_does_not_depend_on_how_the_structure_is_written(contact: Callable[..., Atoms]) -> None:
    atoms = contact(seed=3)
    reference = transmission(device(atoms), 0.0, 0.35)
    shuffled = atoms[np.random.default_rng(0).permutation(len(atoms))]
    shuffled.translate([0.7, -1.9, 3.3])
    shuffled.wrap(pbc=[True, True, False])
    assert transmission(device(shuffled), 0.0, 0.35) == pytest.approx(reference, abs=1e-5)
    turned = atoms.copy()
    turned.positions = np.column_stack([-atoms.positions[:, 1], atoms.positions[:, 0], atoms.positions[:, 2]])
    assert transmission(device(turned), 0.0, 0.35) == pytest.approx(reference, abs=1e-6)
    upside_down = atoms.copy()
    upside_down.positions[:, 1:] *= -1
    assert transmission(device(upside_down), 0.0, 0.35) == pytest.approx(reference, abs=1e-6)


def test_transmission_is_invariant_under_shift_gauge_and_reversal(contact: Callable[..., Atoms]) -> None:
    system = device(contact(seed=3))
    reference = transmission(system, 0.0)
    assert transmission(system.shifted(3.21), 0.0) == pytest.approx(reference, abs=1e-8)
    assert transmission(system.reversed(), 0.0) == pytest.approx(reference, abs=1e-8)
    n, m = system.size, system.left.size
    sign = np.random.default_rng(0).choice([-1.0, 1.0], n)
    sign[-m:] = sign[:m]
    gauge = diags_array(sign, format="csr")
    d = sign[:m]
    lead = Lead(*(d[:, None] * b * d for b in (system.left.H00, system.left.H01, system.left.S00, system.left.S01)))
    flipped = TwoTerminal(
        csr_array(gauge @ system.H @ gauge), csr_array(gauge @ system.S @ gauge), lead, lead, system.fermi_energy_eV
    )
    assert transmission(flipped, 0.0) == pytest.approx(reference, abs=1e-8)


@pytest.mark.parametrize(("symbol", "a", "bond", "low", "high"), [("Ag", 4.09, 2.8, 0.9, 1.1), ("Au", 4.08, 2.7, 0.7, 1.1)])
def test_a_three_atom_chain_between_pyramids_has_about_one_quantum(
    symbol: str, a: float, bond: float, low: float, high: float, contact: Callable[..., Atoms]
) -> None:
    assert low < transmission(device(contact(symbol, a, bond)), 0.0)[0] < high


def test_electrodes_far_apart_do_not_conduct(contact: Callable[..., Atoms]) -> None:
    atoms = contact()
    h = TABLES["ptbp"]
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    values = []
    for gap in (0.0, 3.0, 20.0):
        apart = atoms.copy()
        apart.positions[atoms.positions[:, 2] > np.median(atoms.positions[:, 2]) + 0.5, 2] += gap
        values.append(transmission(h.two_terminal(junction.with_positions(apart)), 0.0)[0])
    assert values[0] > 0.5 > 1e-2 > values[1] > values[2] == 0.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_spectral_part_of_a_lead_is_positive_and_has_its_channels(side: str, bulk: Callable[..., Atoms]) -> None:
    system = device(bulk(layers=9), "nrl")
    lead, energy = system.left, system.fermi_energy_eV + 0.2
    surface = SurfaceGreens(1e-10).surface(lead, side, energy)
    assert surface.w.shape == (lead.size, channels(lead, energy)[0]) and surface.w.dtype == np.float64
    g = surface.hermitian - 0.5j * (surface.w @ surface.w.T)
    inward, outward = energy * lead.S01 - lead.H01, (energy * lead.S01 - lead.H01).T
    if side == "right":
        inward, outward = outward, inward
    residual = g @ (energy * lead.S00 - lead.H00 - outward @ g @ inward) - np.eye(lead.size)
    assert np.abs(residual).max() < 1e-6


def test_transverse_bloch_states_are_only_a_faster_way(contact: Callable[..., Atoms]) -> None:
    system = device(contact(seed=8))
    assert system.left.supercell is not None
    block = system.left.H01
    assert np.abs(fold(unfold(block, system.left.supercell), system.left.supercell) - block).max() < 1e-12
    surface = RGF.surfaces.surface(system.left, "left", system.fermi_energy_eV)
    vectors = np.random.default_rng(0).normal(size=(200, 7)) * (1 + 1j)
    columns = np.arange(100, 300)
    product = surface.hermitian[np.ix_(columns, columns)] @ vectors
    assert np.abs(surface.times(columns, vectors) - product).max() < 1e-11
    plain = Lead(system.left.H00, system.left.H01, system.left.S00, system.left.S01)
    same = TwoTerminal(system.H, system.S, plain, plain, system.fermi_energy_eV)
    assert transmission(same, 0.1) == pytest.approx(transmission(system, 0.1), abs=1e-8)
    assert lead_fermi_energy(plain, 11.0 * 36, 300.0) == pytest.approx(lead_fermi_energy(system.left, 11.0 * 36, 300.0), abs=1e-8)
    assert channels(plain, 0.0)[0] == channels(system.left, 0.0)[0]


def test_rgf_and_sisl_agree(contact: Callable[..., Atoms]) -> None:
    sisl = SislTransport(SislOptions())
    systems = [
        (GridWire(np.array([[0.0], [0.9], [-0.3]])).two_terminal(), [-0.9, 0.31]),
        (GridWire(np.random.default_rng(1).uniform(-1, 1, (5, 4)), t=0.8).two_terminal(), [-0.9, 0.31]),
        (device(_narrow(), "nrl"), [0.0]),
    ]
    for system, energies in systems:
        assert np.allclose(
            RGF.transmission([system], np.array(energies)), sisl.transmission([system], np.array(energies)), atol=1e-8
        )


def _narrow() -> Atoms:
    """2×2 electrodes joined by one displaced atom."""
    d = 4.08 / np.sqrt(2)
    layers = [[[i * d + k % 2 * d / 2, j * d + k % 2 * d / 2, 2.04 * k] for i in (0, 1) for j in (0, 1)] for k in range(4)]
    left = np.array(layers).reshape(-1, 3)
    tip = np.array([[2 * d + 0.1, 2 * d, 2.04 * 4 + 0.3]])
    right = left + np.array([0, 0, 2.04 * 5 + 0.6])
    xyz = np.concatenate([left, tip, right])
    return Atoms(f"Au{len(xyz)}", positions=xyz, cell=[2 * d, 2 * d, 40], pbc=[True, True, False])


def test_principal_layers_that_see_each_other_are_kept_in_the_device() -> None:
    # Two clean slices and nothing between: the wire is all lead.
    clean = GridWire(np.zeros((1, 5))).two_terminal()
    short = TwoTerminal(clean.H[:10][:, :10], clean.S[:10][:, :10], clean.left, clean.right)
    assert transmission(short, 0.3)[0] == pytest.approx(grid_channels(5, 0.3), abs=1e-8)


def test_the_partition_drops_nothing() -> None:
    rng = np.random.default_rng(7)
    n = 40
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    dense = rng.normal(size=(n, n)) * (np.abs(i - j) <= rng.integers(1, 7, n)[np.minimum(i, j)])
    dense = dense + dense.T
    high = np.array([np.flatnonzero(row).max() for row in dense])
    bounds = partition(high, 3, 35)
    assert bounds[0] == 0 and bounds[-1] == n and bounds[1] >= 3 and bounds[-2] <= 35 and len(bounds) > 4
    for a in range(len(bounds) - 1):
        assert np.all(dense[bounds[a] : bounds[a + 1], bounds[min(a + 2, len(bounds) - 1)] :] == 0)


def test_a_long_wire_is_cut_at_every_slice() -> None:
    blocks = np.diff(Interior.of(GridWire(np.zeros((200, 3))).two_terminal()).bounds)
    assert np.all(blocks[:-1] == 3) and blocks[-1] in (3, 6)  # to join the last two costs as much


def test_what_snapshots_share_does_not_change_a_bit(contact: Callable[..., Atoms]) -> None:
    snapshots = []
    for seed in (1, 2, 1, 3):
        atoms = contact(seed=seed)
        rigid = atoms.positions[:, 2] < 4.5 * 2.04  # the whole left electrode, with a layer beyond the principal layer
        atoms.positions[rigid] = contact().positions[rigid]
        snapshots.append(device(atoms))
    energies = np.array([-0.3, 0.0])
    together = RGF.transmission(snapshots, energies)
    alone = [RecursiveGreen(RecursiveGreenOptions()).transmission([system], energies)[0] for system in snapshots]
    assert np.array_equal(together, alone)
    assert np.array_equal(together[0], together[2]) and np.abs(together[0] - together[1]).min() > 1e-4


def test_rows_are_grouped_by_reach_and_unchanged_groups_are_taken_from_the_last_snapshot() -> None:
    rng = np.random.default_rng(0)
    coupling = rng.normal(size=(40, 30))
    coupling[10:25, :12] = coupling[25:35, :20] = coupling[35:] = 0.0
    g = rng.normal(size=(30, 30))
    lead = Lead(g + g.T, g, np.eye(30), np.zeros((30, 30)))
    surface = SurfaceGreen((g + g.T)[None], rng.normal(size=(30, 4)), Transverse(lead))
    couplings = LeadCouplings()
    first = couplings.coupling(coupling, surface, "lead")
    assert len(couplings._kept["lead"]) == 3
    moved = coupling.copy()
    moved[11, 20] += 0.1
    before = list(couplings._kept["lead"])
    second = couplings.coupling(moved, surface, "lead")
    assert [group in before for group in couplings._kept["lead"]] == [True, False, True]
    for contact, a in ((first, coupling), (second, moved)):
        assert np.array_equal(contact.rows, np.arange(35))
        assert np.abs(contact.sigma - a[:35] @ surface.hermitian @ a[:35].T).max() < 1e-11
        assert np.abs(contact.W - a @ surface.w).max() < 1e-12


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("matrix", ["H", "S"])
def test_one_wrong_element_of_a_dense_principal_layer_is_found(side: str, matrix: str, contact: Callable[..., Atoms]) -> None:
    system = device(contact(seed=1))
    assert Interior.of(system).bounds[-1] == system.size - 2 * system.left.size
    data = {"H": system.H.copy(), "S": system.S.copy()}
    at = 17 if side == "left" else system.size - 17
    data[matrix][at, at + 3 if side == "left" else at - 3] += 3e-8
    with pytest.raises(
        InputError, match=rf"outermost {side} principal layer of the device differs from its lead's {matrix} by 3"
    ):
        Interior.of(TwoTerminal(data["H"], data["S"], system.left, system.right))


def test_a_device_whose_end_is_not_its_lead_is_refused() -> None:
    wire = GridWire(np.zeros((3, 2))).two_terminal()
    H = wire.H.toarray()
    H[0, 0] = 0.5
    with pytest.raises(InputError, match="outermost left principal layer"):
        Interior.of(TwoTerminal(csr_array(H), wire.S, wire.left, wire.right))


def test_a_lead_whose_overlap_is_not_positive_is_refused() -> None:
    lead = Lead(np.array([[0.0]]), np.array([[-1.0]]), np.array([[1.0]]), np.array([[0.6]]))
    with pytest.raises(InputError, match="overlap matrix of the lead is not positive definite"):
        lead_fermi_energy(lead, 1.0, 300.0)


def test_a_half_filled_chain_has_its_fermi_energy_in_the_middle_of_the_band() -> None:
    assert lead_fermi_energy(GridWire(np.zeros((1, 1))).lead(), 1.0, 300.0) == pytest.approx(0.0, abs=1e-6)


def test_supercell_shape() -> None:
    assert Supercell(np.arange(24).reshape(2, 3, 4)).repeats == (2, 3)
