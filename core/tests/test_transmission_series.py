"""A series is handed to the solver together, and one device that cannot be computed costs no other its transmission."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin import two_terminal
from sharvin.devices import transmission_series as series
from sharvin.errors import InputError, ItemError, RunError
from sharvin.two_terminal import Lead, TwoTerminal

ENERGIES = np.array([0.0, 0.5])
LEAD = Lead(np.zeros((1, 1)), -np.ones((1, 1)), np.eye(1), np.zeros((1, 1)))


def chain(onsite_eV, hermitian=True):
    """A chain of four sites, of which the second has another on-site energy; one sample of weight 1."""
    H = -np.eye(4, k=1) - np.eye(4, k=-1) + np.diag([0.0, onsite_eV, 0.0, 0.0])
    if not hermitian:
        H[1, 2] = -2.0
    return [(1.0, TwoTerminal(csr_array(H), csr_array(np.eye(4)), LEAD, LEAD, 0.0))]


def refusing(error):
    """A solver that answers with on-site energies and refuses the one of 13 eV."""

    class Solver:
        def __init__(self):
            self.calls = []

        def transmission(self, systems, energies_eV):
            self.calls.append(len(systems))
            onsite = np.array([system.H.diagonal()[1] for system in systems])
            if (onsite == 13.0).any():
                raise error
            return onsite[:, None] + energies_eV

    return Solver()


def test_a_series_is_one_call():
    solver = refusing(ItemError("unlucky"))
    found = list(series.transmission_series(solver, [chain(1.0), ItemError("no device"), chain(2.0)], ENERGIES))
    assert solver.calls == [2]
    assert [one.reason for one in found] == [None, "no device", None]
    assert [one.orbitals for one in found] == [4, 0, 4]
    assert np.array_equal([one.transmission for one in found], [[1.0, 1.5], [np.nan] * 2, [2.0, 2.5]], equal_nan=True)


def test_k_points_are_averaged_with_their_weights():
    sampled = [(0.25, chain(1.0)[0][1]), (0.75, chain(3.0)[0][1])]
    solver = refusing(None)
    (first, second) = series.transmission_series(solver, [sampled, chain(5.0)], ENERGIES)
    assert solver.calls == [3]
    assert first.transmission == pytest.approx([2.5, 3.0]) and second.transmission == pytest.approx([5.0, 5.5])


@pytest.mark.parametrize("error", [ItemError("unlucky"), InputError("unlucky")])
def test_one_device_that_is_refused_costs_no_other_its_transmission(error):
    found = list(series.transmission_series(refusing(error), [chain(1.0), chain(13.0), chain(2.0)], ENERGIES))
    assert [one.reason for one in found] == [None, "unlucky", None]
    assert np.isnan(found[1].transmission).all() and found[2].transmission[0] == 2.0


def test_a_solver_that_fails_for_another_reason_ends_the_series():
    with pytest.raises(RunError, match="no convergence"):
        list(series.transmission_series(refusing(RunError("no convergence")), [chain(1.0), chain(13.0)], ENERGIES))


def test_devices_are_checked_until_one_is_hermitian(monkeypatch):
    monkeypatch.setattr(two_terminal, "CHECKED_ORBITALS", 0)  # as if they were too large to be checked when they are made
    found = list(series.transmission_series(refusing(None), [chain(1.0, hermitian=False), chain(2.0)], ENERGIES))
    assert found[0].reason is not None and found[1].reason is None


def test_what_is_handed_over_together_is_bounded(monkeypatch):
    one = chain(0.0)[0][1]
    monkeypatch.setattr(series, "MOST_BYTES", 2 * 8 * (one.H.nnz + one.S.nnz) - 1)
    solver, taken = refusing(None), []

    def devices():
        for number in range(5):
            taken.append(number)
            yield chain(1.0)

    found = series.transmission_series(solver, devices(), ENERGIES)
    next(found)
    assert taken == [0, 1], "a series is not read ahead"
    assert len(list(found)) == 4 and solver.calls == [2, 2, 1]
