"""Conformance of Hamiltonians from files: physical devices, found by their atoms and by nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.testing.component import ComponentTests
from sharvin.testing.systems import shuffled


class StoredHamiltonianTests(ComponentTests):
    """H and S from a file. Subclasses give the fixtures `component_options` and `junction`."""

    kind = "hamiltonians"

    @pytest.fixture
    def junction(self) -> Junction:
        """The junction of the file's first device."""
        raise NotImplementedError("give your subclass a fixture 'junction' that returns the sharvin.Junction of the first device")

    def test_devices_are_physical(self, component: Any) -> None:
        """H and S are Hermitian, S is positive definite, the outer principal layers are the leads', the weights sum to 1."""
        for number in range(len(component)):
            at_k = component.device(number).at_k
            assert sum(weight for weight, _ in at_k) == pytest.approx(1.0, abs=1e-12)
            for _, system in at_k:
                H, S = system.H.toarray(), system.S.toarray()
                for matrix in (H, S):
                    np.testing.assert_allclose(matrix, matrix.conj().T, atol=1e-8)
                assert np.linalg.eigvalsh(S).min() > 0
                for matrix, name in ((H, "H00"), (S, "S00")):
                    left, right = getattr(system.left, name), getattr(system.right, name)
                    np.testing.assert_allclose(matrix[: len(left), : len(left)], left, atol=1e-8)
                    np.testing.assert_allclose(matrix[-len(right) :, -len(right) :], right, atol=1e-8)

    def test_a_junction_is_found_by_its_atoms(self, component: Any, junction: Junction) -> None:
        """Atoms have no numbers."""
        stored = component.device(0).at_k
        for found in (component.two_terminals(junction), component.two_terminals(shuffled(junction))):
            assert len(found) == len(stored)
            for (weight, system), (expected_weight, expected) in zip(found, stored, strict=True):
                assert weight == expected_weight and np.array_equal(system.H.toarray(), expected.H.toarray())

    def test_a_junction_that_is_not_stored_is_refused(self, component: Any, junction: Junction) -> None:
        """No device is taken for another one."""
        moved = junction.atoms.copy()
        moved.positions[len(moved) // 2] += [0.6, 0.0, 0.0]
        with pytest.raises(ItemError):
            component.two_terminals(junction.with_positions(moved))
        fewer = junction.atoms[:-1]
        with pytest.raises(InputError):
            component.two_terminals(
                Junction(fewer, junction.left, junction.left, junction.left_period_A, junction.right_period_A)
            )

    def test_the_range_reaches_a_neighbour(self, component: Any, junction: Junction) -> None:
        """Atoms that couple lie within `range_A`, and some do."""
        assert component.range_A(np.unique(junction.atoms.numbers)) > 0
