"""Workflow ``break_junction``: from pulled wires to a conductance histogram.

Training pulls → NEGF labels T(E_F) of their snapshots → a fit, split by pull → production pulls → predictions, streamed →
histograms, traces, parity plot and error table. Every stage is a component chosen by name. A
Hamiltonian that learns is taught before it labels (:mod:`~sharvin.workflows.break_junction_hamiltonian`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharvin.applicability_domain import FORMAT as domain_format
from sharvin.applicability_domain import Domain
from sharvin.context import Context, Failure, StepResult
from sharvin.errors import RunError
from sharvin.executors.threads import one_thread
from sharvin.fitted_model import write_fitted_model
from sharvin.frames import Frames
from sharvin.histograms import conductance_histogram, r_squared
from sharvin.junction import Junction
from sharvin.progress import progress_bar
from sharvin.samples import Dataset, Features, Prediction, Samples, split_groups
from sharvin.seeds import stream
from sharvin.store import read_frames, read_json, read_observables, read_table, write_json, write_table
from sharvin.workflows import break_junction_hamiltonian as teaching
from sharvin.workflows import break_junction_report as reporting
from sharvin.workflows import break_junction_steps as steps
from sharvin.workflows.configs import BreakJunctionOptions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Labelled snapshots of all training pulls, in order: pull, snapshot, exact conductance in G0."""

    pull: NDArray[np.int64]
    snapshot: NDArray[np.int64]
    conductance_G0: Array
    cpu_seconds: float
    atoms: int
    orbitals: int


class BreakJunction:
    """A break-junction study. See :class:`sharvin.workflows.configs.BreakJunctionOptions` for its options."""

    def __init__(self, options: BreakJunctionOptions) -> None:
        self.options = options

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``.

        Held in memory at once: the features of the labelled snapshots, and for each worker 16 snapshots with theirs.
        """
        self.preflight(context)
        training = self.pulls(context, "train_pulls", self.options.training_pulls)
        taught = teaching.taught(context, self.options, training)
        labelled, labels = self.label(context, training, taught)
        fit = self.fit(context, training, labelled, labels)
        production = self.pulls(context, "production_pulls", self.options.production_pulls)
        predicted = self.predict(context, production, fit)
        traces = reporting.traces_of(production, predicted)
        evaluation, _ = read_table(_only(fit) / "evaluation.h5")
        self.publish(context, training, fit, evaluation)
        curves = read_json(_only(fit) / "learning_curves.json")
        results = self.results(context, labels, evaluation, traces)
        reporting.draw(context, self.options, training, evaluation, curves, traces)
        if taught is not None:
            teaching.add_to_report(context.folder, results, *read_table(_only(taught) / "evaluation.h5"))
        return results

    def preflight(self, context: Context) -> None:
        """Find out in a second, and not after the pulls, whether the starting structure can be labelled.

        Raises
        ------
        InputError
            If it is no junction for the Hamiltonian: electrodes thinner than its range, overlapping atoms …; or references are
            asked for of a Hamiltonian that learns nothing.
        """
        chosen = context.config.selections
        teaching.check_options(self.options, chosen["hamiltonian"])
        atoms = chosen["structure"].build().build(stream(context.seed("train_pulls"), "structure"))
        Junction.detect(atoms, chosen["hamiltonian"].built().range_A(atoms.numbers))

    def pulls(self, context: Context, step: str, count: int) -> StepResult:
        """Trajectories of independent pulls, each with its own seed."""
        chosen = context.config.selections
        tasks = [
            steps.PullTask(chosen["structure"], chosen["potential"], chosen["dynamics"], context.seed(step, item))
            for item in range(count)
        ]
        depends_on = context.identity("structure", "potential", "dynamics")
        return context.ensemble(step, steps.pull, tasks, depends_on, title=step.replace("_", " "))

    def label(self, context: Context, training: StepResult, taught: StepResult | None) -> tuple[StepResult, Labels]:
        """Exact conductances of the unbroken snapshots, in pieces that workers share and a resumed run keeps."""
        chosen = context.config.selections
        learnt = None if taught is None else _only(taught) / "model"
        tasks, pull_of_task = [], []
        for item, path in training.finished:
            unbroken = np.flatnonzero(reporting.unbroken(read_observables(path)))[:: self.options.label_every]
            for start in range(0, len(unbroken), steps.BATCH):
                snapshots = tuple(int(number) for number in unbroken[start : start + steps.BATCH])
                tasks.append(steps.LabelTask(path, snapshots, chosen["hamiltonian"], chosen["transport"], learnt))
                pull_of_task.append(item)
        depends_on = {
            "pulls": training.key,
            "pull_of_item": pull_of_task,
            "label_every": self.options.label_every,
            **context.identity("hamiltonian", "transport"),
            **({"learnt": taught.key} if taught is not None else {}),
        }
        result = context.ensemble("labels", steps.label, tasks, depends_on, title="NEGF labels")
        return result, _gather_labels(context, result, pull_of_task)

    def fit(self, context: Context, training: StepResult, labelled: StepResult, labels: Labels) -> StepResult:
        """The regressor, fitted to the labels; its predictions of all of them, by part of the split."""
        chosen = context.config.selections

        def compute(folder: Path) -> None:
            rng = context.rng("fit")
            rest = 1.0 - self.options.validation_fraction - self.options.test_fraction
            fractions = (rest, self.options.validation_fraction, self.options.test_fraction)
            parts = split_groups(labels.pull, fractions, rng, by=self.options.split_by)
            samples = [self.samples(context, training, labels, part) for part in parts]
            data = [
                Dataset(described, labels.conductance_G0[part], labels.pull[part])
                for described, part in zip(samples, parts, strict=True)
            ]
            regressor = chosen["regressor"].build()
            with one_thread():
                curves = regressor.fit(data[0], data[1], rng)
                predictions = [regressor.predict(described) for described in samples]
            if not all(np.isfinite(prediction.mean).all() for prediction in predictions):
                raise RunError("the fitted regressor predicts values that are not numbers; lower its learning rate.")
            (folder / "model").mkdir()
            regressor.save(folder / "model")
            write_json(folder / "learning_curves.json", curves)
            write_table(folder / "evaluation.h5", _evaluation(labels, parts, predictions))
            Domain.learn(data[0], data[1], context.rng("domain")).save(folder / "domain.h5")

        keys = ("regressor", "descriptor") if "descriptor" in chosen else ("regressor",)
        depends_on = {
            "labels": labelled.key,
            "validation_fraction": self.options.validation_fraction,
            "test_fraction": self.options.test_fraction,
            "split_by": self.options.split_by,
            "domain": domain_format,
            **context.identity(*keys),
        }
        return context.single("fit", compute, depends_on)

    def publish(self, context: Context, training: StepResult, fit: StepResult, evaluation: dict[str, Array]) -> None:
        """Write the ``model.json`` that ``sharvin predict`` reads."""
        chosen = context.config.selections
        first = Frames(next(read_frames(path, batch=1)) for _, path in training.finished)
        sizes = [len(frame) for frame in first]
        write_fitted_model(
            context.folder,
            descriptor=chosen.get("descriptor"),
            regressor=chosen["regressor"],
            models=[_only(fit) / "model"],
            domain=_only(fit) / "domain.h5",
            elements=first.species(),
            atoms=(min(sizes), max(sizes)),
            validation_mae_G0=_errors("validation", evaluation, 1)["mae_G0"],
        )

    def samples(self, context: Context, training: StepResult, labels: Labels, part: NDArray[np.int64]) -> Samples:
        """Samples of labelled snapshots, in order, described by the workers; held in memory."""
        descriptor = context.config.selections.get("descriptor")
        tasks = []
        for item, path in training.finished:
            snapshots = labels.snapshot[part][labels.pull[part] == item]
            for start in range(0, len(snapshots), steps.BATCH):
                numbers = tuple(int(number) for number in snapshots[start : start + steps.BATCH])
                tasks.append(steps.DescribeTask(path, numbers, descriptor))
        pieces: list[Samples | None] = [None] * len(tasks)
        with (
            progress_bar("features", len(tasks), context.console) as advance,
            closing(context.executor.map(steps.describe, tasks)) as outcomes,  # type: ignore[type-var]
        ):
            for outcome in outcomes:
                if outcome.error:
                    raise RunError(f"the labelled snapshots could not be described: {outcome.error}")
                pieces[outcome.index] = outcome.value
                advance(1)
        return _joined(pieces)

    def predict(self, context: Context, production: StepResult, fit: StepResult) -> StepResult:
        """Conductances of all unbroken snapshots of the production pulls."""
        chosen = context.config.selections
        model = _only(fit) / "model"
        done = dict(production.finished)
        items = sorted(done)
        tasks = [steps.PredictTask(done[item], chosen.get("descriptor"), chosen["regressor"], model) for item in items]
        depends_on = {"pulls": production.key, "fit": fit.key, "pull_of_item": items}
        return context.ensemble("predictions", steps.predict, tasks, depends_on)

    def results(
        self, context: Context, labels: Labels, evaluation: dict[str, Array], traces: Sequence[reporting.Trace]
    ) -> dict[str, Any]:
        """Numbers of the study, and the sentences and tables of its report."""
        options = self.options
        errors = [_errors(name, evaluation, number) for number, name in enumerate(reporting.PARTS)]
        values = np.concatenate([trace.conductance_G0 for trace in traces]) if traces else np.empty(0)
        histogram = conductance_histogram(values, options.bin_width_G0, options.max_conductance_G0)
        peak = reporting.peak_near_1G0(histogram)
        by_name = {row["part"]: row for row in errors}
        return {
            "n_traces": len(traces),
            "n_labelled": len(labels.conductance_G0),
            "n_predicted": len(values),
            "mae_train_G0": by_name["train"]["mae_G0"],
            "mae_validation_G0": by_name["validation"]["mae_G0"],
            "mae_test_G0": by_name["test"]["mae_G0"],
            "split_by": options.split_by,
            "histogram": {
                "edges_G0": histogram.edges.tolist(),
                "counts": histogram.counts.tolist(),
                "outside": histogram.outside,
            },
            "peak_near_1G0": peak,
            "label_cost": {
                "cpu_seconds_each": labels.cpu_seconds / max(len(labels.conductance_G0), 1),
                "atoms": labels.atoms,
                "orbitals": labels.orbitals,
            },
            "summary": reporting.summary(context, options, labels.conductance_G0, errors, traces, peak),
            "tables": reporting.tables(context, errors, traces),
        }


def _gather_labels(context: Context, result: StepResult, pull_of_task: Sequence[int]) -> Labels:
    pulls: list[NDArray[np.int64]] = []
    snapshots: list[NDArray[np.int64]] = []
    conductances: list[Array] = []
    cpu_seconds, atoms, orbitals = 0.0, 0, 0
    for item, path in result.finished:
        table, notes = read_table(path)
        good = np.isfinite(table["conductance_G0"])
        pulls.append(np.full(good.sum(), pull_of_task[item], dtype=np.int64))
        snapshots.append(table["snapshot"][good])
        conductances.append(table["conductance_G0"][good])
        cpu_seconds += notes["cpu_seconds"]
        atoms, orbitals = max(atoms, notes["atoms"]), max(orbitals, notes["orbitals"])
        for snapshot, reason in notes["reasons"].items():
            context.failures.append(Failure("labels", item, f"pull {pull_of_task[item]}, snapshot {snapshot}: {reason}"))
    if not sum(len(part) for part in pulls):
        raise RunError("no snapshot could be labelled, so there is nothing to learn from; see the failures in log.jsonl.")
    return Labels(np.concatenate(pulls), np.concatenate(snapshots), np.concatenate(conductances), cpu_seconds, atoms, orbitals)


def _joined(pieces: list[Samples | None]) -> Samples:
    """All pieces in order; each is let go as soon as it is copied, so that they are not in memory twice."""
    first = pieces[0]
    if not isinstance(first, Features):
        return Frames(frame for piece in pieces if isinstance(piece, Frames) for frame in piece)
    described = [piece for piece in pieces if isinstance(piece, Features)]
    counts = np.concatenate([np.diff(piece.offsets) if piece.offsets is not None else np.ones(len(piece)) for piece in described])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    values = np.empty((int(offsets[-1]), first.size), dtype=first.values.dtype)
    per_atom = first.offsets is not None
    del first
    pieces.clear()
    described.reverse()
    row = 0
    while described:
        piece = described.pop()
        values[row : row + len(piece.values)] = piece.values
        row += len(piece.values)
    return Features(values, offsets if per_atom else None)


def _evaluation(labels: Labels, parts: Sequence[NDArray[np.int64]], predictions: Sequence[Prediction]) -> dict[str, NDArray[Any]]:
    """Exact and predicted conductances of all labelled snapshots, with the part of the split that each fell into."""
    n = len(labels.pull)
    part, predicted, std = np.empty(n, dtype=np.int64), np.empty(n), np.full(n, np.nan)
    for number, (indices, prediction) in enumerate(zip(parts, predictions, strict=True)):
        part[indices], predicted[indices] = number, prediction.mean
        if prediction.std is not None:
            std[indices] = prediction.std
    columns: dict[str, NDArray[Any]] = {
        "pull": labels.pull,
        "snapshot": labels.snapshot,
        "exact_G0": labels.conductance_G0,
        "predicted_G0": predicted,
        "part": part,
    }
    return {**columns, "std_G0": std} if np.isfinite(std).all() else columns


def _only(result: StepResult) -> Path:
    path = result.paths[0]
    assert path is not None
    return path


def _errors(name: str, evaluation: dict[str, Array], number: int) -> dict[str, Any]:
    chosen = evaluation["part"] == number
    exact, predicted = evaluation["exact_G0"][chosen], evaluation["predicted_G0"][chosen]
    deviation = predicted - exact
    return {
        "part": name,
        "pulls": len(np.unique(evaluation["pull"][chosen])),
        "snapshots": int(chosen.sum()),
        "mae_G0": float(np.abs(deviation).mean()),
        "rmse_G0": float(np.sqrt((deviation**2).mean())),
        "r2": float(r_squared(predicted, exact)) if len(exact) > 1 and np.ptp(exact) > 0 else None,
    }
