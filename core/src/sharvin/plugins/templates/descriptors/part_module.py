"""Smooth coordination numbers: x_ik = Σ_j ½ (1 + cos πr_ij/r_k) over the neighbours j of atom i within r_k."""

from __future__ import annotations

import numpy as np
from ase.neighborlist import neighbor_list
from sharvin import Features, Frames

from plugin_package.configs import PartNameOptions


class PartName:
    """Coordination numbers within several radii, one row per atom."""

    def __init__(self, options: PartNameOptions) -> None:
        self._radii = np.array(options.radii_A)

    @property
    def size(self) -> int:
        """Number of radii."""
        return len(self._radii)

    def describe(self, frames: Frames) -> Features:
        """Features of all atoms of all frames."""
        counts = np.array([len(frame) for frame in frames], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        values = np.zeros((int(offsets[-1]), self.size))
        for frame, start in zip(frames, offsets, strict=False):
            centre, distance = neighbor_list("id", frame.to_atoms(), float(self._radii.max()))
            relative = np.minimum(distance[:, None] / self._radii, 1.0)
            np.add.at(values, start + centre, 0.5 * (1 + np.cos(np.pi * relative)))
        return Features(values, offsets)
