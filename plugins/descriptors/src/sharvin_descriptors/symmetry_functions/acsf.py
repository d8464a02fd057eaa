r"""Atom-centred symmetry functions: radial and angular sums over an atom's neighbours, for potentials and for regressors.

The formulas are those of :mod:`~sharvin_descriptors.symmetry_functions.definitions` (J. Behler, J. Chem. Phys. 134, 074106
(2011)). Neighbours of different elements do not mix: every radial function is summed once for each element, every angular one
once for each unordered pair of elements; weighted functions count all elements together. The central atom's own element is not
a feature.

Numbers of the functions follow n2p2: its G9, the angular function without the third side, is Behler's G5 (G⁵ of 2011), and G4,
with the third side, is n2p2's G3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from sharvin.frames import Frame, Frames
from sharvin.protocols import FeatureDerivatives
from sharvin.samples import Features

from sharvin_descriptors.channels import Channels, centres, heights
from sharvin_descriptors.neighbours import NeighbourSearch
from sharvin_descriptors.symmetry_functions.arrays import function_arrays
from sharvin_descriptors.symmetry_functions.configs import ANGULAR, AcsfOptions
from sharvin_descriptors.symmetry_functions.frames import gradients, rows
from sharvin_descriptors.symmetry_functions.tables import atom_functions, functions_of

ANY_ELEMENT = "X"
"""Stands for the one element of structures whose species are not listed."""

NAME = "acsf"


class Acsf:
    """Atom-centred symmetry functions of every atom or of the mobile ones, kind ``per_atom``, in double precision.

    Parameters
    ----------
    options : AcsfOptions

    Raises
    ------
    InputError
        If a listed species is not a chemical symbol, or the file of functions cannot be used.
    """

    def __init__(self, options: AcsfOptions) -> None:
        self.options = options
        self._channels = Channels(options.species, NAME)
        listed = functions_of(options)
        self.radial = tuple(function for function in listed if function.type not in ANGULAR)
        """Radial functions, in the order of the features."""
        self.angular = tuple(function for function in listed if function.type in ANGULAR)
        """Angular functions, in the order of the features."""
        numbers = [atomic_numbers[symbol] for symbol in options.species or (ANY_ELEMENT,)]
        functions = atom_functions(listed, options, numbers[0], numbers)
        self._functions = function_arrays(functions, {z: channel for channel, z in enumerate(numbers)})
        self._search = NeighbourSearch(max(function.cutoff_A for function in functions), "float64", NAME)

    @property
    def size(self) -> int:
        """Features of an atom: radial functions × species + angular functions × pairs of species + weighted functions."""
        return self._functions.size

    def _weights(self, frame: Frame) -> NDArray[np.float64]:
        """Atomic number of each channel."""
        if self.options.species is None:
            return np.array([frame.numbers[0]], dtype=np.float64)
        return np.array([atomic_numbers[symbol] for symbol in self.options.species], dtype=np.float64)

    def describe(self, frames: Frames) -> Features:
        """Features of the atoms of every frame that `centres` asks for, in the order of the atoms.

        A row holds the radial functions, in their order, of the first species, then of the second …; then the angular functions
        of each pair of species s ≤ s' in the order of the `species` option; then weighted functions, radial ones first.

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` float64[n_rows of all frames, size], without unit.

        Raises
        ------
        InputError
            If an element is not listed, a periodic direction has no cell vector, or the mobile atoms are not known.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        self._channels.check(frames)
        chosen = [centres(frame, self.options.centres, index, NAME) for index, frame in enumerate(frames)]
        offsets = np.concatenate([[0], np.cumsum([len(atoms) for atoms in chosen])]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.size))
        for index, (frame, atoms) in enumerate(zip(frames, chosen, strict=True)):
            if len(frame):
                near = self._search.find(frame, self._channels.of(frame.numbers), index)
                found = values[offsets[index] : offsets[index + 1]]
                rows(atoms, near.first, near.vectors, near.channels, self._weights(frame), self._functions, found)
        return Features(values, offsets, heights(frames, chosen))

    def derivatives(self, frames: Frames) -> Iterator[FeatureDerivatives]:
        """How the rows of each frame change with the positions, one frame after the other.

        Parameters
        ----------
        frames : Frames

        Yields
        ------
        FeatureDerivatives
            ``values`` in 1/Å; pairs in the order of rows, then of atoms, and every row with its own atom.

        Raises
        ------
        InputError, ItemError
            As :meth:`describe`.
        """
        self._channels.check(frames)
        for index, frame in enumerate(frames):
            atoms = centres(frame, self.options.centres, index, NAME)
            if len(frame) == 0:
                yield FeatureDerivatives(atoms, atoms, np.zeros((0, 3, self.size)))
            else:
                yield self._derivatives_of(frame, index, atoms)

    def _derivatives_of(self, frame: Frame, index: int, atoms: NDArray[np.int64]) -> FeatureDerivatives:
        near = self._search.find(frame, self._channels.of(frame.numbers), index)
        centre = np.concatenate([np.repeat(np.arange(len(frame)), np.diff(near.first)), atoms])
        wanted = np.isin(centre, atoms)
        keys, places = np.unique((centre * len(frame) + np.concatenate([near.atoms, atoms]))[wanted], return_inverse=True)
        slots = np.full(len(centre), -1, dtype=np.int64)
        slots[wanted] = places
        values = np.zeros((len(keys), 3, self.size))
        n_pairs = len(near.atoms)
        gradients(
            atoms,
            slots[n_pairs:],
            slots[:n_pairs],
            near.first,
            near.vectors,
            near.channels,
            self._weights(frame),
            self._functions,
            values,
        )
        return FeatureDerivatives(np.searchsorted(atoms, keys // len(frame)), keys % len(frame), values)
