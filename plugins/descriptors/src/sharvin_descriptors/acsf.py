r"""Atom-centred symmetry functions: radial and angular sums over an atom's neighbours, for potentials and for regressors.

The formulas are those of :mod:`sharvin_descriptors.symmetry_functions` (J. Behler, J. Chem. Phys. 134, 074106 (2011)). Neighbours
of different elements do not mix: every radial function is summed once for each element, every angular one once for each unordered
pair of elements. The central atom's own element is not a feature.

Numbers of the functions follow n2p2: its G9, the angular function without the third side, is Behler's G5 (G⁵ of 2011), and G4,
with the third side, is n2p2's G3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frame, Frames
from sharvin.samples import Features
from vesin import NeighborList  # type: ignore[import-untyped]

from sharvin_descriptors.configs import AcsfOptions, SymmetryFunction
from sharvin_descriptors.function_tables import functions_of
from sharvin_descriptors.neighbours import neighbour_pairs
from sharvin_descriptors.symmetry_functions import Parameters, symmetry_function_gradients, symmetry_functions

NAME = "acsf"


class Acsf:
    """Atom-centred symmetry functions of every atom, kind ``per_atom``, in double precision.

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
        for symbol in options.species or ():
            if symbol not in atomic_numbers:
                raise InputError(f"acsf: species {symbol!r} is not a chemical symbol.")
        functions = functions_of(options)
        self.radial = tuple(function for function in functions if function.type == "G2")
        """Radial functions, in the order of the features."""
        self.angular = tuple(function for function in functions if function.type != "G2")
        """Angular functions, in the order of the features."""
        self._parameters = _parameters(self.radial, self.angular, options)
        self._channel_of = {atomic_numbers[symbol]: s for s, symbol in enumerate(options.species or ())}
        self._n_channels = len(options.species) if options.species else 1
        self._neighbours = NeighborList(cutoff=options.cutoff, full_list=True, sorted=True, n_threads=1)

    @property
    def size(self) -> int:
        """Number of features of an atom: radial functions × species + angular functions × pairs of species."""
        n = self._n_channels
        return len(self.radial) * n + len(self.angular) * n * (n + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """Features of every atom of every frame.

        A row holds the radial functions, in their order, of the first species, then of the second …; then the angular functions
        of each pair of species s ≤ s' in the order of the `species` option.

        Parameters
        ----------
        frames : Frames
            Any periodicity, mixed ones included.

        Returns
        -------
        Features
            ``values`` float64[n_atoms of all frames, size], without unit.

        Raises
        ------
        InputError
            If an element is not listed, or a periodic direction has no cell vector.
        ItemError
            If positions are not finite or two atoms overlap.
        """
        offsets = np.concatenate([[0], np.cumsum([len(frame) for frame in frames])]).astype(np.int64)
        values = np.zeros((int(offsets[-1]), self.size))
        for index, frame in enumerate(frames):
            first, vectors, neighbour = self._pairs(frame, index)
            if len(neighbour):
                rows = values[offsets[index] : offsets[index + 1]]
                symmetry_functions(first, vectors, self._channels(frame)[neighbour], self._n_channels, self._parameters, rows)
        return Features(values, offsets)

    def _pairs(self, frame: Frame, index: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        present = {int(z) for z in np.unique(frame.numbers)}
        if self.options.species is None and len(present) > 1:
            symbols = ", ".join(chemical_symbols[z] for z in sorted(present))
            raise InputError(f"acsf: frame {index} holds several elements; set species: [{symbols}].")
        unknown = sorted(present - set(self._channel_of))
        if self.options.species is not None and unknown:
            symbols = ", ".join(chemical_symbols[z] for z in unknown)
            raise InputError(f"acsf: species lists {', '.join(self.options.species)} but frame {index} holds {symbols}; add it.")
        if len(frame) == 0:
            return np.zeros(1, dtype=np.int64), np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
        return neighbour_pairs(self._neighbours, frame, index, NAME)

    def _channels(self, frame: Frame) -> NDArray[np.int64]:
        return np.array([self._channel_of.get(int(z), 0) for z in frame.numbers], dtype=np.int64)


def _parameters(radial: Sequence[SymmetryFunction], angular: Sequence[SymmetryFunction], options: AcsfOptions) -> Parameters:
    def array(values: Sequence[float | None]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64)

    def shifts(functions: Sequence[SymmetryFunction]) -> NDArray[np.float64]:
        return array([options.r_s if function.r_s is None else function.r_s for function in functions])

    factors = list(dict.fromkeys((function.lam, function.zeta) for function in angular))
    return Parameters(
        cutoff=options.cutoff,
        polynomial=options.cutoff_function == "polynomial",
        radial_eta=array([function.eta for function in radial]),
        radial_shift=shifts(radial),
        eta=array([function.eta for function in angular]),
        shift=shifts(angular),
        wide=np.array([function.type == "G4" for function in angular], dtype=bool),
        term=np.array([factors.index((function.lam, function.zeta)) for function in angular], dtype=np.int64),
        lam=array([lam for lam, _ in factors]),
        zeta=array([zeta for _, zeta in factors]),
    )
