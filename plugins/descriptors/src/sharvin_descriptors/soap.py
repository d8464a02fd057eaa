r"""The SOAP power spectrum: how the atoms around an atom are arranged, in numbers that do not depend on orientation.

Every atom within the cutoff, the central one included, is a Gaussian of width σ in the density channel of its element. The
density is expanded in an orthonormal radial basis (:mod:`sharvin_descriptors.radial`) and real spherical harmonics, and
contracted to the rotation invariants :math:`p^{ss'}_{nn'l}` (:mod:`sharvin_descriptors.kernel`). A neighbour's weight falls to
zero with two continuous derivatives before it reaches the cutoff, so features are continuous functions of the positions.

:math:`p^{ss'}_{nn'l}` is symmetric under exchange of (s, n) and (s', n'); each distinct element is kept once. Elements that
stand for two carry :math:`\sqrt 2`, so the scalar product of two rows is the full SOAP kernel.

Atoms whose neighbourhood is that of the frame before (:mod:`sharvin_descriptors.neighbours`) keep their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.frames import Frame, Frames
from sharvin.protocols import FeatureDerivatives
from sharvin.samples import Features

from sharvin_descriptors.channels import Channels, centres, heights
from sharvin_descriptors.configs import SoapOptions
from sharvin_descriptors.gradients import power_spectrum_gradients
from sharvin_descriptors.harmonics import legendre_coefficients
from sharvin_descriptors.kernel import Basis, power_spectrum
from sharvin_descriptors.neighbours import Neighbourhoods, NeighbourSearch
from sharvin_descriptors.radial import radial_table
from sharvin_descriptors.tiles import padded, rows_of_tile


@dataclass(frozen=True, eq=False)
class _Described:
    """A frame that was described: its neighbourhoods, its rows, and the row of each atom (−1: none)."""

    neighbourhoods: Neighbourhoods
    rows: NDArray[Any]
    row_of: NDArray[np.int64]


class Soap:
    """SOAP power spectrum of every atom or of the mobile ones, kind ``per_atom``.

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
        self._channels = Channels(options.species, "soap")
        self._search = NeighbourSearch(options.cutoff_A, options.dtype, "soap")
        self._last: _Described | None = None
        itemsize = np.dtype(options.dtype).itemsize
        lanes = padded(options.n_max, itemsize)
        table, spacing_A = radial_table(options.n_max, options.l_max, options.cutoff_A, options.sigma_A)
        padding = [(0, 0), (0, 0), (0, 0), (0, lanes - options.n_max)]
        factors = np.pi * np.sqrt(8.0 / (2.0 * np.arange(options.l_max + 1) + 1.0))
        self._basis = Basis(
            table=np.pad(table, padding).reshape(len(table), 2, -1).astype(options.dtype),
            spacing_A=spacing_A,
            cutoff_A=options.cutoff_A,
            width_A=options.cutoff_width_A,
            legendre=legendre_coefficients(options.l_max),
            factors=np.stack([factors, np.sqrt(2.0) * factors]).astype(options.dtype),
            n_channels=self._channels.count,
            n_max=options.n_max,
            rows=(0,) * rows_of_tile(lanes, itemsize),
            lanes=(0,) * lanes,
        )

    @property
    def size(self) -> int:
        """Number of features of an atom: (l_max + 1) N (N + 1)/2 with N = n_max × number of species."""
        functions = self._channels.count * self.options.n_max
        return (self.options.l_max + 1) * functions * (functions + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """Features of the atoms of every frame that `centres` asks for, in the order of the atoms.

        A row runs over pairs of species s ≤ s' in the order of the `species` option, then l, then n, then n' (from n on
        where s = s'). The rows of the last frame are kept, for the next one.

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` [n_rows of all frames, size] in Å³, of the `dtype` option.

        Raises
        ------
        InputError
            If an element has no channel, a periodic direction has no cell vector, or the mobile atoms are not known.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        self._channels.check(frames)
        chosen = [centres(frame, self.options.centres, index, "soap") for index, frame in enumerate(frames)]
        offsets = np.concatenate([[0], np.cumsum([len(atoms) for atoms in chosen])]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.size), dtype=self.options.dtype)
        last = self._last
        for index, (frame, atoms) in enumerate(zip(frames, chosen, strict=True)):
            if len(frame):
                last = self._describe_frame(frame, index, atoms, values[offsets[index] : offsets[index + 1]], last)
        if last is not None and last is not self._last:
            # Copied: whoever holds the features may write to them, and the rows of all frames need not stay in memory.
            self._last = _Described(last.neighbourhoods, last.rows.copy(), last.row_of)
        return Features(values, offsets, heights(frames, chosen))

    def derivatives(self, frames: Frames) -> Iterator[FeatureDerivatives]:
        """How the rows of each frame change with the positions, one frame after the other.

        A frame of N rows with M neighbours each takes N (M + 1) × 3 × size numbers: 0.3 GB in single precision for 304 gold atoms
        at the default options. It is computed when the iterator comes to it, and not kept.

        Parameters
        ----------
        frames : Frames

        Yields
        ------
        FeatureDerivatives
            ``values`` in Å², of the `dtype` option; pairs in the order of rows, then of atoms, and every row with its own atom.

        Raises
        ------
        InputError, ItemError
            As :meth:`describe`.
        """
        self._channels.check(frames)
        for index, frame in enumerate(frames):
            atoms = centres(frame, self.options.centres, index, "soap")
            if len(frame) == 0:
                yield FeatureDerivatives(atoms, atoms, np.zeros((0, 3, self.size), dtype=self.options.dtype))
            else:
                yield self._derivatives_of(frame, index, atoms)

    def _describe_frame(
        self, frame: Frame, index: int, atoms: NDArray[np.int64], result: NDArray[Any], last: _Described | None
    ) -> _Described:
        near = self._search.find(frame, self._channels.of(frame.numbers), index)
        row_of = np.full(len(frame), -1, dtype=np.int64)
        row_of[atoms] = np.arange(len(atoms))
        if last is not None:
            kept = atoms[near.same_as(last.neighbourhoods)[atoms]]
            kept = kept[last.row_of[kept] >= 0]
            result[row_of[kept]] = last.rows[last.row_of[kept]]
            atoms = np.setdiff1d(atoms, kept, assume_unique=True)
        power_spectrum(atoms, row_of[atoms], near, self._basis, result)
        return _Described(near, result, row_of)

    def _derivatives_of(self, frame: Frame, index: int, atoms: NDArray[np.int64]) -> FeatureDerivatives:
        near = self._search.find(frame, self._channels.of(frame.numbers), index)
        counts = np.diff(near.first)
        # One entry a pair of row and atom: images of an atom move together, and every row has an entry for its own atom.
        centre = np.concatenate([np.repeat(np.arange(len(frame)), counts), atoms])
        wanted = np.isin(centre, atoms)
        keys, slots = np.unique((centre * len(frame) + np.concatenate([near.atoms, atoms]))[wanted], return_inverse=True)
        slot_of_pair = np.full(len(centre), -1, dtype=np.int64)
        slot_of_pair[wanted] = slots
        values = np.zeros((len(keys), 3, self.size), dtype=self.options.dtype)
        own_slots, slots = slot_of_pair[len(near.atoms) :], slot_of_pair[: len(near.atoms)]
        power_spectrum_gradients(atoms, own_slots, slots, near, self._basis, values)
        row_of = np.zeros(len(frame), dtype=np.int64)
        row_of[atoms] = np.arange(len(atoms))
        return FeatureDerivatives(row_of[keys // len(frame)], keys % len(frame), values)
