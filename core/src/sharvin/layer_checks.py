"""Whether a device and its leads hold the same principal layers, and the same coupling between them.

The first and the last orbitals of a device are principal layers of the leads. Where a device goes on with another layer of the
lead, it also holds the lead's coupling H01, S01. Both are compared, because programs that store matrices by columns (Julia,
Fortran, MATLAB) write them transposed into files of rows: nothing else tells H01 from its transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError

if TYPE_CHECKING:
    from sharvin.two_terminal import Lead, TwoTerminal

Array = NDArray[Any]

LAYER_TOLERANCE = 1e-6
"""Largest difference of an element of a device's outermost principal layers from the lead's H00 (eV) or S00."""
_SIMILAR, _SLIGHT = 0.1, 1e-5
_REPEATED, _DIFFERENT = 1e-6, 1e-3
_CHANGED: dict[str, Callable[[Array], Array]] = {
    "transposed": lambda block: block.T,
    "transposed and complex conjugated": lambda block: block.conj().T,
    "complex conjugated": lambda block: block.conj(),
}


def check_layers(system: TwoTerminal, tolerance: float = LAYER_TOLERANCE) -> None:
    """Check that the outermost principal layers of a device are its leads', and that the leads' couplings are the device's.

    The coupling is compared where the device's second principal layer resembles the lead's. A device whose scattering region
    begins behind one principal layer tells nothing about H01.

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
        end = _End.of(system, side)
        for name, found, block in (("H00", end.H[0], lead.H00), ("S00", end.S[0], lead.S00)):
            deviation = float(np.abs(found - block).max())
            if not deviation <= tolerance:
                turned = np.iscomplexobj(block) and bool(np.abs(found - block.conj()).max() <= tolerance)
                raise InputError(
                    f"the outermost {side} principal layer of the device is its lead's {name} transposed; one of the two was "
                    "written by columns instead of rows."
                    if turned
                    else f"the outermost {side} principal layer differs from its lead's {name} by {deviation:.1e}; "
                    "write the lead's block into the device."
                )
        _check_coupling(end, lead, side)


@dataclass(frozen=True, eq=False)
class _End:
    """Blocks of a device at one end: layers counted from the outside, and couplings of neighbours, along +z."""

    H: list[Array]
    S: list[Array]
    H_next: list[Array]
    S_next: list[Array]

    @classmethod
    def of(cls, system: TwoTerminal, side: str) -> _End:
        m = system.left.size if side == "left" else system.right.size
        layers = [slice(k * m, (k + 1) * m) for k in range(min(3, system.size // m))]
        if side == "right":
            layers = [slice(system.size - part.stop, system.size - part.start) for part in layers]
        pairs = [(a, b) if side == "left" else (b, a) for a, b in pairwise(layers)]
        blocks = [
            [matrix[a][:, b].toarray() for a, b in places]
            for places in ([(part, part) for part in layers], pairs)
            for matrix in (system.H, system.S)
        ]
        return cls(*blocks)


def _check_coupling(end: _End, lead: Lead, side: str) -> None:
    if len(end.H) < 2:
        return
    scale = max(float(np.abs(lead.H00).max()), float(np.abs(lead.H01).max()))
    if max(_distance(end.H[1], lead.H00) / max(scale, 1e-300), _distance(end.S[1], lead.S00)) > _SIMILAR:
        return
    for name, unit, found, block in (("H01", " eV", end.H_next[0], lead.H01), ("S01", "", end.S_next[0], lead.S01)):
        apart, size = _distance(found, block), float(np.abs(block).max())
        for how, change in _CHANGED.items():
            if apart > _SLIGHT * size and _distance(found, change(block)) < _SIMILAR * min(apart, size):
                raise InputError(
                    f"{name} of the {side} lead is {how}: it differs by {apart:.2g}{unit} from the coupling of the device's two "
                    f"outermost {side} principal layers, and once {how} it fits; {name}[i, j] couples orbital i of a layer to "
                    "orbital j of the next one in +z direction (programs that store matrices by columns must transpose them)."
                )
    _check_repeated(end, lead, side)


def _check_repeated(end: _End, lead: Lead, side: str) -> None:
    """Where the device repeats the lead's layer three times, its own coupling is the lead's, or the lead is another crystal."""
    if len(end.H) < 3 or lead.size == 1:  # chains of equal sites with other hoppings are common as models
        return
    alike = [(end.H[k], lead.H00) for k in (1, 2)] + [(end.S[k], lead.S00) for k in (1, 2)]
    alike += [(end.H_next[0], end.H_next[1]), (end.S_next[0], end.S_next[1])]
    if max(_distance(a, b) for a, b in alike) > _REPEATED or not end.H_next[0].any():
        return
    for name, unit, found, block in (("H01", " eV", end.H_next[0], lead.H01), ("S01", "", end.S_next[0], lead.S01)):
        if (deviation := _distance(found, block)) > _DIFFERENT * max(1.0, float(np.abs(found).max())):
            raise InputError(
                f"{name} of the {side} lead differs by {deviation:.2g}{unit} from the coupling of the device's three outermost "
                f"{side} principal layers, which are the lead's and couple alike; give the lead that coupling, or, if the wire "
                "changes behind its first layer, put one more layer of the lead into the device."
            )


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())
