r"""Bands, densities of states and Fermi levels of small cells, by diagonalising H(k) as a dense matrix.

Wherever a crystal is asked for, both dense and sparse H(k) are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.special import expit
from sharvin.errors import InputError, ItemError

Floats = NDArray[np.float64]
Matrix = NDArray[Any]
SPIN_FACTOR = 2
"""Electrons in a band, and states counted for each: both spins."""


class Crystal(Protocol):
    """What has an H(k).

    :class:`~sharvin.two_terminal.BlochHamiltonian` has a dense one,
    :class:`~sharvin.crystals.sparse_bloch.SparseBlochHamiltonian` a sparse one.
    """

    def at(self, k: Any) -> tuple[Any, Any]:
        """H(k) and S(k), dense or sparse, at k in fractions of the reciprocal vectors; S(k) may be None."""
        ...


def matrices(crystal: Crystal, k: ArrayLike) -> tuple[Matrix, Matrix | None]:
    """H(k) and S(k) as dense matrices [n, n]; None for the S of an orthonormal basis."""
    H, S = crystal.at(np.asarray(k, dtype=np.float64))
    H, S = _full(H), None if S is None else _full(S)
    if S is not None and np.array_equal(S, np.eye(len(S))):
        S = None
    return H, S


def _full(matrix: Any) -> Matrix:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def eigenstates(crystal: Crystal, k: ArrayLike) -> tuple[Floats, Matrix]:
    """All energies float64[n] in eV, ascending, and eigenvectors [n, n] in columns with x† S x = 1, at one k.

    Raises
    ------
    ItemError
        If S(k) is not positive definite.
    """
    H, S = matrices(crystal, k)
    try:
        energies, vectors = eigh(H, S, driver="evd" if S is None else "gvd", check_finite=False)
    except np.linalg.LinAlgError:
        raise ItemError(
            f"the overlap at k = {np.asarray(k)} is not positive definite: atoms are too close to each other."
        ) from None
    return energies, vectors


def bands(crystal: Crystal, k: ArrayLike) -> Floats:
    """All energies float64[n_k, n] in eV, ascending, at k float64[n_k, 3] in fractions of the reciprocal vectors.

    Raises
    ------
    ItemError
        If S(k) is not positive definite.
    """
    rows = []
    for point in np.asarray(k, dtype=np.float64):
        H, S = matrices(crystal, point)
        try:
            rows.append(eigh(H, S, eigvals_only=True, check_finite=False))
        except np.linalg.LinAlgError:
            raise ItemError(f"the overlap at k = {point} is not positive definite: atoms are too close to each other.") from None
    return np.array(rows)


def k_grid(divisions: Sequence[int], *, time_reversal: bool = True) -> tuple[Floats, Floats]:
    """A uniform grid of wave vectors with Γ on it, and the weight of each, which sum to 1.

    Parameters
    ----------
    divisions : three int
        Along the reciprocal vectors; 1 along open directions. Multiples of 3 have the K of hexagonal cells on the grid.
    time_reversal : bool
        One of k and −k stands for both, as is right for real H_R.

    Returns
    -------
    k : float64[n_k, 3]
    weights : float64[n_k]

    Raises
    ------
    InputError
        If a number of divisions is not positive.
    """
    numbers = np.asarray(divisions, dtype=np.int64)
    if numbers.shape != (3,) or numbers.min() < 1:
        raise InputError(f"a k-grid needs three positive numbers of divisions, not {tuple(divisions)}.")
    points = np.stack(np.meshgrid(*(np.arange(n) for n in numbers), indexing="ij"), axis=-1).reshape(-1, 3)
    if not time_reversal:
        return points / numbers, np.full(len(points), 1 / len(points))
    own, opposite = (np.ravel_multi_index(tuple((sign * points % numbers).T), tuple(numbers)) for sign in (1, -1))
    kept = own <= opposite
    return points[kept] / numbers, np.where(own == opposite, 1.0, 2.0)[kept] / len(points)


def density_of_states(
    energies_eV: ArrayLike,
    weights: ArrayLike,
    at_eV: ArrayLike,
    width_eV: float,
    *,
    shape: Literal["gaussian", "lorentzian"] = "gaussian",
    spin_factor: int = SPIN_FACTOR,
) -> Floats:
    """Density of states in states per eV and cell; over all energies it integrates to `spin_factor` times the number of orbitals.

    Parameters
    ----------
    energies_eV : float64[n_k, n]
        As :func:`bands` gives them.
    weights : float64[n_k]
        Of the k-points, as :func:`k_grid` gives them; they sum to 1.
    at_eV : float64[m]
        Energies at which the density is wanted.
    width_eV : float
        Standard deviation of a Gaussian, or half width at half maximum of a Lorentzian.
    shape : {"gaussian", "lorentzian"}
    spin_factor : int
        2 counts both spins, 1 one of them.

    Raises
    ------
    InputError
        If the width is not positive.
    """
    if not width_eV > 0:
        raise InputError(f"the width of the density of states must be positive, not {width_eV} eV.")
    levels, wanted = np.asarray(energies_eV, dtype=np.float64), np.asarray(at_eV, dtype=np.float64)
    density = np.zeros(len(wanted))
    for row, weight in zip(levels, np.asarray(weights, dtype=np.float64), strict=True):
        x = (wanted[:, None] - row) / width_eV
        peaks = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi) if shape == "gaussian" else 1 / (np.pi * (1 + x * x))
        density += weight * peaks.sum(axis=1)
    return spin_factor * density / width_eV


def fermi_level_eV(
    energies_eV: ArrayLike, weights: ArrayLike, electrons: float, *, thermal_eV: float = 0.0, spin_factor: int = SPIN_FACTOR
) -> float:
    """Energy up to which the bands are filled.

    Parameters
    ----------
    energies_eV : float64[n_k, n]
    weights : float64[n_k]
    electrons : float
        Per cell.
    thermal_eV : float
        k_B T of the Fermi distribution. At 0 the level lies half-way between the highest filled state and the lowest empty one.
    spin_factor : int
        Electrons that a state takes.

    Raises
    ------
    InputError
        If there are no electrons, or more than the bands take.
    """
    levels = np.asarray(energies_eV, dtype=np.float64)
    share = np.repeat(np.asarray(weights, dtype=np.float64), levels.shape[1]) * spin_factor
    if not 0 < electrons < share.sum():
        raise InputError(f"{electrons:g} electrons do not fit into bands for {share.sum():g}, or leave no Fermi level.")
    order = np.argsort(levels.ravel(), kind="stable")
    sorted_eV, filled = levels.ravel()[order], np.cumsum(share[order])
    highest = int(np.searchsorted(filled, electrons * (1 - 1e-10)))
    full = abs(filled[highest] - electrons) < 1e-9 * electrons
    at_zero = 0.5 * (sorted_eV[highest] + sorted_eV[highest + 1]) if full else sorted_eV[highest]
    if thermal_eV <= 0:
        return float(at_zero)

    def excess(level_eV: float) -> float:
        return float(share[order] @ expit((level_eV - sorted_eV) / thermal_eV) - electrons)

    span = 50 * thermal_eV
    return float(brentq(excess, sorted_eV[0] - span, sorted_eV[-1] + span, xtol=1e-12))
