"""Surface Green functions by decimation: closed forms, both ends of a lead, and energies at which the digits are lost."""

import numpy as np
import pytest
from sharvin.devices import decimation
from sharvin.devices.decimation import decimate, dyson_error
from sharvin.errors import RunError


def blocks(h00, h01, z):
    """K of one chain with orthogonal orbitals, as a batch."""
    return z * np.eye(len(h00))[None] - h00[None], -h01[None] + 0j, -h01.conj().T[None] + 0j


@pytest.mark.parametrize("energy", [-1.5, 0.3, 1.9])
def test_that_of_a_chain_is_the_closed_form(energy):
    """g = (E − i sqrt(4 − E²))/2 for a semi-infinite chain with hopping 1 (Economou, Green's Functions in Quantum Physics)."""
    for surface in decimate(*blocks(np.zeros((1, 1)), np.array([[-1.0]]), energy + 1e-7j)):
        assert surface[0, 0, 0] == pytest.approx((energy - 1j * np.sqrt(4 - energy**2)) / 2, abs=1e-6)


def test_a_chain_on_the_level_of_a_site_keeps_its_digits():
    """Elimination divides by E − ε = iη there."""
    exact = -1j
    for surface in decimate(*blocks(np.zeros((1, 1)), np.array([[-1.0]]), 1e-12j)):
        assert surface[0, 0, 0] == pytest.approx(exact, abs=1e-10)


def test_the_two_ends_of_a_lead_without_a_mirror():
    """A chain of alternating bonds, two sites per layer; where the outermost bond is weak, a state is bound."""
    inside, along = -np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([[0.0, 0.0], [-1.0, 0.0]])
    k00, k01, k10 = blocks(inside, along, 0.9 + 1e-8j)
    to_left, to_right = decimate(k00, k01, k10)
    assert dyson_error(to_left, k00, k10, k01)[0] < 1e-10
    assert dyson_error(to_right, k00, k01, k10)[0] < 1e-10
    # seen from the other end the sites of a layer change places
    assert to_left[0] == pytest.approx(to_right[0][::-1, ::-1], abs=1e-9)
    # one level per surface, and none elsewhere in the gap: i(g − g†) at zero energy is that of its outermost site
    to_left, to_right = decimate(*blocks(inside, along, 1e-6j))
    assert to_right[0, 0, 0].imag * 1e-6 == pytest.approx(-0.75, abs=1e-6)
    assert abs(to_right[0, 1, 1].imag) * 1e-6 < 1e-9


def test_each_chain_of_a_batch_is_its_own():
    rng = np.random.default_rng(2)
    h = rng.normal(size=(3, 2, 4, 4)) + 1j * rng.normal(size=(3, 2, 4, 4))
    parts = [blocks(one[0] + one[0].conj().T, one[1], 0.2 + 1e-6j) for one in h]
    together = decimate(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    for k, part in enumerate(parts):
        for side in (0, 1):
            assert together[side][k] == pytest.approx(decimate(*part)[side][0], abs=1e-7)
            spectral = 1j * (together[side][k] - together[side][k].conj().T)
            assert np.linalg.eigvalsh(spectral).min() > -1e-9


def test_a_flat_band_has_no_answer():
    """An orbital that no layer shares with the next, exactly at the energy."""
    k00, k01, k10 = blocks(np.zeros((2, 2)), np.diag([-1.0, 0.0]), 0j)
    with pytest.raises((RunError, np.linalg.LinAlgError)):
        decimate(k00, k01, k10)


def test_a_large_lead_needs_no_bloch_waves_where_the_energy_meets_a_level_of_its_layer(monkeypatch):
    """Their QZ costs many times a decimation; one that begins with chains of two layers has its digits there."""
    m = 100
    first, second = np.random.default_rng(6).normal(size=(2, m, m)) / np.sqrt(m)
    h00, h01 = first + first.T, 0.5 * second
    k00 = (np.linalg.eigvalsh(h00)[m // 2] + 1e-10j) * np.eye(m) - h00
    blocks = (k00[None], -h01[None].astype(complex), -h01.T[None].astype(complex))
    assert min(decimation._doubled(*blocks, 1)[1]) > 1e-8
    with monkeypatch.context() as patch:
        patch.delattr("sharvin.devices.decimation.from_bloch_waves")
        left, right = decimation.decimate(*blocks)
    assert np.abs(right[0] - decimation.from_bloch_waves(blocks[0][0], blocks[1][0], blocks[2][0])).max() < 1e-9
    assert decimation.dyson_error(left, blocks[0], blocks[2], blocks[1])[0] < 1e-10
