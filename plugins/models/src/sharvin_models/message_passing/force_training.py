"""Training on energies and forces: Adam with AMSGrad, averaged weights, a rate that falls on plateaus, early stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.errors import RunError
from sharvin.reference_data import ReferenceData
from sharvin.runs.fit_progress import FitProgress, fingerprint_of
from torch import Tensor
from torch.nn import functional

from sharvin_models.message_passing.configs import MessagePassingOptions
from sharvin_models.message_passing.energy_and_forces import BatchLabels, Evaluator, LossGradient, NetworkFunction
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.relations import PairRelations
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import AtomSurroundings, PaddedBatch, SurroundingsBuilder, batched
from sharvin_models.message_passing.traced import TracedFunction
from sharvin_models.training.checkpoint import TrainingState, array_of, checkpoint_of, state_of
from sharvin_models.training.training_loop import average_weights, copy_of, half_cosine, plateau

NOT_OF_THE_FIT = {"model", "threads", "compile"}
STEPS_WORTH_COMPILING = 4000
Errors = tuple[float, float, float]
"""Root mean square errors of energies per atom in eV, of force components and of net forces on groups per atom in eV/Å."""
CURVES = ("energy_rmse_eV_per_atom", "force_rmse_eV_per_A")


@dataclass(frozen=True, eq=False)
class LabelledSurroundings:
    """A structure as the network takes it, with the energy that the network is to give."""

    surroundings: AtomSurroundings
    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]


class ForceTraining:
    """A training set and a validation set, and the training of a network on them.

    Parameters
    ----------
    data, validation : ReferenceData
    scales : EnergyScales
        Of the training set.
    relations : PairRelations
        Without distances of closest pairs.
    options : MessagePassingOptions
    name : str
        Of the potential, for messages.
    """

    def __init__(
        self,
        data: ReferenceData,
        validation: ReferenceData,
        scales: EnergyScales,
        relations: PairRelations,
        options: MessagePassingOptions,
        name: str,
    ) -> None:
        self.scales, self.relations, self.options = scales, relations, options
        build = SurroundingsBuilder(name, relations, scales.elements)
        self.data, self.validation = (
            [
                LabelledSurroundings(
                    found := build.of_atoms(item.atoms, f"{what} structure {number}"),
                    item.energy_eV - scales.offset_eV(found.species),
                    item.forces_eV_per_A,
                )
                for number, item in enumerate(items)
            ]
            for what, items in (("training", data), ("validation", validation))
        )
        everything = [*self.data, *self.validation]
        counts = [[pairs.width for pairs in item.surroundings.relations] for item in everything]
        self._widths = [max(column) for column in zip(*counts, strict=True)]
        # decided at once, as a fit that goes on from a checkpoint must compute as it did before
        few = options.epochs * math.ceil(len(self.data) / options.batch_size) < STEPS_WORTH_COMPILING
        self._mode = False if options.compile == "auto" and few else options.compile
        largest = sorted(len(item.surroundings) for item in everything)[-options.batch_size :]
        self._rows = sum(largest) if self._mode else None  # one size, as compiling for another costs as much as many steps

    @property
    def mean_neighbours(self) -> NDArray[np.float64]:
        """Of a training atom, of all relations together or float64[n_relations] of each; 1 at least."""
        counts = np.array([[len(pairs.first) for pairs in item.surroundings.relations] for item in self.data]).sum(axis=0)
        atoms = sum(len(item.surroundings) for item in self.data)
        return np.maximum((counts if self.options.counted_by_relation else counts.sum()) / atoms, 1.0)

    @property
    def closest_A(self) -> tuple[float, ...]:
        """Shortest distance of the training pairs of every relation, or its cutoff where there are none."""
        closest = [*self.relations.cutoffs_A]
        for item in self.data:
            for number, pairs in enumerate(item.surroundings.relations):
                distances = np.sqrt(np.einsum("ij,ij->i", pairs.vectors, pairs.vectors))
                closest[number] = min(closest[number], float(distances.min(initial=np.inf)))
        return tuple(closest)

    def train(self, network: AtomEnergyNetwork, rng: np.random.Generator, folder: Path | None) -> dict[str, list[float]]:
        """Train in place, leave the network at its best epoch, and return the learning curves.

        Parameters
        ----------
        network : AtomEnergyNetwork
            Initialised.
        rng : numpy.random.Generator
            Orders the structures.
        folder : Path or None
            Where the progress is kept. A checkpoint there is gone on from.

        Raises
        ------
        RunError
            If an error is not finite.
        StoreError
            If the checkpoint in `folder` is damaged, of another version, or of another fit.
        """
        options = self.options
        optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, amsgrad=True)
        function = NetworkFunction(network, self.scales.scale_eV, options.batch_size)
        loss = LossGradient(function, options.energy_weight, options.force_weight, options.group_weight)
        step, evaluator = TracedFunction(loss, self._mode), Evaluator(function, self._mode)
        progress, state = None, TrainingState()
        if folder is not None:
            progress = FitProgress(folder, self._fingerprint(network, rng))
            found = progress.restore(rng)
            state = state if found is None else state_of(found, network, optimizer)
        curves = state.curves
        begin = time.monotonic() - curves.seconds
        while curves.epochs < options.epochs and curves.epochs - 1 - (state.best_epoch or 0) < options.patience:
            rate = options.learning_rate * self._rate_factor(curves.validation_error)
            for group in optimizer.param_groups:
                group["lr"] = rate
            training = self._epoch(network, step, optimizer, state, rng)
            validation = self._validated(network, evaluator, state)
            line = {f"train_{name}": value for name, value in zip(CURVES, training, strict=False)}
            line |= {f"validation_{name}": value for name, value in zip(CURVES, validation, strict=False)}
            seconds = time.monotonic() - begin
            curves.lines.append(
                {"epoch": curves.epochs, "epochs": options.epochs, **line, "learning_rate": rate, "seconds": seconds}
            )
            if progress is not None:
                progress.save(checkpoint_of(state, network, optimizer), rng)
        network.load_state_dict(state.best)
        return {
            f"{part}_{name}": [line[f"{part}_{name}"] for line in curves.lines]
            for part in ("train", "validation")
            for name in CURVES
        }

    def _epoch(
        self,
        network: AtomEnergyNetwork,
        step: TracedFunction,
        optimizer: torch.optim.Optimizer,
        state: TrainingState,
        rng: np.random.Generator,
    ) -> Errors:
        """One pass through the training set; its root mean square errors, each before the step that lowers it."""
        parameters, buffers = list(network.parameters()), list(network.buffers())
        squares = torch.zeros(2, 3, dtype=torch.float64)
        batches = math.ceil(len(self.data) / self.options.batch_size)
        for chosen in np.array_split(rng.permutation(len(self.data)), batches):
            batch, labels = self._batch([self.data[int(index)] for index in chosen])
            weights = (*(parameter.detach() for parameter in parameters), *buffers)
            errors, *gradient = step(*weights, *batch.tensors(), *labels.tensors())
            for parameter, slope in zip(parameters, gradient, strict=True):
                parameter.grad = slope
            torch.nn.utils.clip_grad_norm_(parameters, self.options.gradient_clip)
            optimizer.step()
            state.steps += 1
            average_weights(network, self.options.averaging, state)
            squares += errors.double()
        found, counted = (self._roots(row, self.data) for row in squares)
        self._require_finite(found, "training", state)
        state.curves.train_error.append(self._loss(counted))
        return found

    def _validated(self, network: AtomEnergyNetwork, evaluator: Evaluator, state: TrainingState) -> Errors:
        """Errors of the validation set by the averaged weights, where there are any; the best weights are kept."""
        weights = state.average or copy_of(network)
        buffers = dict(network.named_buffers())
        values = [*(weights[name] for name, _ in network.named_parameters()), *buffers.values()]
        squares = torch.zeros(2, 3, dtype=torch.float64)
        options, size = self.options, self.options.batch_size
        for begin in range(0, len(self.validation), size):
            batch, labels = self._batch(self.validation[begin : begin + size])
            found = evaluator(batch, values)
            forces = functional.pad(found.forces, (0, 0, 0, len(labels.forces) - batch.n_atoms))
            squares += labels.squared_errors(found.energies, forces, batch.structure, net=options.group_weight > 0.0).double()
        errors, counted = (self._roots(row, self.validation) for row in squares)
        self._require_finite(errors, "validation", state)
        losses = state.curves.validation_error
        best = math.inf if state.best_epoch is None else losses[state.best_epoch]
        losses.append(self._loss(counted))
        if losses[-1] < best:
            state.best_epoch, state.best = state.curves.epochs - 1, {name: value.clone() for name, value in weights.items()}
        return errors

    def _batch(self, items: Sequence[LabelledSurroundings]) -> tuple[PaddedBatch, BatchLabels]:
        """Structures as one, and what they are to give."""
        dtype, size = getattr(torch, self.options.dtype), self.options.batch_size
        found = [item.surroundings for item in items]
        batch = batched(found, len(self.scales.elements), self.relations.cutoffs_A, dtype, self._widths, size, self._rows)
        energy, per_atom = torch.zeros(size + 1, dtype=torch.float64), torch.zeros(size + 1, dtype=torch.float64)
        energy[: len(items)] = torch.tensor([item.energy_eV for item in items], dtype=torch.float64)
        per_atom[: len(items)] = torch.tensor([1.0 / len(item.surroundings) for item in items], dtype=torch.float64)
        rows = batch.species.shape[1]
        force, real = torch.zeros(rows, 3, dtype=dtype), torch.zeros(rows, dtype=dtype)
        force[: batch.n_atoms] = torch.from_numpy(np.concatenate([item.forces_eV_per_A for item in items])).to(dtype)
        real[: batch.n_atoms] = 1.0
        begins = np.cumsum([0, *(part.n_groups for part in found[:-1])])
        members = np.concatenate([part.groups + begin for part, begin in zip(found, begins, strict=True)])
        group, per_group = torch.full((rows,), rows - 1), torch.zeros(rows, dtype=dtype)
        group[: batch.n_atoms] = torch.from_numpy(members)
        per_group[: members.max() + 1] = torch.from_numpy(1.0 / np.bincount(members)).to(dtype)
        factor = torch.zeros(size + 1, dtype=dtype)
        factor[: len(items)] = torch.tensor([self._factor(item.forces_eV_per_A) for item in items], dtype=dtype)
        return batch, BatchLabels(energy, force, per_atom, real, group, per_group, factor)

    def _factor(self, forces_eV_per_A: NDArray[np.float64]) -> float:
        """By which the errors of a structure with these forces are multiplied in the loss."""
        unit = self.options.relative_above_eV_per_A
        return 1.0 if unit is None else 1.0 / math.sqrt(1.0 + float(np.mean(forces_eV_per_A**2)) / unit**2)

    def _rate_factor(self, losses: Sequence[float]) -> float:
        if self.options.schedule == "cosine":
            return half_cosine(len(losses), self.options.epochs)
        return plateau(losses, self.options.plateau_epochs)

    def _loss(self, errors: Errors) -> float:
        weights = (self.options.energy_weight, self.options.force_weight, self.options.group_weight)
        return sum(weight * error**2 for weight, error in zip(weights, errors, strict=True))

    @staticmethod
    def _roots(squares: Tensor, items: Sequence[LabelledSurroundings]) -> Errors:
        components = 3 * sum(len(item.surroundings) for item in items)
        groups = 3 * sum(item.surroundings.n_groups for item in items)
        energy, force, net = (
            math.sqrt(float(square) / count) for square, count in zip(squares, (len(items), components, groups), strict=True)
        )
        return energy, force, net

    @staticmethod
    def _require_finite(errors: Errors, what: str, state: TrainingState) -> None:
        if not all(math.isfinite(error) for error in errors):
            raise RunError(f"the {what} error is not finite in epoch {state.curves.epochs + 1}; lower learning_rate.")

    def _fingerprint(self, network: AtomEnergyNetwork, rng: np.random.Generator) -> str:
        """Hash of what the training depends on."""
        arrays = [(name, array_of(value)) for name, value in network.state_dict().items()]
        for item in (*self.data, *self.validation):
            arrays += [
                ("species", item.surroundings.species),
                ("groups", item.surroundings.groups),
                ("energy", np.array(item.energy_eV)),
                ("forces", item.forces_eV_per_A),
            ]
            for pairs in item.surroundings.relations:
                arrays += [("first", pairs.first), ("second", pairs.second), ("vectors", pairs.vectors)]
        arrays.append(("validation", np.array(len(self.validation))))
        return fingerprint_of(self.options.model_dump(mode="json", exclude=NOT_OF_THE_FIT), rng, arrays)
