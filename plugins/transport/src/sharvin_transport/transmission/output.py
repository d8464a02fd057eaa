"""Tables, CSV files and pictures of ``sharvin transmission``: :class:`Output`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from sharvin.observables import Observables
from sharvin.runs.atomic import atomically

from sharvin_transport.transmission.conditions import Conditions
from sharvin_transport.transmission.landauer import conductance_G0, current_A

Floats = NDArray[np.float64]

MAX_CURVES = 8
CURRENT_SHOWN = 1e-3
"""Bonds that carry less than this part of T are left out of the table of currents."""


class Output:
    """Tables on the console, and CSV files and pictures whose names begin with a prefix.

    Parameters
    ----------
    console : rich.console.Console
    prefix : Path
    title : str
        Above every picture.
    numbers : sequence of int
        What the frames are called, in the order of their rows: their numbers in the file.
    scale : {"auto", "linear", "log"}
        Of the axis of T(E).
    """

    def __init__(self, console: Console, prefix: Path, title: str, numbers: Sequence[int], scale: str = "auto") -> None:
        self.console, self.prefix, self.title, self.numbers, self.scale = console, prefix, title, numbers, scale
        self.written: list[str] = []

    def transmission(self, grid: Floats, rows: Floats) -> None:
        """T(E) of each frame: a table, PREFIX.csv and, of more than one number, PREFIX.png."""
        from sharvin_transport.transmission.figures import draw_transmission

        self._print_transmission(grid, rows)
        header = ["energy_eV", *self._columns("transmission")]
        self._csv("", header, ([energy, *column] for energy, column in zip(grid, rows.T, strict=True)))
        if rows.size > 1:
            self._png("", draw_transmission(grid, rows, self.numbers, self.title, self.scale))

    def _columns(self, what: str) -> list[str]:
        return [f"{what}_frame_{number}" for number in self.numbers]

    def _print_transmission(self, grid: Floats, rows: Floats) -> None:
        """Energies down and frames across; of many frames, one line each at the energy nearest to E_F."""
        if len(grid) > 1 and len(rows) <= MAX_CURVES:
            names = [f"frame {number}" for number in self.numbers]
            lines = (
                [f"{energy:.4g}", *(f"{value:.4g}" for value in column)] for energy, column in zip(grid, rows.T, strict=True)
            )
            self._print("Transmission T(E)", ["E − E_F (eV)", *names], lines)
        else:
            nearest = int(np.abs(grid).argmin())
            lines = ([str(number), f"{row[nearest]:.5g}"] for number, row in zip(self.numbers, rows, strict=True))
            self._print(f"Transmission at E − E_F = {grid[nearest]:.4g} eV", ["frame", "T"], lines)

    def conductance(self, grid: Floats, rows: Floats, temperatures_K: Floats) -> None:
        """G(T) of each frame: a table, PREFIX-conductance.csv and, of several temperatures, PREFIX-conductance.png."""
        from sharvin_transport.transmission.figures import draw_curves

        G = conductance_G0(grid, rows, temperatures_K)
        columns = [f"frame {number}" for number in self.numbers]
        self._table("Conductance in G0", ["T (K)", *columns], ([t, *g] for t, g in zip(temperatures_K, G.T, strict=True)))
        header = ["temperature_K", *self._columns("conductance_G0")]
        self._csv("-conductance", header, ([t, *g] for t, g in zip(temperatures_K, G.T, strict=True)))
        if len(temperatures_K) > 1:
            labels = ("temperature (K)", r"conductance ($G_0$)")
            self._png("-conductance", draw_curves(temperatures_K, G, columns, labels, self.title))

    def current(self, grid: Floats, rows: Floats, conditions: Conditions) -> None:
        """I(V) of each frame, at each temperature: a table, PREFIX-current.csv and, of several biases, PREFIX-current.png."""
        from sharvin_transport.transmission.figures import draw_curves

        biases, temperatures = conditions.biases_V, conditions.temperatures_K if len(conditions.temperatures_K) else np.zeros(1)
        currents = np.stack([current_A(grid, rows, biases, float(t)) for t in temperatures])
        frames = [f"frame {number}" for number in self.numbers]
        lines = [[t, v, *i] for t, each in zip(temperatures, currents, strict=True) for v, i in zip(biases, each.T, strict=True)]
        self._table("Current in µA", ["T (K)", "V (V)", *frames], ([t, v, *(1e6 * one for one in i)] for t, v, *i in lines))
        header = ["temperature_K", "bias_V", *self._columns("current_A")]
        self._csv("-current", header, lines)
        if len(biases) > 1:
            names = [f"{frame}, {t:g} K" if len(temperatures) > 1 else frame for t in temperatures for frame in frames]
            labels = (f"bias (V){'' if len(temperatures) > 1 else f' at {temperatures[0]:g} K'}", "current (µA)")
            self._png("-current", draw_curves(biases, 1e6 * currents.reshape(-1, len(biases)), names, labels, self.title))

    def observables(self, structures: Sequence[Atoms], seen: Sequence[Observables]) -> None:
        """Tables and pictures of the observables; structures with their local densities of states; currents in the bonds."""
        from sharvin_transport.transmission.figures import draw_currents, draw_observables

        nearest = int(np.abs(seen[0].energies_eV).argmin())
        shown = [
            [number, s.transmission[nearest], s.fano[nearest], s.dos_per_eV[nearest], *_first(s, nearest)]
            for number, s in zip(self.numbers, seen, strict=True)
        ]
        title = f"Observables at E − E_F = {seen[0].energies_eV[nearest]:.4g} eV (DOS per eV and spin; eigenchannels T1 to T4)"
        self._table(title, ["frame", "T", "Fano", "DOS", "T1", "T2", "T3", "T4"], shown)
        most = max(s.eigenchannels.shape[1] for s in seen)
        header = ["frame", "energy_eV", "transmission", "fano", "dos_per_eV_and_spin", *(f"T{n + 1}" for n in range(most))]
        pairs = list(zip(self.numbers, seen, strict=True))
        self._csv("-observables", header, (line for number, s in pairs for line in _lines(number, s, most)))
        self._png("-observables", draw_observables(seen, self.numbers, self.title))
        self._ldos(structures, seen)
        header = ["frame", "energy_eV", "from_atom", "to_atom", "current"]
        self._csv("-currents", header, (line for number, s in pairs for line in _bond_lines(number, s, nearest)))
        self._png("-currents", draw_currents(structures, seen, nearest, self.numbers, self.title))

    def _ldos(self, structures: Sequence[Atoms], seen: Sequence[Observables]) -> None:
        images = []
        for number, atoms, one in zip(self.numbers, structures, seen, strict=True):
            for row, energy in enumerate(one.energies_eV):
                image = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
                image.info |= {"frame": number, "energy_eV": float(energy), "transmission": float(one.transmission[row])}
                image.arrays["ldos_per_eV"] = one.ldos_per_eV[row]
                image.arrays["ldos_left_per_eV"] = one.ldos_left_per_eV[row]
                image.arrays["ldos_right_per_eV"] = one.ldos_right_per_eV[row]
                images.append(image)
        path = self._path("-ldos.extxyz")
        atomically(path, lambda temporary: ase.io.write(temporary, images, format="extxyz"))

    def _path(self, ending: str) -> Path:
        path = self.prefix.with_name(f"{self.prefix.name}{ending}")
        self.written.append(str(path))
        return path

    def _png(self, ending: str, figure: Any) -> None:
        from sharvin.figures import style

        def write(temporary: Path) -> None:
            with style():
                figure.savefig(temporary, format="png", dpi=150, bbox_inches="tight")

        atomically(self._path(f"{ending}.png"), write)

    def _csv(self, ending: str, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
        def write(temporary: Path) -> None:
            with temporary.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(header)
                writer.writerows([value if isinstance(value, int) else repr(float(value)) for value in line] for line in lines)

        atomically(self._path(f"{ending}.csv"), write)

    def _table(self, title: str, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
        self._print(title, header[: MAX_CURVES + 2], ([f"{value:.4g}" for value in line[: MAX_CURVES + 2]] for line in lines))

    def _print(self, title: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
        """A table whose columns are right-aligned and never cut; narrow enough for eight of them in 80 characters."""
        self.console.print(f"[bold]{title}[/bold]", highlight=False)  # a title of the table would be broken to its width
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        for name in header:
            table.add_column(name, justify="right", no_wrap=True)
        for line in lines:
            table.add_row(*line)
        self.console.print(table)


def _first(one: Observables, row: int, count: int = 4) -> list[float]:
    channels = list(one.eigenchannels[row, :count])
    return channels + [0.0] * (count - len(channels))


def _lines(number: int, one: Observables, most: int) -> Iterable[list[Any]]:
    for row, energy in enumerate(one.energies_eV):
        channels = np.pad(one.eigenchannels[row], (0, most - one.eigenchannels.shape[1]))
        yield [number, energy, one.transmission[row], one.fano[row], one.dos_per_eV[row], *channels]


def _bond_lines(number: int, one: Observables, row: int) -> Iterable[list[Any]]:
    """Bonds with their currents, largest first, each in the direction in which it flows."""
    currents = one.bond_currents[row]
    for bond in np.argsort(-np.abs(currents), kind="stable"):
        if abs(currents[bond]) <= CURRENT_SHOWN * one.transmission[row]:
            break
        i, j = (int(atom) for atom in one.bonds[bond])
        yield [number, one.energies_eV[row], *((i, j) if currents[bond] > 0 else (j, i)), abs(currents[bond])]
