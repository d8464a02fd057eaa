r"""Similarity of two structures from their pooled rows x: kernels that are 1 for a structure and itself.

.. math:: k_\mathrm{rbf} = e^{-|x - x'|^2/2w^2}, \qquad k_\mathrm{laplacian} = e^{-|x - x'|_1/w}, \qquad
          k_\mathrm{polynomial} = \left(\frac{x\cdot x'}{|x||x'|}\right)^\zeta,

and :math:`k_\mathrm{matern52} = (1 + \sqrt5 d + \tfrac53 d^2)\,e^{-\sqrt5 d}` of :math:`d = |x - x'|/w` (C. E. Rasmussen and
C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press (2006)). The cosine of mean rows is the average kernel of
the two structures' environments (S. De, A. P. Bartók, G. Csányi and M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016)).

What compares two rows and does not depend on width or exponent, their `separation`, is computed once for all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist


def separations(kernel: str, rows: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of all rows from one, or, for ``polynomial``, 1 minus the cosines between them.

    Parameters
    ----------
    kernel : {"rbf", "laplacian", "polynomial", "matern52"}
    rows, row : float64[n, size], float64[size]
        Of length 1 for ``polynomial``.

    Returns
    -------
    float64[n]
    """
    if kernel == "polynomial":
        return np.asarray(1.0 - rows @ row)
    distances = cdist(rows, row[None], "cityblock") if kernel == "laplacian" else cdist(rows, row[None], "euclidean")
    return np.asarray(distances[:, 0])


def all_separations(kernel: str, rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return :func:`separations` from each of `others`, float64[n_others, n]; the same bits as one by one."""
    return np.array([separations(kernel, rows, row) for row in others], dtype=np.float64)


def of_length_one(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows divided by their lengths; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0.0))


def kernel_values(kernel: str, apart: NDArray[np.float64], parameter: float) -> NDArray[np.float64]:
    """Kernel of given separations; `parameter` is the width w, or ζ for ``polynomial``."""
    if kernel == "polynomial":
        return np.asarray((1.0 - apart) ** int(parameter))
    d = apart / parameter
    if kernel == "laplacian":
        return np.asarray(np.exp(-d))
    if kernel == "rbf":
        return np.asarray(np.exp(-0.5 * d**2))
    return np.asarray((1.0 + np.sqrt(5.0) * d + 5.0 / 3.0 * d**2) * np.exp(-np.sqrt(5.0) * d))


def median_separation(apart: NDArray[np.float64]) -> float:
    """Median over the pairs of structures that are apart, 1 if there are none; `apart` is square."""
    pairs = apart[np.triu_indices(len(apart), 1)]
    pairs = pairs[pairs > 0.0]
    return float(np.median(pairs)) if len(pairs) else 1.0
