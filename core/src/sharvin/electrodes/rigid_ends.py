"""The rigid atoms at the two ends of a wire: those marked, or, in a file from elsewhere that marks none, its outer layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin.electrodes.wire_end import layer_numbers
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.junction import Junction


def marked_ends(frame: Frame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The atoms marked as rigid at low and at high z, below and above their mean height, two arrays bool[n_atoms].

    None at either end if the frame marks none.
    """
    if frame.rigid is None or not frame.rigid.any():
        none = np.zeros(len(frame), dtype=bool)
        return none, none.copy()
    z = frame.positions[:, 2]
    middle = z[frame.rigid].mean()
    return frame.rigid & (z < middle), frame.rigid & (z >= middle)


def outer_layers(frame: Frame, layers: int) -> NDArray[np.bool_]:
    """Atoms in a number of layers of equal z at each end, bool[n_atoms].

    Raises
    ------
    InputError
        If that leaves nothing between them.
    """
    order = np.argsort(frame.positions[:, 2], kind="stable")
    layer = np.empty(len(frame), dtype=np.int64)
    layer[order] = layer_numbers(frame.positions[order, 2])
    if 2 * layers > layer.max():
        raise InputError(f"{layers} layers at each end are all of the wire, which has {layer.max() + 1}; name fewer.")
    return np.asarray((layer < layers) | (layer > layer.max() - layers))


def ideal_layers(frame: Frame, range_A: float) -> NDArray[np.bool_]:
    """Atoms of the ideal principal layers at both ends, at least as thick as a Hamiltonian's range, bool[n_atoms].

    Raises
    ------
    InputError
        If the wire has no such ends, and why.
    """
    junction = Junction.detect(frame.to_atoms(), range_A)
    rigid = np.zeros(len(frame), dtype=bool)
    rigid[junction.left] = rigid[junction.right] = True
    return rigid
