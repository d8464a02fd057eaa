"""Where no orbital leads from one electrode to the other, nothing flows, also at the levels of what lies between."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin import create
from sharvin.testing import systems
from sharvin.two_terminal import TwoTerminal

SOLVERS = [
    "dense",
    "rgf",
    "sisl",
    pytest.param("kwant", marks=pytest.mark.skipif(importlib.util.find_spec("kwant") is None, reason="kwant is not installed")),
]


LEVEL = 0.3


def cut(bonds: list[int], sites: int = 3) -> TwoTerminal:
    """A chain without some of its bonds."""
    system = systems.chain(np.full(sites, LEVEL))
    H = system.H.toarray()
    for bond in bonds:
        H[bond, bond + 1] = H[bond + 1, bond] = 0.0
    return TwoTerminal(csr_array(H), system.S, system.left, system.right)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("bonds", [[1], [0], [3], [1, 2], [0, 1, 2, 3]])
def test_a_broken_chain_does_not_conduct_at_any_energy(name: str, bonds: list[int]) -> None:
    # The second energy is a level of the site, or of the three sites, that no lead touches.
    system = cut(bonds)
    assert not system.connected
    np.testing.assert_allclose(create("transport", name).transmission([system], np.array([-0.7, LEVEL, 1.3])), 0.0, atol=1e-12)


def test_a_chain_is_connected() -> None:
    assert systems.chain(np.zeros(4)).connected
    assert not cut([2], 4).connected
