"""Devices by a two-centre table: blocks between the atoms of a junction, at each transverse k-point.

What there is within a head and between it and its principal layer follows from the table, the electrode and where the head is
relative to it. It is computed for the first snapshot and taken from there as long as none of these changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from operator import attrgetter

import numpy as np
from ase import Atoms
from cachetools import LRUCache
from numpy.typing import NDArray
from sharvin.errors import ItemError
from sharvin.numerics.neighbour_pairs import NeighbourPairs
from sharvin.runs.cache import most_recent
from sharvin.two_terminal import Matrix

from sharvin_transport.slater_koster.device_order import RIGHT_HEAD, RIGHT_LEAD, DeviceOrder
from sharvin_transport.slater_koster.near_pairs import near_pairs
from sharvin_transport.slater_koster.pair_device import DeviceEnd, DevicePairs
from sharvin_transport.slater_koster.table_leads import phases
from sharvin_transport.slater_koster.table_orbitals import TableOrbitals
from sharvin_transport.slater_koster.too_close import check_positive, check_spheres

Floats = NDArray[np.float64]
_END_BYTES = 32_000_000


class TableDevices:
    """Blocks of devices; those of heads are kept, at most 32 MB of them (1.4 MB for one of 25 atoms of gold).

    Parameters
    ----------
    orbitals : TableOrbitals
    origin : callable
        What says which table it is; asked once.
    """

    def __init__(self, orbitals: TableOrbitals, origin: Callable[[], str]) -> None:
        self.orbitals = orbitals
        self._origin, self._said = origin, b""
        self._ends: LRUCache[bytes, DeviceEnd] = most_recent(_END_BYTES, attrgetter("nbytes"))

    def pairs(self, atoms: Atoms, placed: DeviceOrder, shifts: Floats, k_points: Floats) -> list[DevicePairs]:
        """Blocks of the device at each k-point.

        Parameters
        ----------
        atoms : ase.Atoms
        placed : DeviceOrder
            Of these atoms.
        shifts : float64[n_atoms]
            On-site shifts in eV, in the order of the device.
        k_points : float64[n_k, 2]
            In units of the reciprocal cell vectors.

        Raises
        ------
        ItemError
            If atoms are too close for the table.
        """
        order, zone = placed.order, placed.zone
        numbers = np.asarray(atoms.numbers, dtype=np.int64)[order]
        leads = np.where(np.abs(zone) == RIGHT_LEAD, zone, 0)
        pairs = near_pairs(placed.positions, atoms.cell.array, atoms.pbc, self.orbitals.range_A(numbers), leads)
        check_spheres(pairs, order, numbers, ItemError)
        count = self.orbitals.count(numbers)
        onsite = self.orbitals.onsite(numbers, pairs, int(count.max())) + shifts[:, None]
        in_end = (zone[pairs.first] * zone[pairs.second] > 0) & bool((np.abs(zone) == RIGHT_HEAD).any())
        rest = pairs.take(~in_end)
        hopping, overlap = self.orbitals.pair_blocks(numbers, rest)
        check_positive(rest, overlap, order, numbers, ItemError)
        if shifts.any():
            hopping += 0.5 * (shifts[rest.first] + shifts[rest.second])[:, None, None] * overlap
        found = []
        for k in k_points:
            phased: tuple[Matrix, Matrix] = (hopping, overlap)
            if k.any():
                phase = self._phase(rest, placed, k)
                phased = phase * hopping, phase * overlap
            ends = None
            if in_end.any():
                ends = (
                    self._end(placed, atoms, numbers, k, pairs.take(in_end & (zone[pairs.first] < 0)), shifts, "left"),
                    self._end(placed, atoms, numbers, k, pairs.take(in_end & (zone[pairs.first] > 0)), shifts, "right"),
                )
            found.append(DevicePairs(count, zone, rest.first, rest.second, *phased, onsite, shifts, ends))
        return found

    def _end(
        self,
        placed: DeviceOrder,
        atoms: Atoms,
        numbers: NDArray[np.int64],
        k: Floats,
        pairs: NeighbourPairs,
        shifts: Floats,
        side: str,
    ) -> DeviceEnd:
        """A head and its principal layer, computed once for all snapshots that do not move them against each other."""
        number = 0 if side == "left" else 1
        own, start = placed.own[number], number * int((placed.zone <= 0).sum())
        key = None if placed.loose[number] else self._key(placed, atoms, numbers, k, slice(start, start + len(own)), own)
        if key is not None and key in self._ends:
            return self._ends[key]
        hopping, overlap = self.orbitals.pair_blocks(numbers, pairs)
        check_positive(pairs, overlap, placed.order, numbers, ItemError)
        if key is None and shifts.any():
            hopping += 0.5 * (shifts[pairs.first] + shifts[pairs.second])[:, None, None] * overlap
        blocks: tuple[Matrix, Matrix] = (hopping, overlap)
        if k.any():
            phase = self._phase(pairs, placed, k)
            blocks = phase * hopping, phase * overlap
        end = DeviceEnd(key, pairs.first - start, pairs.second - start, *blocks)
        if key is not None:
            self._ends[key] = end
        return end

    def _key(self, placed: DeviceOrder, atoms: Atoms, numbers: NDArray[np.int64], k: Floats, part: slice, own: Floats) -> bytes:
        self._said = self._said or self._origin().encode()
        digest = hashlib.blake2b(self._said, digest_size=20)
        for array in (numbers[part], own, placed.zone[part], placed.offsets[part], atoms.cell.array[:2], atoms.pbc, k):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    @staticmethod
    def _phase(pairs: NeighbourPairs, placed: DeviceOrder, k: Floats) -> NDArray[np.complex128]:
        shift = pairs.image[:, :2] + placed.offsets[pairs.second] - placed.offsets[pairs.first]
        return phases(shift, k)[:, None, None]
