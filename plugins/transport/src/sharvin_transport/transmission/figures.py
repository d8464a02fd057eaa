"""Pictures of ``sharvin transmission``: T(E), conductance and current, eigenchannels, densities of states, bond currents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sharvin.figures import BLUE, GREY, INK, VERMILLION, new_figure, style
from sharvin.figures.axes import frame_axis, plain_log_ticks
from sharvin.observables import Observables

Floats = NDArray[np.float64]

MAX_CURVES = 8
MAX_PANELS = 4
LOGARITHMIC_BELOW = 0.01
"""T(E) is drawn on a logarithmic axis where it falls below this part of its largest value."""
NO_TRANSMISSION = 1e-10
"""Below this T is rounding, and no logarithmic axis reaches there."""
SHOWN_CHANNEL = 0.01
"""Eigenchannels that never transmit more than this are not drawn."""
CURRENT_DRAWN = 0.01
"""Bonds that carry less than this part of the largest current of a picture are not drawn."""


def draw_transmission(grid: Floats, rows: Floats, numbers: Sequence[int], title: str, scale: str = "auto") -> Figure:
    """T(E) of up to eight frames; with one energy, T against the frame.

    Parameters
    ----------
    grid : float64[n_energies]
        E − E_F in eV.
    rows : float64[n_frames, n_energies]
    numbers : sequence of int
        Of the frames in their file.
    title : str
    scale : {"auto", "linear", "log"}
        Of the transmission; ``auto`` is logarithmic where T falls below a hundredth of its largest value.
    """
    positive = rows[rows > NO_TRANSMISSION]
    wide = positive.size > 0 and float(positive.min()) < LOGARITHMIC_BELOW * float(rows.max())
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        if len(grid) == 1:
            axes.plot(numbers, rows[:, 0], "o-", markersize=3)
            axes.set_ylabel(rf"transmission at $E - E_\mathrm{{F}}$ = {grid[0]:g} eV")
            frame_axis(axes, numbers)
        else:
            shown = _chosen(len(rows), MAX_CURVES)
            for colour, row in zip(_colours(len(shown)), shown, strict=True):
                axes.plot(grid, rows[row], color=colour, label=f"frame {numbers[row]}")
            _fermi_energy(axes)
            axes.set(xlabel=r"$E - E_\mathrm{F}$ (eV)", ylabel="transmission")
            _legend(axes, len(shown))
        if positive.size and (scale == "log" or (scale == "auto" and wide)):
            axes.set_yscale("log")
            axes.set_ylim(max(float(positive.min()) / 2, NO_TRANSMISSION), 2 * float(positive.max()))
            plain_log_ticks(axes.yaxis)
        else:
            axes.set_ylim(bottom=0.0)
        axes.set_title(title)
        return figure


def draw_curves(x: Floats, curves: Floats, names: Sequence[str], labels: tuple[str, str], title: str) -> Figure:
    """Up to eight curves over x."""
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        shown = _chosen(len(curves), MAX_CURVES)
        for colour, number in zip(_colours(len(shown)), shown, strict=True):
            axes.plot(x, curves[number], color=colour, label=names[number], marker="o" if len(x) < 12 else "", markersize=3)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        if curves.min() >= 0.0:
            axes.set_ylim(0.0, 1.1 * max(float(curves.max()), 1e-12))
        _legend(axes, len(shown))
        return figure


def draw_observables(seen: Sequence[Observables], numbers: Sequence[int], title: str) -> Figure:
    """Transmission with its eigenchannels, density of states and Fano factor, over the energy or, of one energy, the frames.

    Of one frame at one energy, the eigenchannels as bars.
    """
    energies = seen[0].energies_eV
    if len(energies) == 1 and len(seen) == 1:
        return _bars_of_channels(seen[0], numbers[0], title)
    with style():
        figure = new_figure(6.4, 7.2)
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[1.6, 1.0, 0.8])
        if len(energies) > 1:
            shown = _chosen(len(seen), MAX_CURVES)
            for colour, row in zip(_colours(len(shown)) if len(shown) > 1 else [BLUE], shown, strict=True):
                one, name = seen[row], f"frame {numbers[row]}"
                _panels((top, middle, bottom), energies, (one.transmission, one.dos_per_eV, one.fano), colour, name)
            if len(shown) == 1:
                _channels(top, energies, seen[0].eigenchannels)
            for axes in (top, middle, bottom):
                _fermi_energy(axes)
            _legend(top, len(shown))
            bottom.set_xlabel(r"$E - E_\mathrm{F}$ (eV)")
        else:
            most = max(one.eigenchannels.shape[1] for one in seen)
            channels = np.array([np.pad(one.eigenchannels[0], (0, most - one.eigenchannels.shape[1])) for one in seen])
            curves = tuple(np.array([getattr(one, name)[0] for one in seen]) for name in ("transmission", "dos_per_eV", "fano"))
            frames = np.asarray(numbers, dtype=np.float64)
            _panels((top, middle, bottom), frames, curves, BLUE, "total", "o-")
            _channels(top, frames, channels, ".-")
            frame_axis(bottom, numbers)
            bottom.set_xlabel(rf"frame, at $E - E_\mathrm{{F}}$ = {energies[0]:g} eV")
        top.set(ylabel="transmission", title=title)
        middle.set_ylabel("states / (eV · spin)")
        bottom.set_ylabel("Fano factor")
        bottom.set_ylim(-0.02, 1.02)
        for axes in (top, middle):
            axes.set_ylim(0.0, 1.1 * axes.dataLim.y1)
        if len(energies) == 1 or len(seen) == 1:
            top.legend(*_total_and_channels(top), loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return figure


def _bars_of_channels(one: Observables, number: int, title: str) -> Figure:
    channels = one.eigenchannels[0][one.eigenchannels[0] > SHOWN_CHANNEL]
    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        axes.bar(np.arange(1, len(channels) + 1), channels, color=BLUE, width=0.6)
        axes.set(xlabel="eigenchannel", ylabel="transmission", ylim=(0.0, 1.05), xlim=(0.4, max(len(channels), 4) + 0.6))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        T, F, D = one.transmission[0], one.fano[0], one.dos_per_eV[0]
        axes.set_title(
            rf"{title}, frame {number}, $E - E_\mathrm{{F}}$ = {one.energies_eV[0]:g} eV:"
            f"\nT = {T:.4g}, Fano factor {F:.3g}, {D:.4g} states / (eV · spin)"
        )
        return figure


def draw_currents(
    structures: Sequence[Atoms], seen: Sequence[Observables], row: int, numbers: Sequence[int], title: str
) -> Figure:
    """Bond currents at one energy in up to four frames, seen along y: the wider the line, the larger the current.

    Atoms are as dark as their density of states from the left lead is high. Blue currents flow to the right (+z), red ones back.
    """
    shown = _chosen(len(seen), MAX_PANELS)
    extent = [np.ptp(structures[number].positions[:, [2, 0]], axis=0) + 6.0 for number in shown]
    width = 9.0
    heights = [width * e[1] / e[0] for e in extent]
    with style():
        figure = new_figure(width, sum(heights) + 0.75 * len(shown))
        panels = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, number in zip(panels, shown, strict=True):
            _atoms_and_currents(axes, structures[number], seen[number], row)
            T, energy = seen[number].transmission[row], seen[number].energies_eV[row]
            axes.set_title(
                rf"{title}, frame {numbers[number]}: $T$ = {T:.3g} at $E - E_\mathrm{{F}}$ = {energy:g} eV", fontsize=10
            )
        panels[-1].set_xlabel("z (Å)")
        return figure


def _atoms_and_currents(axes: Any, atoms: Atoms, one: Observables, row: int) -> None:
    weight = one.ldos_left_per_eV[row]
    shade = np.sqrt(np.clip(weight / max(float(np.percentile(weight, 99)), 1e-300), 0.0, 1.0))
    order = np.argsort(atoms.positions[:, 1], kind="stable")
    z, x = atoms.positions[:, 2], atoms.positions[:, 0]
    axes.set(xlim=(z.min() - 2, z.max() + 2), ylim=(x.min() - 2, x.max() + 2), aspect="equal", ylabel="x (Å)")
    axes.scatter(
        z[order],
        x[order],
        s=(60 * covalent_radii[atoms.numbers[order]]) * 40 / max(float(np.ptp(z)), 20.0),
        c=colormaps["Greys"](0.08 + 0.5 * shade[order]),
        edgecolors=GREY,
        linewidths=0.4,
        zorder=2,
    )
    currents = one.bond_currents[row]
    largest = float(np.abs(currents).max(initial=0.0))
    if largest == 0.0:
        return
    drawn = np.flatnonzero(np.abs(currents) > CURRENT_DRAWN * largest)
    drawn = drawn[np.argsort(np.abs(currents[drawn]), kind="stable")]
    forward = currents[drawn] > 0
    start = np.where(forward, one.bonds[drawn, 0], one.bonds[drawn, 1])
    stop = np.where(forward, one.bonds[drawn, 1], one.bonds[drawn, 0])
    vector = find_mic(atoms.positions[stop] - atoms.positions[start], atoms.cell, atoms.pbc)[0]
    begin, end = atoms.positions[start], atoms.positions[stop]
    # A bond through the cell's boundary is drawn as two halves, one at each of its atoms.
    through = np.linalg.norm(begin + vector - end, axis=1) > 1e-3
    half = np.where(through[:, None], 0.5, 1.0) * vector
    strength = np.abs(currents[drawn]) / largest
    begin, end = np.concatenate([begin, (end - half)[through]]), np.concatenate([begin + half, end[through]])
    strength, vector = np.concatenate([strength, strength[through]]), np.concatenate([vector, vector[through]])
    lines = np.stack([begin[:, [2, 0]], end[:, [2, 0]]], axis=1)
    colours = np.where((vector[:, 2] >= 0)[:, None], _rgba(BLUE, strength), _rgba(VERMILLION, strength))
    axes.add_collection(LineCollection(list(lines), colors=colours, linewidths=0.3 + 4.0 * strength, zorder=3, capstyle="round"))
    for line, colour, one_strength in zip(lines, colours, strength, strict=True):
        if one_strength > 0.15:
            middle, along = line.mean(axis=0), line[1] - line[0]
            if np.linalg.norm(along) > 0.8:
                axes.annotate(
                    "",
                    xy=middle + 0.12 * along,
                    xytext=middle,
                    arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 0.0, "mutation_scale": 6 + 10 * one_strength},
                    zorder=4,
                )


def _rgba(colour: str, strength: Floats) -> Floats:
    rgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.column_stack([np.tile(rgb, (len(strength), 1)), 0.25 + 0.75 * strength])


def _panels(panels: tuple[Any, Any, Any], x: Floats, curves: Sequence[Floats], colour: Any, name: str, line: str = "-") -> None:
    for axes, curve in zip(panels, curves, strict=True):
        axes.plot(x, curve, line, color=colour, label=name, markersize=3)


def _channels(axes: Any, x: Floats, channels: Floats, line: str = "-") -> None:
    """The eigenchannels that matter, thin and below their sum."""
    for n, channel in enumerate(channels.T):
        if channel.max() > SHOWN_CHANNEL:
            axes.plot(x, channel, line, color=INK if n % 2 == 0 else GREY, linewidth=0.8, markersize=3)


def _total_and_channels(axes: Any) -> tuple[list[Any], list[str]]:
    return axes.get_lines()[:2], ["T", "eigenchannels"]


def _fermi_energy(axes: Any) -> None:
    axes.axvline(0.0, linewidth=0.8, linestyle="--", color=GREY)


def _legend(axes: Any, curves: int) -> None:
    if curves > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _chosen(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def _colours(count: int) -> Any:
    return colormaps["viridis"](np.linspace(0, 0.9, count))
