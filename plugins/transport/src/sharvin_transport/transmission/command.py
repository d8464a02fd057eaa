"""``sharvin transmission``: T(E) of every frame of a structure file as a table, CSV files and pictures, and what follows from it.

A file of H and S that another program computed takes the place of a structure file: each of its devices is a frame.
With a temperature or a bias also the conductance and the current of :mod:`sharvin_transport.transmission.landauer`; with
observables also the eigenchannels, shot noise, densities of states and bond currents of :mod:`sharvin.observables`. What was
understood of the input is printed before anything is computed (:mod:`sharvin_transport.transmission.summary`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from sharvin.devices.brillouin import averaged_observables, averaged_transmission, devices_at_k
from sharvin.devices.device_checks import check_device
from sharvin.devices.lead_channels import check_leads_conduct
from sharvin.errors import InputError, PhysicsWarning, SharvinError
from sharvin.executors.threads import one_thread
from sharvin.observables import Observables
from sharvin.protocols import TransportSolver
from sharvin.runs import cache, compiled
from sharvin.runs.atomic import require_writable
from sharvin.runs.progress import progress_bar
from sharvin.two_terminal import WeightedDevice

from sharvin_transport.transmission.conditions import Conditions, parse_energies
from sharvin_transport.transmission.output import Output
from sharvin_transport.transmission.request import ChosenParts, TransmissionRequest, chosen_parts
from sharvin_transport.transmission.sources import PreparedFrame, frames_to_compute
from sharvin_transport.transmission.summary import print_summary, warn_of_coarse_sampling

Floats = NDArray[np.float64]

BESIDE_EV = 1e-6
"""How far from a band edge of a lead T is taken instead."""
STEPS_OF_PROGRESS = 50
"""T(E) of one frame is computed in at most this many pieces, so that the progress bar moves."""


def transmission_of_file(request: TransmissionRequest) -> None:
    """Compute, print and write T(E) and what was asked for besides.

    A frame that is no junction is left out and named at the end; the others are computed.

    Raises
    ------
    InputError
        If the file, an option or a name is wrong, the output cannot be written, or no frame is a junction (why the first is not).
    """
    grid = parse_energies(request.energies)
    conditions = Conditions.parse(request.temperature, request.bias, grid)
    parts = chosen_parts(request)
    prefix = request.out or request.file.with_name(f"{request.file.stem}-transmission")
    require_writable(prefix.parent, "the folder of the results,")
    cache.usable_folder()
    compiled.announce()
    console = Console()
    with one_thread():
        results = _results(request, parts, grid, console)
    if not results.numbers:
        raise _why_nothing(request.file, results.failed)
    if not np.any(results.rows):
        for _, system in results.first_at_k:
            check_leads_conduct(system, grid)
    _write(Output(console, prefix, request.file.name, results.numbers, request.scale), results, grid, conditions)


def _results(request: TransmissionRequest, parts: ChosenParts, grid: Floats, console: Console) -> _Results:
    """T(E) and observables of every frame that is a junction, and the reasons why others are not."""
    results = _Results()
    sources = list(frames_to_compute(request, parts))
    pieces = 1 if request.observables else min(len(grid), max(1, STEPS_OF_PROGRESS // len(sources)))
    with progress_bar("transmission", pieces * len(sources), Console(stderr=True)) as advance:
        for number, prepare in sources:
            try:
                frame = prepare()
                for _, system in frame.device.at_k:
                    check_device(system)
                _say_first(results, request, parts, frame, console)
                results.add(frame, *_computed(frame, parts.solver, grid, request.observables, pieces, advance))
            except SharvinError as error:
                results.failed[number] = error
                advance(pieces)
    return results


def _why_nothing(file: Path, failed: Mapping[int, SharvinError]) -> SharvinError:
    """The reason of the first frame, which names the file once: what reads H and S does so itself."""
    number, first = next(iter(failed.items()))
    reason = str(first) if str(file) in str(first) else f"{file}, frame {number}: {first}"
    error = type(first)(reason)
    error.__cause__ = first
    return error


def _write(output: Output, results: _Results, grid: Floats, conditions: Conditions) -> None:
    """Tables, files and pictures, and the frames that were left out."""
    transmission = np.array(results.rows)
    output.transmission(grid, transmission)
    if len(conditions.temperatures_K):
        output.conductance(grid, transmission, conditions.temperatures_K)
    if len(conditions.biases_V):
        output.current(grid, transmission, conditions)
    if results.observed:
        output.observables(results.structures, results.observed)
    for number, reason in results.failed.items():
        output.console.print(f"left out: frame {number}: {reason}", highlight=False, soft_wrap=True, markup=False)
    output.console.print(f"Wrote {', '.join(output.written)}", highlight=False, soft_wrap=True)


class _Results:
    """Rows of the frames that were computed, and the reasons why others were not."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.rows: list[Floats] = []
        self.observed: list[Observables] = []
        self.structures: list[Atoms] = []
        self.failed: dict[int, SharvinError] = {}
        self.first_at_k: Sequence[WeightedDevice] = ()
        self.said: set[str] = set()

    def add(self, frame: PreparedFrame, row: Floats, observed: Observables | None) -> None:
        self.numbers.append(frame.number)
        self.rows.append(row)
        self.first_at_k = self.first_at_k or frame.device.at_k
        if observed is not None:
            assert frame.device.atoms is not None
            self.observed.append(observed)
            self.structures.append(frame.device.atoms)


def _computed(
    frame: PreparedFrame, solver: Any, grid: Floats, observables: bool, pieces: int, advance: Callable[[int], None]
) -> tuple[Floats, Observables | None]:
    """T(E) of a frame, float64[n_energies], and its observables if they are wanted."""
    at_k = frame.device.at_k
    if observables:
        if at_k[0][1].atom is None or frame.device.atoms is None:
            raise InputError("the Hamiltonian does not say which atoms its orbitals belong to, so there are no --observables.")
        seen = averaged_observables(solver, at_k, grid)
        advance(pieces)
        return seen.transmission, seen
    rows = []
    for part in np.array_split(grid, pieces):
        try:
            rows.append(averaged_transmission(solver, at_k, part))
        except SharvinError:
            rows.append(np.array([_beside_band_edge(solver, at_k, float(energy)) for energy in part]))
        advance(1)
    return np.concatenate(rows), None


def _beside_band_edge(solver: TransportSolver, at_k: Sequence[WeightedDevice], energy_eV: float) -> float:
    """T at one energy, or right beside it where the energy lies on a band edge of a lead; that is said.

    Raises
    ------
    SharvinError
        What the solver says of the energy itself, if it says the same of those beside it.
    """
    first: SharvinError | None = None
    for shift in (0.0, BESIDE_EV, -BESIDE_EV):
        try:
            T = float(averaged_transmission(solver, at_k, np.array([energy_eV + shift]))[0])
        except SharvinError as error:
            first = first or error
            continue
        if shift:
            warnings.warn(
                f"E − E_F = {energy_eV:g} eV lies on a band edge of a lead; T is that at {shift:+.0e} eV beside it.",
                PhysicsWarning,
                stacklevel=2,
            )
        return T
    assert first is not None
    raise type(first)(f"at E − E_F = {energy_eV:g} eV: {first}")


def _say_first(
    results: _Results, request: TransmissionRequest, parts: ChosenParts, frame: PreparedFrame, console: Console
) -> None:
    """What was understood, with the first frame; what a user should know of the physics, once for each kind of notice."""
    if "summary" not in results.said:
        results.said.add("summary")
        print_summary(console, request.file, frame, parts)
        if frame.junction is not None:
            warn_of_coarse_sampling(frame.junction, parts)
    imperfect = frame.junction.imperfection() if frame.junction is not None else None
    if imperfect and frame.junction is not None and "imperfect" not in results.said:
        results.said.add("imperfect")
        mean = float(averaged_transmission(parts.solver, frame.device.at_k, np.zeros(1))[0])
        single = devices_at_k(parts.hamiltonian, frame.junction.as_given())
        other = float(averaged_transmission(parts.solver, single, np.zeros(1))[0])
        warnings.warn(
            f"frame {frame.number}: {imperfect} T(E_F) is {mean:.5g} with the mean and {other:.5g} with leads that repeat the "
            "outermost layers.",
            PhysicsWarning,
            stacklevel=2,
        )
