r"""Functions of an atom's surroundings that vanish in the ideal electrodes, orthonormal under the prior.

A learnt term of an atom is a Gaussian process over its surroundings x, with the kernel k of
:mod:`~sharvin_transport.neutrality.model`, that is known to be zero at the surroundings b of the electrodes' atoms: then the
leads stay as they are, and a bar without a neck transmits all their channels, whatever was learnt. Its kernel is

.. math:: \tilde k(x, x') = k(x, x') - k(x, b)\, k(b, b)^{-1}\, k(b, x')

(C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, eq. 2.24). On centres c with
:math:`\tilde K_{cc} = V \Lambda V^T` it is approximated by the functions
:math:`\varphi(x) = \Lambda^{-1/2} V^T \tilde k(c, x)`, whose weights are independent with unit variance; they are scaled such
that the mean variance of a term over the centres is one, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sharvin_transport.neutrality.model import NeutralityModel, Surroundings

Floats = NDArray[np.float64]
_SMALLEST = 1e-6
"""Directions of a smaller prior variance than this, relative to the largest, are left out."""


class SurroundingsBasis:
    """Functions of surroundings.

    Parameters
    ----------
    kernels : NeutralityModel
        Its kernels with its centres are what the functions are made of.
    coefficients : float64[centres, functions]
        The functions are the kernels times these.
    """

    def __init__(self, kernels: NeutralityModel, coefficients: Floats) -> None:
        self.kernels, self.coefficients = kernels, coefficients

    @classmethod
    def of(cls, kernels: NeutralityModel, ideal: Sequence[Surroundings], centres: int) -> Self:
        """On the first so many centres of a model, zero in the surroundings of ideal electrodes."""
        whole = kernels.with_centres_of(ideal)
        most, all_centres = len(kernels.weights), len(whole.weights)
        chosen = np.arange(min(centres, most))
        fixed = np.arange(most, all_centres)
        among = whole.prior
        to_fixed = np.linalg.pinv(among[np.ix_(fixed, fixed)], rcond=1e-9, hermitian=True) @ among[np.ix_(fixed, chosen)]
        conditioned = among[np.ix_(chosen, chosen)] - among[np.ix_(chosen, fixed)] @ to_fixed
        values, vectors = np.linalg.eigh(0.5 * (conditioned + conditioned.T))
        kept = values > _SMALLEST * values[-1]
        # the mean variance over the centres is one, so that spreads of what is learnt are those of atoms
        scale = np.sqrt(np.mean(np.diag(conditioned)))
        scaled = vectors[:, kept][:, ::-1] / (scale * np.sqrt(values[kept][::-1]))
        coefficients = np.zeros((all_centres, scaled.shape[1]))
        coefficients[chosen] = scaled
        coefficients[fixed] = -to_fixed @ scaled
        return cls(whole, coefficients)

    @property
    def size(self) -> int:
        """Number of functions."""
        return int(self.coefficients.shape[1])

    def functions(self, structure: Surroundings) -> Floats:
        """Values at the chosen atoms, float64[n, size].

        Raises
        ------
        InputError
            If the structure has elements that the centres do not have.
        """
        return np.asarray(self.kernels.kernels(structure) @ self.coefficients)

    def shifts_model(self, weights: Floats) -> NeutralityModel:
        """The model of shifts to which these weights float64[size] of the functions are added."""
        changed = self.kernels.weights + self.coefficients @ weights
        return self.kernels.with_weights(changed, self.kernels.mean_shift_eV)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What :meth:`of_arrays` makes a basis of."""
        return {**self.kernels.arrays(), "coefficients": self.coefficients}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The basis of such arrays."""
        own = dict(arrays)
        coefficients = own.pop("coefficients")
        return cls(NeutralityModel(own), coefficients)
