"""Radial descriptor: smeared distances r_ij to the neighbours of atom i.

x_ik = Σ_j exp(−(r_ij − c_k)²/2w²) f(r_ij), with centres c_k between 0 and the cutoff, w their spacing, and
f(r) = ½ (1 + cos πr/r_c) (Behler, J. Chem. Phys. 134, 074106 (2011), the functions G²).
"""

from __future__ import annotations

import numpy as np
from ase.neighborlist import neighbor_list
from sharvin import Features, Frames

from sharvin_example.configs import RadialOptions


class RadialDescriptor:
    """One row of smeared distances an atom."""

    def __init__(self, options: RadialOptions) -> None:
        self._cutoff = options.cutoff_A
        self._centres = np.linspace(0, options.cutoff_A, options.n_shells, endpoint=False)

    @property
    def size(self) -> int:
        """Number of Gaussians."""
        return len(self._centres)

    def describe(self, frames: Frames) -> Features:
        """Features of all atoms of all frames."""
        width = self._cutoff / self.size
        blocks = []
        for frame in frames:
            centre, distance = neighbor_list("id", frame.to_atoms(), self._cutoff)
            fade = 0.5 * (1 + np.cos(np.pi * distance / self._cutoff))
            terms = np.exp(-((distance[:, None] - self._centres) ** 2) / (2 * width**2)) * fade[:, None]
            rows = np.zeros((len(frame), self.size))
            np.add.at(rows, centre, terms)
            blocks.append(rows)
        offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in blocks])]).astype(np.int64)
        return Features(np.concatenate(blocks), offsets)
