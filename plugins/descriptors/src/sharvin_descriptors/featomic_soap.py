"""The SOAP power spectrum of featomic, for comparison.

Its radial basis is that of Gaussian-type orbitals, orthonormalised, and its cutoff function a shifted cosine; rows have the order
and the factors of :class:`sharvin_descriptors.soap.Soap`, so that scalar products of rows compare.
"""

from __future__ import annotations

import numpy as np
from featomic import SoapPowerSpectrum  # type: ignore[import-untyped]
from featomic.basis import Gto, TensorProduct  # type: ignore[import-untyped]
from featomic.cutoff import Cutoff, ShiftedCosine  # type: ignore[import-untyped]
from featomic.density import Gaussian  # type: ignore[import-untyped]
from metatensor import Labels  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sharvin.frames import Frame, Frames
from sharvin.samples import Features

from sharvin_descriptors.channels import Channels, centres, heights
from sharvin_descriptors.configs import FeatomicOptions
from sharvin_descriptors.periodic_box import boxed


class FeatomicSoap:
    """featomic's power spectrum of every atom or of the mobile ones, kind ``per_atom``.

    Parameters
    ----------
    options : FeatomicOptions

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol.
    """

    def __init__(self, options: FeatomicOptions) -> None:
        self.options = options
        self._channels = Channels(options.species, "featomic")
        self._calculator = SoapPowerSpectrum(
            cutoff=Cutoff(radius=options.cutoff_A, smoothing=ShiftedCosine(width=options.cutoff_width_A)),
            density=Gaussian(width=options.sigma_A),
            basis=TensorProduct(max_angular=options.l_max, radial=Gto(max_radial=options.n_max - 1, radius=options.cutoff_A)),
        )
        first, second = np.triu_indices(options.n_max)
        shells = np.arange(options.l_max + 1)
        lnn = np.stack([np.repeat(shells, len(first)), np.tile(first, len(shells)), np.tile(second, len(shells))], axis=1)
        self._reduced = Labels(["l", "n_1", "n_2"], lnn.astype(np.int32))
        self._columns = (lnn[:, 0] * options.n_max + lnn[:, 1]) * options.n_max + lnn[:, 2]
        self._scale = np.where(lnn[:, 1] == lnn[:, 2], 1.0, np.sqrt(2.0))

    @property
    def size(self) -> int:
        """Number of features of an atom: (l_max + 1) N (N + 1)/2 with N = n_max × number of species."""
        functions = self._channels.count * self.options.n_max
        return (self.options.l_max + 1) * functions * (functions + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """Features of the atoms of every frame that `centres` asks for, in the order of the atoms.

        A row runs over pairs of species s ≤ s' in the order of the `species` option, then l, then n, then n' (from n on
        where s = s').

        Parameters
        ----------
        frames : Frames
            Any periodicity; a mixed one is completed by vacuum wider than the cutoff.

        Returns
        -------
        Features
            ``values`` float64[n_rows of all frames, size].

        Raises
        ------
        InputError
            If an element has no channel, a periodic direction has no cell vector, or the mobile atoms are not known.
        ItemError
            If positions are not finite.
        """
        self._channels.check(frames)
        chosen = [centres(frame, self.options.centres, index, "featomic") for index, frame in enumerate(frames)]
        offsets = np.concatenate([[0], np.cumsum([len(atoms) for atoms in chosen])]).astype(np.int64)
        values = np.zeros((int(offsets[-1]), self.size))
        for index, (frame, atoms) in enumerate(zip(frames, chosen, strict=True)):
            if len(frame):
                self._describe_frame(frame, index, atoms, values[offsets[index] : offsets[index + 1]])
        return Features(values, offsets, heights(frames, chosen))

    def _describe_frame(self, frame: Frame, index: int, atoms: NDArray[np.int64], result: NDArray[np.float64]) -> None:
        structure = boxed(frame, self._channels.of(frame.numbers), self.options.cutoff_A, index, "featomic")
        wanted = None if len(atoms) == len(frame) else Labels(["atom"], atoms.astype(np.int32)[:, None])
        alone = self._channels.count == 1
        spectrum = self._calculator.compute(
            structure, selected_samples=wanted, selected_properties=self._reduced if alone else None
        )
        row_of = np.zeros(len(frame), dtype=np.int64)
        row_of[atoms] = np.arange(len(atoms))
        for key, block in spectrum.items():
            s, other = int(key["neighbor_1_type"]), int(key["neighbor_2_type"])
            found = np.asarray(block.values)
            if s == other:
                found = (found if alone else found[:, self._columns]) * self._scale
            begin = self._block_start(s, other)
            result[row_of[np.asarray(block.samples["atom"])], begin : begin + found.shape[1]] = found

    def _block_start(self, s: int, other: int) -> int:
        """Place of the first feature of the pair of channels s ≤ other."""
        n, shells = self.options.n_max, self.options.l_max + 1
        before = [(a, b) for a in range(self._channels.count) for b in range(a, self._channels.count) if (a, b) < (s, other)]
        return shells * sum(n * (n + 1) // 2 if a == b else n * n for a, b in before)
