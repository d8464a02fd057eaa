"""Figures of bands and spectral functions along a path. Every function draws one, saves it with its data, returns its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import BLUE, GREY, INK, PALE, VERMILLION, new_figure, save_figure, style

from sharvin_studies.bands.paths import BandPath

Floats = NDArray[np.float64]
LARGEST_DOT = 40.0


@dataclass(frozen=True, eq=False)
class BandSet:
    """Bands along a path, or branches of phonons.

    Parameters
    ----------
    energies : float64[n_k, n_bands]
        In the unit of the figure's axis.
    weights : float64[n_k, n_bands], optional
        Between 0 and 1; with them bands are drawn as dots of this area.
    """

    energies: Floats
    weights: Floats | None = None


def plot_bands(
    folder: Path,
    path: BandPath,
    sets: Mapping[str, BandSet],
    *,
    name: str = "bands",
    title: str = "Bands",
    caption: str,
    fermi_eV: float | None = None,
    window: tuple[float, float] | None = None,
    axis: tuple[str, str] = ("energy", "eV"),
) -> Path:
    """Bands along a path, one set upon the other.

    Parameters
    ----------
    folder : Path
        The run folder.
    path : BandPath
        With as many wave vectors as the bands.
    sets : mapping of str to BandSet
        By what the legend says: the first one as grey dots or lines, the reference; the others as lines.
    name, title, caption : str
        Of the figure.
    fermi_eV : float, optional
        Energies are drawn relative to it.
    window : (float, float), optional
        Lowest and highest energy drawn, relative to the Fermi energy where that is given.
    axis : (str, str)
        Quantity and unit: ("frequency", "THz") for phonons.

    Raises
    ------
    InputError
        If there are no bands, or their number of wave vectors is not that of the path.
    """
    if not sets:
        raise InputError("a figure of bands needs at least one set of bands.")
    quantity, unit = axis
    zero = 0.0 if fermi_eV is None else fermi_eV
    data: dict[str, ArrayLike] = {"distance_per_A": path.distance_per_A}
    with style():
        figure = new_figure(5.6, 4.6)
        axes = figure.add_subplot()
        for order, (label, one) in enumerate(sets.items()):
            if one.energies.shape[0] != len(path):
                raise InputError(f"bands at {one.energies.shape[0]} wave vectors do not belong to a path of {len(path)}.")
            energies = one.energies - zero
            _draw(axes, path, energies, one.weights, label, order, alone=len(sets) == 1)
            data |= _columns(order, unit, energies, one.weights)
        path_axis(axes, path)
        if fermi_eV is not None:
            axes.axhline(0.0, color=INK, linewidth=0.7, linestyle=":", zorder=1)
        relative = " relative to the Fermi energy" if fermi_eV is not None else ""
        axes.set_ylabel(f"{quantity}{relative} ({unit})")
        if window is not None:
            axes.set_ylim(*window)
        if len(sets) > 1:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return save_figure(folder, name, figure, data, title, caption)


def plot_spectral_function(
    folder: Path,
    path: BandPath,
    energies_eV: Floats,
    spectral_per_eV: Floats,
    *,
    bands: BandSet | None = None,
    name: str = "spectral_function",
    title: str = "Spectral function",
    caption: str,
    fermi_eV: float = 0.0,
) -> Path:
    """Spectral function float64[n_k, n_e] along a path as a picture, with bands at rest upon it as lines.

    Raises
    ------
    InputError
        If the picture has other wave vectors or energies than stated.
    """
    if spectral_per_eV.shape != (len(path), len(energies_eV)):
        raise InputError(
            f"a spectral function of {len(path)} wave vectors and {len(energies_eV)} energies cannot have shape "
            f"{spectral_per_eV.shape}."
        )
    data: dict[str, ArrayLike] = {"distance_per_A": path.distance_per_A, "energy_eV": energies_eV - fermi_eV}
    data |= {f"spectral_{number}_per_eV": row for number, row in enumerate(spectral_per_eV)}
    with style():
        figure = new_figure(6.0, 4.6)
        axes = figure.add_subplot()
        picture = axes.pcolormesh(
            path.distance_per_A, energies_eV - fermi_eV, spectral_per_eV.T, shading="nearest", cmap="magma_r", rasterized=True
        )
        figure.colorbar(picture, ax=axes, label="spectral function (1/eV)")
        if bands is not None:
            axes.plot(path.distance_per_A, bands.energies - fermi_eV, color=BLUE, linewidth=0.8)
            data |= _columns(0, "eV", bands.energies - fermi_eV, None)
        path_axis(axes, path)
        axes.set_ylabel("energy relative to the Fermi energy (eV)")
        axes.set_ylim(float(energies_eV[0]) - fermi_eV, float(energies_eV[-1]) - fermi_eV)
    return save_figure(folder, name, figure, data, title, caption)


def path_axis(axes: Axes, path: BandPath) -> None:
    """Corners of the path as labelled lines."""
    for tick in path.ticks_per_A[1:-1]:
        axes.axvline(tick, color=PALE, linewidth=0.8, zorder=0)
    axes.set_xticks(path.ticks_per_A, path.labels)
    axes.set_xlim(path.distance_per_A[0], path.distance_per_A[-1])


def _draw(axes: Axes, path: BandPath, energies: Floats, weights: Floats | None, label: str, order: int, *, alone: bool) -> None:
    colour = GREY if order == 0 and not alone else (BLUE, VERMILLION)[max(order - 1, 0) % 2]
    if weights is not None:
        x = np.repeat(path.distance_per_A, energies.shape[1])
        sizes = LARGEST_DOT * np.clip(weights.ravel(), 0.0, 1.0)
        axes.scatter(x, energies.ravel(), s=sizes, color=colour, alpha=0.7, linewidths=0, label=label, zorder=2 + order)
        return
    dots = order == 0 and not alone
    looks = {"marker": "o", "markersize": 3.0, "linestyle": "none"} if dots else {"linewidth": 1.2}
    lines = axes.plot(path.distance_per_A, energies, color=colour, zorder=2 + order, **looks)
    lines[0].set_label(label)


def _columns(order: int, unit: str, energies: Floats, weights: Floats | None) -> dict[str, ArrayLike]:
    columns: dict[str, ArrayLike] = {f"set_{order}_band_{number}_{unit}": band for number, band in enumerate(energies.T)}
    if weights is not None:
        columns |= {f"set_{order}_weight_{number}": weight for number, weight in enumerate(weights.T)}
    return columns
