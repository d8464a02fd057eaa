"""What a device transmits where its Green function does not exist: one meaning for all solvers.

A device is *broken* if no chain of non-zero elements of H or S leads from one lead to the other. It transmits nothing at any
energy, also at a level of a part that no lead touches, where the Green function does not exist: T, its eigenchannels and its
response to on-site shifts are zero, and scattering states vanish in the part that no lead touches. In a device that is not
broken, a level that no lead broadens is an error, because T jumps there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sharvin.errors import RunError
from sharvin.two_terminal import TwoTerminal


def zero_if_broken(system: TwoTerminal, energy_eV: float, reason: str = "") -> float:
    """T of a device whose Green function is singular at an absolute energy.

    Parameters
    ----------
    system : TwoTerminal
    energy_eV : float
    reason : str
        What the solver says of it, in place of the general message.

    Raises
    ------
    RunError
        If the device is not broken.
    """
    if system.connected:
        raise RunError(
            reason or f"the device's Green function is singular at {energy_eV:.6f} eV; move the energy by 1e-6 eV."
        ) from None
    return 0.0


def touched_orbitals(system: TwoTerminal) -> NDArray[np.int64]:
    """Orbitals from which a chain of non-zero elements of H or S leads to a principal layer, in ascending order."""
    pattern = csr_array(abs(system.H) + abs(system.S))
    pattern.eliminate_zeros()
    part = connected_components(pattern, directed=False)[1]
    outer = np.concatenate([part[: system.left.size], part[system.size - system.right.size :]])
    return np.flatnonzero(np.isin(part, outer))
