"""Whether a device and its leads hold the same principal layers, and the same coupling between them.

The first and the last orbitals of a device are principal layers of the leads (:func:`check_layers`). Where a device goes on with
another layer of the lead, it also holds the lead's coupling H01, S01. In matrices that another program wrote both are compared
(:func:`check_couplings`), because programs that store matrices by columns (Julia, Fortran, MATLAB) write them transposed into
files of rows: nothing else tells H01 from its transpose. Orbitals of the device's second layer may stand in another order than
the lead's, and in other transverse images, which gives them other phases at a k-point: such a coupling is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError

if TYPE_CHECKING:
    from sharvin.two_terminal import Lead, TwoTerminal

Array = NDArray[Any]

LAYER_TOLERANCE = 1e-6
"""Largest difference of an element of a device's outermost principal layers from the lead's H00 (eV) or S00."""
_EQUAL, _SLIGHT = 1e-6, 1e-5
_SIMILAR, _UNLIKE, _CLEAR = 0.1, 0.2, 0.05
_CHANGED: dict[str, Callable[[Array], Array]] = {
    "transposed": lambda block: block.T,
    "transposed and complex conjugated": lambda block: block.conj().T,
    "complex conjugated": lambda block: block.conj(),
}


def check_layers(system: TwoTerminal, tolerance: float = LAYER_TOLERANCE) -> None:
    """Check that the outermost principal layers of a device are its leads'.

    Parameters
    ----------
    system : TwoTerminal
    tolerance : float
        For H00 (eV) and S00.

    Raises
    ------
    InputError
        Which block differs, by how much, and whether it is transposed.
    """
    for side, lead in (("left", system.left), ("right", system.right)):
        m, n = lead.size, system.size
        part = slice(0, m) if side == "left" else slice(n - m, n)
        for name, matrix, block in (("H00", system.H, lead.H00), ("S00", system.S, lead.S00)):
            found = matrix[part][:, part].toarray()
            deviation = _distance(found, block)
            if not deviation <= tolerance:
                turned = np.iscomplexobj(block) and _distance(found, block.conj()) <= tolerance
                raise InputError(
                    f"the outermost {side} principal layer of the device is its lead's {name} transposed; one of the two was "
                    "written by columns instead of rows."
                    if turned
                    else f"the outermost {side} principal layer differs from its lead's {name} by {deviation:.1e}; "
                    "write the lead's block into the device."
                )


def check_couplings(system: TwoTerminal) -> None:
    """Check that the leads' couplings are not missing, transposed or complex conjugated, for H and S that another program wrote.

    A coupling is refused if it is zero and the device's is not, or if the device couples its outermost layer by the transpose and
    neither by the lead's coupling nor by one with the second layer's orbitals in another order or with other phases. In layers of
    one orbital only zero is refused, as the phase of their coupling changes no transmission. What merely differs is no fault: a
    wire may change behind its first layer.

    Parameters
    ----------
    system : TwoTerminal

    Raises
    ------
    InputError
        Which block is wrong, how, and by how much it differs from the device's coupling.
    """
    for side, lead in (("left", system.left), ("right", system.right)):
        if system.size >= 2 * lead.size:
            _check_coupling(_End.of(system, side), lead, side)


def check_supercell(lead: Lead) -> None:
    """Check that a lead repeats the primitive cell that its `supercell` states.

    Raises
    ------
    InputError
        If `supercell` does not hold every orbital once, or the lead's blocks change under a shift by one cell: by how much.
    """
    if lead.supercell is None:
        return
    orbitals = np.asarray(lead.supercell.orbitals)
    if orbitals.ndim != 3 or not np.array_equal(np.sort(orbitals, axis=None), np.arange(lead.size)):
        raise InputError(
            f"supercell must hold each of the {lead.size} orbitals of the lead once, counted from 0, as [N1, N2, orbitals of a "
            f"cell]; its shape is {orbitals.shape}."
        )
    order = orbitals.reshape(-1)
    for axis in (0, 1):
        shifted = np.roll(orbitals, 1, axis=axis).reshape(-1)
        for name in ("H00", "H01", "S00", "S01"):
            block = getattr(lead, name)
            change = float(np.abs(block[np.ix_(order, order)] - block[np.ix_(shifted, shifted)]).max())
            if not change <= LAYER_TOLERANCE:
                raise InputError(
                    f"{name} of the lead changes by {change:.1e} under a shift by one cell of its supercell; leave supercell "
                    "out, or mend its order of orbitals."
                )


@dataclass(frozen=True, eq=False)
class _End:
    """Blocks of a device at one end: its second principal layer, and the coupling of the two outermost ones along +z."""

    H: Array
    S: Array
    H_next: Array
    S_next: Array

    @classmethod
    def of(cls, system: TwoTerminal, side: str) -> _End:
        if side == "left":
            m = system.left.size
            outer, inner = slice(0, m), slice(m, 2 * m)
        else:
            m, n = system.right.size, system.size
            outer, inner = slice(n - m, n), slice(n - 2 * m, n - m)
        along = (outer, inner) if side == "left" else (inner, outer)
        places = ((inner, inner), along)
        return cls(*(matrix[a][:, b].toarray() for a, b in places for matrix in (system.H, system.S)))


def _check_coupling(end: _End, lead: Lead, side: str) -> None:
    blocks = (("H01", " eV", end.H_next, lead.H01), ("S01", "", end.S_next, lead.S01))
    for name, unit, found, block in blocks:
        largest = float(np.abs(found).max())
        if largest > _EQUAL and not block.any():
            raise InputError(
                f"{name} of the {side} lead is zero, but the device's two outermost {side} principal layers couple by up to "
                f"{largest:.2g}{unit}; give the lead that block, or, if the wire changes behind its first layer, put one more "
                "layer of the lead into the device."
            )
    if lead.size == 1:
        return
    scale = max(float(np.abs(lead.H00).max()), float(np.abs(lead.H01).max()), 1e-300)
    goes_on = max(_distance(end.H, lead.H00) / scale, _distance(end.S, lead.S00)) <= _SIMILAR
    for name, unit, found, block in blocks:
        apart, size = _distance(found, block), float(np.abs(block).max())
        # Self-consistent matrices repeat their layers to some per cent only.
        near = _CLEAR * apart if goes_on and apart > _UNLIKE * size else _EQUAL * size
        for how, change in _CHANGED.items():
            if apart > _SLIGHT * size and _distance(found, change(block)) <= near and not _same_layers(end, lead, side, near):
                raise InputError(
                    f"{name} of the {side} lead is {how}: it differs by {apart:.2g}{unit} from the coupling of the device's two "
                    f"outermost {side} principal layers, and once {how} it fits; {name}[i, j] couples orbital i of a layer to "
                    "orbital j of the next one in +z direction (programs that store matrices by columns must transpose them). If "
                    "it is right, and the wire changes behind its first layer, put one more layer of the lead into the device."
                )


def _same_layers(end: _End, lead: Lead, side: str, near: float) -> bool:
    """Whether each orbital of the second layer couples to the outermost one like an orbital of the lead, up to a phase."""
    found, own = np.vstack([end.H_next, end.S_next]), np.vstack([lead.H01, lead.S01])
    if side == "right":
        found, own = (np.vstack([H.conj().T, S.conj().T]) for H, S in ((end.H_next, end.S_next), (lead.H01, lead.S01)))
    for column in found.T:
        product = own.conj().T @ column
        phase = np.where(product == 0, 1.0, product / np.maximum(np.abs(product), 1e-300))
        if not np.abs(column[:, None] - own * phase).max(axis=0).min() <= near:
            return False
    return True


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())
