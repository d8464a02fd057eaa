r"""Unfolding: what the states of a displaced supercell have in common with those of its primitive crystal.

With the coefficients T of the primitive Bloch sums at k (:mod:`~sharvin_studies.bands.folding`) and the eigenvectors c_n of the
supercell at the K that k folds onto, the spectral weight of state n is

.. math:: W_n(k) = \mathrm{Re} \sum_\alpha (T^\dagger c_n)_\alpha^* (T^\dagger S c_n)_\alpha,

after V. Popescu and A. Zunger (Phys. Rev. B 85, 085201 (2012)), for localised orbitals as by C.-C. Lee, Y. Yamada-Takamura and
T. Ozaki (J. Phys.: Condens. Matter 25, 345501 (2013)). Two sums hold exactly: over the wave vectors that fold onto one K the
weights of a state add up to 1, over the states those of a wave vector to the number of primitive orbitals. In an orthonormal
basis no weight is negative; with an S that is displaced as well, weights near 0 may be.

What a mean over samples is taken of is the Green's function in the Bloch sums,

.. math:: G_k(z) = T^\dagger \left(z S - H\right)^{-1} T = \sum_n \frac{(T^\dagger c_n)(T^\dagger c_n)^\dagger}{z - E_n},

a small matrix that is linear in the samples; :mod:`~sharvin_studies.bands.quasi_particles` has what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.errors import InputError

from sharvin_studies.bands.dense import density_of_states, eigenstates, matrices
from sharvin_studies.bands.folding import Folding

Floats = NDArray[np.float64]
Matrix = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class UnfoldedStates:
    """States of a supercell seen from primitive wave vectors.

    Parameters
    ----------
    energies_eV : float64[n_k, n]
        All energies at the K that each k folds onto, ascending.
    amplitudes : complex128[n_k, n, m]
        T† c_n in the m primitive Bloch sums.
    weights : float64[n_k, n]
        Spectral weights; they sum to m at each k.
    """

    energies_eV: Floats
    amplitudes: Matrix
    weights: Floats

    def green(self, energies_eV: ArrayLike, eta_eV: float) -> Matrix:
        """G_k(E + iη) complex128[n_k, n_e, m, m] in 1/eV, for energies float64[n_e].

        Raises
        ------
        InputError
            If η is not positive.
        """
        if not eta_eV > 0:
            raise InputError(f"a Green's function needs a positive imaginary part of the energy, not {eta_eV} eV.")
        z = np.asarray(energies_eV, dtype=np.float64) + 1j * eta_eV
        found = []
        for levels, amplitudes in zip(self.energies_eV, self.amplitudes, strict=True):
            pairs = amplitudes[:, :, None] * amplitudes[:, None, :].conj()
            poles = 1.0 / (z[:, None] - levels)
            found.append((poles @ pairs.reshape(len(levels), -1)).reshape(len(z), *pairs.shape[1:]))
        return np.array(found)

    def spectral_function(self, at_eV: ArrayLike, width_eV: float) -> Floats:
        """A(k, E) float64[n_k, n_e] in 1/eV, with Gaussians of this standard deviation in place of lines; integrates to m."""
        rows = [weights @ _lines(levels, at_eV, width_eV) for levels, weights in zip(self.energies_eV, self.weights, strict=True)]
        return np.array(rows)


def _lines(levels: Floats, at_eV: ArrayLike, width_eV: float) -> Floats:
    return np.array([density_of_states(level[None], [1.0], at_eV, width_eV, spin_factor=1) for level in levels[:, None]])


def unfolded_states(crystal: SparseBlochHamiltonian, folding: Folding, k: ArrayLike) -> UnfoldedStates:
    """States of a supercell, displaced or at rest, at primitive wave vectors float64[n_k, 3].

    Every K is diagonalised once, though several k fold onto it: 15 ms for 144 orbitals.

    Raises
    ------
    InputError
        If the supercell has other orbitals than its primitive cell.
    ItemError
        If S is not positive definite.
    """
    points = np.asarray(k, dtype=np.float64)
    folded = folding.folded(points)
    keys = np.round((folded + 1e-7) % 1.0, 6)
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    energies: list[Floats] = [np.zeros(0)] * len(points)
    amplitudes: list[Matrix] = [np.zeros((0, 0), dtype=np.complex128)] * len(points)
    weights: list[Floats] = [np.zeros(0)] * len(points)
    for number, representative in enumerate(first):
        levels, vectors = eigenstates(crystal, folded[representative])
        S = matrices(crystal, folded[representative])[1] if crystal.S is not None else None
        image = vectors if S is None else S @ vectors
        for place in np.flatnonzero(which.ravel() == number):
            sums = folding.bloch_sums(points[place], crystal.atom).conj().T
            own = (sums @ vectors).T
            energies[place], amplitudes[place] = levels, own
            weights[place] = np.einsum("na,na->n", own.conj(), own if S is None else (sums @ image).T).real
    return UnfoldedStates(np.array(energies), np.array(amplitudes), np.array(weights))


def unfolded_green(
    crystal: SparseBlochHamiltonian, folding: Folding, k: ArrayLike, energies_eV: ArrayLike, eta_eV: float
) -> Matrix:
    """G_k(E + iη) complex128[n_k, n_e, m, m] of one sample; see :func:`unfolded_states`."""
    return unfolded_states(crystal, folding, k).green(energies_eV, eta_eV)


def projected(crystal: SparseBlochHamiltonian, folding: Folding, k: ArrayLike) -> tuple[Matrix, Matrix]:
    """H and S between the primitive Bloch sums, T† H T and T† S T, complex128[n_k, m, m] each.

    The bands of their means over samples contain the couplings of first order in the disorder and the Debye–Waller part of
    second order, but not the scattering into other states and back, which is of second order too.
    """
    H_k, S_k = [], []
    for point in np.asarray(k, dtype=np.float64):
        H, S = crystal.at(folding.folded(point))
        sums = folding.bloch_sums(point, crystal.atom)
        H_k.append(sums.conj().T @ np.asarray(H @ sums))
        S_k.append(sums.conj().T @ (sums if S is None else np.asarray(S @ sums)))
    return np.array(H_k), np.array(S_k)
