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

from sharvin_models.message_passing.configs import EquivariantPotentialOptions
from sharvin_models.message_passing.energy_and_forces import Evaluator, LossGradient, NetworkFunction
from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.scales import EnergyScales
from sharvin_models.message_passing.surroundings import AtomSurroundings, PaddedBatch, SurroundingsBuilder, batched
from sharvin_models.message_passing.traced import TracedFunction
from sharvin_models.training.checkpoint import TrainingState, array_of, checkpoint_of, state_of
from sharvin_models.training.training_loop import average_weights, copy_of, plateau

NOT_OF_THE_FIT = {"model", "threads", "compile"}
STEPS_WORTH_COMPILING = 4000
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
    options : EquivariantPotentialOptions
    name : str
        Of the potential, for messages.
    """

    def __init__(
        self,
        data: ReferenceData,
        validation: ReferenceData,
        scales: EnergyScales,
        options: EquivariantPotentialOptions,
        name: str,
    ) -> None:
        self.scales, self.options = scales, options
        build = SurroundingsBuilder(name, options, scales.elements)
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
    def mean_neighbours(self) -> float:
        """Of a training atom; 1 at least."""
        pairs = sum(item.surroundings.n_pairs for item in self.data)
        return max(pairs / sum(len(item.surroundings) for item in self.data), 1.0)

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
        loss = LossGradient(function, options.energy_weight, options.force_weight)
        step, evaluator = TracedFunction(loss, self._mode), Evaluator(function, self._mode)
        progress, state = None, TrainingState()
        if folder is not None:
            progress = FitProgress(folder, self._fingerprint(network, rng))
            found = progress.restore(rng)
            state = state if found is None else state_of(found, network, optimizer)
        curves = state.curves
        begin = time.monotonic() - curves.seconds
        while curves.epochs < options.epochs and curves.epochs - 1 - (state.best_epoch or 0) < options.patience:
            rate = options.learning_rate * plateau(curves.validation_error, options.plateau_epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            training = self._epoch(network, step, optimizer, state, rng)
            validation = self._validated(network, evaluator, state)
            line = {f"train_{name}": value for name, value in zip(CURVES, training, strict=True)}
            line |= {f"validation_{name}": value for name, value in zip(CURVES, validation, strict=True)}
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
    ) -> tuple[float, float]:
        """One pass through the training set; its root mean square errors, each before the step that lowers it."""
        parameters, buffers = list(network.parameters()), list(network.buffers())
        squares = torch.zeros(2, dtype=torch.float64)
        batches = math.ceil(len(self.data) / self.options.batch_size)
        for chosen in np.array_split(rng.permutation(len(self.data)), batches):
            batch, labels = self._batch([self.data[int(index)] for index in chosen])
            weights = (*(parameter.detach() for parameter in parameters), *buffers)
            errors, *gradient = step(*weights, *batch.tensors(), *labels)
            for parameter, slope in zip(parameters, gradient, strict=True):
                parameter.grad = slope
            torch.nn.utils.clip_grad_norm_(parameters, self.options.gradient_clip)
            optimizer.step()
            state.steps += 1
            average_weights(network, self.options.averaging, state)
            squares += errors.double()
        found = self._roots(squares, self.data)
        self._require_finite(found, "training", state)
        state.curves.train_error.append(self._loss(found))
        return found

    def _validated(self, network: AtomEnergyNetwork, evaluator: Evaluator, state: TrainingState) -> tuple[float, float]:
        """Errors of the validation set by the averaged weights, where there are any; the best weights are kept."""
        weights = state.average or copy_of(network)
        buffers = dict(network.named_buffers())
        values = [*(weights[name] for name, _ in network.named_parameters()), *buffers.values()]
        squares = torch.zeros(2, dtype=torch.float64)
        size = self.options.batch_size
        for begin in range(0, len(self.validation), size):
            batch, (energy, force, per_atom, _) = self._batch(self.validation[begin : begin + size])
            found = evaluator(batch, values)
            squares[0] += (((found.energies - energy) * per_atom) ** 2).sum()
            squares[1] += ((found.forces - force[: batch.n_atoms]).double() ** 2).sum()
        errors = self._roots(squares, self.validation)
        self._require_finite(errors, "validation", state)
        losses = state.curves.validation_error
        best = math.inf if state.best_epoch is None else losses[state.best_epoch]
        losses.append(self._loss(errors))
        if losses[-1] < best:
            state.best_epoch, state.best = state.curves.epochs - 1, {name: value.clone() for name, value in weights.items()}
        return errors

    def _batch(self, items: Sequence[LabelledSurroundings]) -> tuple[PaddedBatch, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Structures as one, their energies, forces and 1/N, and which rows are atoms."""
        dtype, size = getattr(torch, self.options.dtype), self.options.batch_size
        found = [item.surroundings for item in items]
        batch = batched(found, len(self.scales.elements), self.options.cutoff_A, dtype, self._widths, size, self._rows)
        energy, per_atom = torch.zeros(size + 1, dtype=torch.float64), torch.zeros(size + 1, dtype=torch.float64)
        energy[: len(items)] = torch.tensor([item.energy_eV for item in items], dtype=torch.float64)
        per_atom[: len(items)] = torch.tensor([1.0 / len(item.surroundings) for item in items], dtype=torch.float64)
        rows = batch.species.shape[1]
        force, real = torch.zeros(rows, 3, dtype=dtype), torch.zeros(rows, dtype=dtype)
        force[: batch.n_atoms] = torch.from_numpy(np.concatenate([item.forces_eV_per_A for item in items])).to(dtype)
        real[: batch.n_atoms] = 1.0
        return batch, (energy, force, per_atom, real)

    def _loss(self, errors: tuple[float, float]) -> float:
        return self.options.energy_weight * errors[0] ** 2 + self.options.force_weight * errors[1] ** 2

    @staticmethod
    def _roots(squares: Tensor, items: Sequence[LabelledSurroundings]) -> tuple[float, float]:
        components = 3 * sum(len(item.surroundings) for item in items)
        return math.sqrt(float(squares[0]) / len(items)), math.sqrt(float(squares[1]) / components)

    @staticmethod
    def _require_finite(errors: tuple[float, float], what: str, state: TrainingState) -> None:
        if not all(math.isfinite(error) for error in errors):
            raise RunError(f"the {what} error is not finite in epoch {state.curves.epochs + 1}; lower learning_rate.")

    def _fingerprint(self, network: AtomEnergyNetwork, rng: np.random.Generator) -> str:
        """Hash of what the training depends on."""
        arrays = [(name, array_of(value)) for name, value in network.state_dict().items()]
        for item in (*self.data, *self.validation):
            arrays += [
                ("species", item.surroundings.species),
                ("energy", np.array(item.energy_eV)),
                ("forces", item.forces_eV_per_A),
            ]
            for pairs in item.surroundings.relations:
                arrays += [("first", pairs.first), ("second", pairs.second), ("vectors", pairs.vectors)]
        arrays.append(("validation", np.array(len(self.validation))))
        return fingerprint_of(self.options.model_dump(mode="json", exclude=NOT_OF_THE_FIT), rng, arrays)
