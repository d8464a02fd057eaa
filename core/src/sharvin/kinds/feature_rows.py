"""Rows of features that regressors learn from.

They may be in memory (:class:`Features`), in files (:class:`FeatureShards`) or computed when they are asked for
(:class:`DescribedFrames`); a regressor that asks for the rows of one structure at a time need not know which.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.words.displayed import Displayed, Fact, counted, size_in_memory


class FeatureRows(Displayed, ABC):
    """Feature vectors of structures: a ragged set of rows per structure (kind ``per_atom``) or one row (``per_structure``)."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """``per_atom`` or ``per_structure``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of features in a row."""

    @property
    @abstractmethod
    def counts(self) -> NDArray[np.int64]:
        """Rows of each structure, int64[n_structures]; 1 where there is one row per structure."""

    @abstractmethod
    def rows(self, index: int) -> NDArray[np.floating]:
        """Rows of one structure, [n_atoms or 1, size]; not to be written to."""

    @abstractmethod
    def heights(self, index: int) -> NDArray[np.float64] | None:
        """Coordinate along the wire of the atom of each row of one structure, float64[n_atoms] in Å; None where not known."""

    def structure(self, index: int) -> Features:
        """One structure, its rows and heights read or computed together."""
        rows = self.rows(index)
        return Features(rows, np.array([0, len(rows)]) if self.kind == "per_atom" else None, self.heights(index))

    @abstractmethod
    def take(self, index: slice | NDArray[np.int64]) -> FeatureRows:
        """The chosen structures, in the order asked for."""

    def __len__(self) -> int:
        return len(self.counts)

    def _facts(self) -> Sequence[Fact]:
        return [("structures", f"{counted(len(self), 'structure')}, {self.size:,} features per row"), ("kind", self.kind)]

    def loaded(self) -> Features:
        """All rows in memory; what is there already is not copied."""
        if len(self):
            return Features.concatenate([self.structure(i) for i in range(len(self))])
        return Features(np.empty((0, self.size)), _offsets(self.counts) if self.kind == "per_atom" else None)


@dataclass(frozen=True, eq=False, repr=False)
class Features(FeatureRows):
    """Feature vectors in memory.

    Parameters
    ----------
    values : float32 or float64 [n_rows, size]
        Rows of all structures, one structure after the other.
    offsets : int64[n_structures + 1] or None
        Structure ``i`` owns rows ``offsets[i]:offsets[i + 1]``; None for one row per structure.
    heights_A : float64[n_rows] or None
        Coordinate along the wire, z, of the atom that each row describes, for models that ask which atoms are near each other.
    """

    values: NDArray[np.floating]
    offsets: NDArray[np.int64] | None = None
    heights_A: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise InputError(f"features need a 2-dimensional array [rows, size], not shape {self.values.shape}.")
        if self.heights_A is not None and (self.offsets is None or self.heights_A.shape != (len(self.values),)):
            raise InputError("heights_A needs one number for each row, and rows that belong to atoms.")
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

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each structure, int64[n_structures]."""
        return np.ones(len(self.values), dtype=np.int64) if self.offsets is None else np.diff(self.offsets)

    def rows(self, index: int) -> NDArray[np.floating]:
        """Rows of one structure, [n_atoms or 1, size], not copied."""
        if self.offsets is None:
            return self.values[index : index + 1]
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def heights(self, index: int) -> NDArray[np.float64] | None:
        """Coordinate along the wire of the atom of each row of one structure; not copied."""
        if self.heights_A is None or self.offsets is None:
            return None
        return self.heights_A[self.offsets[index] : self.offsets[index + 1]]

    def _facts(self) -> Sequence[Fact]:
        rows, size = self.values.shape
        known = [] if self.offsets is None else [("heights", "not known" if self.heights_A is None else "known, in Å")]
        return [
            ("structures", f"{counted(len(self), 'structure')}, {counted(rows, 'row')} of {counted(size, 'feature')}"),
            ("kind", self.kind),
            *known,
            ("memory", size_in_memory(self.values)),
        ]

    def loaded(self) -> Features:
        """These features."""
        return self

    def take(self, index: slice | NDArray[np.int64]) -> Features:
        """The chosen structures, copied."""
        chosen = np.arange(len(self))[index]
        if self.offsets is None:
            return Features(self.values[chosen])
        offsets = _offsets(self.counts[chosen])
        own = [slice(self.offsets[structure], self.offsets[structure + 1]) for structure in chosen]
        known = self.heights_A
        heights = None if known is None else np.concatenate([known[:0], *(known[rows] for rows in own)])
        return Features(np.concatenate([self.values[:0], *(self.values[rows] for rows in own)]), offsets, heights)

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
        known = [part.heights_A for part in parts if part.heights_A is not None]
        heights = np.concatenate(known) if known and len(known) == len(parts) else None
        return cls(values, _offsets(np.concatenate(counts)) if counts else None, heights)


@dataclass(frozen=True, eq=False, repr=False)
class FeatureShards(FeatureRows):
    """Feature vectors in files, mapped into memory: the operating system reads what is used and may forget it again.

    Parameters
    ----------
    shards : sequence of Path
        Folders that :meth:`write` made; all of one kind and size.
    chosen : int64[n_structures] or None
        Structures in this set, counted through all shards; all of them where None.
    """

    shards: Sequence[Path]
    chosen: NDArray[np.int64] | None = None
    _opened: tuple[list[Features], NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        features = [_mapped(shard) for shard in self.shards]
        if len({(part.kind, part.size) for part in features}) != 1:
            raise InputError("feature shards must be of one kind and size, and there must be one at least.")
        object.__setattr__(self, "_opened", (features, np.cumsum([len(part) for part in features])))
        if self.chosen is None:
            object.__setattr__(self, "chosen", np.arange(self._opened[1][-1]))

    def _facts(self) -> Sequence[Fact]:
        return [*super()._facts(), ("files", f"{counted(len(self.shards), 'shard')}, mapped into memory")]

    def __reduce__(self) -> tuple[object, ...]:
        return FeatureShards, (self.shards, self.chosen)  # not the mapped arrays, which pickle as copies

    @staticmethod
    def write(folder: Path, features: Features) -> None:
        """Write one shard into an existing folder."""
        np.save(folder / "values.npy", features.values)
        if features.offsets is not None:
            np.save(folder / "offsets.npy", features.offsets)
        if features.heights_A is not None:
            np.save(folder / "heights.npy", features.heights_A)

    @property
    def kind(self) -> str:
        """``per_atom`` or ``per_structure``."""
        return self._opened[0][0].kind

    @property
    def size(self) -> int:
        """Number of features in a row."""
        return self._opened[0][0].size

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each structure, int64[n_structures]."""
        return np.concatenate([part.counts for part in self._opened[0]])[self.chosen]

    def __len__(self) -> int:
        assert self.chosen is not None
        return len(self.chosen)

    def rows(self, index: int) -> NDArray[np.floating]:
        """Rows of one structure, read from the disk when they are used."""
        features, structure = self._place(index)
        return features.rows(structure)

    def heights(self, index: int) -> NDArray[np.float64] | None:
        """Coordinate along the wire of the atom of each row of one structure."""
        features, structure = self._place(index)
        return features.heights(structure)

    def _place(self, index: int) -> tuple[Features, int]:
        """The shard that holds a structure, and its number there."""
        assert self.chosen is not None
        features, ends = self._opened
        structure = int(self.chosen[index])
        shard = int(np.searchsorted(ends, structure, side="right"))
        return features[shard], structure - (int(ends[shard - 1]) if shard else 0)

    def take(self, index: slice | NDArray[np.int64]) -> FeatureShards:
        """The chosen structures, not copied."""
        assert self.chosen is not None
        return FeatureShards(self.shards, self.chosen[index])


@dataclass(frozen=True, eq=False, repr=False)
class DescribedFrames(FeatureRows):
    """Feature vectors that are computed whenever they are asked for, and not kept.

    Parameters
    ----------
    frames : Frames
        In memory, 24 bytes per atom.
    describe : callable
        Features of frames, as :meth:`sharvin.protocols.Descriptor.describe`.
    """

    frames: Frames
    describe: Callable[[Frames], Features]
    _first: Features = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.frames):
            raise InputError("there are no frames to describe.")
        object.__setattr__(self, "_first", self.describe(self.frames[:1]))

    @property
    def kind(self) -> str:
        """``per_atom`` or ``per_structure``."""
        return self._first.kind

    @property
    def size(self) -> int:
        """Number of features in a row."""
        return self._first.size

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each structure, int64[n_structures]; describes every frame once."""
        if self.kind == "per_structure":
            return np.ones(len(self.frames), dtype=np.int64)
        return np.array([len(self.rows(i)) for i in range(len(self.frames))], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.frames)

    def _facts(self) -> Sequence[Fact]:
        return [*super()._facts(), ("rows", "computed when they are asked for")]

    def structure(self, index: int) -> Features:
        """One structure, described now."""
        return self.describe(self.frames[index : index + 1])

    def rows(self, index: int) -> NDArray[np.floating]:
        """Rows of one structure, computed now."""
        return self.structure(index).values

    def heights(self, index: int) -> NDArray[np.float64] | None:
        """Coordinate along the wire of the atom of each row of one structure, computed now."""
        return self.structure(index).heights_A

    def take(self, index: slice | NDArray[np.int64]) -> DescribedFrames:
        """The chosen structures, not described yet."""
        return DescribedFrames(self.frames[index], self.describe)


def _offsets(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _mapped(shard: Path) -> Features:
    offsets, heights = (np.load(shard / name) if (shard / name).exists() else None for name in ("offsets.npy", "heights.npy"))
    return Features(np.load(shard / "values.npy", mmap_mode="r"), offsets, heights)
