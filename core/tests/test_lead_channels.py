"""A lead has as many channels as bands cross an energy, and an electrode whose layers do not touch is none."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sharvin.devices.lead_channels import band_ranges, channels, check_leads_conduct
from sharvin.errors import InputError, PhysicsWarning
from sharvin.grid_wire import GridWire
from sharvin.testing import systems
from sharvin.two_terminal import Lead, Supercell

RNG = np.random.default_rng(3)


def crossings(lead: Lead, energy: float, points: int = 1000) -> int:
    """Half the number of times that bands cross an energy along the zone."""
    k = 2 * np.pi * (np.arange(points) + 0.5) / points
    H01, S01 = (np.exp(1j * k)[:, None, None] * block for block in (lead.H01, lead.S01))
    H, S = (own + up + up.conj().transpose(0, 2, 1) for own, up in ((lead.H00, H01), (lead.S00, S01)))
    inverse = np.linalg.inv(np.linalg.cholesky(S))
    bands = np.linalg.eigvalsh(inverse @ H @ inverse.conj().transpose(0, 2, 1))
    below = np.count_nonzero(bands < energy, axis=1)
    return int(np.abs(np.diff(np.append(below, below[0]))).sum()) // 2


@pytest.mark.parametrize("complex_valued", [False, True])
@pytest.mark.parametrize("size", [1, 3, 6])
def test_channels_are_the_bands_that_cross(size: int, complex_valued: bool) -> None:
    a, b, c = RNG.normal(size=(3, size, size)) + (1j * RNG.normal(size=(3, size, size)) if complex_valued else 0.0)
    if size > 2:
        b[:, : size // 2] = c[:, : size // 2] = 0.0  # a singular H01, as of layers thicker than the range
    lead = Lead(a + a.conj().T, b, np.eye(size), 0.03 * c)
    energies = RNG.uniform(-4, 4, 7)
    assert channels(lead, energies).tolist() == [crossings(lead, energy) for energy in energies]


@pytest.mark.parametrize("width", [1, 4, 20])
def test_a_square_lattice_has_its_sine_modes(width: int) -> None:
    energies = np.array([0.013, 0.3, -1.1, 3.3, 5.0])
    modes = 2 * np.cos(np.arange(1, width + 1) * np.pi / (width + 1))
    expected = [np.count_nonzero(np.abs(energy + modes) < 2) for energy in energies]
    lead = GridWire(np.zeros((1, width))).lead()
    assert channels(lead, energies).tolist() == expected
    assert band_ranges(lead).min() == pytest.approx(-2 - modes[0]) and len(band_ranges(lead)) == width


@pytest.mark.parametrize("phase", [0.0, 0.3])
def test_a_supercell_has_the_channels_of_the_whole_lead(phase: float) -> None:
    n = 6
    ring = -np.exp(1j * phase) * np.roll(np.eye(n), 1, axis=1)
    H00 = ring + ring.conj().T
    H00, H01 = (H00.real if phase == 0.0 else H00), -np.eye(n) + 0.2 * np.roll(np.eye(n), 1, axis=1)
    plain = Lead(H00, H01, np.eye(n), np.zeros((n, n)))
    folded = replace(plain, supercell=Supercell(np.arange(n).reshape(n, 1, 1)))
    energies = np.array([-2.9, -1.1, 0.1, 2.2])
    assert channels(folded, energies).tolist() == channels(plain, energies).tolist() == [crossings(plain, e) for e in energies]
    assert [band_ranges(folded).min(), band_ranges(folded).max()] == pytest.approx(
        [band_ranges(plain).min(), band_ranges(plain).max()], abs=1e-9
    )


def test_a_flat_band_is_no_channel() -> None:
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    apart = Lead(turn @ np.diag([0.0, 0.5, 1.0]) @ turn.T, turn @ np.diag([-1.0, 0, 0]) @ turn.T, np.eye(3), np.zeros((3, 3)))
    assert channels(apart, [0.5, 0.2, 1.0, 3.0]).tolist() == [1, 1, 1, 0]
    stitched = Lead(np.array([[0, 1.0], [1.0, 0]]), -np.ones((2, 2)), np.eye(2), np.zeros((2, 2)))  # flat at −1
    assert channels(stitched, [-1.0, -0.9, 4.9, 5.1]).tolist() == [1, 1, 1, 0]


def test_isolated_atoms_at_an_end_are_no_electrode() -> None:
    system = systems.chain([0.0, 0.3])
    check_leads_conduct(system, [0.0, 1.0])
    for tiny in (0.0, 1e-4):
        broken = replace(system.right, H01=np.full((1, 1), tiny))
        with pytest.raises(InputError, match=r"the right electrode does not conduct at any energy: .* it is a broken electrode"):
            check_leads_conduct(replace(system, right=broken), [0.0])
    overlapping = replace(system.left, S01=np.full((1, 1), 0.6))
    with pytest.raises(InputError, match="left lead: the overlap matrix of the lead is not positive definite"):
        check_leads_conduct(replace(system, left=overlapping), [0.0])


def test_energies_in_the_gap_of_a_good_electrode_get_a_warning() -> None:
    """A chain of alternating bonds: T = 0 in its gap is right, and worth a word."""
    lead = Lead(np.array([[0.0, -1.0], [-1.0, 0.0]]), np.array([[0.0, 0.0], [-0.6, 0.0]]), np.eye(2), np.zeros((2, 2)))
    system = replace(GridWire(np.zeros((2, 2))).two_terminal(), left=lead, right=lead, fermi_energy_eV=0.1)
    with pytest.warns(PhysicsWarning) as caught:
        check_leads_conduct(system, [0.0, -0.3])
    words = (
        "the {} lead has no band at any of the energies asked for, so T = 0 there; its nearest bands end at -0.5 eV and 0.3 eV"
    )
    assert [str(one.message)[: len(words) - 2 + len(side)] for one, side in zip(caught, ("left", "right"), strict=True)] == [
        words.format("left"),
        words.format("right"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_leads_conduct(system, [0.0, 0.302])
