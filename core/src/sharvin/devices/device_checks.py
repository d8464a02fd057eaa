"""Whether H and S are Hermitian, S positive definite and the leads the device's: what is not, and where.

H and S of devices of up to :data:`CHECKED_ORBITALS` orbitals are checked whenever they are made, in less than a millisecond. For
2736 orbitals that would cost as much as their transmission does, so larger ones are checked where they enter: by ``sharvin
transmission``, in the conformance kit and, H and S against their mirror images, in the first snapshot of each series of labels.
:func:`check_device` also compares the leads' principal layers with the device's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.sparse import csr_array

from sharvin.devices.layer_checks import check_layers
from sharvin.errors import InputError

if TYPE_CHECKING:
    from sharvin.two_terminal import TwoTerminal

CHECKED_ORBITALS = 200
"""Largest device that is checked whenever one is made."""
HERMITIAN_TOLERANCE = 1e-8
"""Largest difference of an element of H (eV) or S from the complex conjugate of its mirror image, relative to the largest element
if that is above one."""


def check_device(system: TwoTerminal) -> None:
    """Check H and S of a device and its leads.

    Raises
    ------
    InputError
        If H or S is not Hermitian (which orbitals, by how much), S not positive definite (which atoms are too close), or a lead
        not that of the device (:func:`sharvin.devices.layer_checks.check_layers`). The couplings of leads that another program
        wrote are checked by :func:`sharvin.devices.layer_checks.check_couplings`.
    """
    check_hermitian(system)
    check_overlap(system)
    check_layers(system)


def check_hermitian(system: TwoTerminal) -> None:
    """Check that H and S equal their adjoints.

    Raises
    ------
    InputError
        Which two orbitals differ by how much.
    """
    for name, unit, matrix in (("H", " eV", system.H), ("S", "", system.S)):
        _mirror(f"the device's {name}", unit, matrix, system.atom)
    for side, lead in (("left", system.left), ("right", system.right)):
        for name, unit, block in (("H00", " eV", lead.H00), ("S00", "", lead.S00)):
            _mirror(f"{name} of the {side} lead", unit, block, None)
        for name, block in (("H01", lead.H01), ("S01", lead.S01)):
            if not np.isfinite(block).all():
                raise InputError(f"{name} of the {side} lead has elements that are not finite numbers.")


def check_overlap(system: TwoTerminal) -> None:
    """Check that S of the device is positive definite.

    Raises
    ------
    InputError
        The two atoms, or orbitals, whose overlap does most harm.
    """
    S = csr_array(system.S)
    diagonal = S.diagonal().real
    rest = np.bincount(np.repeat(np.arange(system.size), np.diff(S.indptr)), np.abs(S.data), system.size) - np.abs(diagonal)
    if np.all(diagonal > rest):  # by Gershgorin's circles; orthogonal orbitals need no more
        return
    if not _positive_definite(S):
        raise InputError(_indefinite(S.toarray(), system.atom))


def _mirror(what: str, unit: str, matrix: csr_array | NDArray[Any], atom: NDArray[np.int64] | None) -> None:
    values = matrix if isinstance(matrix, np.ndarray) else matrix.data
    if not np.isfinite(values.sum()):
        raise InputError(f"{what} has elements that are not finite numbers.")
    worst, i, j = _asymmetry(matrix)
    if worst > 0.0 and worst > HERMITIAN_TOLERANCE * max(1.0, float(np.abs(values).max(initial=0.0))):
        i, j = sorted((i, j))
        raise InputError(
            f"{what} is not Hermitian: element ({i}, {j}) differs from the conjugate of ({j}, {i}) by "
            f"{worst:.3g}{unit}{_atoms_of(i, j, atom)}."
        )


def _asymmetry(matrix: csr_array | NDArray[Any]) -> tuple[float, int, int]:
    """Largest |a_ij − a_ji*|, and its i and j."""
    if isinstance(matrix, np.ndarray):
        mirrored_block = matrix.conj().T
        if np.array_equal(matrix, mirrored_block):  # as most are, and much faster
            return 0.0, 0, 0
        difference = np.abs(matrix - mirrored_block)
        i, j = np.unravel_index(int(np.argmax(difference)), difference.shape)
        return float(difference[i, j]), int(i), int(j)
    own = csr_array(matrix)
    mirrored = csr_array(own.conj().T if np.iscomplexobj(own.data) else own.T)
    if np.array_equal(own.indptr, mirrored.indptr) and np.array_equal(own.indices, mirrored.indices):
        if np.array_equal(own.data, mirrored.data):
            return 0.0, 0, 0
        data = np.abs(own.data - mirrored.data)
        indptr, indices = own.indptr, own.indices
    else:
        rest = csr_array(own - mirrored)
        data, indptr, indices = np.abs(rest.data), rest.indptr, rest.indices
    if not len(data):
        return 0.0, 0, 0
    at = int(np.argmax(data))
    return float(data[at]), int(np.searchsorted(indptr, at, side="right")) - 1, int(indices[at])


def _atoms_of(i: int, j: int, atom: NDArray[np.int64] | None) -> str:
    if atom is None:
        return ""
    return f" (orbitals of atoms {atom[i]} and {atom[j]})" if atom[i] != atom[j] else f" (orbitals of atom {atom[i]})"


def _positive_definite(S: csr_array) -> bool:
    """Cholesky factorisation of a sparse matrix in blocks that couple to their neighbours only."""
    n = S.shape[0]
    reach = np.arange(n)
    np.maximum.at(reach, np.repeat(np.arange(n), np.diff(S.indptr)), S.indices)
    reach = np.maximum.accumulate(reach) + 1
    start, stop = 0, int(reach[0])
    block = S[start:stop, start:stop].toarray()
    while True:
        try:
            lower = cholesky(block, lower=True, check_finite=False)
        except LinAlgError:
            return False
        if stop == n:
            return True
        following = max(int(reach[stop - 1]), stop + 1)
        coupling = S[start:stop, stop:following].toarray()
        half = solve_triangular(lower, coupling, lower=True, check_finite=False)
        start, stop = stop, following
        block = S[start:stop, start:stop].toarray() - half.conj().T @ half


def _indefinite(S: NDArray[Any], atom: NDArray[np.int64] | None) -> str:
    """The sentence that names the pair with the most negative part of x† S x, x the eigenvector of the lowest eigenvalue."""
    values, vectors = eigh(S, subset_by_index=[0, 0])
    x = vectors[:, 0]
    parts = (x.conj()[:, None] * S * x[None]).real
    owner = np.arange(len(x)) if atom is None else np.asarray(atom)
    count = int(owner.max()) + 1
    pairs = np.zeros((count, count))
    np.add.at(pairs, (owner[:, None], owner[None]), parts)
    pairs = pairs + pairs.T
    np.fill_diagonal(pairs, np.inf)
    i, j = sorted(int(k) for k in np.unravel_index(int(np.argmin(pairs)), pairs.shape))
    noun, remedy = ("orbitals", "check the overlap of these orbitals")
    if atom is not None:
        noun, remedy = "atoms", "they are too close to each other for this basis"
    return (
        f"the overlap matrix of the device is not positive definite: its lowest eigenvalue is {values[0]:.3g}, mostly by {noun} "
        f"{i} and {j}; {remedy}."
    )
