"""Conformance of lattice Hamiltonians: reproducible ensembles of square-lattice wires."""

from __future__ import annotations

from typing import Any

import numpy as np

from sharvin.testing.component import ComponentTests


class LatticeHamiltonianTests(ComponentTests):
    """An ensemble of wires on the square lattice."""

    kind = "hamiltonians"

    def test_as_many_wires_of_one_size_as_asked_for(self, component: Any) -> None:
        """A batch of shape (count,), and the size does not depend on the draw."""
        sizes = set()
        for count in (1, 3):
            wires = component.sample(count, np.random.default_rng(count)).wires
            assert wires.batch_shape == (count,)
            sizes.add((wires.length, wires.width, wires.t))
        assert len(sizes) == 1

    def test_equal_generators_give_equal_wires(self, component: Any) -> None:
        """Bit for bit, concentrations too."""
        first, again = (component.sample(3, np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(first.wires.onsite, again.wires.onsite)
        if first.concentration is not None:
            np.testing.assert_array_equal(first.concentration, again.concentration)

    def test_concentrations_are_probabilities(self, component: Any) -> None:
        """One a wire, between 0 and 1, where the ensemble has such a number."""
        drawn = component.sample(3, np.random.default_rng(8))
        if drawn.concentration is not None:
            assert drawn.concentration.shape == (3,)
            assert np.all((drawn.concentration >= 0) & (drawn.concentration <= 1))

    def test_a_later_start_gives_as_many_wires(self, component: Any) -> None:
        """The number of the first wire changes which wires an ensemble of given ones gives, not how many."""
        assert component.sample(1, np.random.default_rng(9), 1).wires.batch_shape == (1,)
