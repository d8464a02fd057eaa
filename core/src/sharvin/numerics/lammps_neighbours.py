"""LAMMPS' own neighbour list as arrays: who surrounds an atom, ghost atoms resolved to the atoms that they are images of.

LAMMPS gives the neighbours of one atom per call. The calls are made by compiled code, so that no step of Python is spent on an
atom. Only who has a potential that takes neighbours needs this module, and numba with it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped] # has no stubs
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from sharvin.runs.compiled import njit

BIT_OF_SPECIAL_BONDS = 30
"""The two bits from here on of a neighbour's index tell of bonds; LAMMPS: NEIGHMASK."""


def _ask_for_neighbours(
    _context: Any, function: Any, handle: Any, list_index: Any, element: Any, atom: Any, count: Any, first: Any
) -> Any:
    """Call ``lammps_neighlist_element_neighbors`` at its address; the last three are addresses of results."""
    signature = types.void(types.int64, types.int64, types.int32, types.int32, types.int64, types.int64, types.int64)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        long, whole = ir.IntType(64), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [long, whole, whole, long, long, long])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return ir.Constant(ir.IntType(8).as_pointer(), None)

    return signature, generate


def _read_integer(_context: Any, address: Any, index: Any) -> Any:
    """The 32-bit integer with this index in an array at an address."""
    signature = types.int32(types.int64, types.int64)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array = builder.inttoptr(arguments[0], ir.IntType(32).as_pointer())
        return builder.load(builder.gep(array, [arguments[1]]))

    return signature, generate


_ask: Callable[..., None] = intrinsic(_ask_for_neighbours)
_read: Callable[..., int] = intrinsic(_read_integer)
_compiled: Callable[[Callable[..., int]], Callable[..., int]] = njit(nogil=True, error_model="numpy")


@_compiled
def _gather(
    function: int,
    handle: int,
    list_index: int,
    n_elements: int,
    x: NDArray[np.float64],
    owner: NDArray[np.int64],
    cutoff: float,
    first: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    vectors: NDArray[np.float64],
) -> int:
    """Write the pairs within the cutoff; how many they are, or would be if they do not fit. Rows of atoms are their numbers."""
    answer, start = np.zeros(2, dtype=np.int32), np.zeros(1, dtype=np.int64)
    mask = (1 << BIT_OF_SPECIAL_BONDS) - 1
    # neighbours of the elements of the list, which may stand in any order, are put in the order of the atoms
    place = np.full(len(first) - 1, -1, dtype=np.int64)
    for element in range(n_elements):
        _ask(
            function,
            handle,
            np.int32(list_index),
            np.int32(element),
            answer.ctypes.data,
            answer.ctypes.data + 4,
            start.ctypes.data,
        )
        place[owner[answer[0]]] = element
    total = 0
    for atom in range(len(first) - 1):
        first[atom] = total
        if place[atom] < 0:
            continue
        _ask(
            function,
            handle,
            np.int32(list_index),
            np.int32(place[atom]),
            answer.ctypes.data,
            answer.ctypes.data + 4,
            start.ctypes.data,
        )
        i = answer[0]
        for k in range(answer[1]):
            j = _read(start[0], k) & mask
            dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
            if dx * dx + dy * dy + dz * dz < cutoff * cutoff:
                if total < len(neighbours):
                    neighbours[total] = owner[j]
                    vectors[total, 0], vectors[total, 1], vectors[total, 2] = dx, dy, dz
                total += 1
    first[len(first) - 1] = total
    return total


class LammpsNeighbours:
    """Neighbours of the atoms of a running instance, from the full list of its pair style.

    Parameters
    ----------
    lmp : lammps.lammps
        With ``pair_style zero CUTOFF full``, on one rank.
    cutoff_A : float
    """

    def __init__(self, lmp: Any, cutoff_A: float) -> None:
        self._lmp = lmp
        self._cutoff_A = cutoff_A
        self._function = ctypes.cast(lmp.lib.lammps_neighlist_element_neighbors, ctypes.c_void_p).value
        handle = lmp.lmp
        self._handle = handle.value if isinstance(handle, ctypes.c_void_p) else int(handle)
        self._room = 0

    def find(self, ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """``first``, ``neighbours``, ``vectors`` of a :class:`sharvin.protocols.NeighbourList` of atoms with these sorted ids."""
        lmp = self._lmp
        n_all = lmp.extract_setting("nall")
        x = lmp.numpy.extract_atom("x", dtype=3, nelem=n_all, dim=3)
        owner = np.searchsorted(ids, np.asarray(lmp.numpy.extract_atom("id", dtype=0, nelem=n_all, dim=1)).ravel())
        index = lmp.find_pair_neighlist("zero", False, 0, 0)
        size = lmp.get_neighlist_size(index)
        first = np.empty(len(ids) + 1, dtype=np.int64)
        while True:
            neighbours, vectors = np.empty(self._room, dtype=np.int64), np.empty((self._room, 3))
            found = _gather(self._function, self._handle, index, size, x, owner, self._cutoff_A, first, neighbours, vectors)
            if found <= self._room:
                return first, neighbours[:found], vectors[:found]
            self._room = found + found // 8
