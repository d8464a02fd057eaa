"""Figures of a run folder: a PNG, its data as CSV, and an entry with title and caption in ``figures/figures.json``.

Figures are drawn on :class:`matplotlib.figure.Figure` objects, without pyplot and its global state, so a worker, a notebook and
the command line give the same pixels. Draw inside ``with style():`` on ``new_figure()``, then call :func:`save_figure`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from sharvin.errors import InputError
from sharvin.runs.atomic import write_bytes

BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
LINES = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 150

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.labelsize": 11.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "image.cmap": "viridis",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "mathtext.fontset": "dejavusans",
    "savefig.facecolor": "white",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.direction": "out",
    "ytick.color": INK,
    "ytick.direction": "out",
}


@contextmanager
def style() -> Iterator[None]:
    """Give all figures one look: an rc context that starts from matplotlib's defaults, not from the user's rc file."""
    with matplotlib.style.context(_STYLE, after_reset=True):
        yield


def new_figure(width_in: float = 6.4, height_in: float = 4.2) -> Figure:
    """Return an empty figure of the given size in inches, laid out so that no label is cut."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def series_style(order: int) -> dict[str, Any]:
    """Colour and line of series number `order`: after the six colours the same ones follow dashed, then dotted."""
    return {"color": CYCLE[order % len(CYCLE)], "linestyle": LINES[order // len(CYCLE) % len(LINES)]}


def save_figure(folder: Path, name: str, figure: Figure, data: Mapping[str, ArrayLike], title: str, caption: str) -> Path:
    """Write ``figures/NAME.png``, ``figures/NAME.csv`` and the entry of both in ``figures/figures.json``.

    Every file is written under a temporary name and renamed, so a reader never sees half of one. A figure of the same name is
    replaced and keeps its place in the order; a new one comes last.

    Parameters
    ----------
    folder : Path
        The run folder.
    name : str
        Lower-case letters, digits and underscores.
    figure : matplotlib.figure.Figure
        Drawn under :func:`style`.
    data : mapping of str to 1-dimensional array_like
        What the figure shows: columns by name, units in the names. They may differ in length: a shorter column ends in empty
        cells. Numbers are written with all their digits, so :func:`read_data` gives them back exactly.
    title, caption : str
        Plain text; the title stands above the figure in the report, not in the picture.

    Returns
    -------
    Path
        The PNG.

    Raises
    ------
    InputError
        If the name or a column cannot be written, or ``figures.json`` is damaged.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise InputError(f"figure name {name!r} must consist of lower-case letters, digits and underscores.")
    target = folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    table = _csv(data)
    picture = io.BytesIO()
    with style():
        figure.savefig(picture, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    write_bytes(target / f"{name}.png", picture.getvalue())
    write_bytes(target / f"{name}.csv", table.encode())
    entry = {"name": name, "title": title, "caption": caption, "png": f"{name}.png", "csv": f"{name}.csv"}
    entries = list_figures(folder)
    places = [place for place, other in enumerate(entries) if other["name"] == name]
    if places:
        entries[places[0]] = entry
    else:
        entries.append(entry)
    write_bytes(target / "figures.json", (json.dumps(entries, indent=1, ensure_ascii=False) + "\n").encode())
    return target / f"{name}.png"


def clear_figures(folder: Path) -> None:
    """Delete the figures that ``figures.json`` lists, so that those of an earlier config do not stay in the report."""
    for entry in list_figures(folder):
        for key in ("png", "csv"):
            (folder / "figures" / Path(entry[key]).name).unlink(missing_ok=True)
    (folder / "figures" / "figures.json").unlink(missing_ok=True)


def list_figures(folder: Path) -> list[dict[str, str]]:
    """Entries of ``figures/figures.json`` in order: name, title, caption, png, csv. Empty if there are no figures yet.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder / "figures" / "figures.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [{key: str(entry[key]) for key in ("name", "title", "caption", "png", "csv")} for entry in entries]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}); delete the folder {path.parent} and run the study again.") from None


def read_data(path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a figure's CSV file: float64 where every cell is a number, else str; without the empty cells at the end."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    columns: dict[str, NDArray[Any]] = {}
    for name, *cells in zip(*rows, strict=True):
        while cells and cells[-1] == "":
            cells.pop()
        try:
            columns[name] = np.array([float(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            columns[name] = np.array(cells)
    return columns


def _csv(data: Mapping[str, ArrayLike]) -> str:
    columns: dict[str, list[Any]] = {}
    for name, values in data.items():
        array = np.asarray(values)
        if array.ndim != 1:
            raise InputError(f"column {name!r} of a figure's data must have one dimension, not shape {array.shape}.")
        columns[name] = array.tolist()  # Python numbers, whose repr round-trips
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip_longest(*columns.values(), fillvalue=""))
    return stream.getvalue()
