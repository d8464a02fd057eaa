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

from sharvin.devices.brillouin import averaged_transmissions, samples_of_junction
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
from sharvin.two_terminal import Sample

MOST_BYTES = 100_000_000
"""Of the sparse H and S of devices that are handed to a solver together."""


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
            yield system if isinstance(system, Exception) else [(1.0, device_of(hamiltonian, system))]
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


def transmission_series(
    solver: TransportSolver,
    devices: Iterable[Sequence[Sample] | InputError | ItemError],
    energies_eV: NDArray[np.float64],
) -> Iterator[SeriesTransmission]:
    """T(E) of each device of a series, in order.

    Where the solver refuses a batch, it is asked for each of its devices, so that one of them costs no other its result. The
    devices are checked to be Hermitian until one of them is.

    In memory: the devices of a batch, and what the solver needs for them.

    Parameters
    ----------
    solver : TransportSolver
    devices : iterable
        Of :func:`sampled_devices`: the k-points of a device, or the reason why there are none.
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


Checked = Sequence[Sample] | SeriesTransmission
"""A device whose T is to be computed, or why it has none."""


def _checked(devices: Iterable[Sequence[Sample] | InputError | ItemError], n_energies: int) -> Iterator[Checked]:
    checked = False
    for samples in devices:
        if isinstance(samples, Exception):
            yield _refused(samples, n_energies)
            continue
        try:
            if not checked:
                check_hermitian(samples[0][1])
        except InputError as error:
            yield _refused(error, n_energies, samples)
            continue
        checked = True
        yield samples


def _batches(devices: Iterable[Checked]) -> Iterator[list[Checked]]:
    """Successive devices, as many together as may be held."""
    batch: list[Checked] = []
    held = 0
    for one in devices:
        batch.append(one)
        if not isinstance(one, SeriesTransmission):
            held += sum((system.H.nnz + system.S.nnz) * system.H.dtype.itemsize for _, system in one)
        if held > MOST_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _computed(
    solver: TransportSolver, devices: Sequence[Sequence[Sample]], energies_eV: NDArray[np.float64]
) -> list[SeriesTransmission]:
    """T(E) of each device by one call of the solver, or by one call each where that one fails."""
    if not devices:
        return []
    try:
        rows = averaged_transmissions(solver, devices, energies_eV)
    except SharvinError as error:
        if len(devices) > 1:
            return [result for samples in devices for result in _computed(solver, [samples], energies_eV)]
        if not isinstance(error, InputError | ItemError):
            raise
        return [_refused(error, len(energies_eV), devices[0])]
    return [SeriesTransmission(row, None, samples[0][1].size) for row, samples in zip(rows, devices, strict=True)]


def _refused(reason: Exception, n_energies: int, samples: Sequence[Sample] = ()) -> SeriesTransmission:
    return SeriesTransmission(np.full(n_energies, np.nan), str(reason), samples[0][1].size if samples else 0)
