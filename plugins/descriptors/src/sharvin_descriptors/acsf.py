r"""Atom-centred symmetry functions: radial and angular sums over an atom's neighbours, for potentials and for regressors.

The formulas are those of :mod:`sharvin_descriptors.symmetry_functions` (J. Behler, J. Chem. Phys. 134, 074106 (2011)). Neighbours
of different elements do not mix: every radial function is summed once for each element, every angular one once for each unordered
pair of elements. The central atom's own element is not a feature.

Numbers of the functions follow n2p2: its G9, the angular function without the third side, is Behler's G5 (G⁵ of 2011), and G4,
with the third side, is n2p2's G3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sharvin.frames import Frame, Frames
from sharvin.protocols import FeatureDerivatives
from sharvin.samples import Features

from sharvin_descriptors.channels import Channels, centres, heights
from sharvin_descriptors.configs import AcsfOptions, SymmetryFunction
from sharvin_descriptors.function_tables import functions_of
from sharvin_descriptors.neighbours import NeighbourSearch
from sharvin_descriptors.symmetry_functions import Parameters, symmetry_function_gradients, symmetry_functions

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
        self._search = NeighbourSearch(options.cutoff_A, "float64", NAME)
        functions = functions_of(options)
        self.radial = tuple(function for function in functions if function.type == "G2")
        """Radial functions, in the order of the features."""
        self.angular = tuple(function for function in functions if function.type != "G2")
        """Angular functions, in the order of the features."""
        self._parameters = _parameters(self.radial, self.angular, options)

    @property
    def size(self) -> int:
        """Number of features of an atom: radial functions × species + angular functions × pairs of species."""
        n = self._channels.count
        return len(self.radial) * n + len(self.angular) * n * (n + 1) // 2

    def describe(self, frames: Frames) -> Features:
        """Features of the atoms of every frame that `centres` asks for, in the order of the atoms.

        A row holds the radial functions, in their order, of the first species, then of the second …; then the angular functions
        of each pair of species s ≤ s' in the order of the `species` option.

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
                rows = values[offsets[index] : offsets[index + 1]]
                symmetry_functions(atoms, near, self._channels.count, self._parameters, rows)
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
        symmetry_function_gradients(
            atoms,
            slots[n_pairs:],
            slots[:n_pairs],
            near,
            self._channels.count,
            self._parameters,
            values,
        )
        return FeatureDerivatives(np.searchsorted(atoms, keys // len(frame)), keys % len(frame), values)


def _parameters(radial: Sequence[SymmetryFunction], angular: Sequence[SymmetryFunction], options: AcsfOptions) -> Parameters:
    def array(values: Sequence[float | None]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64)

    def shifts(functions: Sequence[SymmetryFunction]) -> NDArray[np.float64]:
        return array([options.r_s if function.r_s is None else function.r_s for function in functions])

    factors = list(dict.fromkeys((function.lam, function.zeta) for function in angular))
    return Parameters(
        cutoff_A=options.cutoff_A,
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
