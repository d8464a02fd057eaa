r"""Training structures as a potential sees them: scaled symmetry functions, and their derivatives by every force component.

The force on atom j is :math:`F_j = -\sum_i \partial E_i/\partial\hat G_i \cdot \partial\hat G_i/\partial r_j`. The derivatives
do not change during a fit, so they are computed once: per pair of atoms three times the number of functions, in single precision.
A structure of 144 atoms of gold within 6 Å takes 3.5 MB, 105 of them 370 MB. Energies and forces are kept in the units of the
networks, which the energy scale s gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.reference_data import ReferenceData

from sharvin_descriptors.hdnnp.calculator import neighbour_list
from sharvin_descriptors.hdnnp.model import HdnnpModel
from sharvin_descriptors.symmetry_functions.arrays import FunctionArrays, function_arrays
from sharvin_descriptors.symmetry_functions.atom_space import vectorised
from sharvin_descriptors.symmetry_functions.definitions import AtomFunction
from sharvin_descriptors.symmetry_functions.frames import gradients, rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PreparedStructure:
    """One structure.

    Parameters
    ----------
    element : int64[n_atoms]
        Index of each atom's element in the model.
    rows : float64[n_atoms, widest]
        Scaled functions; an element with fewer of them has zeros behind.
    first : int64[n_atoms + 1]
        Derivatives by the position of atom j are ``first[j]:first[j + 1]``.
    centre : int64[n_pairs]
        Atom whose functions change.
    derivatives : float32[n_pairs, 3, widest]
        In 1/Å.
    energy : float
        Of the structure without its atoms' e, divided by s.
    forces : float64[n_atoms, 3]
        Divided by s, in 1/Å.
    """

    element: Integers
    rows: Floats
    first: Integers
    centre: Integers
    derivatives: NDArray[np.float32]
    energy: float
    forces: Floats

    def __len__(self) -> int:
        return len(self.element)


def function_rows(
    data: ReferenceData, numbers: Sequence[int], functions: Sequence[Sequence[AtomFunction]], what: str
) -> Iterator[list[Floats]]:
    """Symmetry functions of each structure: one array float64[n_atoms of the element, n_functions] per element."""
    arrays, channel_of = _arrays(numbers, functions)
    for index, structure in enumerate(data):
        near = neighbour_list(structure.atoms, _cutoff(functions), f"{what} {index}")
        channels = np.array([channel_of[int(z)] for z in near.numbers], dtype=np.int64)[near.neighbours]
        found = []
        for z, own in zip(numbers, arrays, strict=True):
            atoms = np.flatnonzero(near.numbers == z)
            values = np.empty((len(atoms), own.size))
            if len(atoms):
                rows(atoms, near.first, near.vectors, channels, np.array(numbers, dtype=np.float64), own, values)
            found.append(values)
        yield found


def prepare(data: ReferenceData, model: HdnnpModel, what: str) -> list[PreparedStructure]:
    """All structures of a set, as the model sees them.

    Raises
    ------
    ItemError
        If two atoms are at one place.
    """
    functions = [element.functions for element in model.elements]
    arrays, channel_of = _arrays(model.numbers, functions)
    widest = max(own.size for own in arrays)
    result = []
    for index, structure in enumerate(data):
        near = neighbour_list(structure.atoms, model.cutoff_A, f"{what} {index}")
        n = len(structure)
        element = np.array([channel_of[int(z)] for z in near.numbers], dtype=np.int64)
        centre = np.repeat(np.arange(n), np.diff(near.first))
        keys = np.concatenate([near.neighbours * n + centre, np.arange(n) * (n + 1)])
        slots, places = np.unique(keys, return_inverse=True)
        values, changes = np.zeros((n, widest)), np.zeros((len(slots), 3, widest), dtype=np.float32)
        centres = slots % n
        for k, (part, own) in enumerate(zip(model.elements, arrays, strict=True)):
            atoms = np.flatnonzero(element == k)
            if len(atoms) == 0:
                continue
            scale, weights = part.scaling, np.array(model.numbers, dtype=np.float64)
            raw = np.empty((len(atoms), own.size))
            rows(atoms, near.first, near.vectors, element[near.neighbours], weights, own, raw)
            values[atoms, : own.size] = raw * scale.factor + scale.shift
            change = np.zeros((len(slots), 3, own.size))
            pair_places, own_places = places[: len(centre)], places[len(centre) :][atoms]
            gradients(atoms, own_places, pair_places, near.first, near.vectors, element[near.neighbours], weights, own, change)
            mine = element[centres] == k
            changes[mine, :, : own.size] = change[mine] * scale.factor
        offset = sum(model.elements[k].energy_eV for k in element)
        result.append(
            PreparedStructure(
                element,
                values,
                np.searchsorted(slots // n, np.arange(n + 1)).astype(np.int64),
                centres,
                changes,
                (structure.energy_eV - offset) / model.energy_scale_eV,
                structure.forces_eV_per_A / model.energy_scale_eV,
            )
        )
    return result


def predict(structures: Sequence[PreparedStructure], model: HdnnpModel) -> tuple[Floats, list[Floats]]:
    """Energies float64[n] and forces of prepared structures, in the units of the networks."""
    totals, forces = np.empty(len(structures)), []
    for index, structure in enumerate(structures):
        by_row = np.zeros_like(structure.rows)
        total = 0.0
        for k, element in enumerate(model.elements):
            atoms = np.flatnonzero(structure.element == k)
            if len(atoms):
                size = len(element.functions)
                own, gradient = element.network.energy_gradients(structure.rows[atoms, :size])
                total += own.sum()
                by_row[atoms, :size] = gradient
        totals[index] = total
        found = np.zeros((len(structure), 3))
        _forces(structure.first, structure.centre, structure.derivatives, by_row.astype(np.float32), found)
        forces.append(found)
    return totals, forces


def predict_energy(structure: PreparedStructure, model: HdnnpModel) -> float:
    """Energy of one structure, in the units of the networks."""
    total = 0.0
    for k, element in enumerate(model.elements):
        own = structure.rows[structure.element == k, : len(element.functions)]
        total += float(element.network.energies(own).sum()) if len(own) else 0.0
    return total


@vectorised
def _forces(
    first: Integers, centre: Integers, derivatives: NDArray[np.float32], by_row: NDArray[np.float32], forces: Floats
) -> None:
    width = derivatives.shape[2]
    for j in range(len(first) - 1):
        for slot in range(first[j], first[j + 1]):
            weights = by_row[centre[slot]]
            for a in range(3):
                total = np.float32(0.0)
                for f in range(width):
                    total += derivatives[slot, a, f] * weights[f]
                forces[j, a] -= total


def _arrays(numbers: Sequence[int], functions: Sequence[Sequence[AtomFunction]]) -> tuple[list[FunctionArrays], dict[int, int]]:
    channel_of = {z: channel for channel, z in enumerate(numbers)}
    return [function_arrays(own, channel_of) for own in functions], channel_of


def _cutoff(functions: Sequence[Sequence[AtomFunction]]) -> float:
    return max(function.cutoff_A for own in functions for function in own)
