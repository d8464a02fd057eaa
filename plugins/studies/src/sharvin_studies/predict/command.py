"""``sharvin predict``: conductances of the frames of anybody's files by the model of a finished run; a table, CSV and a picture.

Frames are read, described, predicted and written 16 at a time; of a file of any length only the predicted numbers are kept. A
frame that cannot be read or predicted is recorded with its reason, and the others are predicted. A broken wire has no prediction,
as in a study, whose broken snapshots are neither labelled nor predicted: it conducts by tunnelling, which no model learnt.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from sharvin.electrodes.broken_wires import NECK_WIDTH, gap_A, is_joined_through_z, is_unbroken
from sharvin.electrodes.rigid_ends import ideal_layers, marked_ends, outer_layers
from sharvin.electrodes.wire_checks import without_lead_layers
from sharvin.errors import InputError, ItemError, RigidAtomsUnknownError
from sharvin.executors.threads import one_thread
from sharvin.files.atom_types import require_symbols
from sharvin.files.opened_files import require_file
from sharvin.files.structure_files import frames_or_errors, parsed_index
from sharvin.frames import Frame, Frames
from sharvin.registry import registry
from sharvin.runs.atomic import atomically, require_writable, write_bytes
from sharvin.runs.progress import progress_bar
from sharvin.runs.run import load_yaml

from sharvin_studies.fitted_model.model import FittedModel
from sharvin_studies.predict.frames import HEADER, FilePrediction
from sharvin_studies.predict.periodicity import periodic_across
from sharvin_studies.predict.plausibility import doubt, is_negative
from sharvin_studies.predict.tables import print_predictions

BATCH = 16
REORDERED_A = 1.5
"""Rigid atoms that moved this far against the others of their end are other atoms, listed in another order."""


class WrongOptionError(InputError):
    """An option that suits none of the frames."""


@dataclass(frozen=True)
class PredictionRequest:
    """What ``sharvin predict`` was asked for; see its ``--help``."""

    run: Path
    files: Sequence[Path]
    frames: str = ":"
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

    def require_results(self) -> Path:
        """Where the table goes, if it and the picture can be written there."""
        table = self.csv_file
        for path in (table, table.with_suffix(".png")):
            if path.is_dir():
                raise InputError(f"{path} is a folder, and a file is to be written there; name another one with --out.")
        try:
            require_writable(table.parent, "the folder of the results")
        except InputError as error:
            raise InputError(f"{error} Name another place with --out.") from None
        return table


def predict_files(request: PredictionRequest) -> None:
    """Predict all frames, write CSV and PNG, print a table of a few frames or a summary of many, and warnings.

    Raises
    ------
    InputError
        If the run or an option is wrong, a file is not there, nothing can be written, or there is no frame that can be read and
        predicted; which file and frame, and why.
    """
    target = request.require_results()
    parsed_index(request.frames)
    for path in request.files:
        if path.is_dir() or not path.exists():
            require_file(path)  # one that is there and cannot be read is recorded, and the others are predicted
    model = FittedModel.load(request.run, request.device)
    work = _Work(request, model)
    done: list[FilePrediction] = []
    labels = _labels(request.files)

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(HEADER)
            with one_thread(), progress_bar("predict", None, Console(stderr=True)) as advance:
                for path in request.files:
                    done.append(FilePrediction(path, labels[path]))
                    for count in work.predict(done[-1]):
                        writer.writerows(done[-1].rows(len(done[-1].frame) - count))
                        advance(count)
                    if done[-1].unread:
                        writer.writerow(done[-1].last_row())
        if work.first_error is not None and not any(np.isfinite(one.conductance_G0).any() for one in done):
            raise _nothing_predicted(work.first_error, sum(len(one.broken) for one in done)) from work.first_error

    atomically(target, write)
    _draw(target.with_suffix(".png"), done)
    print_predictions(Console(), model, done)
    Console().print(f"Wrote {target}, {target.with_suffix('.png')}", markup=False, highlight=False, soft_wrap=True)


def _nothing_predicted(first: InputError | ItemError, broken: int) -> InputError:
    """The first error, of whatever kind, and how many frames have no prediction for the other reason."""
    if not broken:
        return InputError(str(first))
    others = "another frame is" if broken == 1 else f"{broken} other frames are"
    return InputError(f"{str(first).rstrip('.')}; {others} of a broken wire, so that no conductance could be predicted.")


def _labels(files: Sequence[Path]) -> dict[Path, str]:
    """Names of the files, with as much of their folders as tells them apart."""
    if len({path.name for path in files}) == len(set(files)):
        return {path: path.name for path in files}
    above = os.path.commonpath([path.resolve().parent for path in files])
    return {path: str(path.resolve().relative_to(above)) for path in files}


class _Work:
    """Files to predictions, one batch after the other."""

    def __init__(self, request: PredictionRequest, model: FittedModel) -> None:
        self.request, self.model = request, model
        self.species = require_symbols(request.species.split(",")) if request.species else ()
        self.needs_marks: bool | None = None
        """Whether the model asks which atoms are rigid; None until a frame has told."""
        self.first_error: InputError | ItemError | None = None
        self._marked: Frame | None = None

    def predict(self, result: FilePrediction) -> Iterator[int]:
        """Fill the result batch by batch; gives the number of frames in each."""
        self._marked = None
        frames = frames_or_errors(result.file, self.request.frames, self.species)
        while True:
            batch: list[tuple[int, Frame | InputError]] = []
            try:
                for one in islice(frames, BATCH):
                    batch.append(one)  # those before an error are kept
            except InputError as error:
                self._note(error)
                result.unread = str(error)
            self._predict_readable(result, batch)
            if batch:
                yield len(batch)
            if len(batch) < BATCH or result.unread:
                return

    def _predict_readable(self, result: FilePrediction, batch: Sequence[tuple[int, Frame | InputError]]) -> None:
        """Predict the whole wires of a batch at once, and record the other frames, all in their order."""
        whole: list[tuple[int, Frame]] = []
        for number, frame in batch:
            if isinstance(frame, InputError):
                self._note(frame)
                self._append(result, number, None, str(frame))
                continue
            reason = _broken(frame)
            self._append(result, number, frame, reason)
            if reason:
                result.broken.add(len(result.frame) - 1)
            else:
                whole.append((len(result.frame) - 1, frame))
        if whole:
            self._batch(result, whole)

    def _batch(self, result: FilePrediction, batch: Sequence[tuple[int, Frame]]) -> None:
        """A batch at once; frame by frame if one of them is refused, so that it alone is left out."""
        try:
            self._add(result, batch)
        except WrongOptionError:
            raise
        except (InputError, ItemError) as error:
            if len(batch) > 1:
                for one in batch:
                    self._batch(result, [one])
                return
            place = batch[0][0]
            result.notes[place] = str(error)
            where = f"{result.file}, frame {result.frame[place]}"
            self._note(type(error)(f"{where}: {error}"))

    def _note(self, error: InputError | ItemError) -> None:
        self.first_error = self.first_error or error

    def _add(self, result: FilePrediction, batch: Sequence[tuple[int, Frame]]) -> None:
        frames = Frames(frame for _, frame in batch)
        self.model.require_elements(frames)
        judged = self.model.predict(Frames(self._ready(frame) for frame in frames))
        for at, (place, _) in enumerate(batch):
            G = result.conductance_G0[place] = float(judged.prediction.mean[at])
            if said := doubt(self.model, G):
                result.notes[place] = said
                (result.negative if is_negative(self.model, G) else result.far_outside).add(place)
            if judged.prediction.std is not None:
                result.std_G0[place] = float(judged.prediction.std[at])
            if judged.scores is not None:
                result.score[place] = float(judged.scores[at])

    def _append(self, result: FilePrediction, number: int, frame: Frame | None, note: str) -> None:
        """A frame without a prediction."""
        if note:
            result.notes[len(result.frame)] = note
        result.frame.append(number)
        result.elongation_A.append(np.nan if frame is None else frame.scalars.get("elongation_A", np.nan))
        for column in (result.conductance_G0, result.std_G0, result.score):
            column.append(np.nan)
        if frame is not None:
            result.periodic.add(periodic_across(frame))
            result.fewer_atoms += len(frame) < self.model.atoms[0]
            result.more_atoms += len(frame) > self.model.atoms[1]

    def _ready(self, frame: Frame) -> Frame:
        """The frame with its rigid atoms marked, if the model needs them: as the file says, or found in its first frame."""
        layers = self.request.electrode_layers
        if self.needs_marks is None:
            self.needs_marks = self._asks_for_marks(frame)
        if self.needs_marks is False and layers is not None:
            raise WrongOptionError("this model does not ask which atoms are rigid; leave --electrode-layers out.")
        if not self.needs_marks and layers is None:
            return frame
        if frame.rigid is not None:
            if layers is not None:
                raise WrongOptionError("the file itself says which atoms are rigid; leave --electrode-layers out.")
            return frame
        if self._marked is None or not _in_the_same_order(self._marked, frame):
            self._marked = replace(frame, rigid=self._rigid(frame))
        return replace(frame, rigid=self._marked.rigid)

    def _asks_for_marks(self, frame: Frame) -> bool | None:
        """Whether the model asks which atoms are rigid; None if this frame is refused for another reason."""
        try:
            self.model.predict(Frames([replace(frame, rigid=None)]))
        except RigidAtomsUnknownError:
            return True
        except InputError:
            return None  # the reason comes up again as the frame itself is predicted
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
                f"the model wants to know which atoms are rigid, the file does not say, and they could not be found "
                f"({without_lead_layers(str(error))}) "
                "Give --electrode-layers, or the array rigid in an extxyz file."
            ) from None


def _in_the_same_order(marked: Frame, frame: Frame) -> bool:
    """Whether the rigid atoms of a frame are those of another, which moved as blocks; unsorted dumps list other atoms there."""
    if not np.array_equal(marked.numbers, frame.numbers):
        return False
    moved = frame.positions - marked.positions
    for end in marked_ends(marked):
        block = moved[end]
        if len(block) and np.abs(block - np.median(block, axis=0)).max() > REORDERED_A:
            return False
    return True


def _broken(frame: Frame) -> str:
    """What to note of a broken wire; nothing of a whole one."""
    measured = np.isfinite(frame.scalars.get(NECK_WIDTH, np.nan))
    if measured and is_unbroken(frame):
        return ""
    gap = gap_A(frame)
    apart = "" if gap is None else f", its two parts {gap:.1f} Å apart"
    if measured:
        return f"the wire is broken ({NECK_WIDTH} 0){apart}"
    if gap is None:
        return ""
    note = f"the wire is broken: no chain of bonds joins its ends{apart}"
    if is_joined_through_z(frame):
        note += "; its ends meet through the cell's boundary along z: if the wire was cut there, unwrap it"
    return note


def _draw(path: Path, done: Sequence[FilePrediction]) -> None:
    from io import BytesIO

    from sharvin.figures import DPI, style

    from sharvin_studies.predict.figures import draw_predictions

    picture = BytesIO()
    with style():
        draw_predictions(done).savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
    write_bytes(path, picture.getvalue())
