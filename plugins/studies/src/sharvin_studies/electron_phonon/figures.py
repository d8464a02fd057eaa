"""Figures of a study of electron–phonon coupling. Every function draws one, saves it with its data and returns its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.figures import BLUE, CYCLE, GREY, INK, MARKERS, VERMILLION, new_figure, save_figure, style
from sharvin.figures.axes import plain_log_ticks, room_for_one
from sharvin.options import Condition

from sharvin_studies.bands.figures import BandSet, path_axis, plot_bands
from sharvin_studies.bands.paths import BandPath
from sharvin_studies.electron_phonon.block_errors import BlockErrors, shell_in_words
from sharvin_studies.electron_phonon.large_cell import LargeBands
from sharvin_studies.electron_phonon.sample_bands import SampleBands
from sharvin_studies.electron_phonon.timings import Timing
from sharvin_studies.electron_phonon.velocities import SeriesVelocity
from sharvin_studies.thermal_samples.series import Vibrations

Floats = NDArray[np.float64]
REFERENCE: dict[str, Any] = {"color": INK, "linewidth": 2.4, "alpha": 0.35}
LEARNT: dict[str, Any] = {"color": VERMILLION, "linewidth": 1.0, "linestyle": (0, (4, 1.5))}
SAMPLE_WINDOW_EV = 2.0


def _two_sets(axes: Axes, path: BandPath, reference: Floats, learnt: Floats, names: tuple[str, str]) -> None:
    """Two sets of bands [n_k, n_bands]: the reference broad and grey, the learnt ones thin and dashed upon it."""
    for bands, look, name in zip((reference, learnt), (REFERENCE, LEARNT), names, strict=True):
        lines = axes.plot(path.distance_per_A, bands, **look)
        if lines:
            lines[0].set_label(name)
    path_axis(axes, path)


def _band_columns(label: str, bands: Floats, unit: str) -> dict[str, ArrayLike]:
    return {f"{label}_{number + 1}_{unit}": column for number, column in enumerate(bands.T)}


def plot_phonons(folder: Path, reference: Vibrations, learnt: Vibrations, names: tuple[str, str]) -> Path | None:
    """Phonon dispersion by the potential and by its reference, and the difference of each branch."""
    if reference.path is None or reference.frequencies_THz is None or learnt.frequencies_THz is None:
        return None
    path, exact, found = reference.path, reference.frequencies_THz, learnt.frequencies_THz
    data: dict[str, ArrayLike] = {
        "path_per_A": path.distance_per_A,
        **_band_columns("reference", exact, "THz"),
        **_band_columns("model", found, "THz"),
    }
    with style():
        figure = new_figure(6.8, 5.6)
        above, below = figure.subplots(2, 1, height_ratios=(3.0, 1.0), sharex=True)
        _two_sets(above, path, exact, found, names)
        above.axhline(0.0, color=GREY, linewidth=0.7)
        above.set_ylabel("frequency (THz)")
        lowest, highest = float(min(exact.min(), found.min())), float(exact.max())
        above.set_ylim(min(0.0, 1.1 * lowest - 0.01 * highest) if lowest < -1e-3 else 0.0, 1.14 * highest)
        above.legend(loc="upper center", ncols=2)
        below.plot(path.distance_per_A, found - exact, color=BLUE, linewidth=0.9)
        below.axhline(0.0, color=GREY, linewidth=0.7)
        below.set_ylabel("difference (THz)")
        path_axis(below, path)
    caption = f"Phonons by {names[1]} and by its reference {names[0]}, and their differences; unstable modes are negative."
    return save_figure(folder, "phonons", figure, data, "Phonon dispersion", caption)


def plot_block_errors(folder: Path, errors: BlockErrors) -> Path:
    """Mean and largest error of H by distance of the atoms, beside the mean size of the elements."""
    shells = errors.shells
    x = np.arange(len(shells))
    mean = 1000 * np.array([errors.mae_of(k) for k in shells])
    largest = 1000 * np.array([errors.largest_eV[k] for k in shells])
    size = 1000 * np.array([errors.magnitude_of(k) for k in shells])
    names = [shell_in_words(k) for k in shells]
    data: dict[str, ArrayLike] = {"shell": names, "mae_meV": mean, "largest_meV": largest, "mean_size_meV": size}
    data["elements"] = [int(errors.elements[k]) for k in shells]
    with style():
        figure = new_figure(7.6, 4.2)
        axes = figure.subplots()
        for values, colour, marker, label in (
            (size, GREY, "_", "mean size of the elements"),
            (largest, VERMILLION, "^", "largest error"),
            (mean, BLUE, "o", "mean absolute error"),
        ):
            shown = np.where(values > 0, values, np.nan)
            axes.plot(x, shown, color=colour, marker=marker, label=label, linewidth=1.0)
        axes.set_yscale("log")
        plain_log_ticks(axes.yaxis)
        axes.set_xticks(x, names, rotation=60, ha="right", fontsize=9)
        axes.set(ylabel="H (meV)", xlabel="distance of the atoms", xlim=(-0.5, len(shells) - 0.5))
        axes.legend()
    caption = "Errors of the elements of H on structures that no training has seen, by distance, beside the elements' mean size."
    return save_figure(folder, "hamiltonian_errors", figure, data, "Errors of the Hamiltonian by distance", caption)


def plot_sample_bands(folder: Path, reference: SampleBands, learnt: SampleBands, names: tuple[str, str]) -> Path:
    """Bands of one displaced structure by both Hamiltonians around the Fermi energy of the reference."""
    inside = (np.abs(reference.energies_eV - reference.fermi_eV) < SAMPLE_WINDOW_EV).any(axis=0)
    bands = (reference.energies_eV[:, inside], learnt.energies_eV[:, inside])
    return plot_bands(
        folder,
        reference.path,
        _sets(names, bands),
        name="sample_bands",
        title="Bands of a sample",
        caption=f"Bands of one thermally displaced structure by {names[1]} and by its reference {names[0]}.",
        fermi_eV=reference.fermi_eV,
        window=(-SAMPLE_WINDOW_EV, SAMPLE_WINDOW_EV),
    )


def plot_large_bands(folder: Path, reference: LargeBands, learnt: LargeBands, names: tuple[str, str]) -> Path:
    """Bands of the large cell around the Fermi energy, each Hamiltonian's relative to its own."""
    bands = tuple(1000 * (one.energies_eV - one.neutral_eV) for one in (reference, learnt))
    return plot_bands(
        folder,
        reference.path,
        _sets(names, bands),
        name="large_bands",
        title="Bands of the large cell",
        caption="Bands around the Fermi energy of the large cell, each Hamiltonian's relative to the middle of its gap.",
        axis=("energy relative to the Fermi energy", "meV"),
    )


def _sets(names: tuple[str, str], bands: Sequence[Floats]) -> dict[str, BandSet]:
    """The reference and what learnt from it, by names for the legend."""
    labels = ("reference" if names[0] == names[1] else f"{names[0]} (reference)", names[1])
    return {label: BandSet(one) for label, one in zip(labels, bands, strict=True)}


def _spread(values: Sequence[float | None]) -> Floats:
    known = [value for value in values if value is not None]
    return np.array(known if len(known) == len(values) else range(len(values)), dtype=np.float64)


def plot_velocities(folder: Path, chains: Mapping[str, Sequence[SeriesVelocity]], condition: Condition | None) -> Path:
    """Fermi velocity of each series with its error, by the reference and by the trained parts, beside the structure at rest."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(6.4, 4.2)
        axes = figure.subplots()
        names: Sequence[str] = []
        for order, (chain, series) in enumerate(chains.items()):
            known = condition is not None and all(one.condition is not None for one in series)
            x = _spread([one.condition for one in series])
            names = [] if known else [one.name for one in series]
            velocity = np.array([one.velocity_m_per_s for one in series])
            error = np.array([one.standard_error_m_per_s for one in series])
            rest = series[0].frozen_m_per_s
            colour = CYCLE[order % len(CYCLE)]
            look: dict[str, Any] = {"color": colour, "marker": MARKERS[order % len(MARKERS)], "capsize": 3, "linewidth": 1.2}
            axes.errorbar(x, velocity / 1e5, yerr=error / 1e5, label=chain, **look)
            axes.axhline(rest / 1e5, color=colour, linestyle=("--", ":")[order % 2], linewidth=1.0, label=f"{chain}, at rest")
            data |= {f"{chain}_{'condition' if known else 'series'}": x, f"{chain}_velocity_m_per_s": velocity}
            data |= {f"{chain}_standard_error_m_per_s": error, f"{chain}_at_rest_m_per_s": np.full(len(x), rest)}
            room_for_one(axes, x)
        if condition is not None and not names:
            axes.set_xlabel(f"{condition.title} ({condition.unit})")
        elif names:
            axes.set_xticks(range(len(names)), names)
        axes.set_ylabel("Fermi velocity (10⁵ m/s)")
        axes.margins(y=0.1)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    caption = "Fermi velocity renormalised by the vibrations, with its standard error, beside that of the structure at rest."
    return save_figure(folder, "fermi_velocity", figure, data, "Renormalised Fermi velocity", caption)


def plot_iteration_error(folder: Path, chains: Mapping[str, Sequence[SeriesVelocity]]) -> Path | None:
    """How far the Fermi velocity of the first samples is from that of all, and its standard error, against their number."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(9.2, 3.9)
        left, right = figure.subplots(1, 2)
        for order, (chain, series) in enumerate(chains.items()):
            for number, one in enumerate(series):
                if len(one.counts) < 2:
                    continue
                look: dict[str, Any] = {
                    "color": CYCLE[number % len(CYCLE)],
                    "linestyle": ("-", (0, (4, 1.5)))[order % 2],
                    "linewidth": 1.2,
                }
                off = 100 * (one.running_m_per_s / one.running_m_per_s[-1] - 1.0)
                error = 100 * one.running_error_m_per_s / one.running_m_per_s[-1]
                left.plot(one.counts, off, label=f"{one.name}, {chain}", **look)
                right.plot(one.counts, error, **look)
                data[f"samples_{order}_{number}"] = one.counts
                data[f"difference_{order}_{number}_percent"] = off
                data[f"standard_error_{order}_{number}_percent"] = error
        if not data:
            return None
        left.axhline(0.0, color=GREY, linewidth=0.7)
        left.set(xscale="log", xlabel="samples", ylabel="difference from all samples (%)")
        right.set(xscale="log", yscale="log", xlabel="samples", ylabel="standard error (%)")
        for axis in (left.xaxis, right.xaxis, right.yaxis):
            plain_log_ticks(axis)
        left.legend(fontsize=8)
    caption = "Fermi velocity of the first samples against that of all, and its standard error, against their number."
    return save_figure(folder, "iteration_error", figure, data, "Iteration error of the Fermi velocity", caption)


def plot_timings(folder: Path, timings: Mapping[str, Timing]) -> Path | None:
    """Time of one evaluation against the number of atoms, with straight lines for a linear growth."""
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(6.4, 4.4)
        axes = figure.subplots()
        for order, (name, one) in enumerate(timings.items()):
            look: dict[str, Any] = {"color": CYCLE[order % len(CYCLE)], "marker": MARKERS[order % len(MARKERS)]}
            axes.plot(one.atoms, one.seconds, label=name, linewidth=1.2, **look)
            data |= {f"{name}_atoms": one.atoms, f"{name}_s": one.seconds}
        if not data:
            return None
        atoms = np.concatenate([one.atoms for one in timings.values()]).astype(np.float64)
        seconds = np.concatenate([one.seconds for one in timings.values()])
        x = np.array([atoms.min(), atoms.max()])
        axes.plot(x, seconds.max() * x / x[1], color=GREY, linestyle=":", linewidth=1.0, label="linear growth")
        axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="time of one evaluation (s)")
        plain_log_ticks(axes.xaxis)
        plain_log_ticks(axes.yaxis)
        axes.legend(fontsize=9)
    caption = "Time on one core of energy and forces, and of the blocks of H, by the trained parts and their references."
    return save_figure(folder, "timings", figure, data, "Cost against size", caption)
