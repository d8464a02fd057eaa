r"""Fermi energy of a lead: its bands, filled by its valence electrons with Fermi functions.

Along z the bands are sampled on a uniform grid of wave numbers that is doubled until the Fermi energy stays. Sums of a smooth
periodic function over such a grid converge exponentially (L. N. Trefethen and J. A. C. Weideman, SIAM Rev. 56, 385 (2014)), but
only once its spacing resolves the width kT of the Fermi function: in one-dimensional leads a fixed grid of a few points misses by
tens of meV. Across z the lead has its own transverse Bloch states and the k-points that the caller samples, so the states that
carry the current are those that are filled. Where nothing is partly filled, the Fermi energy is in the middle of the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sharvin.devices.transverse_states import bloch_blocks
from sharvin.errors import InputError
from sharvin.two_terminal import Lead

KB_EV_PER_K = 8.617333262e-5
CONVERGED_EV = 3e-4
"""Largest change by the last doubling; the next one would change by about its square over kT."""
_FIRST_INTERVALS = 8
_MOST_INTERVALS = 4096
_BATCH_BYTES = 50_000_000
_IN_A_GAP = 1e-9
"""Electrons by which the filling may be off for the edges of a gap."""

Floats = NDArray[np.float64]


def lead_fermi_energy(lead: Lead, electrons: float, smearing_K: float) -> float:
    """Fermi energy of a lead in eV: its bands at transverse Γ hold `electrons` a principal layer.

    Raises
    ------
    InputError
        As :func:`sampled_fermi_energy`.
    """
    return sampled_fermi_energy([(1.0, lead)], electrons, smearing_K)


def sampled_fermi_energy(leads: Sequence[tuple[float, Lead]], electrons: float, smearing_K: float) -> float:
    """Fermi energy in eV of a lead that is sampled at transverse k-points: (weight, lead at k), weights of sum 1.

    Converged along z: the last doubling of the grid changes it by less than 0.3 meV, the one before by less than 3 meV.

    Raises
    ------
    InputError
        If an overlap matrix is not positive definite, there are more electrons than states, or it does not converge.
    """
    paths = [path for weight, lead in leads for path in _paths(lead, weight)]
    states = sum(path.electrons * path.size for path in paths)
    if not 0 < electrons < states:
        raise InputError(f"{electrons:g} electrons do not fit into the {states:g} states of the lead's principal layer.")
    kt = KB_EV_PER_K * smearing_K
    found: list[float] = []
    intervals = _FIRST_INTERVALS
    while intervals <= _MOST_INTERVALS:
        found.append(_filled(paths, intervals, electrons, kt))
        changes = np.abs(np.diff(found[-3:]))
        if len(changes) == 2 and changes[0] < 10 * CONVERGED_EV and changes[1] < CONVERGED_EV:
            return found[-1]
        intervals *= 2
    raise InputError(
        f"the Fermi energy of a lead has not converged with {_MOST_INTERVALS} k-points along z: the last two are "
        f"{found[-2]:.4f} and {found[-1]:.4f} eV; smear it by a higher temperature, or give the Fermi energy."
    )


@dataclass(eq=False)
class _Path:
    """Bands of one transverse Bloch state along z, k from `first` to `last` in units of 2π over a principal layer.

    ``electrons`` is what a full band holds. Energies of the grids computed so far are kept, by k.
    """

    h00: NDArray[Any]
    h01: NDArray[Any]
    s00: NDArray[Any]
    s01: NDArray[Any]
    electrons: float
    first: float
    last: float
    known: dict[float, Floats] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.h00)

    def bands(self, intervals: int) -> Floats:
        """Energies float64[intervals + 1, size] in eV, ascending."""
        grid = [float(k) for k in np.linspace(self.first, self.last, intervals + 1)]
        missing = [k for k in grid if k not in self.known]
        batch = max(1, _BATCH_BYTES // (16 * self.size**2))
        for chosen in (missing[start : start + batch] for start in range(0, len(missing), batch)):
            self.known |= dict(zip(chosen, self._levels(np.array(chosen)), strict=True))
        return np.array([self.known[k] for k in grid])

    def _levels(self, k: Floats) -> Floats:
        """Energies float64[n_k, size] in eV."""
        phase = np.exp(2j * np.pi * k)[:, None, None]
        h, s = phase * self.h01, phase * self.s01
        h = self.h00 + h + h.conj().transpose(0, 2, 1)
        s = self.s00 + s + s.conj().transpose(0, 2, 1)
        try:
            lower = np.linalg.cholesky(s)
        except np.linalg.LinAlgError:
            raise InputError(
                "the overlap matrix of the lead is not positive definite; its atoms are too close for this table, or its "
                "principal layer is thinner than the range of the Hamiltonian."
            ) from None
        half = np.linalg.solve(lower, h)
        return np.asarray(np.linalg.eigvalsh(np.linalg.solve(lower, half.conj().transpose(0, 2, 1))))


def _paths(lead: Lead, weight: float) -> list[_Path]:
    h00, h01, s00, s01, multiplicity = bloch_blocks(lead)
    real = not any(np.iscomplexobj(block) for block in (lead.H00, lead.H01, lead.S00, lead.S01))
    found = []
    for a, times in enumerate(multiplicity):
        # Time reversal: E(k_t, k_z) = E(−k_t, −k_z). At k_t = −k_t half of the zone is enough.
        first = 0.0 if real and times == 1 else -0.5
        found.append(_Path(h00[a], h01[a], s00[a], s01[a], 2.0 * weight * float(times), first, 0.5))
    return found


def _filled(paths: Sequence[_Path], intervals: int, electrons: float, kt_eV: float) -> float:
    """Fermi energy on a grid of so many intervals of half the zone; of a gap its middle."""
    energies, held = [], []
    for path in paths:
        # the whole zone is twice as long as its half
        bands = path.bands(intervals if path.first == 0.0 else 2 * intervals)
        share = np.full(bands.shape, path.electrons / (len(bands) - 1))
        share[[0, -1]] *= 0.5
        energies.append(bands.ravel())
        held.append(share.ravel())
    e, n = np.concatenate(energies), np.concatenate(held)

    def excess(mu: float, target: float) -> float:
        return float(n @ (0.5 - 0.5 * np.tanh((e - mu) / (2 * kt_eV)))) - target

    low, high = float(e.min()) - 50 * kt_eV - 1.0, float(e.max()) + 50 * kt_eV + 1.0
    edges = [brentq(excess, low, high, args=(electrons + off,), xtol=1e-10) for off in (-_IN_A_GAP, _IN_A_GAP)]
    return float(np.mean(edges))
