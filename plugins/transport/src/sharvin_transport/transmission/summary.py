"""What ``sharvin transmission`` understood of its input, printed before it computes, and where a user should look twice."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.formula import Formula
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array
from sharvin.electrodes.electrode import Electrode
from sharvin.errors import PhysicsWarning, SharvinError
from sharvin.junction import Junction
from sharvin.runs.returned_values import transmission_of
from sharvin.two_terminal import Lead, TwoTerminal, WeightedDevice

if TYPE_CHECKING:
    from sharvin_transport.transmission.request import ChosenParts
    from sharvin_transport.transmission.sources import PreparedFrame

ENOUGH_A = 14.0
"""A periodic cell repeated over its k-points should be at least this wide: T of metal contacts is then good to a few per cent."""
ADVISED_A = 20.0


def print_summary(console: Console, file: Path, frame: PreparedFrame, parts: ChosenParts) -> None:
    """Print atoms, electrodes, periodic directions, sampling, Fermi energy and channels of the leads as two columns."""
    rows = [("file", f"{file.name}, frame {frame.number}")]
    atoms = frame.device.atoms
    if atoms is not None:
        rows.append(("atoms", f"{len(atoms)}: {_formula(atoms.get_chemical_symbols())}"))
    if frame.junction is not None:
        rows += _of_junction(frame.junction)
    rows += _of_parts(frame.device.at_k, parts)
    rows.append(("channels", _channels(frame.device.at_k, parts.solver)))
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    console.print(table, highlight=False)


def warn_of_coarse_sampling(junction: Junction, parts: ChosenParts) -> None:
    """Warn of periodic directions in which cell and k-points are so narrow that T depends on them.

    Warns
    -----
    PhysicsWarning
        One sentence for both directions, with the k-points that would do.
    """
    divisions = getattr(parts.options, "k_points", (1, 1))
    reach = parts.hamiltonian.range_A(junction.atoms.numbers)
    advised = [1, 1]
    narrow = []
    for axis in (0, 1):
        if not junction.atoms.pbc[axis] or _separated(junction, axis, reach):
            continue
        width = float(np.linalg.norm(junction.atoms.cell.array[axis]))
        advised[axis] = max(int(divisions[axis]), int(np.ceil(ADVISED_A / width)))
        if width * divisions[axis] < ENOUGH_A:
            narrow.append(f"{width:.2f} Å along {'xy'[axis]} with {_counted(divisions[axis], 'k-point')}")
    if narrow:
        remedy = f"give --k-points {advised[0]}x{advised[1]}"
        if "k_points" not in type(parts.options).model_fields:
            remedy = f"the Hamiltonian {parts.name} at_k none, so take a wider cell"
        warnings.warn(
            f"the periodic cell is small: {' and '.join(narrow)}. The copies of the contact interfere, and T depends on it: "
            f"{remedy}.",
            PhysicsWarning,
            stacklevel=2,
        )


def channels_at_fermi_energy(lead: Lead, fermi_energy_eV: float, solver: Any) -> float:
    """Open channels of a lead at the Fermi energy: the transmission of a bar made of it.

    Raises
    ------
    SharvinError
        What the solver says, on a band edge for example.
    """
    H = csr_array(np.block([[lead.H00, lead.H01], [lead.H01.conj().T, lead.H00]]))
    S = csr_array(np.block([[lead.S00, lead.S01], [lead.S01.conj().T, lead.S00]]))
    bar = TwoTerminal(H, S, lead, lead, fermi_energy_eV)
    return float(transmission_of(solver, [bar], np.zeros(1))[0, 0])


def _of_junction(junction: Junction) -> list[tuple[str, str]]:
    junction, left, right = junction.electrodes()
    leads = [_lead(left), _lead(right)]
    rows = [("both leads", leads[0])] if leads[0] == leads[1] else [("left lead", leads[0]), ("right lead", leads[1])]
    if junction.joined:
        rows.append(("wire", "cut along z in the file; made whole across the cell boundary"))
    cell, pbc = junction.atoms.cell.array, junction.atoms.pbc
    axes = [f"{'xy'[axis]} ({np.linalg.norm(cell[axis]):.3f} Å)" for axis in (0, 1) if pbc[axis]]
    nothing = "in no direction: the leads are wires of finite width; crystals need a cell that is periodic in x and y"
    rows.append(("periodic", " and ".join(axes) if axes else nothing))
    return rows


def _lead(electrode: Electrode) -> str:
    numbers = len(electrode.numbers)
    repeats = electrode.repeats
    lateral = f", {repeats[0]} × {repeats[1]} transverse cells" if repeats != (1, 1) else ""
    seen = f"seen {electrode.copies} times" if electrode.copies > 1 else "seen once, proved by a shorter step that repeats in it"
    seen = f"{seen}, ideal to {_length(electrode.deviation_A)}" if electrode.checked else "stated, not checked against a copy"
    return (
        f"{_counted(electrode.layers, 'atomic layer')}, {numbers} atoms, {electrode.period_A:.3f} Å thick{lateral}; period of "
        f"{_counted(electrode.period_layers, 'layer')} {seen}"
    )


def _of_parts(at_k: Sequence[WeightedDevice], parts: ChosenParts) -> list[tuple[str, str]]:
    system = at_k[0][1]
    table = getattr(parts.options, "table", None)
    rows = [("Hamiltonian", f"{parts.name}{f', table {table}' if table else ''}, {_counted(system.size, 'orbital')}")]
    divisions = getattr(parts.options, "k_points", None)
    sampling = "Γ only" if len(at_k) == 1 else f"{len(at_k)} with weights"
    if divisions is not None and tuple(divisions) != (1, 1):
        sampling = f"{divisions[0]} × {divisions[1]} around Γ, {len(at_k)} computed (k and −k are alike)"
    rows.append(("k-points", sampling))
    neutrality = getattr(parts.options, "charge_neutrality", None)
    if neutrality == "none":
        neutrality = "none: on-site energies as in the table (--neutrality local keeps every atom's valence electrons)"
    if neutrality is not None:
        rows.append(("neutrality", str(neutrality)))
    rows.append(("E_F", f"{system.fermi_energy_eV:.4f} eV on the scale of H"))
    return rows


def _channels(at_k: Sequence[WeightedDevice], solver: Any) -> str:
    """Open channels of both leads at E_F, averaged over the k-points."""
    counts = []
    for side in ("left", "right"):
        try:
            each = [channels_at_fermi_energy(getattr(system, side), system.fermi_energy_eV, solver) for _, system in at_k]
            mean = float(np.dot([weight for weight, _ in at_k], each))
            counts.append(f"{side} {round(mean, 3):g}")
        except SharvinError as error:
            counts.append(f"{side} not known ({error})")
    return f"{', '.join(counts)} at E_F{' in the mean over k-points' if len(at_k) > 1 else ''}"


def _separated(junction: Junction, axis: int, reach_A: float) -> bool:
    """Whether vacuum wider than the Hamiltonian's range separates the copies along a periodic direction."""
    cell = junction.atoms.cell.array[:2, :2] if junction.atoms.pbc[1 - axis] else None
    vector = junction.atoms.cell.array[axis][:2]
    if cell is None:
        normal = vector / np.linalg.norm(vector)
    else:
        other = cell[1 - axis]
        normal = np.array([other[1], -other[0]]) / np.linalg.norm(other)
    height = abs(float(normal @ vector))
    along = np.sort(np.mod(junction.atoms.positions[:, :2] @ (normal * np.sign(normal @ vector)), height))
    gaps = np.diff(np.append(along, along[0] + height))
    return bool(gaps.max() > reach_A)


def _formula(symbols: Sequence[str]) -> str:
    counted = Counter(symbols)
    return Formula.from_dict(dict(counted)).format("hill") if len(counted) > 1 else next(iter(counted))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _length(length_A: float) -> str:
    return f"{length_A:.1g} Å" if length_A >= 1e-6 else "1e-6 Å"
