r"""Transverse k-points of junctions that are periodic in x and y, and averages over them.

.. math:: T(E) = \sum_k w_k T_k(E), \quad \sum_k w_k = 1,

with the grid of Monkhorst and Pack (Phys. Rev. B 13, 5188 (1976)) moved onto Γ where its divisions are even, or any others.
The n1 × n2 grid of a cell is the same sum over states as Γ of its n1 × n2 supercell.

Without a magnetic field :math:`H(-k) = H(k)^*`, and one of k and −k is enough for T, for densities of states and for populations.
It is not for what only the states from one lead carry: bond currents, and the parts of the densities that one lead fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.observables import Observables
from sharvin.protocols import (
    Hamiltonian,
    ObservingSolver,
    SampledHamiltonian,
    TransportSolver,
)
from sharvin.runs.returned_values import device_of, transmission_of
from sharvin.two_terminal import Lead, TwoTerminal, WeightedDevice

SAME_EV = 1e-8
"""Largest difference between matrices that are taken as equal."""


def monkhorst_pack(n1: int, n2: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grid of n1 × n2 transverse k-points with Γ, one of each pair k and −k (time reversal).

    3 × 3 are the fractions 0 and ±1/3 of either reciprocal vector, 2 × 2 the fractions 0 and ½: the grid is never shifted off Γ.

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


def devices_at_k(hamiltonian: Hamiltonian, junction: Junction) -> Sequence[WeightedDevice]:
    """k-points of one junction with their weights; a Hamiltonian that does not sample has one device of weight 1."""
    if isinstance(hamiltonian, SampledHamiltonian) and hamiltonian.sampled:
        return hamiltonian.two_terminals(junction)
    return [(1.0, device_of(hamiltonian, hamiltonian.two_terminal(junction)))]


def averaged_transmission(
    solver: TransportSolver, at_k: Sequence[WeightedDevice], energies_eV: NDArray[np.float64]
) -> NDArray[np.float64]:
    """T(E) of a device averaged over its k-points, float64[n_energies].

    Raises
    ------
    ItemError
        If the solver returns what is no transmission.
    """
    averaged: NDArray[np.float64] = averaged_transmissions(solver, [at_k], energies_eV)[0]
    return averaged


def averaged_transmissions(
    solver: TransportSolver, devices: Sequence[Sequence[WeightedDevice]], energies_eV: NDArray[np.float64]
) -> NDArray[np.float64]:
    """T(E) of several devices by one call of the solver, each averaged over its k-points, float64[n_devices, n_energies].

    Raises
    ------
    ItemError
        If the solver returns what is no transmission.
    """
    rows = transmission_of(solver, [system for at_k in devices for _, system in at_k], energies_eV)
    out = np.empty((len(devices), len(energies_eV)))
    start = 0
    for averaged, at_k in zip(out, devices, strict=True):
        weights = np.array([weight for weight, _ in at_k])
        own = rows[start : start + len(weights)]
        averaged[:] = weights @ own if len(weights) > 1 else own[0]
        start += len(weights)
    return out


def averaged_observables(
    solver: ObservingSolver, at_k: Sequence[WeightedDevice], energies_eV: NDArray[np.float64], time_reversal: bool | None = None
) -> Observables:
    """Observables of a device averaged over its k-points, per cell; of one k-point those of the solver.

    Densities of states, bond currents and numbers of open channels are means, and so are the eigenchannels, each the mean over k
    of the n-th largest. The Fano factor is that of the sums over k. The eigenchannels of each k-point are kept beside them, wave
    functions are not.

    Parameters
    ----------
    solver : ObservingSolver
    at_k : sequence of (float, TwoTerminal)
        Weight and device of each k-point.
    energies_eV : float64[n_energies]
        Relative to the Fermi energy.
    time_reversal : bool or None
        Whether a complex device stands for −k too, where the Hamiltonian is its complex conjugate. None: it does, unless that
        conjugate is among them itself.

    Raises
    ------
    InputError
        If the devices do not show whether they stand for −k, because none of them is real or has its conjugate among them.
    """
    if len(at_k) == 1:
        return solver.observables(at_k[0][1], energies_eV)
    mean: Observables | None = None
    channels = []
    for (weight, system), paired in zip(at_k, _stand_for_two(at_k, time_reversal), strict=True):
        devices = (system, opposite(system)) if paired else (system,)
        for number, device in enumerate(devices):
            seen = solver.observables(device, energies_eV)
            if number == 0:
                channels.append(seen.eigenchannels)
            mean = _sum(mean, _scaled(seen, weight / len(devices)))
    assert mean is not None
    most = max(one.shape[1] for one in channels)
    weights = np.array([weight for weight, _ in at_k])
    padded = np.array([np.pad(one, ((0, 0), (0, most - one.shape[1]))) for one in channels])
    return replace(mean, eigenchannels=np.tensordot(weights, padded, 1), k_weights=weights, k_eigenchannels=padded)


def opposite(system: TwoTerminal) -> TwoTerminal:
    """The device at −k, of a Hamiltonian that is real in real space: H* and S*."""

    def of(lead: Lead) -> Lead:
        return Lead(lead.H00.conj(), lead.H01.conj(), lead.S00.conj(), lead.S01.conj(), lead.supercell)

    H, S = csr_array(system.H.conj()), csr_array(system.S.conj())
    return TwoTerminal(H, S, of(system.left), of(system.right), system.fermi_energy_eV, system.atom)


def _stand_for_two(at_k: Sequence[WeightedDevice], time_reversal: bool | None) -> list[bool]:
    """Whether each device is that of one of k and −k and the one of the other is not among them."""
    systems = [system for _, system in at_k]
    real = [_are_conjugate(system, system) for system in systems]
    if time_reversal is not None:
        return [time_reversal and not one for one in real]
    paired = [
        one or any(_are_conjugate(system, other) for j, other in enumerate(systems) if j != i)
        for i, (one, system) in enumerate(zip(real, systems, strict=True))
    ]
    if not any(paired):
        raise InputError(
            f"observables of {len(at_k)} k-points need Γ, or both of each pair k and −k, among them: bond currents differ at "
            "−k, and these k-points do not show whether they stand for both."
        )
    return [not one for one in paired]


def _are_conjugate(system: TwoTerminal, other: TwoTerminal) -> bool:
    """Whether a device is the complex conjugate of another one, itself if it is real."""
    if system.H.shape != other.H.shape:
        return False
    leads = ((system.left, other.left), (system.right, other.right))
    if any(a.size != b.size or np.abs(a.H00.conj() - b.H00).max() > SAME_EV for a, b in leads):
        return False
    differences = (system.H.conj() - other.H, system.S.conj() - other.S)
    return all(np.abs(difference.data).max(initial=0.0) <= SAME_EV for difference in differences)


def _scaled(seen: Observables, weight: float) -> Observables:
    return replace(
        seen,
        open_channels=np.asarray(weight * seen.open_channels, dtype=np.float64),
        ldos_left_per_eV=weight * seen.ldos_left_per_eV,
        ldos_right_per_eV=weight * seen.ldos_right_per_eV,
        bond_currents=weight * seen.bond_currents,
        wave_functions=None,
    )


def _sum(first: Observables | None, second: Observables) -> Observables:
    """Sum of what is a mean; bonds are those of either, because phases may cancel an element of H at one k-point."""
    if first is None:
        return second
    bonds = np.unique(np.concatenate([first.bonds, second.bonds]), axis=0)
    currents = np.zeros((len(second.energies_eV), len(bonds)))
    size = int(bonds.max(initial=0)) + 1
    places = bonds @ np.array([size, 1])
    for one in (first, second):
        currents[:, np.searchsorted(places, one.bonds @ np.array([size, 1]))] += one.bond_currents
    return replace(
        second,
        open_channels=np.asarray(first.open_channels + second.open_channels, dtype=np.float64),
        ldos_left_per_eV=first.ldos_left_per_eV + second.ldos_left_per_eV,
        ldos_right_per_eV=first.ldos_right_per_eV + second.ldos_right_per_eV,
        bonds=bonds,
        bond_currents=currents,
    )
