"""Training on blocks of H: Adam with AMSGrad, averaged weights, a rate that falls on plateaus, early stopping.

Blocks are compared without the taper at their reach, where the reference's may end abruptly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.errors import RunError
from sharvin.runs.fit_progress import FitProgress, fingerprint_of
from torch import Tensor

from sharvin_models.hamiltonian_network.block_channels import BlockChannels
from sharvin_models.hamiltonian_network.configs import NOT_OF_THE_FIT
from sharvin_models.hamiltonian_network.model import BlockModel
from sharvin_models.hamiltonian_network.pair_groups import PairGroup
from sharvin_models.hamiltonian_network.structure_inputs import StructureInput
from sharvin_models.training.checkpoint import TrainingState, array_of, checkpoint_of, state_of
from sharvin_models.training.training_loop import average_weights, copy_of, plateau

LEAST_LOSS_EV2 = 1e-24
"""Of what the network has to learn; below it there is nothing but rounding."""
LEAST_SCALE_EV = 1e-15
Axes = tuple[Tensor, Tensor] | None


@dataclass(frozen=True, eq=False)
class HoppingTarget:
    """Pairs of a group that the network corrects, and what it is to add.

    Parameters
    ----------
    group : PairGroup
    channels : BlockChannels
    inputs : list of Tensor
        Of :meth:`BlockModel.pair_inputs`.
    wanted : [n, orbitals, orbitals]
        In eV.
    per_size : the same
        One over the size that elements have at this distance, in 1/eV.
    """

    group: PairGroup
    channels: BlockChannels
    inputs: list[Tensor]
    wanted: Tensor
    per_size: Tensor


@dataclass(frozen=True, eq=False)
class OnsiteTarget:
    """Atoms of an element and what the network is to add to their blocks, [n, orbitals, orbitals] in eV."""

    number: int
    where: Tensor
    wanted: Tensor
    axes: Axes


@dataclass(frozen=True, eq=False)
class LabelledStructure:
    """A structure as the network takes it with what it is to give.

    Parameters
    ----------
    given : StructureInput
    onsite : list of OnsiteTarget
    hopping : list of HoppingTarget
    far_eV : float
        Sum of the absolute errors of elements that the network does not correct.
    elements : int
        Elements of H between orbitals, on-site ones and those of one direction of all pairs.
    """

    given: StructureInput
    onsite: list[OnsiteTarget]
    hopping: list[HoppingTarget]
    far_eV: float
    elements: int


class BlockTraining:
    """A training set and a validation set, and the training of a model's network on them.

    Parameters
    ----------
    model : BlockModel
        With a network that is initialised.
    data, validation : sequence of (StructureInput, HamiltonianBlocks)
    """

    def __init__(
        self,
        model: BlockModel,
        data: Sequence[tuple[StructureInput, HamiltonianBlocks]],
        validation: Sequence[tuple[StructureInput, HamiltonianBlocks]],
    ) -> None:
        self.model, self.options = model, model.options
        self.data, self.validation = ([self._labelled(*item) for item in items] for items in (data, validation))
        hopping, onsite = np.zeros(2), np.zeros(2)
        for item in self.data:
            for pairs in item.hopping:
                hopping += float((pairs.wanted.double() ** 2).sum()), pairs.wanted.numel()
            for atoms in item.onsite:
                onsite += float((atoms.wanted.double() ** 2).sum()), atoms.wanted.numel()
        # with one unit of both, on-site blocks that vary little have a weight as small as their errors
        self.unit_eV2 = max(hopping[0] / max(hopping[1], 1.0), onsite[0] / max(onsite[1], 1.0), LEAST_LOSS_EV2)

    def train(self, rng: np.random.Generator, folder: Path | None) -> dict[str, list[float]]:
        """Train in place, leave the network at its best epoch, and return the learning curves.

        Parameters
        ----------
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
        options, network = self.options, self.model.network
        optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, amsgrad=True)
        progress, state = None, TrainingState()
        if folder is not None:
            progress = FitProgress(folder, self._fingerprint(rng))
            found = progress.restore(rng)
            state = state if found is None else state_of(found, network, optimizer)
        curves = state.curves
        begin = time.monotonic() - curves.seconds
        while self._goes_on(state):
            rate = options.learning_rate * plateau(curves.validation_error, options.plateau_epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            line: dict[str, float] = {"epoch": curves.epochs + 1, "epochs": options.epochs}
            line["train_H_mae_eV"] = self._epoch(optimizer, state, rng)
            line["validation_H_mae_eV"] = self._validated(state)
            line |= {"train_loss": curves.train_error[-1], "validation_loss": curves.validation_error[-1]}
            curves.lines.append(line | {"learning_rate": rate, "seconds": time.monotonic() - begin})
            if progress is not None:
                progress.save(checkpoint_of(state, network, optimizer), rng)
        network.load_state_dict(state.best)
        names = ("train_H_mae_eV", "validation_H_mae_eV")
        return {name: [line[name] for line in curves.lines] for name in names}

    def _goes_on(self, state: TrainingState) -> bool:
        options, curves = self.options, state.curves
        if curves.lines and curves.lines[-1]["validation_H_mae_eV"] <= options.enough_eV:
            return False
        return curves.epochs < options.epochs and curves.epochs - 1 - (state.best_epoch or 0) < options.patience

    def _epoch(self, optimizer: torch.optim.Optimizer, state: TrainingState, rng: np.random.Generator) -> float:
        """One pass through the training set; its mean absolute error in eV, each before the step that lowers it."""
        network, size = self.model.network, self.options.batch_size
        absolute, loss = 0.0, 0.0
        for chosen in np.array_split(rng.permutation(len(self.data)), math.ceil(len(self.data) / size)):
            optimizer.zero_grad()
            for index in chosen:
                own, found = self._errors(self.data[int(index)])
                absolute += found
                if own.requires_grad:  # not where all blocks are constant
                    (own / len(chosen)).backward()  # type: ignore[no-untyped-call]
                loss += float(own.detach()) / len(self.data)
            torch.nn.utils.clip_grad_norm_(network.parameters(), self.options.gradient_clip)
            optimizer.step()
            state.steps += 1
            average_weights(network, self.options.averaging, state)
        self._require_finite(loss, "training", state)
        state.curves.train_error.append(loss)
        return absolute / sum(item.elements for item in self.data)

    def _validated(self, state: TrainingState) -> float:
        """Error of the validation set in eV by the averaged weights, where there are any; the best weights are kept."""
        network = self.model.network
        trained = copy_of(network)
        if state.average:
            network.load_state_dict(state.average)
        absolute, loss = 0.0, 0.0
        with torch.no_grad():
            for item in self.validation:
                own, found = self._errors(item)
                loss += float(own) / len(self.validation)
                absolute += found
        self._require_finite(loss, "validation", state)
        losses = state.curves.validation_error
        best = math.inf if state.best_epoch is None else losses[state.best_epoch]
        losses.append(loss)
        if loss < best:
            state.best_epoch, state.best = state.curves.epochs - 1, copy_of(network)
        network.load_state_dict(trained)
        return absolute / sum(item.elements for item in self.validation)

    def _errors(self, item: LabelledStructure) -> tuple[Tensor, float]:
        """Loss of a structure, and the sum of its absolute errors in eV."""
        model, options = self.model, self.options
        features = model.features(item.given)
        loss, absolute = torch.zeros((), dtype=model.dtype), item.far_eV
        atoms = max(sum(own.wanted.numel() for own in item.onsite), 1)
        for own in item.onsite:
            error = model.onsite_corrections(own.number, features, own.where, own.axes) - own.wanted
            loss = loss + options.onsite_weight * (error**2).sum() / (self.unit_eV2 * atoms)
            absolute += float(error.detach().abs().sum())
        elements = max(sum(pairs.wanted.numel() for pairs in item.hopping), 1)
        for pairs in item.hopping:
            head, group = model.network.pair_head(pairs.group.key), pairs.group
            inputs = pairs.inputs
            parts = head(head.of_atoms(features), group.first, group.second, inputs[0], inputs[1:-1]) * inputs[-1]
            error = pairs.channels.elements(parts, group.axes) - pairs.wanted
            absolute += float(error.detach().abs().sum())
            loss = loss + (error**2).sum() / (self.unit_eV2 * elements)
            if options.relative_weight:
                loss = loss + options.relative_weight * ((error * pairs.per_size) ** 2).sum() / elements
        return loss, absolute

    def _labelled(self, given: StructureInput, blocks: HamiltonianBlocks) -> LabelledStructure:
        model = self.model
        dtype, reach = model.dtype, model.correction_reach_A
        hopping, far, count = [], 0.0, 0
        for group in given.groups:
            own = model.hopping[group.key]
            channels = own.fit.channels
            H = blocks_of(group, blocks.H, channels, group.axes is not None)
            left = torch.from_numpy(H) - channels.elements(own.fit.components(group), group.axes)
            near = (group.distances < reach).numpy()
            far += float(left[~near].abs().sum())
            count += left.numel()
            if not near.any():
                continue
            kept = group.taken(near)
            size = own.shell_scales(kept.distances).clamp(min=LEAST_SCALE_EV)
            per_size = (1.0 / size)[channels.shell_of_element(group.axes is not None)].T.reshape(left[near].shape)
            hopping.append(
                HoppingTarget(kept, channels, model.pair_inputs(kept), left[near].to(dtype), per_size.to(dtype).contiguous())
            )
        onsite = []
        for number, fit in enumerate(model.onsite):
            where = given.atoms_of(number)
            if len(where):
                axes = None if given.axes is None else (given.axes[:, where], given.axes[:, where])
                mean = fit.channels.elements(torch.from_numpy(fit.components)[:, None].expand(-1, len(where)), axes)
                wanted = torch.from_numpy(blocks.H_onsite[where.numpy(), : mean.shape[1], : mean.shape[2]]) - mean
                onsite.append(OnsiteTarget(number, where, wanted.to(dtype), axes))
                count += wanted.numel()
        return LabelledStructure(given, onsite, hopping, far, count)

    @staticmethod
    def _require_finite(loss: float, what: str, state: TrainingState) -> None:
        if not math.isfinite(loss):
            raise RunError(f"the {what} error is not finite in epoch {state.curves.epochs + 1}; lower learning_rate.")

    def _fingerprint(self, rng: np.random.Generator) -> str:
        """Hash of what the training depends on."""
        return fingerprint_of(self.options.model_dump(mode="json", exclude=NOT_OF_THE_FIT), rng, self._contents())

    def _contents(self) -> Iterator[tuple[str, NDArray[Any]]]:
        yield from ((name, array_of(value)) for name, value in self.model.network.state_dict().items())
        yield "validation", np.array(len(self.validation))
        for item in (*self.data, *self.validation):
            yield "species", item.given.species
            for part in item.given.batch.vectors:
                yield "vectors", array_of(part)
            for own in item.onsite:
                yield "onsite", array_of(own.wanted)
            for pairs in item.hopping:
                yield "atoms", array_of(torch.stack([pairs.group.first, pairs.group.second]))
                yield "pairs", array_of(pairs.group.vectors)
                yield "hopping", array_of(pairs.wanted)


def blocks_of(group: PairGroup, blocks: NDArray[np.float64], channels: BlockChannels, along_axes: bool) -> NDArray[np.float64]:
    """Of the blocks of all pairs those of a group in its direction, without places that no orbitals have."""
    rows, columns = (len(channels.first), len(channels.second)) if along_axes else (channels.rows, channels.columns)
    return np.ascontiguousarray(group.oriented(blocks[group.place])[:, :rows, :columns])
