"""The rigid atoms of a wire from elsewhere, whose file does not mark them: the layers at its two ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin.electrodes.wire_end import layer_numbers
from sharvin.errors import InputError
from sharvin.frames import Frame
from sharvin.junction import Junction


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
