r"""Transverse k-points of junctions that are periodic in x and y, and averages over them.

.. math:: T(E) = \sum_k w_k T_k(E), \quad \sum_k w_k = 1,

with the grid of Monkhorst and Pack (Phys. Rev. B 13, 5188 (1976)) centred at Γ, or any other weights. The n1 × n2 grid of
a cell is the same sum over states as Γ of its n1 × n2 supercell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.protocols import Hamiltonian, SampledHamiltonian, SampledSeriesHamiltonian, SeriesHamiltonian, TransportSolver
from sharvin.two_terminal import Sample


def monkhorst_pack(n1: int, n2: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grid of n1 × n2 transverse k-points with Γ, one of each pair k and −k (time reversal).

    Parameters
    ----------
    n1, n2 : int
        Divisions along the first and second reciprocal vector.

    Returns
    -------
    k : float64[m, 2]
        In units of the reciprocal cell vectors, −½ < k ≤ ½: multiples of 1/n1 and 1/n2.
    weights : float64[m]
        Their sum is 1.

    Raises
    ------
    InputError
        If a division is not positive.
    """
    if n1 < 1 or n2 < 1:
        raise InputError(f"a k-point grid needs positive divisions, not {n1} x {n2}.")
    index = np.arange(n1 * n2)
    opposite = (-(index // n2) % n1) * n2 + (-(index % n2)) % n2
    kept = index[index <= opposite]
    fractions = np.column_stack([(kept // n2) / n1, (kept % n2) / n2])
    weights = np.where(kept == opposite[kept], 1.0, 2.0) / (n1 * n2)
    return np.where(fractions > 0.5, fractions - 1.0, fractions), weights


def sampled_devices(
    hamiltonian: Hamiltonian, junctions: Iterable[Junction]
) -> Iterator[Sequence[Sample] | InputError | ItemError]:
    """k-points of each junction with their weights, or the reason why there are none, in order.

    A :class:`~sharvin.protocols.SampledHamiltonian` gives what its options ask for, any other one device of weight 1. A
    :class:`~sharvin.protocols.SeriesHamiltonian` (:class:`~sharvin.protocols.SampledSeriesHamiltonian`) takes the junctions as
    one series.
    """
    sampled = isinstance(hamiltonian, SampledHamiltonian) and hamiltonian.sampled
    if isinstance(hamiltonian, SeriesHamiltonian) and not sampled:
        for system in hamiltonian.two_terminal_series(junctions):
            yield system if isinstance(system, Exception) else [(1.0, system)]
        return
    if isinstance(hamiltonian, SampledSeriesHamiltonian) and sampled:
        yield from hamiltonian.two_terminals_series(junctions)
        return
    for junction in junctions:
        try:
            result: Sequence[Sample] | InputError | ItemError = samples_of_junction(hamiltonian, junction)
        except (InputError, ItemError) as error:
            result = error
        yield result


def samples_of_junction(hamiltonian: Hamiltonian, junction: Junction) -> Sequence[Sample]:
    """k-points of one junction with their weights; a Hamiltonian that does not sample has one device of weight 1."""
    if isinstance(hamiltonian, SampledHamiltonian) and hamiltonian.sampled:
        return hamiltonian.two_terminals(junction)
    return [(1.0, hamiltonian.two_terminal(junction))]


def averaged_transmission(
    solver: TransportSolver, samples: Sequence[Sample], energies_eV: NDArray[np.float64]
) -> NDArray[np.float64]:
    """T(E) of a device averaged over its k-points, float64[n_energies]."""
    weights = np.array([weight for weight, _ in samples])
    rows: NDArray[Any] = solver.transmission([system for _, system in samples], energies_eV)
    return np.asarray(weights @ rows if len(weights) > 1 else rows[0])
