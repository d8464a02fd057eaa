"""Optimisers of neural-network potentials: Kalman filter, Adam, and L-BFGS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sharvin_descriptors.hdnnp.configs import HdnnpOptions
from sharvin_descriptors.hdnnp.fit import FitErrors, Optimiser
from sharvin_descriptors.hdnnp.kalman import KalmanFilter
from sharvin_descriptors.hdnnp.model import HdnnpModel
from sharvin_descriptors.hdnnp.networks import Tangent
from sharvin_descriptors.hdnnp.prepared import PreparedStructure, predict, predict_energy

Floats = NDArray[np.float64]
State = tuple[dict[str, NDArray[Any]], dict[str, Any]]

BETA_1, BETA_2, TINY = 0.9, 0.999, 1e-8
"""Of Adam: D. P. Kingma and J. Ba, ICLR 2015."""
ITERATIONS = 20
"""Of L-BFGS in an epoch; it then begins anew, so that a checkpoint needs the weights alone."""


def optimiser_of(options: HdnnpOptions, model: HdnnpModel, structures: list[PreparedStructure]) -> Optimiser:
    """The optimiser that the options name."""
    if options.optimiser == "adam":
        return Adam(options, model, structures)
    if options.optimiser == "lbfgs":
        return Lbfgs(options, model, structures)
    return KalmanUpdates(options, model, structures)


class KalmanUpdates:
    """Updates of a Kalman filter by single energies and force components, mixed at random.

    An update costs the filter n² multiplications and additions twice (n weights), an energy one sweep forth and back through the
    network for each atom of a structure, a force component one with tangents for each atom that sees the moved one.
    """

    def __init__(self, options: HdnnpOptions, model: HdnnpModel, structures: list[PreparedStructure]) -> None:
        self._options, self._model, self.structures = options, model, structures
        self.segments = _segments(model)
        self._filter = KalmanFilter.start(len(model.weights), options, options.updates_per_epoch)
        self._components = np.cumsum([0, *(3 * len(structure) for structure in structures)])

    def epoch(self, weights: Floats, known: FitErrors, rng: np.random.Generator) -> None:
        """One epoch; see :class:`sharvin_descriptors.hdnnp.fit.Optimiser`."""
        options = self._options
        n = options.updates_per_epoch
        by_force = np.zeros(n, dtype=bool)
        by_force[: round(options.force_ratio * n)] = True
        rng.shuffle(by_force)
        energies = self._candidates(len(self.structures), n - int(by_force.sum()), np.abs(known.energies), rng)
        forces = self._candidates(int(self._components[-1]), int(by_force.sum()), np.abs(known.flat), rng)
        energy_rmse, force_rmse = (float(np.sqrt(np.mean(part**2))) for part in (known.energies, known.flat))
        model = self._model.seeing(weights)
        for force in by_force:
            observation: _Observation
            if force:
                observation = self._choose((_ForceObservation(self, int(c), model) for c in next(forces)), force_rmse)
                scale = options.force_weight
            else:
                observation = self._choose((_EnergyObservation(self, int(c), model) for c in next(energies)), energy_rmse)
                scale = options.energy_weight
            self._filter.update(weights, scale * observation.gradient(), scale * observation.error)

    def _candidates(self, total: int, count: int, known: Floats, rng: np.random.Generator) -> Any:
        """Rows of candidates, one row per update: the worst ones first, or drawn at random."""
        selection = self._options.selection
        if selection == "sort":
            order = np.argsort(-known, kind="stable")
            return iter(np.resize(order, count).reshape(-1, 1))
        trials = self._options.trials if selection == "threshold" else 1
        return iter(rng.integers(total, size=(count, trials)))

    def _choose(self, candidates: Iterable[_Observation], rmse: float) -> _Observation:
        """The first candidate that errs by more than the threshold, or the worst of them."""
        worst = None
        for candidate in candidates:
            if self._options.selection != "threshold" or abs(candidate.error) > self._options.threshold * rmse:
                return candidate
            if worst is None or abs(candidate.error) > abs(worst.error):
                worst = candidate
        assert worst is not None
        return worst

    def component(self, index: int) -> tuple[PreparedStructure, int, int]:
        """Structure, atom and direction of a force component of the whole set."""
        place = int(np.searchsorted(self._components, index, side="right")) - 1
        atom, axis = divmod(index - int(self._components[place]), 3)
        return self.structures[place], atom, axis

    def state(self) -> State:
        """Covariance matrix and parameters of the filter."""
        return self._filter.state()

    def restore(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Go on with the filter of a checkpoint."""
        self._filter.restore(arrays, numbers)


class _EnergyObservation:
    """An energy per atom: its error, and its gradient by the weights."""

    def __init__(self, updates: KalmanUpdates, index: int, model: HdnnpModel) -> None:
        self._updates, self._model, self._structure = updates, model, updates.structures[index]
        n = len(self._structure)
        self.error = (self._structure.energy - predict_energy(self._structure, model)) / n

    def gradient(self) -> Floats:
        """Of the energy per atom."""
        segments, structure = self._updates.segments, self._structure
        gradient = np.zeros(segments[-1])
        for k, element in enumerate(self._model.elements):
            rows = structure.rows[structure.element == k, : len(element.functions)]
            if len(rows):
                gradient[segments[k] : segments[k + 1]] = element.network.energy_by_weights(rows)[1]
        return gradient / len(structure)


class _ForceObservation:
    """A force component: its error, and its gradient by the weights."""

    def __init__(self, updates: KalmanUpdates, index: int, model: HdnnpModel) -> None:
        self._segments = updates.segments
        structure, atom, axis = updates.component(index)
        self._tangents = list(_tangents(structure, atom, axis, model))
        self.error = float(structure.forces[atom, axis]) + sum(tangent.slope for _, tangent in self._tangents)

    def gradient(self) -> Floats:
        """Of the force."""
        gradient = np.zeros(self._segments[-1])
        for k, tangent in self._tangents:
            gradient[self._segments[k] : self._segments[k + 1]] = -tangent.gradient()
        return gradient


_Observation = _EnergyObservation | _ForceObservation


def _tangents(structure: PreparedStructure, atom: int, axis: int, model: HdnnpModel) -> Iterator[tuple[int, Tangent]]:
    """For each element: the energies of its atoms that see the moved one, along the derivatives of their functions."""
    pairs = slice(int(structure.first[atom]), int(structure.first[atom + 1]))
    centre, derivatives = structure.centre[pairs], structure.derivatives[pairs, axis]
    if len(model.elements) == 1:
        yield 0, model.elements[0].network.tangent(structure.rows[centre], derivatives.astype(np.float64))
        return
    for k, element in enumerate(model.elements):
        mine = structure.element[centre] == k
        if mine.any():
            size = len(element.functions)
            yield k, element.network.tangent(structure.rows[centre[mine], :size], derivatives[mine, :size].astype(np.float64))


class _Loss:
    r"""Loss :math:`(1 - \rho)\, w_E^2 \langle(\Delta E/N)^2\rangle + \rho\, \langle\Delta F^2\rangle` with the force ratio ρ."""

    def __init__(self, options: HdnnpOptions, model: HdnnpModel, structures: list[PreparedStructure]) -> None:
        self._options, self._model, self._structures = options, model, structures
        self._segments = _segments(model)

    def __call__(self, weights: Floats, chosen: Sequence[int]) -> tuple[float, Floats]:
        """Loss of some structures, and its gradient by the weights."""
        model = self._model.with_weights(weights)
        picked = [self._structures[i] for i in chosen]
        energies, forces = predict(picked, model)
        ratio, n_forces = self._options.force_ratio, sum(3 * len(structure) for structure in picked)
        energy_scale = (1.0 - ratio) * self._options.energy_weight**2 / len(picked)
        loss, gradient = 0.0, np.zeros(self._segments[-1])
        for structure, energy, force in zip(picked, energies, forces, strict=True):
            energy_error, force_error = (energy - structure.energy) / len(structure), force - structure.forces
            loss += energy_scale * energy_error**2 + ratio / n_forces * float((force_error**2).sum())
            by_energy = 2.0 * energy_scale * energy_error / len(structure)
            self._add(structure, model, by_energy, -2.0 * ratio / n_forces * force_error, gradient)
        return loss, gradient

    def _add(self, structure: PreparedStructure, model: HdnnpModel, by_energy: float, by_slope: Floats, gradient: Floats) -> None:
        """Add by_energy ∂E/∂w + Σ by_slope ∂(−F)/∂w: forces are slopes of the energies along one direction per atom."""
        moved = np.repeat(np.arange(len(structure)), np.diff(structure.first))
        directions = np.zeros_like(structure.rows)
        np.add.at(directions, structure.centre, np.einsum("paf,pa->pf", structure.derivatives, by_slope[moved]))
        for k, element in enumerate(model.elements):
            mine = structure.element == k
            if not mine.any():
                continue
            rows, size = structure.rows[mine], len(element.functions)
            part = slice(self._segments[k], self._segments[k + 1])
            gradient[part] += by_energy * element.network.energy_by_weights(rows[:, :size])[1]
            gradient[part] += element.network.tangent(rows[:, :size], directions[mine, :size]).gradient()


class Adam:
    """Adam with batches of structures in random order."""

    def __init__(self, options: HdnnpOptions, model: HdnnpModel, structures: list[PreparedStructure]) -> None:
        self._options, self._count = options, len(structures)
        self._loss = _Loss(options, model, structures)
        self._first, self._second, self._steps = np.zeros_like(model.weights), np.zeros_like(model.weights), 0

    def epoch(self, weights: Floats, known: FitErrors, rng: np.random.Generator) -> None:
        """All structures once."""
        order = rng.permutation(self._count)
        for begin in range(0, self._count, self._options.batch_size):
            _, gradient = self._loss(weights, order[begin : begin + self._options.batch_size].tolist())
            self._steps += 1
            self._first = BETA_1 * self._first + (1.0 - BETA_1) * gradient
            self._second = BETA_2 * self._second + (1.0 - BETA_2) * gradient**2
            mean = self._first / (1.0 - BETA_1**self._steps)
            spread = np.sqrt(self._second / (1.0 - BETA_2**self._steps))
            weights -= self._options.learning_rate * mean / (spread + TINY)

    def state(self) -> State:
        """Moments of the gradient."""
        return {"first": self._first, "second": self._second}, {"steps": self._steps}

    def restore(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Go on with the moments of a checkpoint."""
        self._first, self._second, self._steps = arrays["first"].copy(), arrays["second"].copy(), int(numbers["steps"])


class Lbfgs:
    """Rounds of L-BFGS on the loss of all structures."""

    def __init__(self, options: HdnnpOptions, model: HdnnpModel, structures: list[PreparedStructure]) -> None:
        self._loss, self._all = _Loss(options, model, structures), list(range(len(structures)))

    def epoch(self, weights: Floats, known: FitErrors, rng: np.random.Generator) -> None:
        """One round."""

        def loss(changed: Floats) -> tuple[float, Floats]:
            return self._loss(changed, self._all)

        found: Any = minimize(loss, weights.copy(), (), "L-BFGS-B", True, options={"maxiter": ITERATIONS, "maxcor": 20})
        weights[:] = found.x

    def state(self) -> State:
        """Nothing: a round begins anew."""
        return {}, {}

    def restore(self, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> None:
        """Nothing to go on with."""


def _segments(model: HdnnpModel) -> NDArray[np.int64]:
    """Where the weights of each element begin, and where the last ones end."""
    return np.cumsum([0, *(element.topology.n_weights for element in model.elements)])
