"""Neutral atoms and observables of a small cell with k-points are those of its supercell at Γ."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from sharvin.devices.brillouin import averaged_observables, averaged_transmission, opposite
from sharvin.devices.transmission_series import series_at_k
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.protocols import Reference, SampledSeriesHamiltonian
from sharvin.two_terminal import WeightedDevice
from sharvin_transport.leads.transverse import fold
from sharvin_transport.neutrality.contour import Contour, LeadContour
from sharvin_transport.neutrality.open_device_at_k import OpenDeviceAtK
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

RGF = RecursiveGreen(RecursiveGreenOptions())
E_F = np.zeros(1)
ENERGIES = np.array([-0.7, 0.4])


@cache
def neutral(n1: int, n2: int, neutrality: str = "local") -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions(k_points=(n1, n2), charge_neutrality=neutrality))


def junction(h: SlaterKoster, atoms: Atoms) -> Junction:
    return Junction.detect(atoms, h.range_A(atoms.numbers))


def reference(h: SlaterKoster, atoms: Atoms) -> Reference:
    found = next(iter(h.references([junction(h, atoms)])))
    assert isinstance(found, Reference)
    return found


def test_shifts_of_a_cell_with_k_points_are_those_of_its_supercell(loosened: Callable[..., Atoms]) -> None:
    small, large = reference(neutral(3, 2), loosened()), reference(neutral(1, 1), loosened(3, 2))
    assert small.system.fermi_energy_eV == pytest.approx(large.system.fermi_energy_eV, abs=1e-6)
    assert np.abs(small.quantity).max() > 0.1
    assert large.quantity.reshape(6, -1) == pytest.approx(np.tile(small.quantity, (6, 1)), abs=1e-4)
    per_cell = averaged_transmission(RGF, small.at_k, E_F)[0]
    assert 6 * per_cell == pytest.approx(averaged_transmission(RGF, large.at_k, E_F)[0], abs=1e-4)


def test_one_k_point_is_no_k_points_bit_for_bit(loosened: Callable[..., Atoms]) -> None:
    plain = SlaterKoster(SlaterKosterOptions(charge_neutrality="local"))
    one = junction(plain, loosened(3, 2))
    ((weight, system),) = neutral(1, 1).two_terminals(one)
    assert weight == 1.0 and np.array_equal(system.H.data, plain.two_terminal(one).H.data)


def open_device(
    h: SlaterKoster, atoms: Atoms, k: int
) -> tuple[OpenDeviceAtK, np.ndarray, WeightedDevice, tuple[np.ndarray, np.ndarray]]:
    """One k-point without shifts, the atom of each orbital, and the surfaces of the leads in double precision."""
    one = junction(h, atoms)
    at_k, inside = h._devices_of(one)
    system = at_k[k][1]
    atom = h._shifted_atoms(system, one, inside)[1]
    contour = Contour.below(system.fermi_energy_eV, h._bottom([system.left], atoms.numbers), 10)
    surfaces = []
    for side, lead in ((0, system.left), (1, system.right)):
        states = LeadContour().surfaces(lead, contour)[side]
        surfaces.append(np.array([g[0] if lead.supercell is None else fold(g, lead.supercell) for g in states]))
    singles = (surfaces[0].astype(np.complex64), surfaces[1].astype(np.complex64))
    return OpenDeviceAtK(system, atom, contour, singles), atom, at_k[k], (surfaces[0], surfaces[1])


def test_populations_at_k_are_those_of_a_direct_inverse_and_the_response_their_derivative(
    loosened: Callable[..., Atoms],
) -> None:
    device, atom, (_, system), surfaces = open_device(neutral(3, 2), loosened(), 2)
    assert np.abs(system.H.data.imag).max() > 0.1
    shifts = np.array([0.4, -0.3, 0.2])
    u = np.where(atom >= 0, shifts[atom], 0.0)
    S = system.S.toarray()
    H = system.H.toarray() + 0.5 * S * (u[:, None] + u[None])
    n_left, inner = system.left.size, system.size - system.right.size
    total = np.zeros(system.size)
    for z, weight, left, right in zip(device.contour.nodes, device.contour.weights, *surfaces, strict=True):
        K = z * S - H
        to_left, to_right = (z * system.left.S01 - system.left.H01), (z * system.right.S01 - system.right.H01)
        back = z * system.left.S01.conj().T - system.left.H01.conj().T
        K[:n_left, :n_left] -= back @ left @ to_left
        K[inner:, inner:] -= to_right @ right @ (z * system.right.S01.conj().T - system.right.H01.conj().T)
        G = np.linalg.inv(K)
        total += 0.5 * (weight * (np.einsum("kl,lk->k", G, S) + np.einsum("kl,lk->k", S, G))).imag
    expected = np.bincount(atom[atom >= 0], total[atom >= 0])
    assert device.populations(shifts) == pytest.approx(expected, abs=1e-4)
    response = device.response(shifts)
    for column, step in enumerate(0.02 * np.eye(3)):
        difference = (device.populations(shifts + step) - device.populations(shifts - step)) / 0.04
        # the response leaves out what goes through the overlap with the leads
        assert response[:, column] == pytest.approx(difference, abs=0.02)


def test_a_series_with_k_points_starts_from_the_snapshot_before(loosened: Callable[..., Atoms]) -> None:
    h = neutral(3, 2)
    assert isinstance(h, SampledSeriesHamiltonian)
    first = junction(h, loosened())
    moved = first.atoms.copy()
    moved.positions[5] += [0.02, 0.0, 0.01]
    series = list(series_at_k(h, [first, first.with_positions(moved)]))
    assert not isinstance(series[1], Exception)
    alone = h.two_terminals(first.with_positions(moved))
    T = [averaged_transmission(RGF, at_k, E_F)[0] for at_k in (series[1], alone)]
    assert T[0] == pytest.approx(T[1], abs=2e-3) and not np.array_equal(series[1][1][1].H.data, alone[1][1].H.data)


def test_shifts_with_k_points_are_learnt_and_predicted(loosened: Callable[..., Atoms], tmp_path: Path) -> None:
    h = neutral(3, 2, "predicted")
    first = junction(h, loosened())
    junctions = []
    for seed in range(5):
        moved = first.atoms.copy()
        moved.positions[4:7] += np.random.default_rng(seed).normal(0, 0.05, (3, 3))
        junctions.append(first.with_positions(moved))
    with pytest.raises(InputError, match="needs a model of the shifts"):
        h.two_terminals(first)
    references = [found for found in h.references(junctions) if isinstance(found, Reference)]
    h.learn(junctions, [found.quantity for found in references])
    T = [averaged_transmission(RGF, at_k, E_F)[0] for at_k in (h.two_terminals(junctions[0]), references[0].at_k)]
    h.save(tmp_path)
    with pytest.raises(InputError, match=r"learnt with .* and k_points \[3, 2\], not with"):
        SlaterKoster(SlaterKosterOptions(charge_neutrality="predicted")).load(tmp_path)
    assert h.learnt(junctions[0]) == pytest.approx(references[0].quantity, abs=0.02)
    assert T[0] == pytest.approx(T[1], abs=0.01)


def test_observables_of_a_cell_with_k_points_are_those_of_its_supercell(loosened: Callable[..., Atoms]) -> None:
    plain, h, cells = neutral(1, 1, "none"), neutral(3, 2, "none"), 6
    at_k = h.two_terminals(junction(h, loosened()))
    small = averaged_observables(RGF, at_k, ENERGIES)
    large = RGF.observables(plain.two_terminal(junction(plain, loosened(3, 2))), ENERGIES)
    assert cells * small.transmission == pytest.approx(large.transmission, abs=1e-8)
    assert small.transmission == pytest.approx(averaged_transmission(RGF, at_k, ENERGIES), abs=1e-8)
    assert small.fano == pytest.approx(large.fano, abs=1e-8)
    assert cells * small.dos_per_eV == pytest.approx(large.dos_per_eV, abs=1e-7)
    assert cells * small.open_channels == pytest.approx(large.open_channels)
    for name in ("ldos_left_per_eV", "ldos_right_per_eV"):
        of_copies = getattr(large, name).reshape(len(ENERGIES), cells, -1)
        assert of_copies == pytest.approx(np.repeat(getattr(small, name)[:, None], cells, axis=1), abs=1e-8)
    # from each atom of one cell to all copies of another
    atoms = small.ldos_per_eV.shape[1]
    flow = np.zeros((2, atoms, atoms))
    flow[:, *small.bonds.T] = small.bond_currents
    whole = np.zeros((2, cells * atoms, cells * atoms))
    whole[:, *large.bonds.T] = large.bond_currents
    whole = (whole - whole.transpose(0, 2, 1)).reshape(2, cells, atoms, cells, atoms)[:, 0].sum(axis=2)
    apart = ~np.eye(atoms, dtype=bool)
    assert whole[:, apart] == pytest.approx((flow - flow.transpose(0, 2, 1))[:, apart], abs=1e-8)
    assert small.k_eigenchannels is not None and small.k_weights is not None
    copies = np.round(small.k_weights * cells).astype(int)
    channels = np.repeat(small.k_eigenchannels, copies, axis=0).transpose(1, 0, 2).reshape(2, -1)
    most = min(channels.shape[1], large.eigenchannels.shape[1])
    assert np.sort(channels, axis=1)[:, ::-1][:, :most] == pytest.approx(large.eigenchannels[:, :most], abs=1e-8)
    assert np.all(np.diff(small.eigenchannels, axis=1) <= 1e-12)


def test_one_of_k_and_minus_k_stands_for_both_where_the_other_is_missing(loosened: Callable[..., Atoms]) -> None:
    h = neutral(3, 1, "none")
    half = h.two_terminals(junction(h, loosened()))
    assert [np.iscomplexobj(system.H.data) for _, system in half] == [False, True]
    whole = [half[0], (1 / 3, half[1][1]), (1 / 3, opposite(half[1][1]))]
    found, expected = (averaged_observables(RGF, at_k, E_F + 0.4) for at_k in (half, whole))
    assert np.abs(found.bond_currents - expected.bond_currents).max() < 1e-10
    assert np.abs(found.ldos_left_per_eV - expected.ldos_left_per_eV).max() < 1e-10
    one_sided = averaged_observables(RGF, half, E_F + 0.4, time_reversal=False)
    assert np.abs(found.bond_currents - one_sided.bond_currents).max() > 1e-3
    single = averaged_observables(RGF, [(1.0, half[1][1])], E_F + 0.4)
    assert np.array_equal(single.bond_currents, RGF.observables(half[1][1], E_F + 0.4).bond_currents)
    with pytest.raises(InputError, match="need Γ, or both of each pair k and −k, among them"):
        averaged_observables(RGF, [(0.5, half[1][1]), (0.5, half[1][1])], E_F)
