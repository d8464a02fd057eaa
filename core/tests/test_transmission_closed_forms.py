"""The conformance kit's closed forms agree with a Green function computed from scratch, and its symmetry operations are exact."""

import numpy as np
import pytest
from sharvin.testing import systems

ENERGIES_EV = np.linspace(-3.9, 3.9, 23) + 0.003


def chain_self_energy(energy, onsite, hopping):
    """Surface self-energy of a half-infinite chain: Σ = τ e^{ik} with the root that decays or moves outwards."""
    z = (energy - onsite) / (2 * hopping) + 0j
    root = np.sqrt(z**2 - 1)
    candidates = [z + root, z - root]
    inside = [c for c in candidates if abs(c) < 1 - 1e-12]
    factor = inside[0] if inside else next(c for c in candidates if hopping * c.imag < 0)
    return hopping * factor


def transmission(system):
    """T(E) of a chain, one orbital a principal layer, by direct inversion."""
    found = []
    for energy in ENERGIES_EV:
        matrix = energy * system.S.toarray() - system.H.toarray() + 0j
        gammas = []
        for lead, place in ((system.left, 0), (system.right, -1)):
            hopping = (lead.H01 - energy * lead.S01)[0, 0]
            sigma = chain_self_energy(energy, lead.H00[0, 0], hopping)
            matrix[place, place] -= sigma
            gammas.append(-2 * sigma.imag)
        found.append(gammas[0] * gammas[1] * abs(np.linalg.inv(matrix)[0, -1]) ** 2)
    return np.array(found)


@pytest.mark.parametrize("hopping", [-1.0, 0.7])
@pytest.mark.parametrize("overlap", [0.0, 0.1])
def test_one_impurity(hopping, overlap):
    expected = systems.impurity_transmission(ENERGIES_EV, 0.8, hopping, overlap)
    assert transmission(systems.chain([0, 0.8, 0], hopping_eV=hopping, overlap=overlap)) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("hopping", [-1.0, 1.3])
@pytest.mark.parametrize("distance", [1, 2, 5])
def test_double_barrier(hopping, distance):
    onsite = np.zeros(distance + 1)
    onsite[[0, -1]] = 1.2
    expected = systems.double_barrier_transmission(ENERGIES_EV, 1.2, distance, hopping)
    assert transmission(systems.chain(onsite, hopping_eV=hopping)) == pytest.approx(expected, abs=1e-10)
    assert expected.max() > 0.9


def test_step_between_two_chains():
    expected = systems.step_transmission(ENERGIES_EV, -0.3, 0.6)
    assert transmission(systems.chain([], left_eV=-0.3, right_eV=0.6)) == pytest.approx(expected, abs=1e-10)
    assert np.array_equal(systems.step_transmission(ENERGIES_EV, 0.0, 0.0), systems.open_channels(1, ENERGIES_EV))


def test_open_channels_count_the_bands_of_the_lead():
    k = np.linspace(-np.pi, np.pi, 20001)
    for width in (1, 3, 6):
        H00 = systems.square_lattice_wire(np.zeros((1, width))).left.H00
        bands = np.linalg.eigvalsh(H00)[:, None] - 2 * np.cos(k)
        crossings = [(np.diff(np.sign(bands - energy), axis=1) != 0).sum() / 2 for energy in ENERGIES_EV]
        assert np.array_equal(systems.open_channels(width, ENERGIES_EV), crossings)


def test_a_system_reversed_twice_is_itself():
    system = systems.chain([0.3, -0.8], left_eV=0.2, right_eV=-0.4, overlap=0.1)
    back = system.reversed().reversed()
    for name in ("H", "S"):
        assert np.array_equal(getattr(back, name).toarray(), getattr(system, name).toarray())
    for side in ("left", "right"):
        for block in ("H00", "H01", "S00", "S01"):
            assert np.array_equal(getattr(getattr(back, side), block), getattr(getattr(system, side), block))
    assert np.array_equal(system.reversed().left.H00, system.right.H00)


def test_the_device_ends_in_its_leads_principal_layers():
    for hopping in (-1.0, -np.exp(0.4j)):
        system = systems.square_lattice_wire(np.ones((2, 3)), hopping_eV=hopping)
        H = system.H.toarray()
        assert np.allclose(H, H.conj().T)
        for block, lead in ((H[:3, :3], system.left), (H[-3:, -3:], system.right)):
            assert np.array_equal(block, lead.H00)
        assert np.array_equal(H[:3, 3:6], system.left.H01)
