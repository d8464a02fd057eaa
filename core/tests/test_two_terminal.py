"""Two-terminal systems and Bloch Hamiltonians."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire
from sharvin.two_terminal import BlochHamiltonian, Lead, TwoTerminal


def test_leads_of_equal_blocks_share_a_key_and_others_do_not() -> None:
    a, b, c = GridWire(np.zeros((2, 3))).lead(), GridWire(np.ones((5, 3))).lead(), GridWire(np.zeros((2, 3)), t=2.0).lead()
    assert a.key == b.key != c.key
    assert a.size == 3


def test_a_device_must_hold_both_principal_layers() -> None:
    lead = GridWire(np.zeros((1, 3))).lead()
    with pytest.raises(InputError, match="cannot hold"):
        TwoTerminal(csr_array(np.eye(5)), csr_array(np.eye(5)), lead, lead)
    with pytest.raises(InputError, match="square"):
        TwoTerminal(csr_array(np.eye(6)), csr_array(np.eye(5)), lead, lead)


def test_the_blocks_of_a_lead_have_one_size() -> None:
    with pytest.raises(InputError, match=r"square and of one size, not \(2, 2\), \(2, 2\), \(2, 2\), \(3, 3\)"):
        Lead(np.eye(2), np.eye(2), np.eye(2), np.eye(3))


def test_the_chain_has_its_cosine_band() -> None:
    translations = np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1]])
    hoppings = np.array([-1.0, 0.3, -1.0]).reshape(3, 1, 1)
    chain = BlochHamiltonian(translations, hoppings, np.array([0.1, 1.0, 0.1]).reshape(3, 1, 1), electrons=1.0)
    for k in (0.0, 0.11, 0.5):
        H, S = chain.at(np.array([0.0, 0.0, k]))
        assert H[0, 0] == pytest.approx(0.3 - 2 * np.cos(2 * np.pi * k))
        assert S[0, 0] == pytest.approx(1 + 0.2 * np.cos(2 * np.pi * k))


def test_the_reversed_system_reversed_again_is_the_system() -> None:
    wire = GridWire(np.random.default_rng(0).normal(size=(3, 2))).two_terminal()
    turned = wire.reversed()
    assert not np.array_equal(turned.H.toarray(), wire.H.toarray())
    assert np.array_equal(turned.left.H01, wire.right.H01.T)
    assert np.array_equal(turned.reversed().H.toarray(), wire.H.toarray())


def test_a_shift_of_energy_moves_all_blocks_along_with_the_overlap() -> None:
    lead = Lead(np.array([[1.0]]), np.array([[0.5]]), np.array([[1.0]]), np.array([[0.1]]))
    moved = lead.shifted(2.0)
    assert moved.H00[0, 0] == 3.0 and moved.H01[0, 0] == pytest.approx(0.7)
