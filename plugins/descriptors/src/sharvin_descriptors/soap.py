r"""The SOAP power spectrum: how the atoms around an atom are arranged, in numbers that do not depend on orientation.

Every atom within the cutoff, the central one included, is a Gaussian of width σ in the density channel of its element. The
density is expanded in an orthonormal radial basis (:mod:`sharvin_descriptors.radial`) and real spherical harmonics, and
contracted to the rotation invariants :math:`p^{ss'}_{nn'l}` (:mod:`sharvin_descriptors.kernel`). A neighbour's weight falls to
zero with two continuous derivatives before it reaches the cutoff, so features are continuous functions of the positions.

:math:`p^{ss'}_{nn'l}` is symmetric under exchange of (s, n) and (s', n'); each distinct element is kept once. Elements that
stand for two carry :math:`\sqrt 2`, so the scalar product of two rows is the full SOAP kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frame, Frames
from sharvin.samples import Features
from vesin import NeighborList  # type: ignore[import-untyped]

from sharvin_descriptors.configs import SoapOptions
from sharvin_descriptors.kernel import legendre_coefficients, power_spectrum
from sharvin_descriptors.radial import radial_table

CLOSEST_A = 0.1
"""Atoms closer than this are two at one place: a broken structure, not an environment."""

_LANES = 8


class Soap:
    """SOAP power spectrum of every atom, kind ``per_atom``.

    Parameters
    ----------
    options : SoapOptions

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol.
    """

    def __init__(self, options: SoapOptions) -> None:
        self.options = options
        for symbol in options.species or ():
            if symbol not in atomic_numbers:
                raise InputError(f"soap: species {symbol!r} is not a chemical symbol.")
        self._channel_of = {atomic_numbers[symbol]: s for s, symbol in enumerate(options.species or ())}
        self._n_channels = len(options.species) if options.species else 1
        self._neighbours = NeighborList(cutoff=options.cutoff, full_list=True, sorted=True, n_threads=1)
        self._lanes = (0,) * (-(-options.n_max // _LANES) * _LANES)
        table, self._spacing = radial_table(options.n_max, options.l_max, options.cutoff, options.sigma)
        padding = [(0, 0), (0, 0), (0, 0), (0, len(self._lanes) - options.n_max)]
        self._table = np.pad(table, padding).reshape(len(table), 2, -1).astype(options.dtype)
        self._legendre = legendre_coefficients(options.l_max)
        factors = np.pi * np.sqrt(8.0 / (2.0 * np.arange(options.l_max + 1) + 1.0))
        self._factors = np.stack([factors, np.sqrt(2.0) * factors]).astype(options.dtype)

    @property
    def size(self) -> int:
        """Number of features of an atom: (l_max + 1) N (N + 1)/2 with N = n_max × number of species."""
        functions = self._n_channels * self.options.n_max
        return (self.options.l_max + 1) * functions * (functions + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """Features of every atom of every frame.

        A row runs over pairs of species s ≤ s' in the order of the `species` option, then l, then n, then n' (from n on
        where s = s').

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` [n_atoms of all frames, size] in Å³, of the `dtype` option.

        Raises
        ------
        InputError
            If an element has no channel, or a periodic direction has no cell vector.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        self._check_elements(frames)
        offsets = np.concatenate([[0], np.cumsum([len(frame) for frame in frames])]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.size), dtype=self.options.dtype)
        for index, frame in enumerate(frames):
            self._describe_frame(frame, index, values[offsets[index] : offsets[index + 1]])
        return Features(values, offsets)

    def _check_elements(self, frames: Frames) -> None:
        present = {int(z) for frame in frames for z in np.unique(frame.numbers)}
        if self.options.species is None:
            if len(present) > 1:
                symbols = ", ".join(chemical_symbols[z] for z in sorted(present))
                raise InputError(f"soap: the structures hold several elements; set species: [{symbols}].")
            return
        unknown = sorted(present - set(self._channel_of))
        if unknown:
            symbols = ", ".join(chemical_symbols[z] for z in unknown)
            raise InputError(f"soap: species lists {', '.join(self.options.species)} but the structures hold {symbols}; add it.")

    def _describe_frame(self, frame: Frame, index: int, result: NDArray[Any]) -> None:
        if len(frame) == 0:
            return
        first, vectors, neighbours = self._pairs(frame, index)
        channel = np.zeros(len(frame), dtype=np.int64)
        for number, s in self._channel_of.items():
            channel[frame.numbers == number] = s
        power_spectrum(
            first,
            vectors,
            channel[neighbours],
            channel,
            self._table,
            self._spacing,
            self.options.cutoff,
            self.options.cutoff_width,
            self._legendre,
            self._factors,
            self._n_channels,
            self.options.n_max,
            self._lanes,
            result,
        )

    def _pairs(self, frame: Frame, index: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """First pair of every atom int64[n + 1], vectors float64[n_pairs, 3] to its neighbours, and their indices."""
        cell = np.asarray(frame.cell, dtype=np.float64)
        periodic = np.asarray(frame.pbc, dtype=bool)
        if not (np.isfinite(frame.positions).all() and np.isfinite(cell).all()):
            raise ItemError(f"soap: frame {index} has positions or cell vectors that are not finite numbers.")
        if np.linalg.matrix_rank(cell[periodic]) < periodic.sum():
            raise InputError(f"soap: frame {index} is periodic along a direction without a cell vector of its own.")
        if not periodic.all():
            cell = np.where(periodic[:, None], cell, 0.0)
        i, j, distances, vectors = self._neighbours.compute(
            points=frame.positions, box=cell, periodic=periodic, quantities="ijdD"
        )
        if len(distances) and distances.min() < CLOSEST_A:
            pair = int(distances.argmin())
            raise ItemError(
                f"soap: atoms {int(i[pair])} and {int(j[pair])} of frame {index} are {distances[pair]:.3g} Å apart; "
                "the structure is broken."
            )
        first = np.searchsorted(i.astype(np.int64), np.arange(len(frame) + 1)).astype(np.int64)
        return first, np.ascontiguousarray(vectors), j.astype(np.int64)
