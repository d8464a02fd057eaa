"""``sharvin predict``: conductances of the frames of anybody's files by the model of a finished run; a table, CSV and a picture.

Frames are read, described, predicted and written 16 at a time; of a file of any length only the predicted numbers are kept.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sharvin.atomic import atomically, write_bytes
from sharvin.errors import InputError, ItemError, StoreError
from sharvin.executors.threads import one_thread
from sharvin.fitted_model import FittedModel
from sharvin.frames import Frame, Frames
from sharvin.progress import progress_bar
from sharvin.registry import registry
from sharvin.rigid_ends import ideal_layers, outer_layers
from sharvin.run import load_yaml
from sharvin.structure_files import numbered_frames

BATCH = 16
BROKEN = "the wire is broken (neck_width 0)"
SHOWN = 20
"""So many frames, or files, are listed one by one."""

HEADER = ("file", "frame", "elongation_A", "conductance_G0", "std_G0", "domain_score", "outside", "note")


@dataclass(frozen=True)
class Request:
    """What ``sharvin predict`` was asked for; see its ``--help``."""

    run: Path
    files: Sequence[Path]
    index: str = ":"
    species: str | None = None
    electrode_layers: int | None = None
    device: str | None = None
    out: Path | None = None

    @property
    def csv_file(self) -> Path:
        """Where the table goes."""
        path = self.out or self.files[0].with_name(f"{self.files[0].stem}-predicted.csv")
        if path.suffix != ".csv":
            raise InputError(f"--out names a CSV file, not {path}; the picture is written beside it.")
        if path.resolve() in {file.resolve() for file in self.files}:
            raise InputError(f"--out {path} is one of the files to read.")
        return path


@dataclass
class Predicted:
    """What was predicted of one file: lists of the same length, nan where there is nothing."""

    file: Path
    label: str
    """Name in tables and legends."""
    frame: list[int] = field(default_factory=list)
    elongation_A: list[float] = field(default_factory=list)
    conductance_G0: list[float] = field(default_factory=list)
    std_G0: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    """Why a frame has no prediction, or should have none, by its place in the lists."""
    fewer_atoms: int = 0
    """Frames with fewer atoms than any of the training."""
    more_atoms: int = 0
    """Frames with more atoms than any of the training."""
    broken: int = 0
    """Frames whose neck_width is 0."""

    @property
    def failed(self) -> list[int]:
        """Places of the frames without a prediction."""
        return [place for place, G in enumerate(self.conductance_G0) if np.isnan(G)]

    @property
    def outside(self) -> list[bool]:
        """Whether each frame lies outside the training distribution."""
        return [score > 1.0 for score in self.score]

    def rows(self, start: int) -> Iterator[list[Any]]:
        """Lines of the CSV file from a place on."""
        for i in range(start, len(self.frame)):
            numbers = (self.elongation_A[i], self.conductance_G0[i], self.std_G0[i], self.score[i])
            outside = "" if np.isnan(self.score[i]) else int(self.score[i] > 1.0)
            cells = ["" if np.isnan(number) else number for number in numbers]
            yield [self.file, self.frame[i], *cells, outside, self.notes.get(i, "")]


def predict_files(request: Request) -> None:
    """Predict all frames, write CSV and PNG, print a table of a few frames or a summary of many, and warnings.

    Raises
    ------
    InputError
        If the run, a file or an option is wrong, or a frame holds what the model cannot take; which file and frame, and why.
    """
    target = request.csv_file
    for path in request.files:
        if not path.is_file():
            raise InputError(f"there is no structure file {path}.")
    model = FittedModel.load(request.run, request.device)
    work = _Work(request, model)
    done: list[Predicted] = []
    labels = _labels(request.files)

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(HEADER)
            with one_thread(), progress_bar("predict", None, Console(stderr=True)) as advance:
                for path in request.files:
                    done.append(Predicted(path, labels[path]))
                    for count in work.predict(done[-1]):
                        writer.writerows(done[-1].rows(len(done[-1].frame) - count))
                        advance(count)

    atomically(target, write)
    _draw(target.with_suffix(".png"), done)
    _report(Console(), model, done)
    Console().print(f"Wrote {target}, {target.with_suffix('.png')}", markup=False, highlight=False, soft_wrap=True)
    if all(len(one.failed) == len(one.frame) for one in done):
        raise ItemError(f"none of the frames could be predicted; the first: {done[0].notes[0]}")


def _labels(files: Sequence[Path]) -> dict[Path, str]:
    """Names of the files, with as much of their folders as tells them apart."""
    if len({path.name for path in files}) == len(set(files)):
        return {path: path.name for path in files}
    above = os.path.commonpath([path.resolve().parent for path in files])
    return {path: str(path.resolve().relative_to(above)) for path in files}


class _Work:
    """Files to predictions, one batch after the other."""

    def __init__(self, request: Request, model: FittedModel) -> None:
        self.request, self.model = request, model
        self.species = request.species.split(",") if request.species else ()
        self.needs_marks: bool | None = None
        self._marked: Frame | None = None

    def predict(self, result: Predicted) -> Iterator[int]:
        """Fill the result batch by batch; gives the number of frames in each."""
        self._marked = None
        frames = self._read(result.file)
        while batch := list(islice(frames, BATCH)):
            numbers = [number for number, _ in batch]
            try:
                self._batch(result, batch)
            except InputError as error:
                where = f"frame {numbers[0]}" if len(batch) == 1 else f"frames {numbers[0]} to {numbers[-1]}"
                raise InputError(f"{result.file}, {where}: {error}") from None
            yield len(batch)

    def _read(self, path: Path) -> Iterator[tuple[int, Frame]]:
        try:
            yield from numbered_frames(path, self.request.index, self.species)
        except StoreError:
            raise InputError(f"cannot read {path}: the trajectory is damaged.") from None

    def _batch(self, result: Predicted, batch: Sequence[tuple[int, Frame]]) -> None:
        """A batch at once; frame by frame if one of them is broken, so that it alone is left out."""
        try:
            self._add(result, batch)
        except ItemError as error:
            if len(batch) > 1:
                for one in batch:
                    self._batch(result, [one])
                return
            number, frame = batch[0]
            result.notes[len(result.frame)] = str(error)
            self._append(result, number, frame, (np.nan, np.nan, np.nan))

    def _add(self, result: Predicted, batch: Sequence[tuple[int, Frame]]) -> None:
        frames = Frames(frame for _, frame in batch)
        self.model.require_elements(frames)
        judged = self.model.predict(Frames(self._ready(frame) for frame in frames))
        nothing = np.full(len(batch), np.nan)
        std = nothing if judged.prediction.std is None else judged.prediction.std
        scores = nothing if judged.scores is None else judged.scores
        for (number, frame), *numbers in zip(batch, judged.prediction.mean, std, scores, strict=True):
            self._append(result, number, frame, numbers)

    def _append(self, result: Predicted, number: int, frame: Frame, numbers: Sequence[float]) -> None:
        if frame.scalars.get("neck_width") == 0.0:
            result.broken += 1
            result.notes.setdefault(len(result.frame), BROKEN)
        result.frame.append(number)
        result.elongation_A.append(frame.scalars.get("elongation_A", np.nan))
        for column, value in zip((result.conductance_G0, result.std_G0, result.score), numbers, strict=True):
            column.append(float(value))
        result.fewer_atoms += len(frame) < self.model.atoms[0]
        result.more_atoms += len(frame) > self.model.atoms[1]

    def _ready(self, frame: Frame) -> Frame:
        """The frame with its rigid atoms marked, if the model needs them: as the file says, or found in its first frame."""
        if self.needs_marks is None:
            self.needs_marks = self._cannot_do_without(replace(frame, rigid=None))
            if not self.needs_marks and self.request.electrode_layers is not None:
                raise InputError("this model does not ask which atoms are rigid; leave --electrode-layers out.")
        if not self.needs_marks:
            return frame
        if frame.rigid is not None:
            if self.request.electrode_layers is not None:
                raise InputError("the file itself says which atoms are rigid; leave --electrode-layers out.")
            return frame
        if self._marked is None or not np.array_equal(self._marked.numbers, frame.numbers):
            self._marked = replace(frame, rigid=self._rigid(frame))
        return replace(frame, rigid=self._marked.rigid)

    def _cannot_do_without(self, unmarked: Frame) -> bool:
        try:
            self.model.predict(Frames([unmarked]))
        except InputError:
            return True  # for this reason, or for another, which then comes up again
        return False

    def _rigid(self, frame: Frame) -> np.ndarray[Any, np.dtype[np.bool_]]:
        if self.request.electrode_layers is not None:
            return outer_layers(frame, self.request.electrode_layers)
        chosen = load_yaml(self.request.run / "config.yaml")["hamiltonian"]
        options = {key: value for key, value in chosen.items() if key != "use"}
        try:
            return ideal_layers(frame, registry().build("hamiltonians", chosen["use"], options).range_A(frame.numbers))
        except InputError as error:
            raise InputError(
                f"the model wants to know which atoms are rigid, the file does not say, and they could not be found ({error}) "
                "Give --electrode-layers, or the array rigid in an extxyz file."
            ) from None


def _draw(path: Path, done: Sequence[Predicted]) -> None:
    from io import BytesIO

    from sharvin.figures import DPI, style
    from sharvin.prediction_figures import draw_predictions

    picture = BytesIO()
    with style():
        draw_predictions(done).savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def _report(console: Console, model: FittedModel, done: Sequence[Predicted]) -> None:
    """A table of a few frames, or one line a file, and what to beware of."""
    console.print(_frames(done) if sum(len(one.frame) for one in done) <= SHOWN else _summary(done))
    console.print(f"Mean absolute error in the validation set of the run: {model.validation_mae_G0:.3f} G0.", highlight=False)
    for line in _warnings(model, done):
        console.print(f"[yellow]warning[/yellow]: {escape(line)}", highlight=False, soft_wrap=True)


def _warnings(model: FittedModel, done: Sequence[Predicted]) -> list[str]:
    """What makes predictions unreliable, one sentence each."""
    total = sum(len(one.frame) for one in done)
    outside, broken = sum(sum(one.outside) for one in done), sum(one.broken for one in done)
    fewer, more = sum(one.fewer_atoms for one in done), sum(one.more_atoms for one in done)
    failed = [(one, place) for one in done for place in one.failed]
    lines = []
    if model.domain is None:
        lines.append("the run has no training distribution, so nobody knows which frames are like those it learnt from.")
    if outside:
        lines.append(f"{outside} of {total} frames lie outside the training distribution (score above 1): do not rely on them.")
    if fewer:
        lines.append(
            f"{fewer} of {total} frames have fewer atoms than any training frame ({model.atoms[0]}): is that the whole wire?"
        )
    if more:
        lines.append(
            f"{more} of {total} frames have more atoms than any training frame ({model.atoms[1]}): a model that takes the "
            "maximum over atoms can bear that, one that takes their mean cannot."
        )
    if broken:
        lines.append(f"{broken} of {total} frames are of a broken wire (neck_width 0), and the training holds none.")
    if failed:
        one, place = failed[0]
        where = f"frame {one.frame[place]} of {one.file}"
        lines.append(f"{len(failed)} of {total} frames could not be predicted; the first, {where}: {one.notes[place]}")
    return lines


def _frames(done: Sequence[Predicted]) -> Table:
    table = Table(Column("file", overflow="fold"), "frame", "G (G0)", "± (G0)", "score", "")
    for one in done:
        for i, number in enumerate(one.frame):
            cells = (f"{x:.3f}" if np.isfinite(x) else "" for x in (one.conductance_G0[i], one.std_G0[i]))
            score = f"{one.score[i]:.2f}" if np.isfinite(one.score[i]) else ""
            table.add_row(escape(one.label), str(number), *cells, score, "outside" if one.outside[i] else "")
    return table


def _summary(done: Sequence[Predicted]) -> Table:
    table = Table(Column("file", overflow="fold"), "frames", "first G (G0)", "lowest", "highest", "mean ±", "outside")
    for one in done[:SHOWN]:
        G, std = np.array(one.conductance_G0), np.array(one.std_G0)
        good = G[np.isfinite(G)]
        numbers = (good[0], good.min(), good.max()) if len(good) else ()
        spread = f"{std[np.isfinite(std)].mean():.3f}" if np.isfinite(std).any() else ""
        cells = [f"{x:.3f}" for x in numbers] or ["", "", ""]
        table.add_row(escape(one.label), str(len(G)), *cells, spread, str(sum(one.outside)))
    if len(done) > SHOWN:
        table.add_row(f"{len(done) - SHOWN} more files", "", "", "", "", "", "")
    return table
