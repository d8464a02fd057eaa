r"""Energies of quasi-particles from the Green's function averaged over samples of a disordered crystal.

The average over samples has the translations of the primitive crystal, and with its overlap S at rest

.. math:: \langle G_k(z) \rangle^{-1} = z S_k - H_k^\mathrm{eff}(z)

defines the effective Hamiltonian, whose difference from H at rest is the self-energy Σ(z), to all orders in the disorder
(A. A. Abrikosov, L. P. Gorkov and I. E. Dzyaloshinski, Methods of Quantum Field Theory in Statistical Physics, Dover 1975,
section 39). Bands are where its eigenvalues are their own energies,

.. math:: E = \mathrm{Re}\, \lambda\!\left[H_k^\mathrm{eff}(E + i\eta)\right],

and −2 Im λ is the width of a line. Without disorder this is exact for any η. With disorder η must cover the spacing of the levels
that a state scatters into, which is wide in a small supercell. Otherwise lines of the supercell are resolved, such as those of
the two valleys that an n × n cell folds onto one K when 3 divides n. What η is matters, as the self-energy of graphene varies
with energy on its scale: of two Bernal layers with independent displacements of 0.05 Å along each axis, 6 × 6 cells, the velocity
falls by 15.8(10), 15.1(5) and 13.0(3) % with η of 0.05, 0.1 and 0.2 eV, and of 9 × 9 cells by 17.5(11), 16.5(5) and 14.8(4) %.
Only results of one η and one cell can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from sharvin.errors import ItemError

Floats = NDArray[np.float64]
Matrix = NDArray[np.complex128]
ETA_EV = 0.1
"""Imaginary part of energies where none is given."""
STEPS = 60


@dataclass(frozen=True, eq=False)
class QuasiParticles:
    """Bands of a crystal with disorder.

    Parameters
    ----------
    energies_eV : float64[n_k, m]
        Ascending.
    widths_eV : float64[n_k, m]
        Full widths of the lines at half their height.
    """

    energies_eV: Floats
    widths_eV: Floats


def energy_grid(energies_eV: ArrayLike, eta_eV: float = ETA_EV, margin_eV: float = 0.5) -> Floats:
    """Energies for :func:`~sharvin_studies.bands.unfolding.unfolded_green`: η/2 apart, to a margin beyond bands at rest."""
    levels = np.asarray(energies_eV, dtype=np.float64)
    low, high = float(levels.min()) - margin_eV, float(levels.max()) + margin_eV
    return np.linspace(low, high, int(np.ceil(2 * (high - low) / eta_eV)) + 1)


def effective_hamiltonian(mean_green: Matrix, energies_eV: ArrayLike, eta_eV: float, overlap: Matrix | None = None) -> Matrix:
    """H_eff complex128[n_k, n_e, m, m] in eV.

    Parameters
    ----------
    mean_green : complex128[n_k, n_e, m, m]
        Averaged over samples.
    energies_eV : float64[n_e]
    eta_eV : float
        Those of the Green's function.
    overlap : complex128[n_k, m, m], optional
        Of the crystal at rest; by default that of an orthonormal basis.
    """
    z = np.asarray(energies_eV, dtype=np.float64) + 1j * eta_eV
    S = np.eye(mean_green.shape[-1])[None] if overlap is None else overlap
    return np.asarray(z[None, :, None, None] * S[:, None] - np.linalg.inv(mean_green))


def quasi_particles(
    mean_green: Matrix, energies_eV: ArrayLike, eta_eV: float, overlap: Matrix | None = None, *, bands: slice = slice(None)
) -> QuasiParticles:
    """Bands from an averaged Green's function.

    Parameters
    ----------
    mean_green, energies_eV, eta_eV, overlap
        As :func:`effective_hamiltonian` takes them; eigenvalues are interpolated between the energies.
    bands : slice
        Which of the m bands are wanted, counted from the bottom; the energies need to enclose only these.

    Raises
    ------
    ItemError
        If a band leaves the energies given, or is not found as the disorder is too strong for η.
    """
    grid = np.asarray(energies_eV, dtype=np.float64)
    H = effective_hamiltonian(mean_green, grid, eta_eV, overlap)
    values = np.linalg.eigvals(H if overlap is None else np.linalg.solve(overlap[:, None], H))
    order = np.argsort(values.real, axis=-1)
    values = np.take_along_axis(values, order, axis=-1)[..., bands]
    real, imaginary = (CubicSpline(grid, part, axis=1) for part in (values.real, values.imag))
    energy = _fixed_points(real, grid, np.asarray(values.real, dtype=np.float64))
    width = -2 * _at(imaginary, grid, energy)
    return QuasiParticles(energy, width)


def _fixed_points(curves: CubicSpline, grid: Floats, values: Floats) -> Floats:
    """Where curves float64[n_k, n_e, m] cross the diagonal, float64[n_k, m]: by Newton's method from the nearest grid point."""
    excess = values - grid[None, :, None]
    start = np.argmin(np.abs(excess), axis=1)
    energy = grid[start]
    slope = curves.derivative()
    for _ in range(STEPS):
        error = _at(curves, grid, energy) - energy
        change = error / np.maximum(1.0 - _at(slope, grid, energy), 0.3)
        energy = np.clip(energy + change, grid[0], grid[-1])
        if np.abs(error).max() < 1e-10:
            return np.asarray(energy)
    off = np.unravel_index(int(np.abs(error).argmax()), error.shape)
    raise ItemError(
        f"band {off[1]} at wave vector number {off[0]} is not found between {grid[0]:.3g} and {grid[-1]:.3g} eV: take energies "
        f"over a wider range, or a larger eta_eV."
    )


def _at(curves: CubicSpline, grid: Floats, energy: Floats) -> Floats:
    """Each curve at an energy of its own, float64[n_k, m]."""
    place = np.clip(np.searchsorted(grid, energy, side="right") - 1, 0, len(grid) - 2)
    k, band = np.indices(energy.shape)
    coefficients = curves.c[:, place, k, band]
    return np.asarray(np.polyval(coefficients, energy - grid[place]))
