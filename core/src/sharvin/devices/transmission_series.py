"""Transmissions of a series of junctions, by few calls of the solver; what cannot be computed is a reason and no exception.

A series goes through the Hamiltonian in order, because each junction may be computed from the one before. The devices are handed
to the solver together, as many as :data:`MOST_BYTES` hold, so that it can compute them as a batch. How they are divided depends
on the devices alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharvin.devices.brillouin import averaged_transmissions, devices_at_k
from sharvin.devices.device_checks import check_hermitian
from sharvin.errors import InputError, ItemError, SharvinError
from sharvin.junction import Junction
from sharvin.protocols import (
    Hamiltonian,
    SampledHamiltonian,
    SampledSeriesHamiltonian,
    SeriesHamiltonian,
    TransportSolver,
)
from sharvin.runs.returned_values import device_of
from sharvin.two_terminal import WeightedDevice

MOST_BYTES = 100_000_000
"""Of H and S of devices that are handed to a solver together, as these hold them."""


@dataclass(frozen=True, eq=False)
class SeriesTransmission:
    """T(E) of one junction of a series, or why there is none.

    Parameters
    ----------
    transmission : float64[n_energies]
        Averaged over the junction's k-points; nan where there is a reason.
    reason : str or None
    orbitals : int
        Of the device; 0 where the Hamiltonian gave none.
    """

    transmission: NDArray[np.float64]
    reason: str | None = None
    orbitals: int = 0


def series_at_k(
    hamiltonian: Hamiltonian, junctions: Iterable[Junction]
) -> Iterator[Sequence[WeightedDevice] | InputError | ItemError]:
    """k-points of each junction with their weights, or the reason why there are none, in order.

    A :class:`~sharvin.protocols.SampledHamiltonian` gives what its options ask for, any other one device of weight 1. A
    :class:`~sharvin.protocols.SeriesHamiltonian` (:class:`~sharvin.protocols.SampledSeriesHamiltonian`) takes the junctions as
    one series.
    """
    sampled = isinstance(hamiltonian, SampledHamiltonian) and hamiltonian.sampled
    if isinstance(hamiltonian, SeriesHamiltonian) and not sampled:
        for system in hamiltonian.two_terminal_series(junctions):
            yield system if isinstance(system, Exception) else [(1.0, device_of(hamiltonian, system))]
        return
    if isinstance(hamiltonian, SampledSeriesHamiltonian) and sampled:
        yield from hamiltonian.two_terminals_series(junctions)
        return
    for junction in junctions:
        try:
            result: Sequence[WeightedDevice] | InputError | ItemError = devices_at_k(hamiltonian, junction)
        except (InputError, ItemError) as error:
            result = error
        yield result


def transmission_series(
    solver: TransportSolver,
    devices: Iterable[Sequence[WeightedDevice] | InputError | ItemError],
    energies_eV: NDArray[np.float64],
) -> Iterator[SeriesTransmission]:
    """T(E) of each device of a series, in order.

    Where the solver refuses a batch, it is asked for each of its devices, so that one of them costs no other its result. The
    devices are checked to be Hermitian until one of them is, unless they are made so.

    In memory: the devices of a batch, and what the solver needs for them.

    Parameters
    ----------
    solver : TransportSolver
    devices : iterable
        Of :func:`series_at_k`: the k-points of a device, or the reason why there are none.
    energies_eV : float64[n_energies]
        Relative to each device's Fermi energy.

    Raises
    ------
    RunError
        If the solver fails at a device for a reason that is not the device.
    """
    for batch in _batches(_checked(devices, len(energies_eV))):
        results = iter(_computed(solver, [one for one in batch if not isinstance(one, SeriesTransmission)], energies_eV))
        for one in batch:
            yield one if isinstance(one, SeriesTransmission) else next(results)


Checked = Sequence[WeightedDevice] | SeriesTransmission
"""A device whose T is to be computed, or why it has none."""


def _checked(devices: Iterable[Sequence[WeightedDevice] | InputError | ItemError], n_energies: int) -> Iterator[Checked]:
    checked = False
    for at_k in devices:
        if isinstance(at_k, Exception):
            yield _refused(at_k, n_energies)
            continue
        try:
            if not checked and not at_k[0][1].is_mirrored:
                check_hermitian(at_k[0][1])
        except InputError as error:
            yield _refused(error, n_energies, at_k)
            continue
        checked = True
        yield at_k


def _batches(devices: Iterable[Checked]) -> Iterator[list[Checked]]:
    """Successive devices, as many together as may be held."""
    batch: list[Checked] = []
    held = 0
    for one in devices:
        batch.append(one)
        if not isinstance(one, SeriesTransmission):
            held += sum(system.nbytes for _, system in one)
        if held > MOST_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _computed(
    solver: TransportSolver, devices: Sequence[Sequence[WeightedDevice]], energies_eV: NDArray[np.float64]
) -> list[SeriesTransmission]:
    """T(E) of each device by one call of the solver, or by one call each where that one fails."""
    if not devices:
        return []
    try:
        rows = averaged_transmissions(solver, devices, energies_eV)
    except SharvinError as error:
        if len(devices) > 1:
            return [result for at_k in devices for result in _computed(solver, [at_k], energies_eV)]
        if not isinstance(error, InputError | ItemError):
            raise
        return [_refused(error, len(energies_eV), devices[0])]
    return [SeriesTransmission(row, None, at_k[0][1].size) for row, at_k in zip(rows, devices, strict=True)]


def _refused(reason: Exception, n_energies: int, at_k: Sequence[WeightedDevice] = ()) -> SeriesTransmission:
    return SeriesTransmission(np.full(n_energies, np.nan), str(reason), at_k[0][1].size if at_k else 0)
