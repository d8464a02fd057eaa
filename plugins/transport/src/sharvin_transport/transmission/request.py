"""What ``sharvin transmission`` was asked for, and the Hamiltonian and solver that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharvin.config.document import override
from sharvin.devices.two_terminal_file import is_two_terminal_file
from sharvin.errors import InputError
from sharvin.options import Options
from sharvin.options.validation import validate_options
from sharvin.protocols import ObservingSolver
from sharvin.registry import Part, registry


@dataclass(frozen=True)
class TransmissionRequest:
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
class ChosenParts:
    """Hamiltonian and solver of a request, and the Hamiltonian's options.

    ``stored`` says that the Hamiltonian reads H and S from the request's file itself.
    """

    name: str
    hamiltonian: Any
    options: Options
    solver: Any
    stored: bool


def chosen_parts(request: TransmissionRequest) -> ChosenParts:
    """Hamiltonian and solver with the options of the request.

    Raises
    ------
    InputError
        If a name, an option or a value is wrong, or the solver gives no observables where they are asked for.
    """
    options = _written_options(request)
    name = request.hamiltonian or ("arrays" if is_two_terminal_file(request.file) else "slater_koster")
    found = registry().find("hamiltonians", name)
    if found.component.gives != "two_terminal":
        raise InputError(f"the Hamiltonian {name} is a lattice model and has no use for a structure file.")
    stored = "file" in found.component.takes
    if stored:
        options["hamiltonian"].setdefault("file", str(request.file))
    options["hamiltonian"] |= _options_of_flags(request, found)
    validated = validate_options(registry().options_model(found), options["hamiltonian"], found.title)
    solver = registry().build("transport", request.transport, options["transport"])
    if request.observables and not isinstance(solver, ObservingSolver):
        raise InputError(f"the solver {request.transport} gives the transmission only; take --transport rgf for --observables.")
    return ChosenParts(name, registry().build("hamiltonians", name, validated), validated, solver, stored)


def _written_options(request: TransmissionRequest) -> dict[str, Any]:
    """Options of ``--set`` by kind."""
    options: dict[str, Any] = {"hamiltonian": {}, "transport": {}}
    for setting in request.settings:
        override(options, setting)
    if set(options) - {"hamiltonian", "transport"}:
        raise InputError("--set takes hamiltonian.OPTION=VALUE or transport.OPTION=VALUE here.")
    return options


def _options_of_flags(request: TransmissionRequest, hamiltonian: Part) -> dict[str, Any]:
    """Options of the Hamiltonian that have a flag of their own; what it does not have is refused."""
    flags = {
        "--k-points": ("k_points", parse_k_points(request.k_points)),
        "--neutrality": ("charge_neutrality", request.neutrality),
    }
    given = {flag: (option, value) for flag, (option, value) in flags.items() if value is not None}
    name, known = hamiltonian.component.name, registry().options_model(hamiltonian).model_fields
    for flag, (option, _) in given.items():
        if option not in known:
            raise InputError(f"{flag} sets the option {option} of a Hamiltonian, which {name} does not have.")
    return dict(given.values())


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
