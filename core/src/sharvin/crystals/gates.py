"""Checks that predicted blocks of H and S must pass before anything is computed of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import ItemError
from sharvin.numerics.neighbour_pairs import NeighbourPairs

Floats = NDArray[np.float64]

DENSE = 400
"""Orbitals up to which all eigenvalues are computed."""
SYMMETRY_EV = 1e-9
MARGIN = 0.1
"""Of the width of the training spectra, by which others may exceed them on either side, besides `MARGIN_EV`."""
MARGIN_EV = 0.5
ACCURACY = 1e-2
"""Relative accuracy of extreme eigenvalues of large matrices."""


def check_blocks(
    blocks: HamiltonianBlocks,
    reference_pairs: NeighbourPairs | None = None,
    spectrum_eV: tuple[float, float] | None = None,
    what: str = "the predicted Hamiltonian",
) -> None:
    """Do nothing, or say which gate the blocks do not pass.

    Parameters
    ----------
    blocks : HamiltonianBlocks
    reference_pairs : NeighbourPairs, optional
        All pairs within the range, each once.
    spectrum_eV : pair of float, optional
        Between which all eigenvalues at Γ must lie.
    what : str
        Named in errors.

    Raises
    ------
    ItemError
        Gates, in this order: finite, Hermitian, coverage, positive overlap, spectrum.
    """
    _check_numbers(blocks, what)
    _check_hermitian(blocks, what)
    _check_coverage(blocks, reference_pairs, what)
    if blocks.S is None and spectrum_eV is None:
        return
    H, S = blocks.sparse_bloch().at((0.0, 0.0, 0.0))
    if S is not None:
        least = _lowest(S)
        if not least > 0.0:
            raise ItemError(f"{what} fails the gate of positive overlap: the smallest eigenvalue of S at Γ is {least:.3g}.")
    if spectrum_eV is not None:
        _check_spectrum(H, S, spectrum_eV, what)


def spectrum_bounds(data: Sequence[HamiltonianBlocks]) -> tuple[float, float]:
    """Lowest and highest eigenvalue at Γ in eV among structures, with a margin; of large ones to about 1 %."""
    low, high = np.inf, -np.inf
    for blocks in data:
        first, last = _extremes(*blocks.sparse_bloch().at((0.0, 0.0, 0.0)))
        low, high = min(low, first), max(high, last)
    margin = MARGIN * (high - low) + MARGIN_EV
    return low - margin, high + margin


def _check_numbers(blocks: HamiltonianBlocks, what: str) -> None:
    for name in ("H", "H_onsite", "S", "S_onsite"):
        values = getattr(blocks, name)
        if values is not None and not np.isfinite(values).all():
            raise ItemError(f"{what} fails the gate of finite numbers: {name} has {(~np.isfinite(values)).sum()} that are not.")


def _check_hermitian(blocks: HamiltonianBlocks, what: str) -> None:
    for name, values in (("H", blocks.H_onsite), ("S", blocks.S_onsite)):
        if values is None:
            continue
        off = np.abs(values - values.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
        if off.max(initial=0.0) > SYMMETRY_EV:
            atom = int(off.argmax())
            raise ItemError(
                f"{what} fails the Hermitian gate: the on-site block of {name} at atom {atom} is off by {off[atom]:.3g}."
            )


def _check_coverage(blocks: HamiltonianBlocks, reference: NeighbourPairs | None, what: str) -> None:
    own = (blocks.first == blocks.second) & ~blocks.image.any(axis=1)
    if own.any():
        raise ItemError(f"{what} fails the gate of coverage: atom {blocks.first[own][0]} is paired with itself.")
    place, _ = blocks.places(blocks.first, blocks.second, blocks.image)
    number, counts = np.unique(place, return_counts=True)
    if (counts > 1).any():
        pair = number[counts > 1][0]
        raise ItemError(
            f"{what} fails the gate of coverage: {(counts > 1).sum()} pairs stand more than once, atoms {blocks.first[pair]} and "
            f"{blocks.second[pair]} among them."
        )
    if reference is None:
        return
    place, _ = blocks.places(reference.first, reference.second, reference.image)
    missing = np.flatnonzero(place < 0)
    if len(missing):
        pair = missing[np.argmin(reference.distance[missing])]
        raise ItemError(
            f"{what} fails the gate of coverage: {len(missing)} of {len(reference)} pairs of the range are missing, atoms "
            f"{reference.first[pair]} and {reference.second[pair]}, {reference.distance[pair]:.2f} Å apart, among them."
        )
    if len(blocks) > len(reference):
        raise ItemError(f"{what} fails the gate of coverage: it has {len(blocks) - len(reference)} pairs beyond the range.")


def _check_spectrum(H: csc_array, S: csc_array | None, bounds: tuple[float, float], what: str) -> None:
    """H − low S and high S − H must be positive definite, which costs an eigenvalue each and no solution with S."""
    if H.shape[0] <= DENSE:
        low, high = _extremes(H, S)
        if low < bounds[0] or high > bounds[1]:
            raise ItemError(
                f"{what} fails the gate of the spectrum: eigenvalues at Γ range from {low:.2f} to {high:.2f} eV, those of the "
                f"training set with a margin from {bounds[0]:.2f} to {bounds[1]:.2f} eV."
            )
        return
    metric = eye_array(H.shape[0], format="csc") if S is None else S
    for matrix, side, bound in ((H - bounds[0] * metric, "below", bounds[0]), (bounds[1] * metric - H, "above", bounds[1])):
        least = _lowest(csc_array(matrix))
        if least < 0.0:
            raise ItemError(
                f"{what} fails the gate of the spectrum: eigenvalues at Γ lie {side} {bound:.2f} eV, the bound of the training "
                f"set with a margin, by about {-least:.2g} eV."
            )


def _extremes(H: csc_array, S: csc_array | None) -> tuple[float, float]:
    """Lowest and highest eigenvalue."""
    if H.shape[0] <= DENSE:
        every = eigh(H.toarray(), None if S is None else S.toarray(), eigvals_only=True)
        return float(every[0]), float(every[-1])
    if S is None:
        return _lowest(H), -_lowest(csc_array(-H))
    start = np.random.default_rng(0).normal(size=H.shape[0])
    low, high = (
        float(eigsh(H, k=1, M=S, which=which, tol=ACCURACY, v0=start, return_eigenvectors=False)[0]) for which in ("SA", "LA")
    )
    return low, high


def _lowest(matrix: csc_array) -> float:
    """Smallest eigenvalue of a symmetric matrix, of large ones to about 1 % of the largest modulus."""
    size = matrix.shape[0]
    if size <= DENSE:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    start = np.random.default_rng(0).normal(size=size)
    try:
        found = eigsh(matrix, k=1, which="SA", tol=ACCURACY, v0=start, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        found = np.asarray(error.eigenvalues if len(error.eigenvalues) else [0.0])
    return float(found[0])
