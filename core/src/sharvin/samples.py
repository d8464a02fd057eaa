"""Samples that regressors learn from: :class:`Features`, :class:`Images`, and :class:`Dataset` with targets and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.frames import Frames


@dataclass(frozen=True, eq=False)
class Features:
    """Feature vectors, a ragged set of rows a structure (kind ``per_atom``) or one row a structure (``per_structure``).

    Parameters
    ----------
    values : float32 or float64 [n_rows, size]
        Rows of all structures, one structure after the other.
    offsets : int64[n_structures + 1] or None
        Structure ``i`` owns rows ``offsets[i]:offsets[i + 1]``; None for one row a structure.
    """

    values: NDArray[np.floating]
    offsets: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise InputError(f"features need a 2-dimensional array [rows, size], not shape {self.values.shape}.")
        if self.offsets is None:
            return
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values) or np.any(np.diff(self.offsets) < 0):
            raise InputError("feature offsets must ascend from 0 to the number of rows.")

    @property
    def kind(self) -> str:
        """``per_atom`` or ``per_structure``."""
        return "per_structure" if self.offsets is None else "per_atom"

    @property
    def size(self) -> int:
        """Number of features in a row."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    def rows(self, index: int) -> NDArray[np.floating]:
        """Rows of one structure, [n_atoms or 1, size], not copied."""
        if self.offsets is None:
            return self.values[index : index + 1]
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, index: slice | NDArray[np.int64]) -> Features:
        """The chosen structures, copied."""
        chosen = np.arange(len(self))[index]
        if self.offsets is None:
            return Features(self.values[chosen])
        counts = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        values = np.empty((int(offsets[-1]), self.size), dtype=self.values.dtype)
        for row, structure in enumerate(chosen):
            values[offsets[row] : offsets[row + 1]] = self.rows(int(structure))
        return Features(values, offsets)

    @classmethod
    def concatenate(cls, parts: Sequence[Features]) -> Features:
        """Join feature sets of the same kind and size.

        Raises
        ------
        InputError
            If their kinds or sizes differ.
        """
        if len({(part.kind, part.size) for part in parts}) != 1:
            named = ", ".join(f"{part.kind} of size {part.size}" for part in parts)
            raise InputError(f"only features of one kind and size can be joined, not {named or 'none'}.")
        counts = [np.diff(part.offsets) for part in parts if part.offsets is not None]
        values = np.concatenate([part.values for part in parts])
        return cls(values, np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64) if counts else None)


@dataclass(frozen=True, eq=False)
class Images:
    """On-site energies on a grid, kind ``image``: ``values`` float32 or float64 [n, L, W]."""

    values: NDArray[np.floating]
    kind = "image"

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: slice | NDArray[np.int64]) -> Images:
        """The chosen images."""
        return Images(self.values[index])


Samples = Features | Images | Frames


@dataclass(frozen=True, eq=False)
class Prediction:
    """``mean`` float64[n] in the unit of the targets, and ``std`` float64[n] of the model where it states one."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their targets, and the group (the trajectory) that each came from.

    Parameters
    ----------
    samples : Features, Images or Frames
    targets : float64[n]
        For conductances in G0.
    groups : int64[n]
        Samples of one group never fall on both sides of a group split.
    """

    samples: Samples
    targets: NDArray[np.float64]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.samples) == len(self.targets) == len(self.groups):
            raise InputError(
                f"a dataset needs as many targets and groups as samples, not {len(self.samples)} samples, "
                f"{len(self.targets)} targets and {len(self.groups)} groups."
            )

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, index: slice | NDArray[np.int64]) -> Dataset:
        """The chosen samples."""
        return Dataset(self.samples.take(index), self.targets[index], self.groups[index])

    def split(self, fractions: Sequence[float], rng: np.random.Generator, by: str = "group") -> tuple[NDArray[np.int64], ...]:
        """Indices of a random split into ``len(fractions)`` parts; see :func:`split_groups`."""
        return split_groups(self.groups, fractions, rng, by)


def split_groups(
    groups: NDArray[np.int64], fractions: Sequence[float], rng: np.random.Generator, by: str = "group"
) -> tuple[NDArray[np.int64], ...]:
    """Indices of a random split of samples into ``len(fractions)`` parts.

    Neighbouring frames of one pull are nearly the same sample, so the default keeps whole groups together; every part gets
    at least one group.

    Parameters
    ----------
    groups : int64[n]
        Group of each sample.
    fractions : sequence of float
        Shares of the parts; they must sum to 1.
    rng : numpy.random.Generator
    by : {"group", "sample"}

    Raises
    ------
    InputError
        If there are fewer groups than parts, the fractions do not sum to 1, or `by` is neither.
    """
    if by not in ("group", "sample"):
        raise InputError(f"a split is by group or by sample, not by {by!r}.")
    if abs(sum(fractions) - 1.0) > 1e-9:
        raise InputError(f"split fractions must sum to 1, not {sum(fractions):g}.")
    labels = groups if by == "group" else np.arange(len(groups))
    units = rng.permutation(np.unique(labels))
    if len(units) < len(fractions):
        raise InputError(f"a split by {by} into {len(fractions)} parts needs at least {len(fractions)} {by}s, not {len(units)}.")
    bounds = np.rint(np.cumsum(fractions) * len(units)).astype(int)
    for part in range(len(fractions)):
        bounds[part] = max(bounds[part], part + 1, bounds[part - 1] + 1 if part else 1)
        bounds[part] = min(bounds[part], len(units) - (len(fractions) - 1 - part))
    parts = np.split(units, bounds[:-1])
    return tuple(np.flatnonzero(np.isin(labels, part)) for part in parts)
