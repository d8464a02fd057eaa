"""Samples that regressors learn from: rows of features, images, frames, and :class:`Dataset` with targets and groups.

Rows of features are those of :mod:`sharvin.kinds.feature_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.kinds.feature_rows import DescribedFrames, FeatureRows, Features, FeatureShards
from sharvin.words.displayed import Displayed, Fact, counted, size_in_memory, span

__all__ = [
    "Dataset",
    "DescribedFrames",
    "FeatureRows",
    "FeatureShards",
    "Features",
    "Images",
    "Prediction",
    "Samples",
    "split_groups",
]


@dataclass(frozen=True, eq=False, repr=False)
class Images(Displayed):
    """On-site energies on a grid, kind ``image``: ``values`` float32 or float64 [n, L, W]."""

    values: NDArray[np.floating]
    kind = "image"

    def __len__(self) -> int:
        return len(self.values)

    def _facts(self) -> Sequence[Fact]:
        number, *shape = self.values.shape
        size = " × ".join(map(str, shape))
        return [("images", f"{counted(number, 'image')} of {size} sites"), ("memory", size_in_memory(self.values))]

    def take(self, index: slice | NDArray[np.int64]) -> Images:
        """The chosen images."""
        return Images(self.values[index])


Samples = FeatureRows | Images | Frames


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Displayed):
    """``mean`` float64[n] in the unit of the targets, and ``std`` float64[n] of the model where it states one."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64] | None = None

    def _facts(self) -> Sequence[Fact]:
        std = "not stated" if self.std is None else span(self.std)
        return [("predictions", counted(len(self.mean), "prediction")), ("mean", span(self.mean)), ("standard deviation", std)]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """Samples, their targets, and the group (the trajectory) that each came from.

    Parameters
    ----------
    samples : FeatureRows, Images or Frames
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

    def _facts(self) -> Sequence[Fact]:
        return [
            ("dataset", f"{counted(len(self), 'sample')} in {counted(len(np.unique(self.groups)), 'group')}"),
            ("targets", span(self.targets)),
            ("samples", repr(self.samples)),
        ]

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
