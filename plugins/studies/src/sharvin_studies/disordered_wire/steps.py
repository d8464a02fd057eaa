"""What workers do for ``disordered_wire``: draw wires, compute their T(E), fit regressors, predict.

Wires are drawn in chunks, each from a random stream of its own. On-site maps are never stored: whoever needs them draws the
chunk again, which costs a tenth of one T(E) and gives the same bits. Every function takes one picklable task and depends on
nothing else, so results do not depend on who computes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.errors import InputError, ItemError, RunError, SharvinError
from sharvin.executors.threads import one_thread
from sharvin.grid_wire import DisorderedWires, GridWire
from sharvin.numerics.error_measures import mean_absolute_error
from sharvin.protocols import Regressor, TransportSolver
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically
from sharvin.runs.returned_values import prediction_of, transmission_of
from sharvin.samples import Dataset, Images
from sharvin.store import read_table, write_json, write_table

CHUNK = 1000
"""Wires that a worker draws and computes at once."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WireSource:
    """An ensemble of `total` wires of one Hamiltonian: chunk after chunk, each from its own random stream.

    Parameters
    ----------
    hamiltonian : Selection
    seed : int
        The run's.
    stream : str
        Name of the random streams.
    total : int
    """

    hamiltonian: Selection
    seed: int
    stream: str
    total: int

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.total // CHUNK)

    def count(self, chunk: int) -> int:
        """Wires in a chunk."""
        return min(CHUNK, self.total - chunk * CHUNK)

    def draw(self, chunk: int) -> DisorderedWires:
        """Wires of a chunk."""
        rng = seeds.stream(self.seed, self.stream, chunk)
        drawn: DisorderedWires = self.hamiltonian.built().sample(self.count(chunk), rng, chunk * CHUNK)
        return drawn

    def identity(self, chunk: int) -> dict[str, Any]:
        """What the wires of a chunk depend on."""
        return {
            "hamiltonian": self.hamiltonian.identity,
            "stream": self.stream,
            "chunk": chunk,
            "count": self.count(chunk),
            "chunk_size": CHUNK,
        }

    def images(self, rows: NDArray[np.int64]) -> Images:
        """On-site maps of wires by ascending number, float32[len(rows), L, W]; besides them one chunk is held."""
        values: NDArray[np.float32] | None = None
        filled = 0
        for chunk in np.unique(rows // CHUNK):
            onsite = self.draw(int(chunk)).wires.onsite
            inside = rows[rows // CHUNK == chunk] - chunk * CHUNK
            if values is None:
                values = np.empty((len(rows), *onsite.shape[1:]), dtype=np.float32)
            values[filled : filled + len(inside)] = onsite[inside]
            filled += len(inside)
        return Images(np.empty((0, 1, 1), dtype=np.float32) if values is None else values)


@dataclass(frozen=True)
class WireLabelTask:
    """A chunk of wires whose T(E) is computed at `energies`, in units of the hopping."""

    source: WireSource
    chunk: int
    transport: Selection
    energies: tuple[float, ...]


def label(task: WireLabelTask, path: Path) -> None:
    """T(E) of a chunk, its mean over the energies (the conductance in G0), and the concentrations where there are any.

    A wire that the solver refuses gets nan and a reason.
    """
    drawn = task.source.draw(task.chunk)
    energies = np.array(task.energies) * drawn.wires.t
    solver = task.transport.built()
    started = time.process_time()
    try:
        transmission = transmission_of(solver, drawn.wires, energies)
    except RunError:
        transmission = _one_by_one(solver, drawn.wires, energies)
    cpu = time.process_time() - started
    conductance = transmission.mean(axis=1)
    columns = {"transmission": transmission, "conductance_G0": conductance}
    if drawn.concentration is not None:
        columns["concentration"] = drawn.concentration
    first = task.chunk * CHUNK
    refused = [first + int(row) for row in np.flatnonzero(~np.isfinite(conductance))]
    write_table(path, columns, {"cpu_seconds": cpu, "refused": refused, "length": drawn.wires.length, "width": drawn.wires.width})


def _one_by_one(solver: TransportSolver, wires: GridWire, energies: Array) -> Array:
    """T(E) wire by wire, nan for those that the solver refuses."""
    transmission = np.full((len(wires), len(energies)), np.nan)
    for row, onsite in enumerate(wires.onsite):
        try:
            transmission[row] = transmission_of(solver, GridWire(onsite, wires.t), energies)[0]
        except RunError:
            continue
    return transmission


def read_labels(source: WireSource, paths: Sequence[Path | None], column: str = "conductance_G0") -> Array:
    """A column of the labels of all wires of a source, float64[total, …]; nan where a chunk failed.

    Raises
    ------
    RunError
        If there are no labels at all.
    """
    values: Array | None = None
    for chunk, path in enumerate(paths):
        if path is None:
            continue
        table, _ = read_table(path)
        if column in table:
            if values is None:
                values = np.full((source.total, *table[column].shape[1:]), np.nan)
            values[chunk * CHUNK : chunk * CHUNK + len(table[column])] = table[column]
    if values is None:
        if column == "concentration":
            return np.full(source.total, np.nan)
        raise RunError("no wire has a conductance, so there is nothing to learn from; see the failures in log.jsonl.")
    return values


@dataclass(frozen=True)
class WireFitTask:
    """A regressor to fit to the first wires of a source that follow the test set."""

    label: str
    source: WireSource
    regressor: Selection
    labels: tuple[Path | None, ...]
    test: int
    training: int
    validation: int


def fit(task: WireFitTask, path: Path) -> None:
    """Fit and predict the test set; writes a folder with the model, learning curves, test predictions and times."""
    try:
        atomically(path, lambda folder: _fit(task, folder))
    except InputError as error:
        raise InputError(f"case {task.label}: {error}") from None
    except (SharvinError, RuntimeError, ValueError, ArithmeticError) as error:
        reason = str(error) if isinstance(error, SharvinError) else f"{type(error).__name__}: {error}"
        raise ItemError(f"case {task.label}: {reason}") from error


def _fit(task: WireFitTask, folder: Path) -> None:
    targets = read_labels(task.source, task.labels)
    rows = np.flatnonzero(np.isfinite(targets))
    end, stop = task.test + task.training - task.validation, task.test + task.training
    parts = [rows[rows < task.test], rows[(rows >= task.test) & (rows < end)], rows[(rows >= end) & (rows < stop)]]
    if not all(len(part) for part in parts):
        raise ItemError("too many wires failed; a set to learn or to test is empty.")
    test, train, validation = parts
    regressor: Regressor = task.regressor.build()
    rng = seeds.stream(task.source.seed, "fit")
    started = time.perf_counter()
    with one_thread():
        data, held = (Dataset(task.source.images(part), targets[part], part) for part in (train, validation))
        drawn = time.perf_counter()
        curves = regressor.fit(data, held, rng)
        fitted = time.perf_counter()
        del data, held
        mean, std = predict_rows(regressor, task.source, test)
    if not np.isfinite(mean).all():
        raise ItemError("the regressor predicts values that are not numbers; lower its learning rate.")
    folder.mkdir()
    (folder / "model").mkdir()
    regressor.save(folder / "model")
    write_json(folder / "learning_curves.json", curves)
    seconds = {"draw": drawn - started, "fit": fitted - drawn, "predict": time.perf_counter() - fitted}
    columns = {"wire": test, "exact_G0": targets[test], "predicted_G0": mean}
    write_table(folder / "test.h5", columns | ({"std_G0": std} if std is not None else {}), {"seconds": seconds})


def predict_rows(regressor: Regressor, source: WireSource, rows: NDArray[np.int64]) -> tuple[Array, Array | None]:
    """Predictions of wires by ascending number and, where the regressor states them, their standard deviations."""
    means: list[Array] = []
    stds: list[Array] = []
    for chunk in np.unique(rows // CHUNK):
        prediction = prediction_of(regressor, source.images(rows[rows // CHUNK == chunk]))
        means.append(prediction.mean)
        if prediction.std is not None:
            stds.append(prediction.std)
    return np.concatenate(means), np.concatenate(stds) if stds else None


@dataclass(frozen=True)
class ScanTask:
    """Ensembles, one a concentration, to predict by a fitted model."""

    sources: tuple[WireSource, ...]
    regressor: Selection
    model: Path


def scan(task: ScanTask, path: Path) -> None:
    """Predicted conductances, float64[n_concentrations, configurations]."""
    model = task.regressor.build()
    model.load(task.model)
    with one_thread():
        predicted = [predict_rows(model, source, np.arange(source.total))[0] for source in task.sources]
    write_table(path, {"predicted_G0": np.array(predicted)})


@dataclass(frozen=True)
class SpeedTask:
    """Wires whose conductance is computed at `energies`, in units of the hopping, and predicted by a fitted model."""

    source: WireSource
    transport: Selection
    energies: tuple[float, ...]
    regressor: Selection
    model: Path


def compare_speed(task: SpeedTask) -> dict[str, float]:
    """Seconds of the exact T(E) and of the predictions, one thread each, in this process.

    One wire is computed and predicted before the clock starts, so that neither pays for compiling or loading.
    """
    batches = [task.source.draw(chunk).wires for chunk in range(task.source.chunks)]
    wires = GridWire(np.concatenate([batch.onsite for batch in batches]), batches[0].t)
    solver, network = task.transport.build(), task.regressor.build()
    network.load(task.model)
    energies = np.array(task.energies) * wires.t
    with one_thread():
        transmission_of(solver, GridWire(wires.onsite[:1], wires.t), energies)
        prediction_of(network, Images(wires.onsite[:1].astype(np.float32)))
        started = time.perf_counter()
        exact = transmission_of(solver, wires, energies).mean(axis=1)
        computed = time.perf_counter()
        predicted = prediction_of(network, Images(wires.onsite.astype(np.float32))).mean
        done = time.perf_counter()
    return {
        "exact_seconds": computed - started,
        "predicted_seconds": done - computed,
        "mae_G0": mean_absolute_error(predicted, exact),
    }
