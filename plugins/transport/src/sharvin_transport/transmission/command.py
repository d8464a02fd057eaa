"""``sharvin transmission``: T(E) of every frame of a structure file as a table, CSV files and pictures, and what follows from it.

A file of H and S that another program computed takes the place of a structure file: each of its devices is a frame.
With a temperature or a bias also the conductance and the current of :mod:`sharvin_transport.transmission.landauer`; with
observables also the eigenchannels, shot noise, densities of states and bond currents of :mod:`sharvin.observables`. What was
understood of the input is printed before anything is computed (:mod:`sharvin_transport.transmission.summary`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rich.console import Console
from sharvin.config.document import override
from sharvin.devices.brillouin import averaged_observables, averaged_transmission, sampled_devices
from sharvin.devices.device_checks import check_device
from sharvin.devices.lead_channels import check_leads_conduct
from sharvin.devices.two_terminal_file import Device, is_two_terminal_file
from sharvin.errors import InputError, PhysicsWarning, SharvinError
from sharvin.executors.threads import one_thread
from sharvin.files.frame_numbers import chosen_range, no_such_frame, parsed_index
from sharvin.files.structure_files import numbered_structures
from sharvin.junction import Junction
from sharvin.observables import Observables
from sharvin.options import Options
from sharvin.options.validation import validate_options
from sharvin.protocols import ObservingSolver, TransportSolver
from sharvin.registry import registry
from sharvin.runs import cache, compiled
from sharvin.runs.atomic import require_writable
from sharvin.runs.progress import progress_bar
from sharvin.two_terminal import Sample

from sharvin_transport.transmission.conditions import Conditions, parse_energies
from sharvin_transport.transmission.output import Output
from sharvin_transport.transmission.summary import print_summary, warn_of_coarse_sampling

Floats = NDArray[np.float64]

BESIDE_EV = 1e-6
"""How far from a band edge of a lead T is taken instead."""
STEPS_OF_PROGRESS = 50
"""T(E) of one frame is computed in at most this many pieces, so that the progress bar moves."""


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
    k_points: str | None = None
    neutrality: str | None = None
    lead_layers: int | None = None
    scale: str = "auto"


@dataclass(frozen=True, eq=False)
class Parts:
    """Hamiltonian and solver of a request, and the Hamiltonian's options.

    ``stored`` says that the Hamiltonian reads H and S from the request's file itself.
    """

    name: str
    hamiltonian: Any
    options: Options
    solver: Any
    stored: bool


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """One frame to compute: its k-points with their devices, and the junction where the file is one of structures."""

    number: int
    device: Device
    junction: Junction | None


def transmission_of_file(request: Request) -> None:
    """Compute, print and write T(E) and what was asked for besides.

    A frame that is no junction is left out and named at the end; the others are computed.

    Raises
    ------
    InputError
        If the file, an option or a name is wrong, the output cannot be written, or no frame is a junction (why the first is not).
    """
    grid = parse_energies(request.energies)
    conditions = Conditions.parse(request.temperature, request.bias, grid)
    parts = _parts(request)
    prefix = request.out or request.file.with_name(f"{request.file.stem}-transmission")
    require_writable(prefix.parent, "the folder of the results,")
    cache.usable_folder()
    compiled.announce()
    console = Console()
    results = _Results()
    with one_thread():
        sources = list(_sources(request, parts))
        pieces = 1 if request.observables else min(len(grid), max(1, STEPS_OF_PROGRESS // len(sources)))
        with progress_bar("transmission", pieces * len(sources), Console(stderr=True)) as advance:
            for number, prepare in sources:
                try:
                    frame = prepare()
                    for _, system in frame.device.samples:
                        check_device(system)
                    _say_first(results, request, parts, frame, console)
                    results.add(frame, *_computed(frame, parts.solver, grid, request.observables, pieces, advance))
                except SharvinError as error:
                    results.failed[number] = error
                    advance(pieces)
    if not results.numbers:
        number, first = next(iter(results.failed.items()))
        # What reads H and S names its file and device itself.
        named = str(request.file) in str(first)
        raise type(first)(str(first) if named else f"{request.file}, frame {number}: {first}") from first
    if not np.any(results.rows):
        for _, system in results.first_samples:
            check_leads_conduct(system, grid)
    output = Output(console, prefix, request.file.name, results.numbers, request.scale)
    output.transmission(grid, np.array(results.rows))
    if len(conditions.temperatures_K):
        output.conductance(grid, np.array(results.rows), conditions.temperatures_K)
    if len(conditions.biases_V):
        output.current(grid, np.array(results.rows), conditions)
    if results.observed:
        output.observables(results.structures, results.observed)
    for number, reason in results.failed.items():
        console.print(f"left out: frame {number}: {reason}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"Wrote {', '.join(output.written)}", highlight=False, soft_wrap=True)


class _Results:
    """Rows of the frames that were computed, and the reasons why others were not."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.rows: list[Floats] = []
        self.observed: list[Observables] = []
        self.structures: list[Atoms] = []
        self.failed: dict[int, SharvinError] = {}
        self.first_samples: Sequence[Sample] = ()
        self.said: set[str] = set()

    def add(self, frame: PreparedFrame, row: Floats, observed: Observables | None) -> None:
        self.numbers.append(frame.number)
        self.rows.append(row)
        self.first_samples = self.first_samples or frame.device.samples
        if observed is not None:
            assert frame.device.atoms is not None
            self.observed.append(observed)
            self.structures.append(frame.device.atoms)


def _computed(
    frame: PreparedFrame, solver: Any, grid: Floats, observables: bool, pieces: int, advance: Callable[[int], None]
) -> tuple[Floats, Observables | None]:
    """T(E) of a frame, float64[n_energies], and its observables if they are wanted."""
    samples = frame.device.samples
    if observables:
        if samples[0][1].atom is None or frame.device.atoms is None:
            raise InputError("the Hamiltonian does not say which atoms its orbitals belong to, so there are no --observables.")
        seen = averaged_observables(solver, samples, grid)
        advance(pieces)
        return seen.transmission, seen
    rows = []
    for part in np.array_split(grid, pieces):
        try:
            rows.append(averaged_transmission(solver, samples, part))
        except SharvinError:
            rows.append(np.array([_beside_band_edge(solver, samples, float(energy)) for energy in part]))
        advance(1)
    return np.concatenate(rows), None


def _beside_band_edge(solver: TransportSolver, samples: Sequence[Sample], energy_eV: float) -> float:
    """T at one energy, or right beside it where the energy lies on a band edge of a lead; that is said.

    Raises
    ------
    SharvinError
        What the solver says of the energy itself, if it says the same of those beside it.
    """
    first: SharvinError | None = None
    for shift in (0.0, BESIDE_EV, -BESIDE_EV):
        try:
            T = float(averaged_transmission(solver, samples, np.array([energy_eV + shift]))[0])
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


def _say_first(results: _Results, request: Request, parts: Parts, frame: PreparedFrame, console: Console) -> None:
    """What was understood, with the first frame; what a user should know of the physics, once for each kind of notice."""
    if "summary" not in results.said:
        results.said.add("summary")
        print_summary(console, request.file, frame, parts)
        if frame.junction is not None:
            warn_of_coarse_sampling(frame.junction, parts)
    imperfect = frame.junction.imperfection() if frame.junction is not None else None
    if imperfect and frame.junction is not None and "imperfect" not in results.said:
        results.said.add("imperfect")
        mean = float(averaged_transmission(parts.solver, frame.device.samples, np.zeros(1))[0])
        single = _samples(parts.hamiltonian, frame.junction.as_given())
        other = float(averaged_transmission(parts.solver, single, np.zeros(1))[0])
        warnings.warn(
            f"frame {frame.number}: {imperfect} T(E_F) is {mean:.5g} with the mean and {other:.5g} with leads that repeat the "
            "outermost layers.",
            PhysicsWarning,
            stacklevel=2,
        )


def _sources(request: Request, parts: Parts) -> Iterator[tuple[int, Callable[[], PreparedFrame]]]:
    """Numbers of the chosen frames, and what prepares each."""
    if parts.stored:
        if request.lead_layers is not None:
            raise InputError("--lead-layers is for structures; a file of H and S states its leads itself.")
        if request.species:
            raise InputError("--species names the atom types of LAMMPS files; a file of H and S has none.")
        count = len(parts.hamiltonian)
        numbers = [n for n in chosen_range(parsed_index(request.frames), lambda: count)[:count] if n < count]
        if not numbers:
            raise no_such_frame(request.file, request.frames, count)
        for number in numbers:
            yield number, partial(_stored_frame, parts, number)
        return
    species = request.species.split(",") if request.species else ()
    for number, atoms in numbered_structures(request.file, request.frames, species):
        yield number, partial(_frame, parts, number, atoms, request.lead_layers)


def _stored_frame(parts: Parts, number: int) -> PreparedFrame:
    return PreparedFrame(number, parts.hamiltonian.device(number), None)


def _frame(parts: Parts, number: int, atoms: Atoms, lead_layers: int | None) -> PreparedFrame:
    atoms.pbc[2] = False  # the leads continue the wire along z; POSCAR and LAMMPS data cannot say so
    junction = Junction.detect(atoms, parts.hamiltonian.range_A(atoms.numbers), lead_layers)
    return PreparedFrame(number, Device(_samples(parts.hamiltonian, junction), junction.atoms), junction)


def _samples(hamiltonian: Any, junction: Junction) -> Sequence[Sample]:
    """k-points of a structure, one where the Hamiltonian does not sample."""
    samples = next(sampled_devices(hamiltonian, [junction]))
    if isinstance(samples, Exception):
        raise samples
    return samples


def _parts(request: Request) -> Parts:
    """Hamiltonian and solver with the options of the request."""
    options: dict[str, Any] = {"hamiltonian": {}, "transport": {}}
    for setting in request.settings:
        override(options, setting)
    if set(options) - {"hamiltonian", "transport"}:
        raise InputError("--set takes hamiltonian.OPTION=VALUE or transport.OPTION=VALUE here.")
    name = request.hamiltonian or ("arrays" if is_two_terminal_file(request.file) else "slater_koster")
    found = registry().find("hamiltonians", name)
    if found.component.gives != "two_terminal":
        raise InputError(f"the Hamiltonian {name} is a lattice model and has no use for a structure file.")
    model = registry().options_model(found)
    if stored := "file" in found.component.takes:
        options["hamiltonian"].setdefault("file", str(request.file))
    for flag, option, value in (
        ("--k-points", "k_points", parse_k_points(request.k_points)),
        ("--neutrality", "charge_neutrality", request.neutrality),
    ):
        if value is None:
            continue
        if option not in model.model_fields:
            raise InputError(f"{flag} sets the option {option} of a Hamiltonian, which {name} does not have.")
        options["hamiltonian"][option] = value
    validated = validate_options(model, options["hamiltonian"], found.title)
    solver: TransportSolver = registry().build("transport", request.transport, options["transport"])
    if request.observables and not isinstance(solver, ObservingSolver):
        raise InputError(f"the solver {request.transport} gives the transmission only; take --transport rgf for --observables.")
    return Parts(name, registry().build("hamiltonians", name, validated), validated, solver, stored)


def parse_k_points(text: str | None) -> list[int] | None:
    """Divisions of the transverse Brillouin zone from ``3x3``, or ``3`` for both.

    Raises
    ------
    InputError
        If they are no positive whole numbers.
    """
    if text is None:
        return None
    parts = text.lower().replace("×", "x").replace(",", "x").split("x")
    if not 1 <= len(parts) <= 2 or not all(part.strip().isascii() and part.strip().isdigit() and int(part) for part in parts):
        raise InputError(f"--k-points wants the divisions along x and y, such as 3x3, not {text!r}.")
    return [int(parts[0]), int(parts[-1])]
