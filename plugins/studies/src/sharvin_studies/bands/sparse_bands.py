r"""Bands of large cells around an energy, and which bands they are, from factors of H(k) − E S(k).

.. math:: (H - \sigma S)^{-1} S x = \frac{1}{E - \sigma} x

The number of negative eigenvalues of H − σS, which its factors tell, is the number of bands below σ. Bands are therefore numbered
from 0 at the bottom at every k-point, and none is missed or taken for another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.sparse import csc_array, eye_array
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.errors import InputError, ItemError

from sharvin_studies.bands.dissection import Dissection, dissect
from sharvin_studies.bands.elimination import Factors, SingularBlockError, factorise
from sharvin_studies.bands.krylov import eigenpairs

Floats = NDArray[np.float64]
Matrix = NDArray[Any]
SMALL = 400
"""Orbitals up to which H(k) is diagonalised as a dense matrix."""
MOVES_EV = (0.0, 1.7e-5, -2.3e-5, 3.1e-4, -4.3e-4)
"""By how much a shift is moved, in turn, where H − σS is singular to working precision. Bands do not depend on it."""
MOST_SHIFTS = 40
REFINED = 1e-9
"""Residual over right-hand side up to which solutions are refined. Energies are expectation values of H, with smaller errors."""


@dataclass(frozen=True, eq=False)
class BandsAtK:
    """Some bands at one k-point.

    Parameters
    ----------
    first : int
        Number of the lowest of them; the lowest band of all is number 0.
    energies_eV : float64[n]
        Ascending.
    vectors : [n_orbitals, n]
        Eigenvectors with x† S x = 1.
    """

    first: int
    energies_eV: Floats
    vectors: Matrix

    @property
    def stop(self) -> int:
        """Number of the highest band, plus one."""
        return self.first + len(self.energies_eV)


@dataclass(frozen=True, eq=False)
class SparseBands:
    """Bands of a large cell.

    Of 11 164 p_z orbitals with hopping up to 8 Å, factors take 3 to 8 s and 0.19 GB, 1 to 2 s and 0.09 GB where H(k) is real, and
    18 bands around the Fermi energy 11 to 15 s and 3 s, on one thread of a server; twenty k-points took 220 s and 1.3 GB in all.

    Parameters
    ----------
    bloch : SparseBlochHamiltonian
        Its order of elimination is found once and used at all k-points.
    """

    bloch: SparseBlochHamiltonian

    @cached_property
    def dissection(self) -> Dissection:
        """Order of elimination."""
        return dissect(self.bloch)

    def count_below(self, k: ArrayLike, energy_eV: float) -> int:
        """Number of bands below an energy at k, float64[3] in fractions of the reciprocal vectors."""
        return _Shifted(self, k, energy_eV).below

    def around(self, k: ArrayLike, energy_eV: float, count: int) -> BandsAtK:
        """The `count` bands nearest to an energy at k.

        Raises
        ------
        InputError
            If the cell has fewer bands.
        ItemError
            If the bands do not converge, or H(k) is singular at all shifts tried.
        """
        self._require(count)
        shifted = _Shifted(self, k, energy_eV)
        return shifted.bands(lambda values: _largest(values, count))

    def numbered(self, k: ArrayLike, bands: range, guess_eV: float | None = None) -> BandsAtK:
        """The bands of these numbers at k.

        Parameters
        ----------
        k : float64[3]
        bands : range
            Successive numbers, from 0.
        guess_eV : float, optional
            An energy between them or near; the better, the fewer factorisations: one where it lies between two of the bands.
            By default the mean on-site energy.

        Raises
        ------
        InputError
            If the cell has no bands of these numbers.
        ItemError
            As :meth:`around`, or if the bands are not found from the guess.
        """
        if bands.step != 1 or not len(bands) or bands.start < 0 or bands.stop > self.bloch.size:
            raise InputError(f"bands must be successive numbers from 0 to {self.bloch.size - 1}, not {bands}.")
        shift_eV = self._onsite_eV if guess_eV is None else guess_eV
        search = _Search((bands.start + bands.stop) / 2)
        for _ in range(MOST_SHIFTS):
            shifted = _Shifted(self, k, shift_eV)
            below, above = shifted.below - bands.start, bands.stop - shifted.below
            if below >= 0 and above >= 0:
                return shifted.bands(lambda values, below=below, above=above: _both_sides(values, below, above))  # type: ignore[misc]
            off = max(-below, -above) + len(bands) // 2 + 1
            if off > 4 * len(bands) + 20:
                shift_eV = search.after(shift_eV, shifted.below)
                continue
            near = shifted.bands(lambda values, off=off, up=below < 0: _both_sides(values, 0 if up else off, off if up else 0))  # type: ignore[misc]
            inside = near.energies_eV
            shift_eV = float(inside[-2:].mean() if below < 0 else inside[:2].mean())
        raise ItemError(f"bands {bands.start} to {bands.stop - 1} are not found at k = {np.asarray(k)}.")

    def along(self, k: Iterable[ArrayLike], bands: range, guess_eV: float | None = None) -> Floats:
        """Energies float64[n_k, n_bands] of the bands of these numbers at several k; each k-point starts from the one before."""
        rows = []
        for point in k:
            found = self.numbered(point, bands, guess_eV)
            rows.append(found.energies_eV)
            guess_eV = float(np.median(found.energies_eV))
        return np.array(rows)

    @cached_property
    def _onsite_eV(self) -> float:
        H, S = self.bloch.at(np.zeros(3))
        return float(H.trace() / (self.bloch.size if S is None else S.trace()))

    def _require(self, count: int) -> None:
        if not 0 < count <= self.bloch.size:
            raise InputError(f"the number of bands must lie between 1 and {self.bloch.size}, not {count}.")


class _Search:
    """Search of the energy below which there is a number of bands: steps that double until it is enclosed, then interpolation."""

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.known: dict[bool, tuple[float, int]] = {}
        self.step_eV = 0.25

    def after(self, energy_eV: float, below: int) -> float:
        """Where to look next."""
        self.known[below > self.wanted] = (energy_eV, below)
        if len(self.known) < 2:
            self.step_eV *= 2
            return energy_eV + (-self.step_eV if below > self.wanted else self.step_eV)
        (low, few), (high, many) = self.known[False], self.known[True]
        share = min(max((self.wanted - few) / (many - few), 0.1), 0.9)
        return low + share * (high - low)


class _Shifted:
    """H(k) − σS(k) with what is made of it."""

    def __init__(self, owner: SparseBands, k: ArrayLike, shift_eV: float) -> None:
        self.H, self.S = owner.bloch.at(np.asarray(k, dtype=np.float64))
        self.all: tuple[Floats, Matrix] | None = None
        if owner.bloch.size <= SMALL:
            self.all = eigh(self.H.toarray(), None if self.S is None else self.S.toarray())
            self.shift_eV, self.below = shift_eV, int(np.searchsorted(self.all[0], shift_eV))
            return
        for move_eV in MOVES_EV:
            self.shift_eV = shift_eV + move_eV
            overlap = eye_array(owner.bloch.size, format="csc") if self.S is None else self.S
            self.matrix = csc_array(self.H - self.shift_eV * overlap)
            try:
                self.factors: Factors = factorise(self.matrix, owner.dissection)
            except SingularBlockError:
                continue
            self.below = self.factors.negative
            return
        raise ItemError(f"H(k) − E S(k) is singular at and around E = {shift_eV:.9g} eV.")

    def solve(self, right: Matrix) -> Matrix:
        """Solution for right-hand sides [n, m], refined until its residual is rounding."""
        found = self.factors.solve(right)
        size = np.linalg.norm(right)
        last = np.inf
        for _ in range(4):
            residual = right - np.asarray(self.matrix @ found)
            error = float(np.linalg.norm(residual) / size)
            if error < REFINED or error > 0.5 * last:
                break
            found += self.factors.solve(residual)
            last = error
        return found

    def bands(self, wanted: Callable[[Floats], NDArray[np.int64] | None]) -> BandsAtK:
        if self.all is not None:
            energies, vectors = self.all
            values = 1.0 / np.where(energies == self.shift_eV, 1e-300, energies - self.shift_eV)
            order = np.argsort(values)
            chosen = wanted(values[order])
            if chosen is None:
                raise InputError(f"the cell has {len(energies)} bands only.")
            places = np.sort(order[chosen])
            return BandsAtK(int(places[0]), energies[places], vectors[:, places])
        energies, vectors = eigenpairs(self.H, self.S, self.shift_eV, self.solve, wanted)
        return BandsAtK(self.below - int(np.count_nonzero(energies < self.shift_eV)), energies, vectors)


def _largest(values: Floats, count: int) -> NDArray[np.int64] | None:
    """The values of largest magnitude: the energies nearest to the shift."""
    return None if len(values) < count else np.sort(np.argsort(-np.abs(values), kind="stable")[:count])


def _both_sides(values: Floats, below: int, above: int) -> NDArray[np.int64] | None:
    """The energies next below the shift and those next above it."""
    negative = int(np.count_nonzero(values < 0))
    if negative < below or len(values) - negative < above:
        return None
    return np.concatenate([np.arange(below), np.arange(len(values) - above, len(values))])
