"""Devices as blocks between atoms: the sparse H and S are put together when somebody asks for them.

Solvers that know :class:`DevicePairs` take what they eliminate from the blocks (:mod:`~sharvin_transport.rgf.pair_blocks`). Most
of a sparse matrix is its two principal layers, which are the leads' and are not eliminated at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sharvin.devices.device_checks import CHECKED_ORBITALS
from sharvin.two_terminal import Lead, Matrix, TwoTerminal

from sharvin_transport.slater_koster.device_matrix import assemble, outer_orbitals, padded, present_orbitals
from sharvin_transport.slater_koster.device_order import LEFT_LEAD, RIGHT_LEAD
from sharvin_transport.slater_koster.pairs import merge_images

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DeviceEnd:
    """Pairs within a head, and of it with its principal layer.

    Parameters
    ----------
    key : bytes or None
        Hash of all that the blocks depend on: equal keys, equal blocks. None for a loose head, which has no equal.
    first, second : int64[p]
        Places among the atoms of both, first ≤ second.
    hopping, overlap : [p, m, m]
        In eV, and pure numbers. The hopping is without on-site shifts, but that of a loose head, which has them.
    """

    key: bytes | None
    first: Integers
    second: Integers
    hopping: Matrix
    overlap: Matrix

    @property
    def nbytes(self) -> int:
        """Memory."""
        return int(self.hopping.nbytes + self.overlap.nbytes + self.first.nbytes + self.second.nbytes)


@dataclass(frozen=True, eq=False)
class DevicePairs:
    """Blocks between the atoms of a device, in its order.

    Parameters
    ----------
    count : int64[n]
        Orbitals of each atom; the blocks have m places, the largest of these numbers.
    zone : int64[n]
        See :mod:`~sharvin_transport.slater_koster.device_order`.
    first, second : int64[p]
        Atoms of each pair, first ≤ second, without those of the ends; several times where several images couple.
    hopping, overlap : [p, m, m]
        In eV, with shifts, and pure numbers.
    onsite : float64[n, m]
        In eV, with shifts.
    shifts : float64[n]
        On-site shifts of the atoms in eV.
    ends : (DeviceEnd, DeviceEnd) or None
        None where the principal layers have no heads.
    """

    count: Integers
    zone: Integers
    first: Integers
    second: Integers
    hopping: Matrix
    overlap: Matrix
    onsite: Floats
    shifts: Floats
    ends: tuple[DeviceEnd, DeviceEnd] | None = None

    @property
    def nbytes(self) -> int:
        """Memory of what no other device shares."""
        return int(self.hopping.nbytes + self.overlap.nbytes + self.onsite.nbytes)

    def all_pairs(self) -> tuple[Integers, Integers, Matrix, Matrix]:
        """The pairs of the ends among the others, with shifts: first, second, hopping and overlap."""
        if self.ends is None:
            return self.first, self.second, self.hopping, self.overlap
        right = len(self.zone) - int((self.zone > 0).sum())
        parts: list[tuple[Any, ...]] = [(self.first, self.second, self.hopping, self.overlap)]
        for end, offset in zip(self.ends, (0, right), strict=True):
            first, second = end.first + offset, end.second + offset
            hopping = end.hopping
            if end.key is not None and self.shifts.any():
                hopping = hopping + 0.5 * (self.shifts[first] + self.shifts[second])[:, None, None] * end.overlap
            parts.append((first, second, hopping, end.overlap))
        first, second, hopping, overlap = (np.concatenate(part) for part in zip(*parts, strict=True))
        return first, second, hopping, overlap

    def matrices(self, left: Lead, right: Lead) -> tuple[csr_array, csr_array]:
        """H and S between these leads, whose blocks the principal layers take."""
        n, m = self.onsite.shape
        first, second, *blocks = self.all_pairs()
        first, second, merged = merge_images(first, second, n, (blocks[0], blocks[1]))
        outer = [int((self.zone == side).sum()) for side in (LEFT_LEAD, RIGHT_LEAD)]
        sizes = [outer[0], n - sum(outer), outer[1]]
        found = []
        for values, diagonal, lead_blocks in (
            (merged[0], self.onsite, (left.H00, right.H00)),
            (merged[1], np.ones_like(self.onsite), (left.S00, right.S00)),
        ):
            ends = [padded(block, part, m) for block, part in zip(lead_blocks, outer_orbitals(self.count, sizes), strict=True)]
            found.append(assemble(first, second, values, diagonal, ends, sizes))
        present = present_orbitals(self.count)
        if not present.all():
            found = [csr_array(matrix[present][:, present]) for matrix in found]
        return found[0], found[1]


@dataclass(frozen=True, eq=False, repr=False)
class PairDevice(TwoTerminal):
    """A device that holds blocks between atoms, and H and S from when they are first asked for.

    ``pairs`` is None in what :func:`dataclasses.replace` makes of it, which has matrices of its own.
    """

    pairs: DevicePairs | None = field(init=False, default=None)

    @classmethod
    def of(cls, pairs: DevicePairs, left: Lead, right: Lead, fermi_energy_eV: float, atom: Integers) -> PairDevice:
        """The device of these blocks; `atom` says which atom each orbital belongs to. Small ones are checked as all are."""
        made = object.__new__(cls)
        for name, value in (("left", left), ("right", right), ("fermi_energy_eV", fermi_energy_eV), ("atom", atom)):
            object.__setattr__(made, name, value)
        object.__setattr__(made, "pairs", pairs)
        if len(atom) <= CHECKED_ORBITALS:
            made.__post_init__()
        return made

    def __getattr__(self, name: str) -> Any:
        if name not in ("H", "S") or self.pairs is None:
            raise AttributeError(name)
        H, S = self.pairs.matrices(self.left, self.right)
        object.__setattr__(self, "H", H)
        object.__setattr__(self, "S", S)
        return self.__dict__[name]

    @property
    def size(self) -> int:
        """Number of orbitals."""
        return super().size if self.pairs is None else int(self.pairs.count.sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of H and S."""
        return super().dtype if self.pairs is None else self.pairs.hopping.dtype

    @property
    def is_mirrored(self) -> bool:
        """Whether H and S come from blocks of finite numbers, each of which stands for its mirror image too."""
        pairs = self.pairs
        return pairs is not None and all(np.isfinite(one.sum()) for one in (pairs.hopping, pairs.overlap, pairs.onsite))

    @property
    def nbytes(self) -> int:
        """Memory of H and S, or of the blocks that they will be made of."""
        return super().nbytes if self.pairs is None else self.pairs.nbytes
