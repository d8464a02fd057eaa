"""Leads without broadening, unequal leads, band edges, and batches on torch: the same physics whichever way it is computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from scipy.sparse import block_array, csr_array, eye_array
from sharvin.devices.lead_channels import channels
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import GridWire
from sharvin.junction import Junction
from sharvin.testing import TransportSolverTests
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.external.configs import SislOptions
from sharvin_transport.external.sisl_btd import SislTransport
from sharvin_transport.lattice.configs import GridTransferOptions
from sharvin_transport.lattice.grid_transfer import GridTransfer
from sharvin_transport.leads.modes import LeadModes
from sharvin_transport.leads.surface_green import SurfaceGreens
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

torch = pytest.importorskip("torch")

DECIMATION = RecursiveGreen(RecursiveGreenOptions())
EIGENMODES = RecursiveGreen(RecursiveGreenOptions(surface="eigenmodes"))
TORCH = RecursiveGreen(RecursiveGreenOptions(surface="eigenmodes", backend="torch"))
DENSE = DenseGreen(DenseOptions())
SISL = SislTransport(SislOptions())


class TestRgfWithEigenmodes(TransportSolverTests):
    name = "rgf"
    options = {"surface": "eigenmodes"}  # noqa: RUF012
    tolerance = 1e-11


class TestRgfOnTorch(TransportSolverTests):
    name = "rgf"
    options = {"backend": "torch"}  # noqa: RUF012


def gold(atoms: Atoms, table: str = "ptbp") -> TwoTerminal:
    h = SlaterKoster(SlaterKosterOptions(table=table))
    return h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))


def widening(narrow: int, wide: int, seed: int | None = None) -> TwoTerminal:
    """A square lattice with leads of different width: two slices of the narrow one, two of the wide one."""
    rng = np.random.default_rng(seed)
    left, right = GridWire(np.zeros((1, narrow))).lead(), GridWire(np.zeros((1, wide))).lead()
    inner = [0.0, 0.0] if seed is None else [np.diag(rng.uniform(-1, 1, size)) for size in (narrow, wide)]
    down = -np.eye(narrow)
    step = -np.eye(narrow, wide)
    blocks = [
        [left.H00, down, None, None],
        [down, left.H00 + inner[0], step, None],
        [None, step.T, right.H00 + inner[1], -np.eye(wide)],
        [None, None, -np.eye(wide), right.H00],
    ]
    H = csr_array(block_array([[None if b is None else csr_array(b) for b in row] for row in blocks]))
    return TwoTerminal(H, csr_array(eye_array(H.shape[0], format="csr")), left, right)


@pytest.mark.parametrize("width", [1, 2, 5, 8, 20])
@pytest.mark.parametrize("energy", [0.0, 0.3, -1.1, 3.3])
def test_without_broadening_a_clean_lattice_conducts_an_integer(width: int, energy: float) -> None:
    T = EIGENMODES.transmission([GridWire(np.zeros((3, width)))], np.array([energy]))[0, 0]
    channels = np.count_nonzero(np.abs(energy + 2 * np.cos(np.arange(1, width + 1) * np.pi / (width + 1))) < 2)
    assert abs(T - channels) < 1e-12


@pytest.mark.parametrize("energy", [-1.7, 0.0, 0.4, 1.9])
def test_the_velocity_in_a_chain_is_the_slope_of_its_band(energy: float) -> None:
    for side in ("left", "right"):
        modes = LeadModes.of(GridWire(np.zeros((1, 1)), t=1.3).lead(), side, energy)
        assert modes.channels.tolist() == [1]
        assert modes.velocities_eV[0, 0] == pytest.approx(np.sqrt(4 * 1.3**2 - energy**2), abs=1e-12)


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_the_waves_of_gold_agree_with_decimation(table: str, contact: Callable[..., Atoms]) -> None:
    system = gold(contact(seed=4), table)
    energies = np.array([-2.0, 0.0, 0.7])
    assert EIGENMODES.transmission([system], energies) == pytest.approx(DECIMATION.transmission([system], energies), abs=1e-8)
    for energy in energies + system.fermi_energy_eV:
        for side in ("left", "right"):
            surface = EIGENMODES.surfaces.surface(system.left, side, float(energy))
            assert surface.w.shape[1] == channels(system.left, energy)[0]


def test_the_spectral_function_is_the_flux_of_the_waves() -> None:
    rng = np.random.default_rng(2)
    h00, h01 = rng.normal(size=(2, 6, 6)) + 1j * rng.normal(size=(2, 6, 6))
    lead = Lead(h00 + h00.conj().T, h01, np.eye(6), np.zeros((6, 6)))
    surface = SurfaceGreens(1e-10, "eigenmodes").surface(lead, "right", 0.2)
    g = surface.hermitian - 0.5j * (surface.w @ surface.w.conj().T)
    k00, out = 0.2 * np.eye(6) - lead.H00, -lead.H01
    assert np.abs(g @ (k00 - out @ g @ out.conj().T) - np.eye(6)).max() < 1e-11
    gamma = out @ surface.w
    assert surface.w.shape[1] == channels(lead, 0.2)[0] == np.linalg.matrix_rank(gamma)


@pytest.mark.parametrize("offset", [0.0, 1e-13, -1e-13])
def test_on_a_band_edge_the_message_says_which_lead_and_how_far(offset: float) -> None:
    wire = GridWire(np.zeros((3, 2)))  # band edges at ±1, ±3
    with pytest.raises(RunError, match=r"the left lead has a band edge .* move the energy") as caught:
        EIGENMODES.transmission([wire], np.array([1.0 + offset]))
    distance = float(str(caught.value).split("band edge ")[1].split(" eV")[0])
    assert distance == pytest.approx(abs(offset), abs=3e-15)


@pytest.mark.parametrize("width", [1, 3])
def test_decimation_refuses_a_band_edge_that_its_broadening_hides(width: int) -> None:
    wire = GridWire(np.zeros((3, width)))
    edge = 2 - 2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    for number, energy in enumerate(edge):
        for solver in (DECIMATION, DENSE, SISL):
            with pytest.raises(RunError, match=r"the left lead .* on a band edge; move the energy"):
                solver.transmission([wire], np.array([energy]))
        T = DECIMATION.transmission([wire], energy + np.array([-1e-6, 1e-6]))[0]
        assert pytest.approx([width - number, width - number - 1], abs=1e-7) == T


def flat_leads() -> dict[str, tuple[Lead, float]]:
    """Leads with a flat band, and its energy: alone, beside a wide band, mixed with it, and made by interference."""
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    blocks = {
        "alone": ([[0.5]], [[0.0]], 0.5),
        "beside a band": (np.diag([0.0, 3.5]), np.diag([-1.0, 0.0]), 3.5),
        "inside a band": (np.diag([0.0, 0.5]), np.diag([-1.0, 0.0]), 0.5),
        "mixed": (turn @ np.diag([0.0, 0.5, 1.0]) @ turn.T, turn @ np.diag([-1.0, 0.0, 0.0]) @ turn.T, 0.5),
        "interference": ([[0.0, 1.0], [1.0, 0.0]], -np.ones((2, 2)), -1.0),
    }
    one = {name: len(h00) for name, (h00, _, _) in blocks.items()}
    return {
        name: (Lead(np.array(h00), np.array(h01), np.eye(one[name]), np.zeros((one[name],) * 2)), level)
        for name, (h00, h01, level) in blocks.items()
    }


@pytest.mark.parametrize("name", flat_leads())
def test_in_a_flat_band_there_is_one_clear_error_or_the_transmission_of_the_other_bands(name: str) -> None:
    lead, level = flat_leads()[name]
    one, up = np.eye(4), np.eye(4, k=1)
    H = np.kron(one, lead.H00) + np.kron(up, lead.H01) + np.kron(up.T, lead.H01.T)
    system = TwoTerminal(csr_array(H), csr_array(np.eye(len(H))), lead, lead)
    for solver in (DECIMATION, EIGENMODES, DENSE, SISL):
        try:
            T = solver.transmission([system], np.array([level]))
        except RunError as error:
            assert "move the energy by 1e-" in str(error)
        else:
            assert T[0, 0] == pytest.approx(channels(lead, level)[0], abs=1e-8)
        beside = solver.transmission([system], np.array([level + 1e-5]))
        assert beside[0, 0] == pytest.approx(channels(lead, level + 1e-5)[0], abs=1e-6)


@pytest.mark.parametrize("distance", [1e-3, 2e-3, 5e-3])
def test_a_state_bound_to_the_surface_of_a_lead_is_no_band_edge(distance: float) -> None:
    """A chain of alternating bonds, the strong ones between its cells, has one in the middle of its gap, and conducts nothing."""
    weak, strong = 0.5, 1.0
    inside, along = -weak * np.array([[0.0, 1.0], [1.0, 0.0]]), -strong * np.array([[0.0, 0.0], [1.0, 0.0]])
    lead = Lead(inside, along, np.eye(2), np.zeros((2, 2)))
    cells = 6
    H = np.kron(np.eye(cells), inside) + np.kron(np.eye(cells, k=1), along) + np.kron(np.eye(cells, k=-1), along.T)
    system = TwoTerminal(csr_array(H), csr_array(np.eye(2 * cells)), lead, lead)
    for solver in (DECIMATION, EIGENMODES):
        assert solver.transmission([system], np.array([distance, -distance]))[0] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_where_decimation_has_no_answer_the_message_says_which_lead_and_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*blocks: np.ndarray) -> None:
        raise RunError("no Bloch waves")

    monkeypatch.setattr("sharvin_transport.leads.surface_green.decimate", fails)
    with pytest.raises(RunError, match=r"the left lead has no stable surface Green function at 1\.25 eV, on a band edge"):
        RecursiveGreen(RecursiveGreenOptions(eta_eV=3e-7)).transmission([GridWire(np.zeros((3, 1)))], np.array([1.25]))


def test_next_to_a_band_edge_the_channels_are_counted_right() -> None:
    T = EIGENMODES.transmission([GridWire(np.zeros((3, 2)))], np.array([1.0 - 1e-9, 1.0 + 1e-9, 3.0 - 1e-9, 3.0 + 1e-9]))[0]
    assert np.abs(T - [2, 1, 1, 0]).max() < 1e-7


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize(("narrow", "wide"), [(2, 5), (5, 2), (3, 4)])
def test_leads_of_different_width_work(narrow: int, wide: int, seed: int | None) -> None:
    narrow_, wide_ = sorted((narrow, wide))
    system = widening(narrow_, wide_, seed)
    system = system if narrow < wide else system.reversed()
    energies = np.array([-1.3, 0.1, 0.9, 2.9])
    reference = DENSE.transmission([system], energies)
    for solver in (DECIMATION, EIGENMODES, TORCH):
        assert solver.transmission([system], energies) == pytest.approx(reference, abs=1e-8)
        assert solver.transmission([system.reversed()], energies) == pytest.approx(reference, abs=1e-8)
    for column, energy in enumerate(energies):
        assert reference[0, column] <= min(channels(system.left, energy)[0], channels(system.right, energy)[0]) + 1e-8


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_wire_cut_in_two_does_not_conduct_wherever_the_cut_is(cut: int) -> None:
    wire = GridWire(np.random.default_rng(0).uniform(-1, 1, (3, 3))).two_terminal()
    H = wire.H.toarray()
    H[: 3 * cut, 3 * cut :] = H[3 * cut :, : 3 * cut] = 0.0
    broken = TwoTerminal(csr_array(H), wire.S, wire.left, wire.right)
    for solver in (DECIMATION, EIGENMODES, TORCH, DENSE):
        assert solver.transmission([broken, broken.reversed()], np.array([0.2, 1.0 / 3])) == pytest.approx(0.0, abs=1e-15)


def test_a_level_of_a_part_that_no_lead_touches_does_not_conduct() -> None:
    wire = GridWire(np.zeros((3, 1))).two_terminal()
    H = wire.H.toarray()
    H[2] = H[:, 2] = 0.0
    H[2, 2] = 0.25  # an atom on its own, at the energy asked for
    alone = TwoTerminal(csr_array(H), wire.S, wire.left, wire.right)
    for solver in (DECIMATION, EIGENMODES, TORCH):
        assert solver.transmission([alone], np.array([0.25, 0.5])).tolist() == [[0.0, 0.0]]


def test_every_solver_finds_the_same_transmission_of_a_disordered_wire() -> None:
    wires = GridWire(np.random.default_rng(9).uniform(-2, 2, (3, 7, 6)))
    energies = np.array([-1.73, 0.21, 2.4])
    solvers = [DECIMATION, EIGENMODES, TORCH, DENSE, SislTransport(SislOptions()), GridTransfer(GridTransferOptions())]
    T = np.array([solver.transmission(wires, energies) for solver in solvers])
    assert np.ptp(T, axis=0).max() < 1e-8 < T.min()


def test_every_solver_of_atoms_finds_the_same_transmission_of_a_contact(contact: Callable[..., Atoms]) -> None:
    systems, energies = [gold(contact(seed=5))], np.array([-0.35])
    T = np.array([solver.transmission(systems, energies) for solver in (DECIMATION, EIGENMODES, TORCH, DENSE)])
    assert np.ptp(T, axis=0).max() < 1e-8 < T.min()


def test_a_lead_with_orbitals_that_do_not_reach_the_next_layer_has_waves() -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        h00, h01 = rng.normal(size=(2, 7, 7))
        h01[:, 4:] = h01[:3] = 0.0
        lead = Lead(h00 + h00.T, h01, np.eye(7), np.zeros((7, 7)))
        for side in ("left", "right"):
            exact, damped = (SurfaceGreens(1e-10, how).surface(lead, side, 0.3) for how in ("eigenmodes", "decimation"))
            assert np.abs(exact.hermitian - damped.hermitian).max() < 1e-7
            assert np.abs(exact.w @ exact.w.T - damped.w @ damped.w.T).max() < 1e-7
            assert exact.w.shape[1] == channels(lead, 0.3)[0]


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_end_that_is_not_its_lead_is_refused_by_side_and_size(side: str) -> None:
    wire = GridWire(np.zeros((3, 2))).two_terminal()
    H = wire.H.toarray()
    H[0 if side == "left" else -1, 0 if side == "left" else -1] = 0.25
    for solver in (DECIMATION, TORCH):
        with pytest.raises(InputError, match=rf"outermost {side} principal layer .* by 2\.5e-01"):
            solver.transmission([TwoTerminal(csr_array(H), wire.S, wire.left, wire.right)], np.zeros(1))


def test_batches_on_torch_equal_one_by_one(contact: Callable[..., Atoms]) -> None:
    rng = np.random.default_rng(1)
    systems = [
        *[gold(contact(seed=seed)) for seed in (1, 2)],
        *[GridWire(rng.uniform(-2, 2, (6, 5))) for _ in range(3)],
        GridWire(np.zeros((1, 5))),
        widening(2, 4, 1),
    ]
    energies = np.linspace(-0.9, 1.3, 4)
    plain = RecursiveGreen(RecursiveGreenOptions(surface="eigenmodes")).transmission(systems, energies)
    assert np.abs(TORCH.transmission(systems, energies) - plain).max() < 1e-10


def test_a_gpu_that_is_not_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch finds no GPU here; use device: cpu"):
        RecursiveGreen(RecursiveGreenOptions(backend="torch", device="cuda"))


def test_torch_that_is_not_installed_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'sharvin-transport\[torch\]'"):
        RecursiveGreen(RecursiveGreenOptions(backend="torch"))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"surface": "eigenmodes", "eta_eV": 1e-6}, "eigenmodes need no broadening"), ({"device": "cuda"}, "add backend: torch")],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecursiveGreenOptions.model_validate(options)
