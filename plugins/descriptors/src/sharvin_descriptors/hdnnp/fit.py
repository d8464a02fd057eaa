"""Fits of neural-network potentials: what all optimisers share — the model before training, epochs, errors, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError, RunError
from sharvin.numerics.error_measures import root_mean_square_error
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.reference_data import ReferenceData
from sharvin.runs.fit_progress import Checkpoint, FitProgress, LearningCurves, fingerprint_of

from sharvin_descriptors.hdnnp.configs import MACHINE, HdnnpOptions
from sharvin_descriptors.hdnnp.model import ElementModel, HdnnpModel, Scaling
from sharvin_descriptors.hdnnp.networks import ACTIVATIONS, Topology
from sharvin_descriptors.hdnnp.prepared import PreparedStructure, function_rows, predict, prepare
from sharvin_descriptors.symmetry_functions.definitions import AtomFunction
from sharvin_descriptors.symmetry_functions.tables import atom_functions, functions_of

Floats = NDArray[np.float64]
SMALLEST_SCALE_EV = 1e-3
"""Of energies and forces: smaller ones are rounding, as forces that vanish by symmetry are."""
CURVES = (
    "train_energy_rmse_eV_per_atom",
    "train_force_rmse_eV_per_A",
    "validation_energy_rmse_eV_per_atom",
    "validation_force_rmse_eV_per_A",
)


class FitErrors:
    """FitErrors of a model for a set of prepared structures.

    Parameters
    ----------
    energies : float64[n_structures]
        Reference minus prediction per atom, in the units of the networks.
    forces : list of float64[n_atoms, 3]
    scale_eV : float
    """

    def __init__(self, energies: Floats, forces: list[Floats], scale_eV: float) -> None:
        self.energies, self.forces, self._scale = energies, forces, scale_eV
        self.flat = np.concatenate([part.ravel() for part in forces]) if forces else np.zeros(0)

    @property
    def energy_rmse(self) -> float:
        """In eV per atom; nan without structures."""
        return self._scale * root_mean_square_error(self.energies, np.zeros_like(self.energies)) if len(self.flat) else np.nan

    @property
    def force_rmse(self) -> float:
        """In eV/Å; nan without structures."""
        return self._scale * root_mean_square_error(self.flat, np.zeros_like(self.flat)) if len(self.flat) else np.nan


def errors(structures: list[PreparedStructure], model: HdnnpModel) -> FitErrors:
    """FitErrors of all energies per atom and force components."""
    energies, forces = predict(structures, model)
    wrong = [(one.energy - energy) / len(one) for one, energy in zip(structures, energies, strict=True)]
    return FitErrors(
        np.array(wrong), [one.forces - found for one, found in zip(structures, forces, strict=True)], model.energy_scale_eV
    )


class Optimiser(Protocol):
    """What changes the weights."""

    def epoch(self, weights: Floats, known: FitErrors, rng: np.random.Generator) -> None:
        """Change the weights in place; `known` are the errors of the training data before."""

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and numbers that a checkpoint needs."""

    def restore(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Become the optimiser of a checkpoint."""


def untrained(options: HdnnpOptions, data: ReferenceData, rng: np.random.Generator) -> HdnnpModel:
    """A potential with the scaling and energies of its training data and random weights.

    Raises
    ------
    InputError
        If an element is missing in the data, or the data hold others.
    """
    numbers = require_elements_trained(options, data)
    listed = functions_of(options)
    functions = []
    for z in numbers:
        functions.append(tuple(sorted(set(atom_functions(listed, options, z, numbers)), key=AtomFunction.sorting_key)))
    scalings = _scalings(options, data, numbers, functions)
    energies = _atom_energies(data, numbers)
    forces = np.concatenate([structure.forces_eV_per_A.ravel() for structure in data])
    spread = float(np.std([structure.energy_eV_per_atom for structure in data]))
    scale = max(float(np.sqrt(np.mean(forces**2))), spread, SMALLEST_SCALE_EV)
    elements = []
    for z, own, scaling, energy in zip(numbers, functions, scalings, energies, strict=True):
        topology = Topology((len(own), *options.hidden, 1), (*[ACTIVATIONS[options.activation]] * len(options.hidden), "l"))
        elements.append(ElementModel(z, own, scaling, topology, topology.initial_weights(rng), float(energy)))
    return HdnnpModel(tuple(elements), scale, _shortest_distance_A(data, options.cutoff_A))


def require_elements_trained(options: HdnnpOptions, data: ReferenceData) -> list[int]:
    """Atomic numbers of the elements of the potential, ascending.

    Raises
    ------
    InputError
        If the data hold others, or not all of them.
    """
    if options.elements_trained is None:
        return list(data.numbers)
    numbers = sorted(atomic_numbers[symbol] for symbol in options.elements_trained)
    for others, said in ((set(data.numbers) - set(numbers), "lacks"), (set(numbers) - set(data.numbers), "names beyond them")):
        if others:
            symbols = ", ".join(chemical_symbols[z] for z in sorted(others))
            held = ", ".join(chemical_symbols[z] for z in data.numbers)
            raise InputError(f"the training data hold {held}; elements_trained {said} {symbols}.")
    return numbers


def _shortest_distance_A(data: ReferenceData, cutoff_A: float) -> float:
    """Of two atoms in any structure; 0 where none see each other."""
    closest = np.inf
    for structure in data:
        atoms = structure.atoms
        found = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, cutoff_A, full=False).distance
        closest = min(closest, found.min(initial=np.inf))
    return float(closest) if np.isfinite(closest) else 0.0


def _scalings(
    options: HdnnpOptions, data: ReferenceData, numbers: list[int], functions: list[tuple[AtomFunction, ...]]
) -> list[Scaling]:
    gathered: list[list[Floats]] = [[] for _ in numbers]
    for found in function_rows(data, numbers, functions, "training structure"):
        for own, values in zip(gathered, found, strict=True):
            own.append(values)
    result = []
    for z, own in zip(numbers, gathered, strict=True):
        rows = np.concatenate(own)
        if len(rows) == 0:
            raise InputError(f"the training data hold no atom of the element with atomic number {z}.")
        low, high = (-1.0, 1.0) if options.scaling in ("scale", "scale_center") else (0.0, 1.0)
        result.append(
            Scaling(options.scaling, rows.min(axis=0), rows.max(axis=0), rows.mean(axis=0), rows.std(axis=0), low, high)
        )
    return result


def _atom_energies(data: ReferenceData, numbers: list[int]) -> Floats:
    """Energies of the elements that come closest to those of the structures, per atom; of one element their mean."""
    counts = np.array([[np.count_nonzero(one.atoms.numbers == z) for z in numbers] for one in data], dtype=np.float64)
    size = counts.sum(axis=1, keepdims=True)
    energies = np.array([structure.energy_eV_per_atom for structure in data])
    return np.asarray(np.linalg.lstsq(counts / size, energies, rcond=None)[0])


def fit(
    options: HdnnpOptions,
    data: ReferenceData,
    validation: ReferenceData,
    rng: np.random.Generator,
    folder: Path | None,
) -> tuple[HdnnpModel, dict[str, list[float]]]:
    """Train a potential; returns that of the epoch with the smallest validation error, and the learning curves.

    The error that decides is the sum of the root mean square errors of energies per atom, times `energy_weight`, and of forces;
    that of the training data where there are no others.

    Raises
    ------
    InputError
        If there are no training data, or the validation data hold other elements.
    RunError
        If the errors are no numbers any more.
    """
    from sharvin_descriptors.hdnnp.optimisers import optimiser_of

    if len(data) == 0:
        raise InputError("a potential cannot be trained without structures.")
    model = untrained(options, data, rng)
    model.require_elements(np.array(validation.numbers, dtype=np.int64))
    trained, tested = prepare(data, model, "training structure"), prepare(validation, model, "validation structure")
    optimiser = optimiser_of(options, model, trained)
    state = _State(LearningCurves(), model.weights, model.weights)
    progress = None
    if folder is not None:
        progress = FitProgress(folder, _fingerprint(options, model, data, validation, rng))
        found = progress.restore(rng)
        if found is not None:
            state.restore(found, optimiser)
    curves = state.curves
    begin = time.monotonic() - curves.seconds
    known = errors(trained, model.with_weights(state.weights))
    while curves.epochs < options.epochs and not state.has_stalled(options.patience):
        with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is found below
            optimiser.epoch(state.weights, known, rng)
        if options.force_ratio == 1.0:
            _set_zero_of_energy(model, state.weights, errors(trained, model.with_weights(state.weights)))
        now = model.with_weights(state.weights)
        known, other = errors(trained, now), errors(tested, now)
        values = (known.energy_rmse, known.force_rmse, other.energy_rmse, other.force_rmse)
        state.add(dict(zip(CURVES, values, strict=True)), bool(tested), options)
        curves.lines[-1] |= {"epochs": options.epochs, "seconds": time.monotonic() - begin}
        if progress is not None:
            progress.save(state.checkpoint(optimiser), rng)
    return model.with_weights(state.best), {name: [line[name] for line in curves.lines] for name in CURVES}


def _set_zero_of_energy(model: HdnnpModel, weights: Floats, known: FitErrors) -> None:
    """Shift the outputs so that energies are right on average: forces alone leave their zero open."""
    last = np.cumsum([element.topology.n_weights for element in model.elements]) - 1
    weights[last] += float(known.energies.mean())


class _State:
    """Where a fit stands."""

    def __init__(self, curves: LearningCurves, weights: Floats, best: Floats) -> None:
        self.curves, self.weights, self.best = curves, weights, best

    def has_stalled(self, patience: int | None) -> bool:
        if patience is None or self.curves.epochs == 0:
            return False
        return self.curves.epochs - 1 - int(np.argmin(self.curves.validation_error)) >= patience

    def add(self, line: dict[str, float], tested: bool, options: HdnnpOptions) -> None:
        """Note an epoch; nan errors of absent validation data are left out of the decision."""
        name = "validation" if tested else "train"
        energy, force = line[f"{name}_energy_rmse_eV_per_atom"], line[f"{name}_force_rmse_eV_per_A"]
        error = options.energy_weight * energy + force
        if not np.isfinite(error):
            raise RunError(
                "the training left finite numbers; take another seed, a larger kalman_epsilon or a smaller learning rate."
            )
        curves = self.curves
        curves.train_error.append(line["train_force_rmse_eV_per_A"])
        curves.validation_error.append(float(error))
        curves.lines.append({"epoch": curves.epochs, **line})
        if error <= min(curves.validation_error):
            self.best = self.weights.copy()

    def checkpoint(self, optimiser: Optimiser) -> Checkpoint:
        arrays, numbers = optimiser.state()
        return Checkpoint(self.curves, {"weights": self.weights, "best": self.best, **arrays}, numbers)

    def restore(self, found: Checkpoint, optimiser: Optimiser) -> None:
        self.curves = found.curves
        arrays = dict(found.arrays)
        self.weights, self.best = arrays.pop("weights").copy(), arrays.pop("best").copy()
        optimiser.restore(arrays, found.numbers)


def _fingerprint(
    options: HdnnpOptions, model: HdnnpModel, data: ReferenceData, validation: ReferenceData, rng: np.random.Generator
) -> str:
    def arrays() -> Iterable[tuple[str, NDArray[Any]]]:
        yield "weights", model.weights
        for name, part in (("training", data), ("validation", validation)):
            for structure in part:
                yield name, np.asarray(structure.atoms.numbers)
                yield name, structure.atoms.positions
                yield name, structure.atoms.cell.array
                yield name, structure.forces_eV_per_A
                yield name, np.array([structure.energy_eV])

    return fingerprint_of(options.model_dump(mode="json", exclude=MACHINE), rng, arrays())
