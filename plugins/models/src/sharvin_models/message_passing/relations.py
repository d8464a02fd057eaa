"""Relations of pairs of atoms: what tells them apart, how far each one reaches, and which is that of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError

from sharvin_models.message_passing.configs import DIFFERENT, SAME, MessagePassingOptions

TOO_CLOSE = 0.7
"""Share of the shortest distance of training pairs of a relation below which the labels of a structure must be wrong."""


@dataclass(frozen=True)
class PairRelations:
    """The relations that pairs of atoms can be in.

    Parameters
    ----------
    kind : {"none", "by_array", "by_labels", "by_elements"}
        One relation for all pairs; two, for equal and for different labels of the two atoms; or one for every unordered pair of
        labels or of elements.
    array : str
        Array of whole numbers of the atoms that holds their labels.
    names : tuple of str
        Of the relations, such as ``same`` and ``different``, ``0-1``, ``C-H``.
    cutoffs_A : tuple of float
        Distance in Å at which each relation ends.
    values : tuple of int
        Labels or atomic numbers that may occur, ascending; none where any may.
    closest_A : tuple of float
        Shortest distance in Å of the training pairs of every relation; none where it was not looked at.
    """

    kind: str
    array: str
    names: tuple[str, ...]
    cutoffs_A: tuple[float, ...]
    values: tuple[int, ...] = ()
    closest_A: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, options: MessagePassingOptions, elements: Sequence[int], labels: Sequence[int], closest_A: Sequence[float] = ()
    ) -> PairRelations:
        """The relations that options ask for.

        Parameters
        ----------
        options : MessagePassingOptions
        elements, labels : sequence of int
            Atomic numbers and labels of the training set, ascending.
        closest_A : sequence of float
            See the class.

        Raises
        ------
        InputError
            If a cutoff is given for a relation that there is not.
        """
        kind, values = options.relation_kind, tuple(labels if options.relation_kind == "by_labels" else elements)
        if kind in ("none", "by_array"):
            names, values = ((SAME, DIFFERENT) if kind == "by_array" else ("all",)), ()
        else:
            words = [str(value) if kind == "by_labels" else chemical_symbols[value] for value in values]
            names = tuple(f"{words[i]}-{words[j]}" for i in range(len(words)) for j in range(i, len(words)))
        unknown = sorted(set(options.given_cutoffs_A) - {*names, *(_turned(name) for name in names)})
        if unknown:
            raise InputError(
                f"cutoffs_A names the relation {unknown[0]!r}, and the training structures have {', '.join(names)}; give cutoffs "
                "for these."
            )
        given = options.given_cutoffs_A
        cutoffs = tuple(float(given.get(name, given.get(_turned(name), options.cutoff_A))) for name in names)
        return cls(kind, options.relation_array, names, cutoffs, values, tuple(map(float, closest_A)))

    @property
    def longest_A(self) -> float:
        """The longest cutoff."""
        return max(self.cutoffs_A)

    @property
    def needs_labels(self) -> bool:
        """Whether atoms must have labels."""
        return self.kind in ("by_array", "by_labels")

    def labels(self, numbers: NDArray[np.int64], arrays: Mapping[str, NDArray[Any]], said: str) -> NDArray[np.int64]:
        """What relations are told by, one whole number for each atom, int64[n_atoms].

        Raises
        ------
        InputError
            If the array of labels is missing or holds no whole numbers, or a label did not occur in the training; `said` names
            the structure.
        """
        if not self.needs_labels:
            return numbers
        found = arrays.get(self.array)
        if found is None or found.shape != (len(numbers),) or found.dtype.kind not in "iub":
            raise InputError(f"{said} needs a whole number for each atom in its array {self.array!r}, which tells its relations.")
        labels = found.astype(np.int64)
        unknown = np.setdiff1d(labels, self.values) if self.kind == "by_labels" else labels[:0]
        if len(unknown):
            atom = int(np.flatnonzero(labels == unknown[0])[0])
            raise InputError(
                f"{said} has the label {unknown[0]} in its array {self.array!r} (atom {atom}), and the training structures had "
                f"{', '.join(map(str, self.values))}; label its atoms as the training structures were, or train with such labels."
            )
        return labels

    def of_pairs(
        self, labels: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64], distance: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], ...]:
        """Which pairs are in each relation and shorter than its cutoff, bool[n_pairs] for every relation."""
        relation = self.numbers(labels, first, second)
        return tuple((relation == number) & (distance < cutoff) for number, cutoff in enumerate(self.cutoffs_A))

    def numbers(self, labels: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of every pair's relation, int64[n_pairs], however long the pair is."""
        if self.kind == "none":
            return np.zeros(len(first), dtype=np.int64)
        if self.kind == "by_array":
            return (labels[first] != labels[second]).astype(np.int64)
        places = np.searchsorted(np.array(self.values), labels)
        low, high = np.minimum(places[first], places[second]), np.maximum(places[first], places[second])
        found: NDArray[np.int64] = low * len(self.values) - low * (low - 1) // 2 + high - low
        return found

    def require_fitting(
        self,
        chosen: Sequence[NDArray[np.bool_]],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        distance: NDArray[np.float64],
        said: str,
    ) -> None:
        """Refuse labels that put two atoms into a relation in which atoms were never nearly as close in the training.

        Raises
        ------
        InputError
        """
        if not self.needs_labels:
            return
        for name, closest, pairs in zip(self.names, self.closest_A, chosen, strict=False):
            if pairs.any() and (nearest := float(distance[pairs].min())) < TOO_CLOSE * closest:
                pair = int(np.flatnonzero(pairs & (distance == nearest))[0])
                raise InputError(
                    f"{said} has atoms {first[pair]} and {second[pair]} {nearest:.2f} Å apart in the relation {name!r}, whose "
                    f"closest pair in the training was {closest:.2f} Å; the array {self.array!r} does not fit these atoms."
                )


def _turned(name: str) -> str:
    """The other name of an unordered pair."""
    one, found, other = name.rpartition("-")
    return f"{other}-{one}" if found and one else name
