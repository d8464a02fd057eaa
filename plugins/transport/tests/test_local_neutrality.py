"""Local charge neutrality: leads that need no shifts, atoms that hold their electrons, and contacts of one channel."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.protocols import SeriesHamiltonian
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.leads.transverse import fold
from sharvin_transport.neutrality.contour import Contour, LeadContour, lead_populations
from sharvin_transport.neutrality.open_device_real import RealOpenDevice
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster, surroundings

AU = 11.0
POINTS = SlaterKosterOptions().contour_points
TOLERANCE = SlaterKosterOptions().neutrality_tolerance


@cache
def hamiltonian(table: str, neutrality: str = "local") -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions(table=table, charge_neutrality=neutrality))


def junction_of(atoms: Atoms, h: SlaterKoster) -> Junction:
    return Junction.detect(atoms, h.range_A(atoms.numbers))


def transmission(system: TwoTerminal) -> float:
    return float(RecursiveGreen(RecursiveGreenOptions()).transmission([system], np.zeros(1))[0, 0])


def shifts_of(h: SlaterKoster, junction: Junction) -> np.ndarray:
    """Shifts of the atoms between the principal layers, in the order of the snapshot."""
    at_k, inside = h._devices_of(junction)
    return h._neutral(at_k, junction, inside, None)[1].values


def open_device(h: SlaterKoster, junction: Junction, points: int) -> tuple[RealOpenDevice, int]:
    system, inside = h._device_of(junction)
    atom = np.full(system.size, -1)
    atom[system.left.size : system.size - system.right.size] = np.repeat(np.arange(len(inside)), 9)
    lowest = h._bottom([system.left], junction.atoms.numbers)
    contour = Contour.below(system.fermi_energy_eV, lowest, points)
    assert system.left.supercell is not None
    surfaces = [
        np.array([fold(g, system.left.supercell) for g in side]).astype(np.complex64)
        for side in LeadContour().surfaces(system.left, contour)
    ]
    return RealOpenDevice(system, atom, contour, (surfaces[0], surfaces[1])), len(inside)


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_every_atom_of_an_infinite_crystal_is_neutral_by_itself(table: str, bulk: Callable[..., Atoms]) -> None:
    h, atoms = hamiltonian(table), bulk(layers=12)
    junction = junction_of(atoms, h)
    system, inside = h._device_of(junction)
    contour = Contour.below(system.fermi_energy_eV, h._bottom([system.left], atoms.numbers), POINTS)
    populations = lead_populations(system.left, contour, *LeadContour().surfaces(system.left, contour))
    assert populations.reshape(-1, 9).sum(axis=1) == pytest.approx(AU, abs=1e-5)
    assert np.abs(shifts_of(h, junction)).max() == 0.0
    device, n = open_device(h, junction, POINTS)
    assert n == len(inside) > 0
    assert device.populations(np.zeros(n)) == pytest.approx(AU, abs=2e-4)


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
def test_the_ideal_crystal_keeps_its_channels_and_nearly_its_fermi_energy(table: str, bulk: Callable[..., Atoms]) -> None:
    atoms = bulk(layers=12)
    neutral = hamiltonian(table).two_terminal(junction_of(atoms, hamiltonian(table)))
    plain = hamiltonian(table, "none").two_terminal(junction_of(atoms, hamiltonian(table)))
    assert transmission(neutral) == pytest.approx(round(transmission(plain)), abs=1e-6)
    assert neutral.fermi_energy_eV == pytest.approx(plain.fermi_energy_eV, abs=0.01)


def test_ten_nodes_hold_what_many_hold(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    junction = junction_of(contact(seed=4), h)
    few, n = open_device(h, junction, 10)
    many, _ = open_device(h, junction, 40)
    assert few.populations(np.zeros(n)) == pytest.approx(many.populations(np.zeros(n)), abs=5e-4)


def test_populations_are_those_of_a_direct_inverse_in_double_precision(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("nrl")
    junction = junction_of(contact(seed=4), h)
    device, n = open_device(h, junction, 10)
    shifts = np.random.default_rng(0).normal(0, 0.5, n)
    system, _ = h._device_of(junction)
    left, inner = system.left.size, system.size - system.right.size
    u = np.zeros(system.size)
    u[left:inner] = np.repeat(shifts, 9)
    S = system.S.toarray()
    H = system.H.toarray() + 0.5 * S * (u[:, None] + u[None])
    lead, total = system.left, np.zeros(system.size)
    for z, weight, states in zip(
        device.contour.nodes, device.contour.weights, zip(*LeadContour().surfaces(lead, device.contour), strict=True), strict=True
    ):
        assert lead.supercell is not None
        surfaces = [fold(g, lead.supercell) for g in states]
        k01 = z * lead.S01 - lead.H01
        K = z * S - H
        K[:left, :left] -= k01.T @ surfaces[0] @ k01  # the layers themselves belong to the region here
        K[inner:, inner:] -= k01 @ surfaces[1] @ k01.T
        total += (weight * np.einsum("kl,lk->k", np.linalg.inv(K), S)).imag
    expected = total[left:inner].reshape(-1, 9).sum(axis=1)
    assert device.populations(shifts) == pytest.approx(expected, abs=1e-4)


def test_the_response_is_the_derivative_of_the_populations(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    device, n = open_device(h, junction_of(contact(seed=4), h), 10)
    response = device.response(np.zeros(n))
    middle, step = n // 2, np.zeros(n)
    step[middle] = 0.02
    difference = (device.populations(step) - device.populations(-step)) / 0.04
    assert response[:, middle] == pytest.approx(difference, abs=2e-3)
    assert response[middle, middle] < -0.2  # a level moved up loses electrons
    assert np.sort(response[:, middle])[-2:].sum() > 0.1  # to its neighbours


@pytest.mark.parametrize(("table", "bond"), [("ptbp", 2.8), ("nrl", 2.8)])
def test_a_chain_of_gold_between_pyramids_has_one_channel_and_atoms_with_few_neighbours_move_up(
    table: str, bond: float, contact: Callable[..., Atoms]
) -> None:
    h, atoms = hamiltonian(table), contact(bond=bond)
    junction = junction_of(atoms, h)
    at_k, inside = h._devices_of(junction)
    ((_, shifted),), shifts = h._neutral(at_k, junction, inside, None)
    assert 0.9 < transmission(shifted) < 1.05
    chain = np.flatnonzero(np.isin(np.sort(inside), np.arange(49, 52)))
    assert shifts.values[chain].min() > 0.2 and shifts.values.max() < 3.5 and shifts.values.min() > -0.5
    ends = shifts.values[[0, 8, -1, -9]]
    assert np.abs(ends).max() < shifts.values[chain].min()
    device, n = open_device(h, junction, POINTS)
    rank = np.argsort(np.argsort(inside))
    populations = device.populations(shifts.values[rank])
    assert np.abs(populations - AU).max() < TOLERANCE
    assert populations.sum() == pytest.approx(AU * n, abs=1e-3 * n)


def test_equivalent_atoms_of_a_uniform_wire_have_equal_shifts() -> None:
    h = hamiltonian("ptbp")
    chain = Atoms("Au14", positions=[[0, 0, 2.9 * i] for i in range(14)])
    assert np.abs(shifts_of(h, junction_of(chain, h))).max() < 2e-3
    stretched = chain.copy()
    stretched.positions[:, 2] += np.clip(np.arange(14) - 6, 0, 1) * 0.4
    shifts = shifts_of(h, junction_of(stretched, h))
    assert np.abs(shifts).max() > 0.01
    assert shifts == pytest.approx(shifts[::-1], abs=2e-3)  # a mirror plane in the middle


def test_a_shift_of_all_energies_changes_no_population(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    junction = junction_of(contact(seed=4), h)
    system, inside = h._device_of(junction)
    atom = np.full(system.size, -1)
    atom[system.left.size : system.size - system.right.size] = np.repeat(np.arange(len(inside)), 9)
    bottom = h._bottom([system.left], junction.atoms.numbers)
    names = [""] * len(inside)
    found = [
        h._neutrality.shifts([(1.0, moved)], names, np.full(len(inside), AU), atom, bottom + energy, None, surroundings(junction))
        for energy, moved in ((0.0, system), (1.25, system.shifted(1.25)))
    ]
    assert found[0].values == pytest.approx(found[1].values, abs=1e-3)


def test_a_series_gives_what_each_snapshot_gives_alone_and_repeats_bit_by_bit(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    first = junction_of(contact(bond=2.7, seed=4), h)
    junctions = [first, first.with_positions(contact(bond=2.73, seed=4)), first.with_positions(contact(bond=2.76, seed=4))]
    assert isinstance(h, SeriesHamiltonian)
    series = [s for s in h.two_terminal_series(junctions) if isinstance(s, TwoTerminal)]
    assert len(series) == 3
    again = list(SlaterKoster(h.options).two_terminal_series(junctions))[2]
    assert isinstance(again, TwoTerminal) and np.array_equal(series[2].H.data, again.H.data)
    assert np.array_equal(series[0].H.data, h.two_terminal(junctions[0]).H.data)
    alone = h.two_terminal(junctions[2])
    assert transmission(series[2]) == pytest.approx(transmission(alone), abs=5e-3)
    finer = SlaterKoster(SlaterKosterOptions(charge_neutrality="local", neutrality_tolerance=5e-4))
    *_, last = (one for one in finer.two_terminal_series(junctions) if isinstance(one, TwoTerminal))
    assert np.abs(last.H.data - finer.two_terminal(junctions[2]).H.data).max() < 5e-3


def test_a_failed_snapshot_does_not_end_its_series(contact: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    good = junction_of(contact(seed=4), h)
    overlapping = good.atoms.copy()
    overlapping.positions[50] = overlapping.positions[49] + [0.5, 0, 0]
    results = list(h.two_terminal_series([good.with_positions(overlapping), good]))
    assert isinstance(results[0], ItemError) and isinstance(results[1], TwoTerminal)


def test_a_snapshot_that_does_not_converge_names_the_worst_atom(contact: Callable[..., Atoms]) -> None:
    h = SlaterKoster(SlaterKosterOptions(charge_neutrality="local", neutrality_iterations=1))
    with pytest.raises(ItemError, match=r"after 1 evaluations: atom Au (49|50|51) still has a charge of [+-]0\.\d{4} e"):
        h.two_terminal(junction_of(contact(), h))


def test_leads_with_charged_atoms_are_refused() -> None:
    h = hamiltonian("nrl")
    ribbon = Atoms("Au36", positions=[[2.9 * (i % 3), 0, 2.9 * (i // 3)] for i in range(36)])
    with pytest.raises(InputError, match=r"a lead carry charges up to .* periodic in x and y"):
        h.two_terminal(junction_of(ribbon, h))


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        SlaterKosterOptions(charge_neutrality="local", fermi_energy_eV=1.0)
    with pytest.raises(ValidationError, match="neutrality_tolerance act with charge_neutrality: local only"):
        SlaterKosterOptions(neutrality_tolerance=1e-2)


def test_a_device_without_atoms_between_its_leads_is_the_crystal(bulk: Callable[..., Atoms]) -> None:
    h = hamiltonian("ptbp")
    whole, short = (h.two_terminal(junction_of(bulk(layers=layers), h)) for layers in (12, 8))
    assert short.size == short.left.size + short.right.size
    assert transmission(short) == pytest.approx(transmission(whole), abs=1e-6)


class SharpLevel:
    """An atom whose one level, 0.45 eV below where neutrality wants it, is 0.02 eV wide."""

    def populations(self, shifts: np.ndarray) -> np.ndarray:
        return AU - np.arctan((shifts - 0.45) / 0.02) * 2 / np.pi

    def response(self, shifts: np.ndarray) -> np.ndarray:
        return np.diag(-2 / np.pi / 0.02 / (1 + ((shifts - 0.45) / 0.02) ** 2))


def test_a_sharp_level_is_moved_to_the_fermi_energy_and_not_across_it() -> None:
    found = hamiltonian("ptbp")._neutrality._solver.solve(SharpLevel(), ["Au 0"], np.array([AU]), None)  # type: ignore[arg-type]
    assert found.values == pytest.approx(0.45, abs=1e-4)
