"""``sharvin transmission``: T(E) of every frame of a structure file as a table, CSV files and pictures, and what follows from it.

A file of H and S that another program computed takes the place of a structure file: each of its devices is a frame.
With a temperature or a bias also the conductance and the current of :mod:`sharvin.landauer`; with observables also the
eigenchannels, shot noise, densities of states and bond currents of :mod:`sharvin.observables`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from sharvin.atomic import atomically
from sharvin.brillouin import averaged_transmission, sampled_devices
from sharvin.config_document import override
from sharvin.device_checks import check_device
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.junction import Junction
from sharvin.landauer import conductance_G0, current_A, window_eV
from sharvin.observables import Observables
from sharvin.progress import progress_bar
from sharvin.protocols import Hamiltonian, ObservingSolver
from sharvin.registry import registry
from sharvin.structure_files import read_structures
from sharvin.two_terminal import Sample, TwoTerminal
from sharvin.two_terminal_file import Device, is_two_terminal_file

Floats = NDArray[np.float64]

MAX_NUMBERS = 100_000
MAX_CURVES = 8
CURRENT_SHOWN = 1e-3
"""Bonds that carry less than this part of T are left out of the table of currents."""


@dataclass(frozen=True)
class Request:
    """What ``sharvin transmission`` was asked for; see its ``--help``."""

    file: Path
    hamiltonian: str | None = None
    transport: str = "rgf"
    energies: str = "0"
    frames: str = ":"
    species: str | None = None
    settings: Sequence[str] = ()
    out: Path | None = None
    observables: bool = False
    temperature: str | None = None
    bias: str | None = None


@dataclass(frozen=True, eq=False)
class Conditions:
    """Temperatures in K and biases in V at which conductance and current are wanted; none of either if not."""

    temperatures_K: Floats
    biases_V: Floats

    @classmethod
    def parse(cls, request: Request, grid: Floats) -> Conditions:
        """Those of a request, if the energies cover them."""
        temperatures = np.zeros(0) if request.temperature is None else parse_numbers("--temperature", request.temperature, "K")
        biases = np.zeros(0) if request.bias is None else parse_numbers("--bias", request.bias, "V")
        if np.any(temperatures < 0):
            raise InputError(f"--temperature must not be negative, as in {request.temperature!r}.")
        if len(temperatures) or len(biases):
            needed = window_eV(temperatures.max(initial=0.0), np.abs(biases).max(initial=0.0))
            if len(grid) < 2 or grid.min() > -needed + 1e-9 or grid.max() < needed - 1e-9:
                edge = np.ceil(needed * 20 - 1e-9) / 20
                raise InputError(
                    f"these temperatures and biases need T(E) at least from {-needed:.3g} to {needed:.3g} eV: "
                    f"give --energies {-edge:g}:{edge:g}:0.02 or wider."
                )
        return cls(temperatures, biases)


def transmission_of_file(request: Request) -> None:
    """Compute, print and write T(E) and what was asked for besides.

    Raises
    ------
    InputError
        If the file, an option or a name is wrong, or a frame is no junction (which frame, and why).
    """
    grid = parse_energies(request.energies)
    conditions = Conditions.parse(request, grid)
    builder, solver, stored = _parts(request)
    if stored:
        sources: list[Any] = chosen_numbers(len(builder), request.frames, request.species)
    else:
        sources = list(read_structures(request.file, request.frames, request.species.split(",") if request.species else ()))
    rows = np.empty((len(sources), len(grid)))
    structures: list[Any] = []
    seen: list[Observables] = []
    console = Console()
    with one_thread(), progress_bar("transmission", len(sources), Console(stderr=True)) as advance:
        for number, source in enumerate(sources):
            try:
                device = builder.device(source) if stored else Device(_samples(builder, source), source)
                for _, system in device.samples:
                    check_device(system)
                if request.observables:
                    seen.append(solver.observables(_observed(device), grid))
                    structures.append(device.atoms)
                    rows[number] = seen[-1].transmission
                else:
                    rows[number] = averaged_transmission(solver, device.samples, grid)
            except InputError as error:
                raise InputError(f"{request.file}, frame {number} of those chosen: {error}") from None
            advance(1)
    prefix = request.out or request.file.with_name(f"{request.file.stem}-transmission")
    output = Output(console, prefix, request.file.name)
    output.transmission(grid, rows)
    if len(conditions.temperatures_K):
        output.conductance(grid, rows, conditions.temperatures_K)
    if len(conditions.biases_V):
        output.current(grid, rows, conditions)
    if seen:
        output.observables(structures, seen)
    written = ", ".join(output.written)
    console.print(f"Wrote {written}", highlight=False, soft_wrap=True)


def _observed(device: Device) -> TwoTerminal:
    """The system of a device whose orbitals belong to atoms."""
    if len(device.samples) > 1:
        raise InputError(f"--observables are of one k-point, not of {len(device.samples)}; leave k_points out.")
    system = device.samples[0][1]
    if system.atom is None or device.atoms is None:
        raise InputError("the Hamiltonian does not say which atoms its orbitals belong to, so there are no --observables.")
    return system


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


def _parts(request: Request) -> tuple[Any, Any, bool]:
    """Hamiltonian and solver, and whether the Hamiltonian reads H and S from the file itself."""
    options: dict[str, Any] = {"hamiltonian": {}, "transport": {}}
    for setting in request.settings:
        override(options, setting)
    if set(options) - {"hamiltonian", "transport"}:
        raise InputError("--set takes hamiltonian.OPTION=VALUE or transport.OPTION=VALUE here.")
    name = request.hamiltonian or ("arrays" if is_two_terminal_file(request.file) else "slater_koster")
    component = registry().find("hamiltonians", name).component
    if component.gives != "two_terminal":
        raise InputError(f"the Hamiltonian {name} is a lattice model and has no use for a structure file.")
    if stored := "file" in component.takes:
        options["hamiltonian"].setdefault("file", str(request.file))
    builder = registry().build("hamiltonians", name, options["hamiltonian"])
    solver = registry().build("transport", request.transport, options["transport"])
    if request.observables and not isinstance(solver, ObservingSolver):
        raise InputError(f"the solver {request.transport} gives the transmission only; take --transport rgf for --observables.")
    return builder, solver, stored


def parse_energies(text: str) -> Floats:
    """Energies in eV from ``a:b:step`` (both ends included) or a comma-separated list."""
    return parse_numbers("--energies", text, "eV")


def parse_numbers(option: str, text: str, unit: str) -> Floats:
    """Numbers from ``a:b:step`` (both ends included) or a comma-separated list."""
    try:
        if ":" in text:
            start, stop, step = (float(part) for part in text.split(":"))
            if step <= 0 or stop < start or (stop - start) / step > MAX_NUMBERS:
                raise ValueError
            numbers = start + step * np.arange(int(np.floor((stop - start) / step + 1e-9)) + 1)
        else:
            numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise InputError(f"{option} wants A:B:STEP in {unit} with A ≤ B and STEP > 0, or a list A,B,…; not {text!r}.") from None
    if not np.isfinite(numbers).all():
        raise InputError(f"{option} must be finite numbers, not {text!r}.")
    return np.where(np.abs(numbers) < 1e-12, 0.0, numbers)


class Output:
    """Tables on the console, and CSV files and pictures whose names begin with a prefix.

    Parameters
    ----------
    console : rich.console.Console
    prefix : Path
    title : str
        Above every picture.
    """

    def __init__(self, console: Console, prefix: Path, title: str) -> None:
        self.console, self.prefix, self.title = console, prefix, title
        self.written: list[str] = []

    def transmission(self, grid: Floats, rows: Floats) -> None:
        """T(E) of each frame: a table, PREFIX.csv and PREFIX.png."""
        from sharvin.transmission_figures import draw_transmission

        _print_transmission(self.console, grid, rows)
        header = ["energy_eV", *(f"transmission_frame_{number}" for number in range(len(rows)))]
        self._csv("", header, ([energy, *column] for energy, column in zip(grid, rows.T, strict=True)))
        self._png("", draw_transmission(grid, rows, self.title))

    def conductance(self, grid: Floats, rows: Floats, temperatures_K: Floats) -> None:
        """G(T) of each frame: a table, PREFIX-conductance.csv and, of several temperatures, PREFIX-conductance.png."""
        from sharvin.transmission_figures import draw_curves

        G = conductance_G0(grid, rows, temperatures_K)
        columns = [f"frame {number}" for number in range(len(rows))]
        self._table("Conductance in G0", ["T (K)", *columns], ([t, *g] for t, g in zip(temperatures_K, G.T, strict=True)))
        header = ["temperature_K", *(f"conductance_G0_frame_{number}" for number in range(len(rows)))]
        self._csv("-conductance", header, ([t, *g] for t, g in zip(temperatures_K, G.T, strict=True)))
        if len(temperatures_K) > 1:
            labels = ("temperature (K)", r"conductance ($G_0$)")
            self._png("-conductance", draw_curves(temperatures_K, G, columns, labels, self.title))

    def current(self, grid: Floats, rows: Floats, conditions: Conditions) -> None:
        """I(V) of each frame, at each temperature: a table, PREFIX-current.csv and, of several biases, PREFIX-current.png."""
        from sharvin.transmission_figures import draw_curves

        biases, temperatures = conditions.biases_V, conditions.temperatures_K if len(conditions.temperatures_K) else np.zeros(1)
        currents = np.stack([current_A(grid, rows, biases, float(t)) for t in temperatures])
        frames = [f"frame {number}" for number in range(len(rows))]
        lines = [[t, v, *i] for t, each in zip(temperatures, currents, strict=True) for v, i in zip(biases, each.T, strict=True)]
        self._table("Current in µA", ["T (K)", "V (V)", *frames], ([t, v, *(1e6 * one for one in i)] for t, v, *i in lines))
        header = ["temperature_K", "bias_V", *(f"current_A_frame_{number}" for number in range(len(rows)))]
        self._csv("-current", header, lines)
        if len(biases) > 1:
            names = [f"{frame}, {t:g} K" if len(temperatures) > 1 else frame for t in temperatures for frame in frames]
            labels = (f"bias (V){'' if len(temperatures) > 1 else f' at {temperatures[0]:g} K'}", "current (µA)")
            self._png("-current", draw_curves(biases, 1e6 * currents.reshape(-1, len(biases)), names, labels, self.title))

    def observables(self, structures: Sequence[Atoms], seen: Sequence[Observables]) -> None:
        """Tables and pictures of the observables; structures with their local densities of states; currents in the bonds."""
        from sharvin.transmission_figures import draw_currents, draw_observables

        nearest = int(np.abs(seen[0].energies_eV).argmin())
        shown = [
            [n, s.transmission[nearest], s.fano[nearest], s.dos_per_eV[nearest], *_first(s, nearest)] for n, s in enumerate(seen)
        ]
        title = f"Observables at E − E_F = {seen[0].energies_eV[nearest]:.4g} eV; states per eV and spin"
        self._table(title, ["frame", "T", "Fano", "DOS", "T1", "T2", "T3", "T4"], shown)
        most = max(s.eigenchannels.shape[1] for s in seen)
        header = ["frame", "energy_eV", "transmission", "fano", "dos_per_eV_and_spin", *(f"T{n + 1}" for n in range(most))]
        self._csv("-observables", header, (line for n, s in enumerate(seen) for line in _lines(n, s, most)))
        self._png("-observables", draw_observables(seen, self.title))
        self._ldos(structures, seen)
        header = ["frame", "energy_eV", "from_atom", "to_atom", "current"]
        self._csv("-currents", header, (line for n, s in enumerate(seen) for line in _bond_lines(n, s, nearest)))
        self._png("-currents", draw_currents(structures, seen, nearest, self.title))

    def _ldos(self, structures: Sequence[Atoms], seen: Sequence[Observables]) -> None:
        images = []
        for number, (atoms, one) in enumerate(zip(structures, seen, strict=True)):
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
        table = Table(*header[: MAX_CURVES + 2], title=title)
        for line in lines:
            table.add_row(*(f"{value:.5g}" for value in line[: MAX_CURVES + 2]))
        _right_aligned(self.console, table)


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


def _print_transmission(console: Console, grid: Floats, rows: Floats) -> None:
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
    _right_aligned(console, table)


def _right_aligned(console: Console, table: Table) -> None:
    for column in table.columns:
        column.justify, column.no_wrap = "right", True
    console.print(table)
