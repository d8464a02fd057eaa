"""Leads that do not decompose into small cells: clean tubes conduct the number of their bands, whichever way they are treated."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import nanotube
from scipy.linalg import eigh
from sharvin.devices import lead_channels
from sharvin.errors import RunError
from sharvin.grid_wire import GridWire
from sharvin.junction import Junction
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_transport.leads.surface_cost import surface_seconds, treatment
from sharvin_transport.leads.surface_green import LIMIT_EV, SurfaceGreens
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

AUTO = RecursiveGreen(RecursiveGreenOptions())
DECIMATION = RecursiveGreen(RecursiveGreenOptions(surface="decimation"))


@lru_cache
def tube(n: int, m: int, periods: int, vacancy: bool = False) -> TwoTerminal:
    """A carbon nanotube, of four orbitals an atom, with an atom missing in its middle if asked for."""
    atoms = nanotube(n, m, length=periods)
    atoms.center(vacuum=6.0, axis=(0, 1))
    atoms.pbc = [True, True, False]
    if vacancy:
        del atoms[int(np.argmin(np.abs(atoms.positions[:, 2] - atoms.positions[:, 2].mean())))]
    h = SlaterKoster(SlaterKosterOptions(table="ptbp"))
    return h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers)))


def levels(lead: Lead, phase: float) -> np.ndarray:
    """Energies of the bands at a wave number where the phase from layer to layer is 1 or −1."""
    return eigh(lead.H00 + phase * (lead.H01 + lead.H01.T), lead.S00 + phase * (lead.S01 + lead.S01.T), eigvals_only=True)


def crossings(lead: Lead, energy: float) -> int:
    """How many bands cross an energy: half the eigenvalues with |λ| = 1, all of them by one diagonalisation."""
    number = lead_channels._unit_circle(energy * lead.S00 - lead.H00, energy * lead.S01 - lead.H01)
    assert number is not None
    return number


def test_a_clean_tube_conducts_the_number_of_its_bands_also_next_to_their_edges() -> None:
    system = tube(3, 3, 8)
    assert treatment(system.left, "auto") == "interfaces"
    energies = np.linspace(-3.9, 3.9, 7)
    expected = [crossings(system.left, energy + system.fermi_energy_eV) for energy in energies]
    assert max(expected) > 3
    assert lead_channels.channels(system.left, energies + system.fermi_energy_eV).tolist() == expected
    assert AUTO.transmission([system], energies)[0] == pytest.approx(expected, abs=1e-9)
    edges = np.concatenate([levels(system.left, 1.0), levels(system.left, -1.0)]) - system.fermi_energy_eV
    edges = np.sort(edges)[np.searchsorted(np.sort(edges), [-3.0, 0.5, 2.5])]
    T = AUTO.transmission([system], (edges[:, None] + [-1e-4, -1e-6, 1e-6, 1e-4]).ravel())[0].reshape(-1, 4)
    assert np.round(T) == pytest.approx(T, abs=1e-6)
    for edge, row in zip(edges, T, strict=True):
        far = [crossings(system.left, edge + system.fermi_energy_eV + distance) for distance in (-1e-4, 1e-4)]
        assert row == pytest.approx([far[0], far[0], far[1], far[1]], abs=1e-6)


@pytest.mark.parametrize(("tube_of", "vacancy"), [((3, 3, 10), True), ((4, 2, 2), False)])
def test_both_ways_agree(tube_of: tuple[int, int, int], vacancy: bool) -> None:
    system = tube(*tube_of, vacancy)
    energies = np.array([-2.1, 1.7])
    assert treatment(system.left, "auto") == "interfaces"
    T = AUTO.transmission([system], energies)[0]
    assert pytest.approx(DECIMATION.transmission([system], energies)[0], abs=1e-8) == T
    assert T.max() > 0.1
    energy = float(energies[0] + system.fermi_energy_eV)
    for side, lead in (("left", system.left), ("right", system.right)):
        waves, damped = (SurfaceGreens(LIMIT_EV, how).surface(lead, side, energy) for how in ("auto", "decimation"))
        assert np.abs(waves.hermitian - damped.hermitian).max() < 1e-7
        assert np.abs(waves.w @ waves.w.T - damped.w @ damped.w.T).max() < 1e-7


def complex_lead(m: int) -> Lead:
    h00, h01 = np.random.default_rng(5).normal(size=(2, m, m)) + 1j * np.random.default_rng(6).normal(size=(2, m, m))
    return Lead((h00 + h00.conj().T) / np.sqrt(m), h01 / np.sqrt(m), np.eye(m), np.zeros((m, m)))


def test_a_complex_lead_has_the_same_surface_either_way() -> None:
    lead = complex_lead(70)
    assert treatment(lead, "auto") == "interfaces"
    for side in ("left", "right"):
        waves, damped = (SurfaceGreens(LIMIT_EV, how).surface(lead, side, 0.2) for how in ("auto", "decimation"))
        assert np.abs(waves.hermitian - damped.hermitian).max() < 1e-6
        assert waves.w.shape == (70, lead_channels.channels(lead, 0.2)[0])
        assert np.abs(waves.w @ waves.w.conj().T - damped.w @ damped.w.conj().T).max() < 1e-6


def test_the_treatment_follows_from_the_sizes_of_the_blocks(contact: Callable[..., Atoms]) -> None:
    atoms = contact(seed=1)
    h = SlaterKoster(SlaterKosterOptions(table="ptbp"))
    gold = h.two_terminal(Junction.detect(atoms, h.range_A(atoms.numbers))).left
    assert gold.supercell is not None
    assert treatment(gold, "auto") == "decimation"
    small = GridWire(np.zeros((1, 20))).lead()
    assert (treatment(small, "auto"), treatment(small, "eigenmodes")) == ("decimation", "eigenmodes")
    large = complex_lead(300)
    for method, chosen in (("auto", "interfaces"), ("eigenmodes", "interfaces"), ("decimation", "decimation")):
        assert treatment(large, method) == chosen
    assert surface_seconds(large)["interfaces"] < 0.2 * surface_seconds(large)["decimation"]


def test_a_broadening_of_ones_own_asks_for_decimation() -> None:
    assert RecursiveGreenOptions().eta_eV == LIMIT_EV
    assert RecursiveGreen(RecursiveGreenOptions(eta_eV=1e-6)).surfaces.method == "decimation"
    assert AUTO.surfaces.method == "auto"


def test_on_a_band_edge_the_message_says_which_lead_and_what_to_do() -> None:
    wire = GridWire(np.zeros((3, 80)))
    edge = 2 - 2 * np.cos(np.pi * 40 / 81)
    assert treatment(wire.lead(), "auto") == "interfaces"
    with pytest.raises(RunError, match=r"the left lead has a band edge at about .* move the energy by 1e-6 eV"):
        AUTO.transmission([wire], np.array([edge]))
    assert AUTO.transmission([wire], edge + np.array([-1e-6, 1e-6]))[0] == pytest.approx([41, 40], abs=1e-7)
