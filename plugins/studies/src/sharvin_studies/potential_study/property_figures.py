"""Figures of properties by a trained potential, its reference and others.

The trained potential is shown as the mean of its seeds with a band of one standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sharvin.figures import BLUE, CYCLE, GREY, INK, MARKERS, new_figure, save_figure, style

from sharvin_studies.potential_study.measured import Measured
from sharvin_studies.potential_study.properties.phonons import CORNERS, corner_places
from sharvin_studies.potential_study.property_words import in_words

Array = NDArray[np.float64]
MOST_PERCENT = 40.0
"""Errors beyond are drawn at the edge."""
DASHES = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Shown:
    """Potentials of a figure."""

    name: str
    models: Sequence[Measured]
    reference: Measured | None
    compared: Mapping[str, Measured]

    def have(self, name: str) -> bool:
        """Whether any has the curves of a property."""
        every = [*self.models, *self.compared.values(), *([self.reference] if self.reference else [])]
        return any(name in one.curves for one in every)

    def curves(
        self, name: str, read: Callable[[dict[str, Array]], tuple[Array, Array]]
    ) -> list[tuple[str, list[Array], list[Array]]]:
        """Label, x and y of each potential that has the property; the seeds of the trained one together, first."""
        found = []
        ours = [read(one.curves[name]) for one in self.models if name in one.curves]
        if ours:
            found.append((self.name, [x for x, _ in ours], [y for _, y in ours]))
        others = {**({"reference": self.reference} if self.reference else {}), **self.compared}
        for label, one in others.items():
            if name in one.curves:
                x, y = read(one.curves[name])
                found.append((label, [x], [y]))
        return found


def _style_of(label: str, shown: Shown) -> dict[str, Any]:
    if label == shown.name:
        return {"color": BLUE, "zorder": 3}
    if label == "reference":
        return {"color": INK, "linewidth": 1.3, "linestyle": (0, (4, 1.5)), "zorder": 4}
    order = list(shown.compared).index(label)
    return {
        "color": CYCLE[1 + order % (len(CYCLE) - 1)],
        "linestyle": DASHES[(1 + order) % len(DASHES)],
        "linewidth": 1.3,
        "zorder": 2,
    }


def _draw(
    axes: Axes, shown: Shown, lines: Sequence[tuple[str, list[Array], list[Array]]], data: dict[str, ArrayLike], x: str, y: str
) -> None:
    """Lines of each potential; of several seeds the mean and a band of one standard deviation, where all are known."""
    for label, xs, ys in lines:
        grid, known = xs[0], np.array(ys)
        if len(xs) > 1:
            grid = np.linspace(max(one[0] for one in xs), min(one[-1] for one in xs), 400)
            known = np.array([np.interp(grid, one, other) for one, other in zip(xs, ys, strict=True)])
        mean = known.mean(axis=0)
        axes.plot(grid, mean, label=label, **_style_of(label, shown))
        data |= {f"{label} {x}": grid, f"{label} {y}": mean}
        if len(xs) > 1:
            std = known.std(axis=0, ddof=1)
            axes.fill_between(grid, mean - std, mean + std, color=BLUE, alpha=0.22, linewidth=0, zorder=1)
            data[f"{label} {y}_std"] = std


def plot_equation_of_state(folder: Path, shown: Shown, *, name: str = "equation_of_state") -> Path | None:
    """Energy of the fcc crystal against its volume, relative to the crystal at rest."""
    if not shown.have("equation_of_state"):
        return None
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(6.4, 4.2)
        axes = figure.subplots()
        lines = shown.curves("equation_of_state", lambda one: (one["volume_A3_per_atom"], one["energy_eV_per_atom"]))
        _draw(axes, shown, lines, data, "volume_A3_per_atom", "energy_eV_per_atom")
        axes.set(xlabel="volume (Å³/atom)", ylabel="energy above the minimum (eV/atom)")
        axes.legend(loc="upper center")
    caption = f"fcc crystal; energies relative to each potential's own minimum.{_band(shown)}"
    return save_figure(folder, name, figure, data, "Equation of state", caption)


def plot_phonons(folder: Path, shown: Shown, *, name: str = "phonons") -> Path | None:
    """Phonon dispersion of the fcc crystal along Γ–X–K–Γ–L."""
    if not shown.have("phonons"):
        return None
    data: dict[str, ArrayLike] = {}
    branches = [f"branch_{k}_THz" for k in (1, 2, 3)]
    with style():
        figure = new_figure(6.8, 4.2)
        axes = figure.subplots()
        lines = {branch: shown.curves("phonons", lambda one, branch=branch: (one["path"], one[branch])) for branch in branches}  # type: ignore[misc]
        first = lines[branches[0]]
        path = next((xs[0] for label, xs, _ in first if label == "reference"), first[0][1][0])
        data["path"] = path
        for number, branch in enumerate(branches):
            for label, _, ys in lines[branch]:
                mean = np.mean(ys, axis=0)
                axes.plot(path, mean, label=label if number == 0 else None, **_style_of(label, shown))
                data[f"{label} {branch}"] = mean
                if len(ys) > 1:
                    std = np.std(ys, axis=0, ddof=1)
                    axes.fill_between(path, mean - std, mean + std, color=BLUE, alpha=0.22, linewidth=0, zorder=1)
                    data[f"{label} {branch}_std"] = std
        places = corner_places(path)
        for place in places[1:-1]:
            axes.axvline(place, color=GREY, linewidth=0.7)
        axes.axhline(0, color=GREY, linewidth=0.7)
        axes.set_xticks(places, [corner for corner, _ in CORNERS])
        axes.set(xlim=(path[0], path[-1]), ylabel="frequency (THz)")
        low, high = axes.get_ylim()
        axes.set_ylim(0.0 if low > -0.35 else low, high * (1.08 + 0.07 * len(first)))
        axes.legend(loc="upper center", ncols=2, frameon=True, facecolor="white", edgecolor="none", framealpha=1.0)
    caption = (
        f"Phonons of the fcc crystal at each potential's own lattice constant; imaginary frequencies are negative.{_band(shown)}"
    )
    return save_figure(folder, name, figure, data, "Phonon dispersion", caption)


def plot_bonds(folder: Path, shown: Shown, *, name: str = "bonds") -> Path | None:
    """Energies of the dimer and of the chain of single atoms against the bond length, and the force on a bond of the chain."""
    panels = [
        ("dimer", "energy_eV", "dimer: energy (eV)"),
        ("chain", "energy_eV_per_atom", "chain: energy (eV/atom)"),
        ("chain", "force_nN", "chain: force on a bond (nN)"),
    ]
    panels = [panel for panel in panels if shown.have(panel[0])]
    if not panels:
        return None
    data: dict[str, ArrayLike] = {}
    with style():
        figure = new_figure(3.9 * len(panels) + 0.4, 3.7)
        for axes, (key, column, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            lines = shown.curves(key, lambda one, column=column: (one["bond_A"], one[column]))  # type: ignore[misc]
            _draw(axes, shown, lines, data, f"{key} bond_A", f"{key} {column}")
            axes.axhline(0, color=GREY, linewidth=0.7, zorder=0)
            depth = max(float(-min(y.min() for y in ys)) for _, _, ys in lines) if column != "force_nN" else 0.0
            if column == "force_nN":
                highest = max(float(np.max(y[len(y) // 4 :])) for _, _, ys in lines for y in ys)
                axes.set_ylim(-0.9 * highest, 1.25 * highest)
            else:
                axes.set_ylim(-1.15 * max(depth, 0.05), 0.6 * max(depth, 0.05))
            shortest = min(_from(xs[0], ys[0], axes.get_ylim()) for _, xs, ys in lines)
            axes.set(xlabel="bond length (Å)", ylabel=label, xlim=(shortest, max(xs[0][-1] for _, xs, _ in lines)))
        figure.axes[0].legend(loc="upper right", fontsize=9)
    caption = f"Against atoms far apart; the chain is straight and infinite.{_band(shown)}"
    return save_figure(folder, name, figure, data, "Bonds of a dimer and of a chain", caption)


def _from(bond: Array, values: Array, limits: tuple[float, float]) -> float:
    """The shortest bond from which a curve stays inside the limits."""
    outside = np.flatnonzero((values < limits[0]) | (values > limits[1]))
    return float(bond[min(outside[-1] + 1, len(bond) - 1)]) if len(outside) else float(bond[0])


def plot_property_errors(
    folder: Path, properties: Mapping[str, Any], potential: str, *, name: str = "property_errors"
) -> Path | None:
    """Errors of properties against the reference in per cent, of the trained potential and of others."""
    known = {
        key: one
        for key, one in properties.items()
        if one["reference"] and any(value is not None for value in (one["model"], *one["compared"].values()))
    }
    if not known:
        return None
    labels = [in_words(key)[0] for key in known]
    places = np.arange(len(known))
    data: dict[str, ArrayLike] = {"property": np.array(labels)}
    others = list(next(iter(known.values()))["compared"])
    with style():
        figure = new_figure(7.6, 1.5 + 0.31 * len(known))
        axes = figure.subplots()
        axes.axvline(0, color=GREY, linewidth=0.9, zorder=0)
        series = [(potential, [_percent(one["model"] and one["model"]["mean"], one["reference"]) for one in known.values()])]
        series += [(other, [_percent(one["compared"][other], one["reference"]) for one in known.values()]) for other in others]
        spread = [abs(100 * ((one["model"] or {}).get("std") or 0.0) / one["reference"]) for one in known.values()]
        data[f"{potential} std_percent"] = spread
        for order, (label, values) in enumerate(series):
            data[f"{label} error_percent"] = values
            inside = np.clip(values, -MOST_PERCENT, MOST_PERCENT)
            beyond = np.abs(values) > MOST_PERCENT
            colour = CYCLE[order % len(CYCLE)]
            at: dict[str, Any] = {"color": colour, "markersize": 6.0 if order == 0 else 4.8, "zorder": 4 - min(order, 2)}
            axes.plot(inside[~beyond], places[~beyond], MARKERS[order % len(MARKERS)], label=label, **at)
            for value, place in zip(inside[beyond], places[beyond], strict=True):
                axes.plot([value], [place], ">" if value > 0 else "<", **at)
            if order == 0:
                shown = np.where(beyond, np.nan, spread)  # an arrow has no place for a spread
                axes.errorbar(inside, places, xerr=shown, fmt="none", ecolor=colour, elinewidth=1.1, capsize=2.5, zorder=3)
        reach = min(MOST_PERCENT, max(1.0, float(np.nanmax(np.abs(np.concatenate([v for _, v in series]))))))
        axes.set(yticks=places, yticklabels=labels, xlabel="error against the reference (%)", xlim=(-1.12 * reach, 1.12 * reach))
        axes.set_ylim(len(known) - 0.5, -0.7)
        axes.grid(axis="y", color="#EEEEEE", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    caption = (
        "Errors of properties against the reference; error bars: standard deviation over the seeds. Arrows at the edge: beyond "
        f"{MOST_PERCENT:g} %."
    )
    return save_figure(folder, name, figure, data, "Errors of properties", caption)


def _percent(value: float | None, exact: float) -> float:
    return float("nan") if value is None else 100 * (value / exact - 1)


def _band(shown: Shown) -> str:
    several = len(shown.models) > 1
    return f" {shown.name}: mean of its seeds, with a band of one standard deviation." if several else ""
