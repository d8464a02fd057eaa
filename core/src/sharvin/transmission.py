"""``sharvin transmission``: T(E) of every frame of a structure file, or device of a file of H and S: a table, CSV, a picture."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from sharvin.atomic import atomically
from sharvin.brillouin import averaged_transmission, sampled_devices
from sharvin.config import override
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.junction import Junction
from sharvin.progress import progress_bar
from sharvin.protocols import Hamiltonian
from sharvin.registry import registry
from sharvin.structure_files import read_structures
from sharvin.two_terminal import Sample
from sharvin.two_terminal_file import is_two_terminal_file

MAX_ENERGIES = 100_000
MAX_CURVES = 8


def transmission_of_file(
    file: Path,
    hamiltonian: str | None,
    transport: str,
    energies: str,
    frames: str,
    species: str | None,
    settings: Sequence[str],
    out: Path | None,
) -> None:
    """Compute, print and write T(E); see ``sharvin transmission --help``.

    Raises
    ------
    InputError
        If the file, an option or a name is wrong, or a frame is no junction (which frame, and why).
    """
    grid = parse_energies(energies)
    options: dict[str, Any] = {"hamiltonian": {}, "transport": {}}
    for setting in settings:
        override(options, setting)
    if set(options) - {"hamiltonian", "transport"}:
        raise InputError("--set takes hamiltonian.OPTION=VALUE or transport.OPTION=VALUE here.")
    if hamiltonian is None:
        hamiltonian = "arrays" if is_two_terminal_file(file) else "slater_koster"
    component = registry().find("hamiltonians", hamiltonian).component
    if component.gives != "two_terminal":
        raise InputError(f"the Hamiltonian {hamiltonian} is a lattice model and has no use for a structure file.")
    if stored := "file" in component.takes:
        options["hamiltonian"].setdefault("file", str(file))
    builder = registry().build("hamiltonians", hamiltonian, options["hamiltonian"])
    solver = registry().build("transport", transport, options["transport"])
    if stored:
        sources: list[Any] = chosen_numbers(len(builder), frames, species)
    else:
        sources = list(read_structures(file, frames, species.split(",") if species else ()))
    rows = np.empty((len(sources), len(grid)))
    console = Console()
    with one_thread(), progress_bar("transmission", len(sources), Console(stderr=True)) as advance:
        for number, source in enumerate(sources):
            try:
                samples = builder.device(source).samples if stored else _samples(builder, source)
                rows[number] = averaged_transmission(solver, samples, grid)
            except InputError as error:
                raise InputError(f"{file}, frame {number} of those chosen: {error}") from None
            advance(1)
    prefix = out or file.with_name(f"{file.stem}-transmission")
    _print(console, grid, rows)
    _write_csv(prefix.with_name(f"{prefix.name}.csv"), grid, rows)
    _write_png(prefix.with_name(f"{prefix.name}.png"), grid, rows, file.name)
    console.print(f"Wrote {prefix}.csv and {prefix}.png", highlight=False, soft_wrap=True)


def _samples(builder: Hamiltonian, atoms: Atoms) -> Sequence[Sample]:
    """k-points of a structure, one where the Hamiltonian does not sample."""
    atoms.pbc[2] = False  # the leads continue the wire along z; POSCAR and LAMMPS data cannot say so
    junction = Junction.detect(atoms, builder.range_A(atoms.numbers))
    samples = next(sampled_devices(builder, [junction]))
    if isinstance(samples, Exception):
        raise samples
    return samples


def chosen_numbers(count: int, frames: str, species: str | None) -> list[int]:
    """Numbers of the devices of a file, chosen like the frames of a structure file.

    Raises
    ------
    InputError
        If there is no such device, or species are named, which a file of H and S has no use for.
    """
    if species:
        raise InputError("--species names the atom types of LAMMPS files; a file of H and S has none.")
    found: list[int] = []
    if re.fullmatch(r"-?\d+", frames) and -count <= int(frames) < count:
        found = [range(count)[int(frames)]]
    elif re.fullmatch(r"(-?\d*):(-?\d*)(:-?[1-9]\d*)?", frames):
        found = list(range(count)[slice(*(int(part) if part else None for part in frames.split(":")))])
    if not found:
        raise InputError(f"--frames {frames}: the file holds {count} devices, numbered from 0.")
    return found


def parse_energies(text: str) -> NDArray[np.float64]:
    """Energies in eV from ``a:b:step`` (both ends included) or a comma-separated list."""
    try:
        if ":" in text:
            start, stop, step = (float(part) for part in text.split(":"))
            if step <= 0 or stop < start or (stop - start) / step > MAX_ENERGIES:
                raise ValueError
            grid = start + step * np.arange(int(np.floor((stop - start) / step + 1e-9)) + 1)
        else:
            grid = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise InputError(f"--energies wants A:B:STEP in eV with A ≤ B and STEP > 0, or a list A,B,…; not {text!r}.") from None
    if not np.isfinite(grid).all():
        raise InputError(f"--energies must be finite numbers, not {text!r}.")
    return np.where(np.abs(grid) < 1e-12, 0.0, grid)


def _print(console: Console, grid: NDArray[np.float64], rows: NDArray[np.float64]) -> None:
    """Energies down and frames across; of many frames, one line each at the energy nearest to E_F."""
    if len(grid) > 1 and len(rows) <= MAX_CURVES:
        table = Table("E (eV)", *map(str, range(len(rows))), title="Transmission T(E) of each frame, E from the Fermi energy")
        for energy, column in zip(grid, rows.T, strict=True):
            table.add_row(f"{energy:.4g}", *(f"{value:.4g}" for value in column))
    else:
        nearest = int(np.abs(grid).argmin())
        table = Table("frame", f"T at E − E_F = {grid[nearest]:.4g} eV", title="Transmission; in units of G0 at E_F")
        for number, row in enumerate(rows):
            table.add_row(str(number), f"{row[nearest]:.5g}")
    for column in table.columns:
        column.justify, column.no_wrap = "right", True
    console.print(table)


def _write_csv(path: Path, grid: NDArray[np.float64], rows: NDArray[np.float64]) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["energy_eV", *(f"transmission_frame_{number}" for number in range(len(rows)))])
            writer.writerows(
                [repr(float(energy)), *map(repr, map(float, column))] for energy, column in zip(grid, rows.T, strict=True)
            )

    atomically(path, write)


def _write_png(path: Path, grid: NDArray[np.float64], rows: NDArray[np.float64], name: str) -> None:
    """T(E) of up to eight frames; with one energy, T against the frame."""
    from matplotlib import colormaps

    from sharvin.figures import new_figure, style

    with style():
        figure = new_figure()
        axes = figure.add_subplot()
        if len(grid) == 1:
            axes.plot(np.arange(len(rows)), rows[:, 0], "o-", markersize=3)
            axes.set(xlabel="frame", ylabel=f"transmission at E − E_F = {grid[0]:g} eV")
        else:
            shown = np.unique(np.linspace(0, len(rows) - 1, min(MAX_CURVES, len(rows))).round().astype(int))
            for colour, number in zip(colormaps["viridis"](np.linspace(0, 0.9, len(shown))), shown, strict=True):
                axes.plot(grid, rows[number], color=colour, label=f"frame {number}")
            axes.axvline(0.0, linewidth=0.8, linestyle="--", color="grey")
            axes.set(xlabel=r"$E - E_\mathrm{F}$ (eV)", ylabel="transmission")
            if len(shown) > 1:
                axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.set_ylim(bottom=0.0)
        axes.set_title(name)
        atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=150, bbox_inches="tight"))
