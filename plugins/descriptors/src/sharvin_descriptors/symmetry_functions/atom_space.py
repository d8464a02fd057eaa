"""What the sums over an atom's neighbours share: arrays of one atom at a time, for compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sharvin.runs.compiled import njit

from sharvin_descriptors.harmonics import compiled
from sharvin_descriptors.symmetry_functions.arrays import PADDED, FunctionArrays

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

vectorised: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    nogil=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"}
)
"""The order of the sums is the compiler's: the same on one processor, not on all."""


class AtomSpace(NamedTuple):
    """Arrays that the functions of this module share, of one atom at a time.

    Of each neighbour: distance, unit vector, profiles ``g`` and their slopes, monomials. Of each channel and profile: moments,
    sums of squares of the profile, and the derivatives by both. Of a pair of neighbours: angular factors and third sides, with
    the number of the pair that they belong to.
    """

    distance: Floats
    unit: Floats
    g: Floats
    slope: Floats
    monomials: Floats
    moments: Floats
    squares: Floats
    by_moment: Floats
    by_square: Floats
    gathered: Floats
    used: NDArray[np.bool_]
    by_profile: Floats
    gaussian: Floats
    bits: Integers
    scale: Floats
    factor: Floats
    factor_slope: Floats
    factor_of: Integers
    third: Floats
    third_slope: Floats
    third_of: Integers


@compiled
def workspace(functions: FunctionArrays, most: int) -> AtomSpace:
    """Arrays for atoms with up to `most` neighbours."""
    n_p, n_f, n_c = len(functions.p_kind), len(functions.f_kind), functions.n_channels
    bits = np.empty(n_p, dtype=np.int64)
    return AtomSpace(
        np.empty(most), np.empty((most, 3)), np.empty((most, n_p)), np.empty((most, n_p)), np.zeros((most, PADDED)),
        np.zeros((n_c, n_p, PADDED)), np.zeros((n_c, n_p)), np.zeros((n_c, n_p, PADDED)), np.zeros((n_c, n_p)),
        np.zeros(PADDED), np.zeros(n_p, dtype=np.bool_), np.zeros((n_c, n_p)), np.empty(n_p), bits, bits.view(np.float64),
        np.empty(n_f), np.empty(n_f), np.full(n_f, -1, dtype=np.int64),
        np.empty(n_p), np.empty(n_p), np.full(n_p, -1, dtype=np.int64),
    )  # fmt: skip
