"""Energies, forces and virials of batches by a network, and the gradient of the loss that it is trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call

from sharvin_models.message_passing.network import AtomEnergyNetwork
from sharvin_models.message_passing.surroundings import PaddedBatch
from sharvin_models.message_passing.traced import TracedFunction


@dataclass(frozen=True, eq=False)
class NetworkFunction:
    """The network's energies and their derivatives as a function of weights and batches, all of them tensors in a row.

    Parameters
    ----------
    network : AtomEnergyNetwork
        Gives the names of the weights; its own values are not used.
    scale_eV : float
        Unit of the network's energies.
    capacity : int
        Structures of a batch.
    """

    network: AtomEnergyNetwork
    scale_eV: float
    capacity: int

    def weights(self) -> tuple[Tensor, ...]:
        """Present values of parameters and constants."""
        return (*(p.detach() for p in self.network.parameters()), *self.network.buffers())

    @property
    def n_parameters(self) -> int:
        """Of the weights, those that are trained, which come first."""
        return sum(1 for _ in self.network.parameters())

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Energies [capacity + 1], forces [n, 3] and virial [3, 3] of all structures together, in eV and Å."""
        n_weights = len(self.weights())
        return self.evaluated(tensors[:n_weights], tensors[n_weights:], differentiable=False)

    def evaluated(
        self, weights: Sequence[Tensor], batch: Sequence[Tensor], differentiable: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The same; `differentiable` with respect to the weights."""
        names = [*(name for name, _ in self.network.named_parameters()), *(name for name, _ in self.network.named_buffers())]
        n_relations = (len(batch) - 2) // 2
        *_, species, structure = batch
        vectors = [part.detach().requires_grad_() for part in batch[:n_relations]]
        neighbours = batch[n_relations : 2 * n_relations]
        atoms = self.scale_eV * functional_call(
            self.network, dict(zip(names, weights, strict=True)), (vectors, neighbours, species)
        )
        slopes = torch.autograd.grad(atoms.sum(), vectors, create_graph=differentiable)
        forces = torch.zeros_like(vectors[0][:, 0])
        virial = torch.zeros_like(vectors[0][0, 0]).expand(3, 3)
        for slope, indices, pairs in zip(slopes, neighbours, vectors, strict=True):
            forces = (forces + slope.sum(1)).index_add(0, indices.flatten(), -slope.flatten(0, 1))
            virial = virial - pairs.detach().flatten(0, 1).T @ slope.flatten(0, 1)
        energies = torch.zeros(self.capacity + 1, dtype=torch.float64).index_add(0, structure, atoms.double())
        return energies, forces, virial


@dataclass(frozen=True, eq=False)
class BatchLabels:
    """What a batch is to give, and how much it counts.

    Parameters
    ----------
    energies : [capacity + 1]
        In eV; zero where there is no structure.
    forces : [n, 3]
        In eV/Å.
    per_atom : [capacity + 1]
        One over the number of atoms of each structure, zero where there is none.
    real : [n]
        One for each atom, zero for padding.
    group : int64[n]
        Group of each atom.
    per_group : [n]
        One over the number of atoms of each group, zero where there is none.
    factor : [capacity + 1]
        By which the errors of a structure are multiplied in the loss.
    """

    energies: Tensor
    forces: Tensor
    per_atom: Tensor
    real: Tensor
    group: Tensor
    per_group: Tensor
    factor: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them in this order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def squared_errors(self, energies: Tensor, forces: Tensor, structure: Tensor, net: bool) -> Tensor:
        """Sums of squared errors [2, 3], as they are and as they count in the loss.

        The columns are energies per atom, force components, and the mean force on each group of atoms (zero without `net`).
        `structure` says to which structure each atom belongs.
        """
        wrong, off = (forces - self.forces) * self.real[:, None], (energies - self.energies) * self.per_atom
        rows = []
        for e, f in ((off, wrong), (off * self.factor.to(off.dtype), wrong * self.factor.index_select(0, structure)[:, None])):
            mean = torch.zeros_like(f).index_add(0, self.group, f) * self.per_group[:, None] if net else torch.zeros_like(f[:1])
            rows.append(torch.stack([(e**2).sum().to(f.dtype), (f**2).sum(), (mean**2).sum()]))
        return torch.stack(rows)


@dataclass(frozen=True, eq=False)
class LossGradient:
    r"""Gradient of the loss with respect to the weights.

    .. math:: L = w_E \langle (c_s \Delta E / N)^2 \rangle + w_F \langle (c_s \Delta F)^2 \rangle
        + w_G \langle (\tfrac{c_s}{N_g} \sum_{i \in g} \Delta F_i)^2 \rangle

    with a factor :math:`c_s` for each structure, see :class:`BatchLabels`.

    Parameters
    ----------
    function : NetworkFunction
    energy_weight, force_weight, group_weight : float
    """

    function: NetworkFunction
    energy_weight: float
    force_weight: float
    group_weight: float = 0.0

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Squared errors [2, 3] of :meth:`BatchLabels.squared_errors`, and the gradient of each parameter.

        Tensors are those of :class:`NetworkFunction`, then those of :class:`BatchLabels`.
        """
        n_weights, n_parameters, n_labels = len(self.function.weights()), self.function.n_parameters, len(fields(BatchLabels))
        parameters = [weight.detach().requires_grad_() for weight in tensors[:n_parameters]]
        labels = BatchLabels(*tensors[-n_labels:])
        weights, batch = [*parameters, *tensors[n_parameters:n_weights]], tensors[n_weights:-n_labels]
        energies, forces, _ = self.function.evaluated(weights, batch, differentiable=True)
        squares = labels.squared_errors(energies, forces, batch[-1], net=self.group_weight > 0.0)
        n_structures, n_components = (labels.per_atom > 0).sum(), 3 * labels.real.sum()
        loss = self.energy_weight * squares[1, 0] / n_structures + self.force_weight * squares[1, 1] / n_components
        if self.group_weight:
            loss = loss + self.group_weight * squares[1, 2] / (3 * (labels.per_group > 0).sum())
        return (squares, *torch.autograd.grad(loss, parameters))


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Energies [capacity + 1] in eV, forces [n, 3] in eV/Å and virial [3, 3] in eV of a batch, without the energies of atoms."""

    energies: Tensor
    forces: Tensor
    virial: Tensor


class Evaluator:
    """Energies, forces and virials of batches by the network as it is; it can be copied and pickled.

    Parameters
    ----------
    function : NetworkFunction
    mode : bool or "auto"
        Whether to compile.
    patience : int
        Evaluations that `auto` does not compile for.
    """

    def __init__(self, function: NetworkFunction, mode: bool | Literal["auto"], patience: int = 0) -> None:
        self.function = function
        self.traced = TracedFunction(function, mode, patience)

    def __call__(self, batch: PaddedBatch, weights: Sequence[Tensor] | None = None) -> Evaluated:
        """Of one batch, by other weights than the network's where they are given; padding is left out."""
        energies, forces, virial = self.traced(*(self.function.weights() if weights is None else weights), *batch.tensors())
        return Evaluated(energies, forces[: batch.n_atoms], virial)
