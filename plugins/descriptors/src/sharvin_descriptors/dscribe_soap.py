"""The SOAP power spectrum of DScribe, for comparison.

Its radial basis is made of Gaussian-type orbitals, orthonormalised by inverting their overlap matrix, which becomes singular to
machine precision as their number grows. DScribe then fails, or returns functions that are not orthonormal; both are refused here.
There is no cutoff function: a basis that decays towards the cutoff takes its place, and atoms a little beyond it still count.
"""

from __future__ import annotations

import warnings

import numpy as np
from dscribe.descriptors import SOAP  # type: ignore[import-untyped]
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from scipy.special import gamma
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.samples import Features

from sharvin_descriptors.channels import Channels, centres, heights
from sharvin_descriptors.configs import DscribeOptions
from sharvin_descriptors.periodic_box import boxed

LARGEST_DEFECT = 0.1
"""Largest deviation of an overlap of two radial functions from 0 or 1 that is let pass."""


class DscribeSoap:
    """DScribe's power spectrum of every atom or of the mobile ones, kind ``per_atom``.

    Parameters
    ----------
    options : DscribeOptions

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol, or DScribe has no sound radial basis for these options.
    """

    def __init__(self, options: DscribeOptions) -> None:
        self.options = options
        self._channels = Channels(options.species, "dscribe")
        advice = f"dscribe: with n_max {options.n_max} at cutoff {options.cutoff_A:g} Å"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LinAlgWarning)  # the defect is measured below
                self._soap = SOAP(
                    species=range(1, self._channels.count + 1),  # the channels stand for the elements
                    r_cut=options.cutoff_A,
                    n_max=options.n_max,
                    l_max=options.l_max,
                    sigma=options.sigma_A,
                    periodic=True,
                    dtype=options.dtype,
                )
        except ValueError as error:
            raise InputError(f"{advice} the overlap of its radial functions is singular; choose a smaller n_max.") from error
        defect = self._defect()
        if defect > LARGEST_DEFECT:
            raise InputError(f"{advice} its radial functions miss orthonormality by {defect:.2g}; choose a smaller n_max.")

    @property
    def size(self) -> int:
        """Number of features of an atom: (l_max + 1) N (N + 1)/2 with N = n_max × number of species."""
        return int(self._soap.get_number_of_features())

    def describe(self, frames: Frames) -> Features:
        """Features of the atoms of every frame that `centres` asks for, in the order of the atoms; columns in DScribe's order.

        Parameters
        ----------
        frames : Frames
            Any periodicity; a mixed one is completed by vacuum wider than the cutoff.

        Returns
        -------
        Features
            ``values`` [n_rows of all frames, size], of the `dtype` option.

        Raises
        ------
        InputError
            If an element has no channel, a periodic direction has no cell vector, or the mobile atoms are not known.
        ItemError
            If positions are not finite.
        """
        self._channels.check(frames)
        chosen = [centres(frame, self.options.centres, index, "dscribe") for index, frame in enumerate(frames)]
        offsets = np.concatenate([[0], np.cumsum([len(atoms) for atoms in chosen])]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.size), dtype=self.options.dtype)
        reach = self.options.cutoff_A + self._soap.get_cutoff_padding()
        for index, (frame, atoms) in enumerate(zip(frames, chosen, strict=True)):
            if len(frame):
                structure = boxed(frame, self._channels.of(frame.numbers) + 1, reach, index, "dscribe")
                values[offsets[index] : offsets[index + 1]] = self._soap.create(structure, centers=atoms.tolist())
        return Features(values, offsets, heights(frames, chosen))

    def _defect(self) -> float:
        """Largest deviation of the overlaps of the radial functions from orthonormality."""
        exponents: NDArray[np.float64] = self._soap._alphas
        combined: NDArray[np.float64] = self._soap._betas
        defect = 0.0
        for l_value in range(self.options.l_max + 1):
            overlap = gamma(l_value + 1.5) / 2.0 * (exponents[l_value][:, None] + exponents[l_value]) ** (-l_value - 1.5)
            found = combined[l_value] @ overlap @ combined[l_value].T
            defect = max(defect, float(np.abs(found - np.eye(self.options.n_max)).max()))
        return defect
