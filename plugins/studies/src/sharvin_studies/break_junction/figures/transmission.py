"""T(E) of one snapshot computed in several ways: k-points, tables, programs.

As in :mod:`sharvin_studies.break_junction.figures.pulls`: plain arrays in, a PNG with its data out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sharvin.errors import InputError
from sharvin.figures import GREY, new_figure, save_figure, series_style, style

Array = NDArray[np.float64]


def plot_transmission_cases(
    folder: Path,
    *,
    cases: Mapping[str, tuple[ArrayLike, ArrayLike]],
    snapshot: str = "one snapshot",
    near_eV: float = 0.3,
    name: str = "transmission_cases",
) -> Path:
    """T(E) of one structure for several numerical settings: k-points, tables, programs.

    Parameters
    ----------
    folder : Path
    cases : mapping of str to (energies_eV, transmission)
        Energies relative to the Fermi energy of each case, ascending, with E_F within; each case may have its own.
    snapshot : str
        Which structure, for the caption.
    near_eV : float
        Half of the range of the right panel.
    """
    if not cases:
        raise InputError("a figure of transmissions needs at least one case.")
    curves = {label: _curve(label, energies, values) for label, (energies, values) in cases.items()}
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(8.4, 3.9 + 0.22 * -(-len(curves) // 3))
        wide, near = figure.subplots(1, 2, width_ratios=(2.1, 1))
        top = 0.0
        for order, (label, (energy, values)) in enumerate(curves.items()):
            at_fermi = float(np.interp(0.0, energy, values))
            look = {**series_style(order), "linewidth": 1.3}
            wide.plot(energy, values, label=rf"{label}: $T(E_\mathrm{{F}})$ = {at_fermi:.3f}", **look)
            near.plot(energy, values, **look)
            near.plot(0.0, at_fermi, "o", color=look["color"], markersize=5, zorder=4)
            inside = np.abs(energy) <= near_eV
            top = max(top, at_fermi, float(np.max(values[inside], initial=0.0)))
            data |= {f"{label} energy_eV": energy, f"{label} transmission": values, f"{label} at_fermi": np.array([at_fermi])}
        for axes in (wide, near):
            axes.axvline(0.0, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
            axes.set_xlabel(r"$E - E_\mathrm{F}$ (eV)")
            axes.set_ylim(bottom=0)
        wide.set(ylabel=r"transmission $T(E)$", xlim=_shared_range([energy for energy, _ in curves.values()]))
        near.set(xlim=(-near_eV, near_eV), ylim=_close_range([v[np.abs(e) <= near_eV] for e, v in curves.values()], top))
        figure.legend(loc="outside upper center", ncols=min(3, len(curves)), fontsize=9)
    values = np.array([float(np.asarray(data[f"{label} at_fermi"])[0]) for label in curves])
    spread = f"{values.min():.3f}" + (f" to {values.max():.3f}" if len(values) > 1 else "")
    caption = (
        f"Transmission of {snapshot} in {len(curves)} case{'s' * (len(curves) != 1)}; right: near the Fermi energy, on a "
        f"scale of its own, where the dots mark the conductance in G0. T(E_F) is {spread}."
    )
    return save_figure(folder, name, figure, data, "Transmission of one snapshot", caption)


def _curve(label: str, energies_eV: ArrayLike, transmission: ArrayLike) -> tuple[Array, Array]:
    energy, values = np.asarray(energies_eV, dtype=float), np.asarray(transmission, dtype=float)
    if energy.shape != values.shape or energy.ndim != 1 or energy.size < 2 or np.any(np.diff(energy) <= 0):
        raise InputError(f"case {label!r} needs one transmission for each of at least two ascending energies.")
    if not (np.isfinite(values).all() and energy[0] <= 0.0 <= energy[-1]):
        raise InputError(f"case {label!r} needs finite transmissions at energies on both sides of the Fermi energy, which is 0.")
    return energy, values


def _shared_range(energies: Sequence[Array]) -> tuple[float, float]:
    return min(float(energy[0]) for energy in energies), max(float(energy[-1]) for energy in energies)


def _close_range(values: Sequence[Array], top: float) -> tuple[float, float]:
    """From zero, unless all curves lie in the upper half."""
    least = min((float(v.min()) for v in values if v.size), default=0.0)
    margin = 0.08 * max(top - least, 0.05 * top, 1e-6)
    return (0.0 if least < 0.5 * top else least - margin, top + margin)
