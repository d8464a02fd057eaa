"""Energies, forces and virials of a potential or of a committee, compiled: one sweep over the atoms of each element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.protocols import NeighbourList

from sharvin_descriptors.harmonics import compiled
from sharvin_descriptors.hdnnp.model import HdnnpModel, require_same_descriptors
from sharvin_descriptors.hdnnp.networks import energy_and_gradient
from sharvin_descriptors.symmetry_functions.arrays import FunctionArrays, function_arrays
from sharvin_descriptors.symmetry_functions.atom_space import workspace
from sharvin_descriptors.symmetry_functions.sums import adjoint, look_around, row

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the members of a committee give of one structure; a single potential is a committee of one.

    Parameters
    ----------
    energies_eV : float64[n_members, n_atoms]
        Of each atom.
    forces_eV_per_A : float64[n_members, n_atoms, 3]
    virials_eV : float64[n_members, 3, 3]
        −∂E/∂ε.
    extrapolations : int
        Symmetry functions of atoms that lie outside the range of the training data of any member.
    closest_A : float
        Shortest distance of two atoms, infinite where no two see each other.
    """

    energies_eV: Floats
    forces_eV_per_A: Floats
    virials_eV: Floats
    extrapolations: int
    closest_A: float


@dataclass(frozen=True, eq=False)
class _ElementArrays:
    number: int
    functions: FunctionArrays
    factor: Floats
    shift: Floats
    low: Floats
    high: Floats
    sizes: Integers
    codes: Integers
    normalised: bool
    weights: Floats
    scale: Floats
    offset: Floats


class CommitteeEvaluator:
    """Evaluates the members of a committee, which share their symmetry functions.

    Parameters
    ----------
    members : sequence of HdnnpModel
    margin : float
        A function counts as extrapolated if it lies outside the range of the training data by more than this part of the range.

    Raises
    ------
    InputError
        If the members differ in their descriptors.
    """

    def __init__(self, members: Sequence[HdnnpModel], margin: float = 1e-6) -> None:
        require_same_descriptors(members)
        self.model = members[0]
        self.cutoff_A = self.model.cutoff_A
        self._channel_of = {z: channel for channel, z in enumerate(self.model.numbers)}
        self._weights = np.array(self.model.numbers, dtype=np.float64)
        self._n_members = len(members)
        self._elements = []
        for k, element in enumerate(self.model.elements):
            own = [member.elements[k] for member in members]
            low = np.array([one.scaling.minimum for one in own])
            high = np.array([one.scaling.maximum for one in own])
            room = margin * (high - low)
            self._elements.append(
                _ElementArrays(
                    element.number,
                    function_arrays(element.functions, self._channel_of),
                    np.array([one.scaling.factor for one in own]),
                    np.array([one.scaling.shift for one in own]),
                    low - room,
                    high + room,
                    element.topology.size_array,
                    element.topology.codes,
                    element.topology.normalised,
                    np.array([one.weights for one in own]),
                    np.array([member.energy_scale_eV for member in members]),
                    np.array([one.energy_eV for one in own]),
                )
            )

    def evaluate(self, near: NeighbourList) -> Evaluation:
        """Energies, forces and virials of a structure.

        Parameters
        ----------
        near : NeighbourList
            Pairs beyond the cutoff may be listed, and are skipped.

        Raises
        ------
        InputError
            If the structure holds an element that the potential does not know.
        """
        self.model.require_elements(near.numbers)
        n = len(near.numbers)
        channel = np.zeros(n, dtype=np.int64)
        for z, place in self._channel_of.items():
            channel[near.numbers == z] = place
        energies = np.zeros((self._n_members, n))
        forces = np.zeros((self._n_members, n, 3))
        virials = np.zeros((self._n_members, 3, 3))
        extrapolations, closest = 0, np.inf
        for e in self._elements:
            atoms = np.flatnonzero(near.numbers == e.number)
            if len(atoms) == 0:
                continue
            found, shortest = _sweep(
                atoms, near.first, near.neighbours, near.vectors, channel, self.cutoff_A, self._weights, e.functions,
                e.factor, e.shift, e.low, e.high, e.sizes, e.codes, e.normalised, e.weights, e.scale, e.offset,
                energies, forces, virials,
            )  # fmt: skip
            extrapolations += found
            closest = min(closest, shortest)
        return Evaluation(energies, forces, virials, int(extrapolations), float(closest))


@compiled
def _sweep(
    atoms: Integers,
    first: Integers,
    neighbours: Integers,
    vectors: Floats,
    channel: Integers,
    cutoff_A: float,
    atomic_numbers: Floats,
    functions: FunctionArrays,
    factor: Floats,
    shift: Floats,
    low: Floats,
    high: Floats,
    sizes: Integers,
    codes: Integers,
    normalised: bool,
    weights: Floats,
    scale: Floats,
    offset: Floats,
    energies: Floats,
    forces: Floats,
    virials: Floats,
) -> tuple[int, float]:
    """Add what the atoms of one element contribute; the number of extrapolations, and the shortest distance."""
    most = np.max(first[1:] - first[:-1])
    space = workspace(functions, most)
    near, kinds, who = np.empty((most, 3)), np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    values, scaled, by_value = np.empty(functions.size), np.empty(functions.size), np.empty(functions.size)
    change = np.empty((most, 3))
    network_space = np.empty((4, np.sum(sizes)))
    extrapolations, closest = 0, np.inf
    for i in atoms:
        n = 0
        for pair in range(first[i], first[i + 1]):
            square = vectors[pair, 0] ** 2 + vectors[pair, 1] ** 2 + vectors[pair, 2] ** 2
            if square < cutoff_A * cutoff_A:
                near[n, 0], near[n, 1], near[n, 2] = vectors[pair, 0], vectors[pair, 1], vectors[pair, 2]
                who[n] = neighbours[pair]
                kinds[n] = channel[neighbours[pair]]
                closest = min(closest, square)
                n += 1
        look_around(near[:n], kinds[:n], atomic_numbers, functions, space)
        row(kinds[:n], functions, near[:n], space, values)
        for f in range(functions.size):
            for m in range(len(weights)):
                if not (low[m, f] <= values[f] <= high[m, f]):
                    extrapolations += 1
                    break
        for m in range(len(weights)):
            for f in range(functions.size):
                scaled[f] = factor[m, f] * values[f] + shift[m, f]
            energy = energy_and_gradient(scaled, sizes, codes, normalised, weights[m], network_space, by_value)
            energies[m, i] = scale[m] * energy + offset[m]
            for f in range(functions.size):
                by_value[f] *= factor[m, f] * scale[m]
            adjoint(by_value, kinds[:n], functions, near[:n], space, change)
            for k in range(n):
                for a in range(3):
                    forces[m, who[k], a] -= change[k, a]
                    forces[m, i, a] += change[k, a]
            for a in range(3):
                for b in range(3):
                    total = 0.0
                    for k in range(n):
                        total += change[k, a] * near[k, b]
                    virials[m, a, b] -= total
    return extrapolations, np.sqrt(closest)
