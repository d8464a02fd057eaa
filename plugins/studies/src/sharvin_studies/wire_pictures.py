"""Side views of wires as figures show them: transport along z from left to right, seen along +y."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from sharvin.figures import INK


def common_box(frames: Sequence[Atoms]) -> tuple[float, float]:
    """Length along z and height along x in Å of a box that holds each of the wires with 1.5 Å around it."""
    boxes = [np.ptp(atoms.positions, axis=0) + 3.0 for atoms in frames]
    return float(max(box[2] for box in boxes)), float(max(box[0] for box in boxes))


def draw_wire(axes: Axes, atoms: Atoms, length: float, height: float) -> None:
    """Draw the atoms as spheres of covalent radius, centred in a box of `length` × `height` Å; axes have no ticks and no frame.

    Atoms of the array ``electrode`` other than 0 are drawn paler.
    """
    middle = 0.5 * (atoms.positions.max(axis=0) + atoms.positions.min(axis=0))
    order = np.argsort(atoms.positions[:, 1])[::-1]  # the viewer looks along +y: far atoms first
    across, along = (atoms.positions - middle)[order][:, [0, 2]].T
    numbers = atoms.numbers[order]
    colours = jmol_colors[numbers].copy()
    if "electrode" in atoms.arrays:
        pale = atoms.arrays["electrode"][order] != 0
        colours[pale] = 0.45 * colours[pale] + 0.55
    diameters = 2 * covalent_radii[numbers]
    axes.add_collection(
        EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(order)),
            units="xy",
            offsets=np.column_stack([along, across]),
            offset_transform=axes.transData,
            facecolors=colours,
            edgecolors=INK,
            linewidths=0.5,
        )
    )
    axes.set(xlim=(-0.5 * length, 0.5 * length), ylim=(-0.5 * height, 0.5 * height), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def draw_scale_bar(axes: Axes, length: float, height: float, bar_A: float = 5.0) -> None:
    """Draw a bar of `bar_A` Å below the left end of the box."""
    at = -0.5 * height - 0.5
    axes.plot([-0.5 * length, bar_A - 0.5 * length], [at, at], color=INK, linewidth=2.0, solid_capstyle="butt", clip_on=False)
    axes.annotate(
        f"{bar_A:g} Å",
        (0.5 * (bar_A - length), at),
        xytext=(0, -5),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=10,
        annotation_clip=False,
    )
