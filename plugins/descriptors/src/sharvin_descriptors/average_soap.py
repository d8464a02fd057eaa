r"""One SOAP row for a whole structure: the mean of its atoms' power spectra.

.. math:: \bar p = \frac{1}{N} \sum_i p(i),

also called the outer average. Scalar products of two such rows are the average kernel of the two structures, the mean over all
pairs of their atoms' SOAP kernels (S. De, A. P. Bartók, G. Csányi and M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016)).
A structure repeated periodically keeps its row, so the row does not tell how many atoms there are; and a few atoms in
the neck of a long wire hardly change it, which is why it fails where the neck alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sharvin.errors import ItemError
from sharvin.frames import Frames
from sharvin.protocols import FeatureDerivatives
from sharvin.samples import Features

from sharvin_descriptors.configs import AverageSoapOptions
from sharvin_descriptors.soap import Soap


class AverageSoap:
    """Mean SOAP power spectrum of a structure's atoms, kind ``per_structure``.

    Parameters
    ----------
    options : AverageSoapOptions

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol.
    """

    def __init__(self, options: AverageSoapOptions) -> None:
        self.options = options
        self._soap = Soap(options)

    @property
    def size(self) -> int:
        """Number of features, that of `soap` with the same options."""
        return self._soap.size

    def describe(self, frames: Frames) -> Features:
        """Mean row of every frame; the rows of one frame at a time are in memory.

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` [n_frames, size] in Å³, of the `dtype` option, averaged in double precision.

        Raises
        ------
        InputError
            If an element has no channel, or a periodic direction has no cell vector.
        ItemError
            If positions are not finite, two atoms overlap, or a frame has no atoms.
        """
        values = np.empty((len(frames), self.size), dtype=self.options.dtype)
        for index in range(len(frames)):
            if len(frames[index]) == 0:
                raise ItemError(f"average_soap: frame {index} has no atoms to average over.")
            # One frame at a time: the rows of a long trajectory need not be in memory at once.
            values[index] = self._soap.describe(frames[index : index + 1]).values.mean(axis=0, dtype=np.float64)
        return Features(values)

    def derivatives(self, frames: Frames) -> Iterator[FeatureDerivatives]:
        """How the row of each frame changes with the positions, one frame after the other.

        Parameters
        ----------
        frames : Frames

        Yields
        ------
        FeatureDerivatives
            ``values`` in Å², of the `dtype` option, one pair an atom that any of the averaged rows depends on.

        Raises
        ------
        InputError, ItemError
            As :meth:`describe`.
        """
        for index in range(len(frames)):
            if len(frames[index]) == 0:
                raise ItemError(f"average_soap: frame {index} has no atoms to average over.")
            (of_rows,) = self._soap.derivatives(frames[index : index + 1])
            atoms, slots = np.unique(of_rows.atoms, return_inverse=True)
            values = np.zeros((len(atoms), 3, self.size))
            for slot, value in zip(slots, of_rows.values, strict=True):
                values[slot] += value
            mean = (values / len(np.unique(of_rows.rows))).astype(self.options.dtype)
            yield FeatureDerivatives(np.zeros(len(atoms), dtype=np.int64), atoms, mean)
