"""The frames that ``sharvin transmission`` computes, each prepared when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ase import Atoms
from sharvin.devices.brillouin import devices_at_k
from sharvin.devices.two_terminal_file import Device
from sharvin.errors import InputError
from sharvin.files.frame_numbers import chosen_range, no_such_frame, parsed_index
from sharvin.files.structure_files import numbered_structures
from sharvin.junction import Junction

from sharvin_transport.transmission.request import ChosenParts, TransmissionRequest


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """One frame to compute: its k-points with their devices, and the junction where the file is one of structures."""

    number: int
    device: Device
    junction: Junction | None


def frames_to_compute(request: TransmissionRequest, parts: ChosenParts) -> Iterator[tuple[int, Callable[[], PreparedFrame]]]:
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


def _stored_frame(parts: ChosenParts, number: int) -> PreparedFrame:
    return PreparedFrame(number, parts.hamiltonian.device(number), None)


def _frame(parts: ChosenParts, number: int, atoms: Atoms, lead_layers: int | None) -> PreparedFrame:
    atoms.pbc[2] = False  # the leads continue the wire along z; POSCAR and LAMMPS data cannot say so
    junction = Junction.detect(atoms, parts.hamiltonian.range_A(atoms.numbers), lead_layers)
    return PreparedFrame(number, Device(devices_at_k(parts.hamiltonian, junction), junction.atoms), junction)
