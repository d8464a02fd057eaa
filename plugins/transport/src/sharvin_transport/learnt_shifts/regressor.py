r"""Regressor ``learnt_shifts``: a Slater–Koster Hamiltonian whose on-site shifts are learnt from conductances alone.

The shift of an atom is a function of its surroundings, the one of :mod:`~sharvin_transport.neutrality.model`, with weights *w*.
With T(w) of the spd Hamiltonian that follows, labels y, and K the kernels of the centres with each other,

.. math:: w = \arg\min_w \sum_n \rho\big(y_n - T_n(w)\big) / \sigma^2 + w^T K w / s^2,

ρ Huber's loss. Each Gauss–Newton step computes T and its derivatives by all shifts of a structure at once
(:mod:`~sharvin_transport.rgf.onsite_response`), so it costs little more than T of every structure. The first steps, far from the
minimum, take some of the structures only.

No structure is held but the frames that were given; normal equations take 8 (centres + 1)² bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sharvin.errors import InputError, ItemError, RunError
from sharvin.frames import Frame, Frames
from sharvin.junction import Junction
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.runs.fit_progress import FitProgress, fingerprint_of, require_folder
from sharvin.runs.model_description import damaged, read_description, write_description
from sharvin.samples import Dataset, Prediction, Samples

from sharvin_transport.learnt_shifts.configs import LearntShiftsOptions
from sharvin_transport.learnt_shifts.progress import FitState, arrays_of
from sharvin_transport.neutrality.model import NeutralityModel
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.onsite_response import OnsiteResponse
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster, surroundings

Floats = NDArray[np.float64]
ROUNDING_G0 = 1e-6
"""Below zero, what may be a solver's rounding."""
HUBER_G0 = 0.3
"""Errors beyond it count linearly."""
MEAN_SPREAD = 3.0
"""Prior spread of the mean shift, in units of that of the shifts."""
_SEEN_FOR_CENTRES = 200
_LENGTHS = (1.0, 0.5, 0.25, 0.1)
_EASIER, _HARDER = 0.3, 3.0
"""What the damping is multiplied by after a whole step, and after a shorter one."""
_ROWS = 64
VERSION = 1
NAME = "learnt_shifts"


class LearntShifts:
    """Conductances by a Slater–Koster Hamiltonian with learnt on-site shifts; kind ``graph``.

    Structures are two-terminal wires along z between electrodes of one crystal. What a fit saves is a `neutrality_model` of the
    Hamiltonian ``slater_koster`` with the same table, too.

    Parameters
    ----------
    options : LearntShiftsOptions
    """

    def __init__(self, options: LearntShiftsOptions) -> None:
        self.options = options
        self._hamiltonian = SlaterKoster(
            SlaterKosterOptions(table=options.table, tail_eV=options.tail_eV, charge_neutrality="predicted")
        )
        self._solver = RecursiveGreen(RecursiveGreenOptions())
        self._response = OnsiteResponse(self._solver.surfaces, self._solver.couplings)
        self._folder: Path | None = None

    def keep_progress(self, folder: Path) -> None:
        """Leave checkpoints and metrics of fits in this folder; see :class:`sharvin.protocols.ResumableRegressor`.

        Raises
        ------
        InputError
            If there is no such folder.
        """
        self._folder = require_folder(folder)

    def fit(self, data: Dataset, validation: Dataset, rng: np.random.Generator) -> dict[str, list[float]]:
        """Learn the shifts; equal data and an equal state of `rng` give an equal model, bit for bit with as many threads.

        Parameters
        ----------
        data, validation : Dataset
            Frames, and their conductances in G0. The validation set chooses the step that is kept.
        rng : numpy.random.Generator
            Draws the structures of the first steps.

        Returns
        -------
        dict
            ``train_mae`` (before the step, of its structures) and ``validation_mae`` (after it) in G0, one value per step.

        Raises
        ------
        InputError
            If a set is empty or no set of frames, a target is not finite or negative, or a structure is no wire that the
            Hamiltonian can treat.
        ItemError
            If atoms of a structure overlap.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        frames, others = (_frames(one.samples) for one in (data, validation))
        for one in (data, validation):
            _check_targets(one.targets)
        spread = np.unique(np.linspace(0, len(frames) - 1, _SEEN_FOR_CENTRES).astype(np.int64))
        seen = []
        for index in map(int, spread):
            with _of_structure(index):
                seen.append(self._junction(frames[index]))
        reach = min(self._hamiltonian.range_A(junction.atoms.numbers) for junction in seen)
        model = NeutralityModel.blank([surroundings(junction) for junction in seen], reach, self.options.centres)
        state = FitState(np.zeros(len(model.weights) + 1))
        progress = None
        if self._folder is not None:
            # the origin tells the content of the user's own tables
            depends_on = {**self.options.model_dump(mode="json"), "origin": self._hamiltonian.origin()}
            progress = FitProgress(self._folder, fingerprint_of(depends_on, rng, arrays_of((data, validation))))
            found = progress.restore(rng)
            state = state if found is None else FitState.of(found)

        def validation_error(model: NeutralityModel) -> float:
            return mean_absolute_error(self._conductances(others, model), validation.targets)

        curves = state.curves
        begin = time.monotonic() - curves.seconds
        for step in range(curves.epochs, self.options.steps):
            order = rng.permutation(len(frames))
            few = step < self.options.coarse_steps
            chosen = np.sort(order[: self.options.coarse_structures]) if few else np.arange(len(frames))
            change, error = self._step(model, state, frames, data.targets, chosen)
            self._go(model, state, change, error, validation_error)
            curves.add_line(epochs=self.options.steps, learning_rate=1.0, seconds=time.monotonic() - begin)
            if progress is not None:
                progress.save(state.checkpoint(), rng)
        self._hamiltonian.shifts_model = self._with(model, state.best)
        return {"train_mae": curves.train_error, "validation_mae": curves.validation_error}

    def predict(self, samples: Samples) -> Prediction:
        """Conductances in G0 in the order of the frames, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the samples are no frames, or one is no wire that the Hamiltonian can treat.
        ItemError
            If atoms of a structure overlap.
        """
        if self._hamiltonian.shifts_model is None:
            raise InputError("learnt_shifts: there is no model yet; fit or load one before predicting.")
        return Prediction(self._conductances(_frames(samples), self._hamiltonian.shifts_model))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``neutrality.npz`` into an existing folder; ``slater_koster`` takes it as `neutrality_model`.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._hamiltonian.shifts_model is None:
            raise InputError("learnt_shifts: there is no model yet; fit one before saving.")
        self._hamiltonian.save(folder)
        write_description(folder, NAME, VERSION, {"options": self.options.model_dump(mode="json")})

    def load(self, folder: Path) -> None:
        """Become the saved model, its options included.

        Raises
        ------
        InputError
            If the folder holds no model of this regressor and version, or a damaged one.
        """
        content = read_description(folder, NAME, VERSION)
        try:
            loaded = LearntShifts(LearntShiftsOptions.model_validate(content["options"]))
        except (KeyError, ValueError) as error:
            raise damaged(folder, f"{type(error).__name__}: {error}") from None
        loaded._hamiltonian.load(folder)
        self.options, self._hamiltonian = loaded.options, loaded._hamiltonian

    def _go(
        self,
        model: NeutralityModel,
        state: FitState,
        change: Floats,
        train_mae: float,
        validation_error: Callable[[NeutralityModel], float],
    ) -> None:
        """Change the weights, by less where the validation error would grow: T is far from linear in large shifts."""
        least = min(state.curves.validation_error, default=np.inf)
        tried: list[tuple[float, float]] = []
        for length in _LENGTHS:
            tried.append((validation_error(self._with(model, state.weights + length * change)), length))
            if tried[-1][0] < least:
                break
        error, length = min(tried)
        state.damping *= _EASIER if length == 1.0 else _HARDER
        state.weights = state.weights + length * change
        state.add(train_mae, error)

    def _step(
        self, model: NeutralityModel, state: FitState, frames: Frames, targets: Floats, chosen: NDArray[np.int64]
    ) -> tuple[Floats, float]:
        """Change of the weights by a damped Gauss–Newton step on the chosen structures, and the mean error before it."""
        weights, size = state.weights, len(state.weights)
        normal, slope, errors = np.zeros((size, size)), np.zeros(size), []
        rows: list[Floats] = []
        for index in map(int, chosen):
            with _of_structure(index):
                junction = self._junction(frames[index])
                basis = self._basis(model, junction)
                conductance, response = self._response(*self._hamiltonian.shifted_device(junction, basis @ weights))
            residual = targets[index] - conductance
            row, weight = response @ basis, 1.0 / max(1.0, abs(residual) / HUBER_G0)
            slope += weight * residual * row
            rows.append(np.sqrt(weight) * row)
            errors.append(abs(residual))
            if len(rows) == _ROWS:
                normal += np.array(rows).T @ np.array(rows)
                rows = []
        if rows:
            normal += np.array(rows).T @ np.array(rows)
        prior = np.zeros((size, size))
        prior[:-1, :-1] = model.prior
        prior[-1, -1] = 1.0
        prior *= (self.options.noise_G0 / self.options.shift_spread_eV) ** 2
        damped = normal + (1.0 + state.damping) * prior
        damped[np.diag_indices(size)] += 1e-10 * np.trace(damped)
        return solve(damped, slope - prior @ weights, assume_a="pos"), float(np.mean(errors))

    @staticmethod
    def _basis(model: NeutralityModel, junction: Junction) -> Floats:
        """What the weights multiply to give the shifts: kernels, and the mean, float64[n, centres + 1]."""
        kernels = model.kernels(surroundings(junction))
        return np.concatenate([kernels, np.full((len(kernels), 1), MEAN_SPREAD)], axis=1)

    @staticmethod
    def _with(model: NeutralityModel, weights: Floats) -> NeutralityModel:
        return model.with_weights(weights[:-1], MEAN_SPREAD * float(weights[-1]))

    def _conductances(self, frames: Frames, model: NeutralityModel) -> Floats:
        """T(E_F) of each frame with the shifts of a model, float64[n_frames]."""
        found = np.empty(len(frames))
        for index, frame in enumerate(frames):
            with _of_structure(index):
                junction = self._junction(frame)
                device, _ = self._hamiltonian.shifted_device(junction, model.shifts(surroundings(junction)))
                found[index] = self._solver.transmission([device], np.zeros(1))[0, 0]
        return found

    def _junction(self, frame: Frame) -> Junction:
        atoms = frame.to_atoms()
        return Junction.detect(atoms, self._hamiltonian.range_A(atoms.numbers))


@contextmanager
def _of_structure(index: int) -> Iterator[None]:
    """Say of which structure an error tells."""
    try:
        yield
    except (InputError, ItemError, RunError) as error:
        raise type(error)(f"structure {index}: {error}") from None


def _frames(samples: Samples) -> Frames:
    if not isinstance(samples, Frames):
        raise InputError("learnt_shifts takes structures and not features; leave the descriptor out (descriptor: null).")
    return samples


def _check_targets(targets: Floats) -> None:
    if not len(targets):
        raise InputError("learnt_shifts has nothing to learn from: a set is empty.")
    if not np.isfinite(targets).all():
        raise InputError("a target of learnt_shifts is not a number; drop it.")
    if targets.min() < -ROUNDING_G0:
        raise InputError(
            f"learnt_shifts learns conductances, and a target is {targets.min():g}; choose another regressor for this."
        )
