"""Frames of a finished break-junction run, joined with ``traces.csv``, as extxyz, H5MD or CSV.

One pull is worked on at a time; 64 of its frames are in memory.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ase.io import extxyz
from sharvin.errors import InputError, StoreError
from sharvin.frames import Frame
from sharvin.runs.atomic import atomically, require_writable
from sharvin.runs.opened_run import open_run
from sharvin.store import count_frames, read_frames, read_json, write_trajectory

from sharvin_studies.break_junction.traces import PULLS_FILE, TRACES_FILE

NUMBERS = ("exact_G0", "predicted_G0", "predicted_std_G0")
"""Columns of ``traces.csv`` that frames are given, under the same names; absent where a cell is empty."""
ENDINGS = {"extxyz": ".xyz", "h5md": ".h5", "csv": ".csv"}
MISSING = float("nan")


@dataclass(frozen=True, eq=False)
class Pull:
    """One pull of a run: ``training`` or ``production``, its number, its trajectory, and what is known of its snapshots.

    ``series`` is the name of its series of pulls, empty if it has none; ``parts`` has the part of the data (train, test …) of
    labelled snapshots.
    """

    pulls: str
    number: int
    trajectory: Path
    known: Mapping[int, Mapping[str, float]]
    series: str
    parts: Mapping[int, str]

    @property
    def name(self) -> str:
        """Of its file: ``training-0003``."""
        return f"{self.pulls}-{self.number:04d}"


def export_run(run: Path, what: str, form: str, out: Path, force: bool = False) -> list[Path]:
    """Write the frames of a run and return the files, one per pull, or one table for ``csv``.

    Parameters
    ----------
    run : Path
        Folder of a finished break-junction run.
    what : str
        ``pulls``, ``labels`` or ``predictions``.
    form : str
        ``extxyz``, ``h5md`` or ``csv``.
    out : Path
        Folder, made if it does not exist.
    force : bool
        Write over files that are there.

    Raises
    ------
    InputError
        If the folder is no such run, there is nothing of this kind in it, or a file is there already.
    """
    pulls = _pulls(run)
    chosen = {pull: _snapshots(pull, what) for pull in pulls}
    chosen = {pull: numbers for pull, numbers in chosen.items() if numbers}
    if not chosen:
        raise InputError(f"the run {run} has no {what} to export.")
    require_writable(out, "the folder of the exported files")
    files = {pull: out / f"{pull.name}-{what}{ENDINGS[form]}" for pull in chosen}
    if form == "csv":
        files = dict.fromkeys(chosen, out / f"{what}.csv")
    there = [path for path in files.values() if path.exists()]
    if there and not force:
        raise InputError(f"{there[0]} is there already: choose another --out, or add --force to write over it.")
    if form == "csv":
        atomically(next(iter(files.values())), partial(_write_csv, chosen))
    for pull, numbers in chosen.items():
        if form == "extxyz":
            atomically(files[pull], partial(_write_extxyz, pull, numbers))
        elif form == "h5md":
            write_trajectory(files[pull], _frames(pull, numbers))
    return list(dict.fromkeys(files.values()))


def _pulls(run: Path) -> list[Pull]:
    """Pulls of the run with what ``traces.csv`` says of their snapshots."""
    workflow = open_run(run).workflow
    if workflow != "break_junction":
        raise InputError(f"{run} is a run of the workflow {workflow}, which has no pulls; sharvin export is for break_junction.")
    listed, traces = run / PULLS_FILE, run / TRACES_FILE
    if not listed.is_file() or not traces.is_file():
        absent = PULLS_FILE if traces.is_file() else TRACES_FILE
        raise InputError(f"{absent} of the break-junction run {run} is missing: run its study again.")
    known: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    parts: dict[tuple[str, int], dict[int, str]] = {}
    series: dict[tuple[str, int], str] = {}
    with traces.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            numbers = {name: float(row[name]) for name in NUMBERS if row.get(name)}
            pull, snapshot = (row["pulls"], int(row["pull"])), int(row["snapshot"])
            known.setdefault(pull, {})[snapshot] = numbers
            parts.setdefault(pull, {})[snapshot] = row.get("part") or ""
            series[pull] = row.get("series") or ""
    found = []
    for pulls, paths in read_json(listed).items():
        for number, path in paths.items():
            trajectory = run / path
            if not trajectory.is_file():
                raise InputError(f"the trajectory {trajectory} is not there any more: run the study again.")
            pull = (pulls, int(number))
            found.append(Pull(*pull, trajectory, known.get(pull, {}), series.get(pull, ""), parts.get(pull, {})))
    return found


def _snapshots(pull: Pull, what: str) -> list[int]:
    """Numbers of the frames wanted, ascending."""
    if what == "pulls":
        try:
            return list(range(count_frames(pull.trajectory)))
        except StoreError as error:
            raise InputError(str(error)) from None
    if what == "labels":
        return sorted(number for number, values in pull.known.items() if "exact_G0" in values)
    return sorted(number for number, values in pull.known.items() if pull.pulls == "production" and "predicted_G0" in values)


def _frames(pull: Pull, numbers: list[int]) -> Iterator[Frame]:
    """Frames with their numbers and what is known of them among their scalars; nan where a value is missing for a frame."""
    columns = [name for name in NUMBERS if any(name in pull.known.get(number, {}) for number in numbers)]
    for number, frame in zip(numbers, read_frames(pull.trajectory, numbers), strict=True):
        values = pull.known.get(number, {})
        added = {"snapshot": float(number), **{name: values.get(name, MISSING) for name in columns}}
        yield replace(frame, scalars={**frame.scalars, **added})


def _write_extxyz(pull: Pull, numbers: list[int], path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for frame in _frames(pull, numbers):
            atoms = frame.to_atoms()
            known = {name: value for name, value in frame.scalars.items() if value == value}
            atoms.info = {**known, **_place(pull, frame)}
            extxyz.write_extxyz(stream, [atoms])


def _write_csv(chosen: Mapping[Pull, list[int]], path: Path) -> None:
    names: dict[str, None] = {}
    for pull, numbers in chosen.items():
        names |= dict.fromkeys(next(_frames(pull, numbers[:1])).scalars)
        names |= dict.fromkeys(name for number in numbers for name in pull.known.get(number, {}))
    columns = ["pulls", "series", "pull", "snapshot", "part", *(name for name in names if name != "snapshot")]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        for pull, numbers in chosen.items():
            for frame in _frames(pull, numbers):
                values = {name: value for name, value in frame.scalars.items() if value == value}
                writer.writerow({**values, **_place(pull, frame)})


def _place(pull: Pull, frame: Frame) -> dict[str, str | int]:
    """Which frame of the study this is: its pull, its number, and where they are known its wire and its part of the data."""
    snapshot = int(frame.scalars["snapshot"])
    told = {"series": pull.series, "part": pull.parts.get(snapshot, "")}
    return {"pulls": pull.pulls, "pull": pull.number, "snapshot": snapshot, **{name: said for name, said in told.items() if said}}
