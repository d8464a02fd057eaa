"""The Fermi energy of a lead holds its valence electrons, however sharp its bands are."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from scipy.optimize import brentq
from sharvin.devices.lead_filling import KB_EV_PER_K, lead_fermi_energy, sampled_fermi_energy
from sharvin.errors import InputError, PhysicsWarning
from sharvin.junction import Junction
from sharvin.two_terminal import Lead
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster


def ring(hoppings: list[float], onsite_eV: float = 0.0, phase: complex = 1.0) -> Lead:
    """A chain of sites with these hoppings, the last one to the next cell."""
    n = len(hoppings)
    H00, H01 = onsite_eV * np.eye(n, dtype=type(phase)), np.zeros((n, n), dtype=type(phase))
    for i, t in enumerate(hoppings[:-1]):
        H00[i, i + 1] = H00[i + 1, i] = -t
    H01[n - 1, 0] = -hoppings[-1] * phase
    return Lead(H00, H01, np.eye(n), np.zeros((n, n)))


@pytest.mark.parametrize("cells", [1, 2, 5])
@pytest.mark.parametrize("electrons", [0.3, 0.5, 1.0, 1.7])
def test_a_chain_is_filled_up_to_its_fermi_wave_number(cells: int, electrons: float) -> None:
    # E_F = −2t cos(π n/2); at 30 K the next term of Sommerfeld's expansion is below 0.1 meV.
    found = lead_fermi_energy(ring([1.0] * cells, 0.25), electrons * cells, 30.0)
    assert found == pytest.approx(0.25 - 2.0 * np.cos(np.pi * electrons / 2), abs=5e-4)


@pytest.mark.parametrize("temperature_K", [30.0, 300.0, 3000.0])
def test_a_trimerised_chain_has_its_fermi_energy_in_the_middle_of_its_gap(temperature_K: float) -> None:
    lead = ring([1.0, 1.0, 0.3])
    k = np.linspace(0, np.pi, 2001)
    bands = np.sort([np.linalg.eigvalsh(lead.H00 + lead.H01 * np.exp(1j * q) + lead.H01.T * np.exp(-1j * q)) for q in k], axis=1)
    lower, upper = bands[:, 0].max(), bands[:, 1].min()
    found = lead_fermi_energy(lead, 2.0, temperature_K)
    assert lower + 0.3 < found < upper - 0.3
    if temperature_K < 1000:
        assert found == pytest.approx(0.5 * (lower + upper), abs=0.06)  # not quite: the edges have unlike masses


def test_k_and_minus_k_of_a_complex_lead_count_once_each() -> None:
    pair = [(0.5, ring([1.0, 0.7], phase=np.exp(0.4j))), (0.5, ring([1.0, 0.7], phase=np.exp(-0.4j)))]
    one = [(1.0, pair[0][1])]
    real = lead_fermi_energy(ring([1.0, 0.7]), 0.6, 300.0)  # the phase only moves k
    assert sampled_fermi_energy(one, 0.6, 300.0) == pytest.approx(real, abs=1e-6)
    assert sampled_fermi_energy(pair, 0.6, 300.0) == pytest.approx(real, abs=1e-6)


def test_a_chain_of_gold_is_filled_as_with_two_thousand_k_points() -> None:
    h = SlaterKoster(SlaterKosterOptions(table="nrl"))
    chain = Atoms("Au20", positions=[[0, 0, 2.5 * i] for i in range(20)])
    _, electrode, _ = Junction.detect(chain, h.range_A(chain.numbers)).electrodes()
    lead = h._leads.of(electrode)
    assert lead.electrons == 33.0  # three atoms a principal layer
    bloch = h.bloch(Atoms("Au", cell=[20, 20, 2.5], pbc=[False, False, True]))
    k = np.column_stack([np.zeros((2000, 2)), (np.arange(2000) + 0.5) / 2000])
    matrices = [bloch.at(q) for q in k]
    H, S = (np.array([pair[i] for pair in matrices]) for i in (0, 1))
    levels = np.linalg.eigvals(np.linalg.solve(S, H)).real
    filled = brentq(lambda mu: (1 - np.tanh((levels - mu) / (2 * KB_EV_PER_K * 300.0))).sum() / 2000 - 11.0, -5.0, 5.0)
    assert h._leads.fermi_energy(electrode) == pytest.approx(filled, abs=2e-4)


def test_more_electrons_than_states_are_refused() -> None:
    with pytest.raises(InputError, match="3 electrons do not fit into the 2 states"):
        lead_fermi_energy(ring([1.0]), 3.0, 300.0)


def test_unlike_leads_have_a_contact_potential_that_a_common_fermi_energy_ignores() -> None:
    wire = Atoms("Au12Ag12", positions=[[0, 0, 2.8 * i] for i in range(24)])
    plain = SlaterKoster(SlaterKosterOptions())
    junction = Junction.detect(wire, plain.range_A(wire.numbers))
    with pytest.raises(InputError, match="sets one Fermi energy for both and ignores the contact potential"):
        plain.two_terminal(junction)
    with pytest.warns(PhysicsWarning, match=r"fermi_energy_eV -5 ignores the contact potential of 1\.1\d+ eV between them"):
        assert SlaterKoster(SlaterKosterOptions(fermi_energy_eV=-5.0)).two_terminal(junction).fermi_energy_eV == -5.0
    gold = wire.copy()
    gold.symbols[:] = "Au"
    junction = Junction.detect(gold, plain.range_A(gold.numbers))
    assert SlaterKoster(SlaterKosterOptions(fermi_energy_eV=-5.0)).two_terminal(junction).fermi_energy_eV == -5.0


def test_magnetic_elements_are_said_to_be_treated_without_spin() -> None:
    h = SlaterKoster(SlaterKosterOptions())
    chain = Atoms("Ni20", positions=[[0, 0, 2.2 * i] for i in range(20)])
    with pytest.warns(PhysicsWarning, match="Ni is magnetic, and slater_koster has no spin"):
        h.two_terminal(Junction.detect(chain, h.range_A(chain.numbers)))
