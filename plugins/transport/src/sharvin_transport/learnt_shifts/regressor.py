r"""Regressor ``learnt_shifts``: a Slater–Koster Hamiltonian whose on-site shifts and hoppings are learnt from conductances alone.

What is learnt of an atom (:mod:`~sharvin_transport.learnt_shifts.atomic_terms`) is a function of its surroundings
(:mod:`~sharvin_transport.learnt_shifts.surroundings_basis`), added to a table with neutral atoms or without. Damped Gauss–Newton
steps find the weights (:mod:`~sharvin_transport.learnt_shifts.gauss_newton`). A step computes T of its structures and its
derivatives by everything learnt at once (:mod:`~sharvin_transport.rgf.onsite_response`), so it costs little more than T does.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.runs.fit_progress import FitProgress, fingerprint_of, require_folder
from sharvin.runs.model_description import damaged, read_description, write_description
from sharvin.samples import Dataset, Prediction, Samples

from sharvin_transport.learnt_shifts.configs import LearntShiftsOptions
from sharvin_transport.learnt_shifts.gauss_newton import GaussNewton
from sharvin_transport.learnt_shifts.learnt_hamiltonian import LearntHamiltonian
from sharvin_transport.learnt_shifts.progress import FitState, arrays_of
from sharvin_transport.learnt_shifts.wires import Wires

Floats = NDArray[np.float64]
ROUNDING_G0 = 1e-6
"""Below zero, what may be a solver's rounding."""
_SEEN_FOR_CENTRES = 200
VERSION = 2
NAME = "learnt_shifts"


class LearntShifts:
    """Conductances by a Slater–Koster Hamiltonian with learnt terms; kind ``graph``.

    Structures are two-terminal wires along z between electrodes of one crystal. Where shifts are all that is learnt, what a fit
    saves is a `neutrality_model` of the Hamiltonian ``slater_koster`` with the same table, too.

    Parameters
    ----------
    options : LearntShiftsOptions
    """

    def __init__(self, options: LearntShiftsOptions) -> None:
        self.options = options
        self._hamiltonian = LearntHamiltonian(options)
        self._weights: Floats | None = None
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
        """Learn; equal data and an equal state of `rng` give an equal model, bit for bit with as many threads.

        Parameters
        ----------
        data, validation : Dataset
            Frames, and their conductances in G0. The groups of `data` tell which structures foretell each other too easily to
            choose a prior by. The validation set says when to stop, and chooses the step that is kept, or the start, as far as
            it can tell them from each other.
        rng : numpy.random.Generator
            Draws the structures of each step.

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
            If atoms of a structure overlap, or shifts of neutral atoms do not converge.
        StoreError
            If the folder of :meth:`keep_progress` holds a checkpoint of another fit.
        """
        frames, others = (_frames(one.samples) for one in (data, validation))
        for one in (data, validation):
            _check_targets(one.targets)
        progress, state = None, None
        if self._folder is not None:
            # the origin tells the content of the user's own tables
            origins = [LearntHamiltonian(one).table.origin() for one in self.options.each_table()]
            depends_on = {**self.options.model_dump(mode="json"), "origin": origins}
            progress = FitProgress(self._folder, fingerprint_of(depends_on, rng, arrays_of((data, validation))))
            found = progress.restore(rng)
            state = None if found is None else FitState.of(found)
        options = self.options.of_table(state.table) if state is not None else self._chosen_table(frames, data, rng)
        hamiltonian, learning = _begun(options, frames, data)
        checked = Wires(others, hamiltonian)
        begin = time.monotonic()
        if state is None:
            start = np.zeros(hamiltonian.size)
            state = FitState(start, start, np.abs(checked.conductances(start) - validation.targets), table=options.table_name)
        begin -= state.curves.seconds
        while not state.over and state.curves.epochs < options.max_steps and state.waited < options.patience:
            before = time.monotonic()
            step = learning.step(state, rng)
            state.add(step.train_mae, np.abs(checked.conductances(state.weights) - validation.targets))
            state.curves.add_line(
                epochs=options.max_steps,
                learning_rate=step.length,
                seconds=time.monotonic() - begin,
                step_seconds=time.monotonic() - before,
                structures=learning.batch,
                least_validation_mae=float(state.least.mean()),
                noise_G0=step.prior.noise_G0,
                **{f"spread_{name}": value for name, value in step.prior.spreads.items()},
            )
            if progress is not None:
                progress.save(state.checkpoint(), rng)
        self.options, self._hamiltonian, self._weights = options, hamiltonian, state.best
        return {"train_mae": state.curves.train_error, "validation_mae": state.curves.validation_error}

    def _chosen_table(self, frames: Frames, data: Dataset, rng: np.random.Generator) -> LearntShiftsOptions:
        """The options with the table whose first step foretells groups left out best."""
        each = self.options.each_table()
        if len(each) == 1:
            return each[0]
        state = rng.bit_generator.state
        errors = []
        for options in each:
            rng.bit_generator.state = state
            errors.append(_begun(options, frames, data)[1].foretold_mae(rng))
        return each[int(np.argmin(errors))]

    def predict(self, samples: Samples) -> Prediction:
        """Conductances in G0 in the order of the frames, without standard deviation.

        Raises
        ------
        InputError
            Before a fit or a load, or if the samples are no frames, or one is no wire that the Hamiltonian can treat.
        ItemError
            If atoms of a structure overlap, or shifts of neutral atoms do not converge.
        """
        if self._weights is None:
            raise InputError("learnt_shifts: there is no model yet; fit or load one before predicting.")
        return Prediction(Wires(_frames(samples), self._hamiltonian, keep=False).conductances(self._weights))

    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``learnt_hamiltonian.npz`` into an existing folder.

        Where shifts are all that was learnt, and they were not added to solved ones, ``neutrality.npz`` lies beside them, which
        ``slater_koster`` takes as `neutrality_model`.

        Raises
        ------
        InputError
            If there is no model yet.
        """
        if self._weights is None:
            raise InputError("learnt_shifts: there is no model yet; fit one before saving.")
        self._hamiltonian.save(folder, self._weights)
        # the model of shifts that was begun with is in the folder already
        options = self.options.model_copy(update={"neutrality_model": None})
        write_description(folder, NAME, VERSION, {"options": options.model_dump(mode="json")})

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
        self._weights = loaded._hamiltonian.load(folder)
        self.options, self._hamiltonian = loaded.options, loaded._hamiltonian


def _begun(options: LearntShiftsOptions, frames: Frames, data: Dataset) -> tuple[LearntHamiltonian, GaussNewton]:
    """A Hamiltonian with functions of the surroundings in these structures, and the steps that learn their weights."""
    hamiltonian = LearntHamiltonian(options)
    wires = Wires(frames, hamiltonian)
    spread = np.unique(np.linspace(0, len(frames) - 1, _SEEN_FOR_CENTRES).astype(np.int64))
    hamiltonian.blank([wires.junction(index) for index in map(int, spread)])
    return hamiltonian, GaussNewton(wires, data.targets, data.groups, options)


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
