"""The report of a run: one self-contained HTML file built from what the run folder holds.

Everything is embedded (pictures as base64, their data as CSV, styles inline), nothing runs in the browser and nothing is fetched,
so the file can be mailed, archived and printed.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from sharvin.atomic import require_writable, write_bytes
from sharvin.errors import InputError
from sharvin.figures import list_figures


@dataclass(frozen=True)
class KeyNumber:
    """What an entry of ``results.json`` is called on its card, its unit, and what its words mean."""

    label: str
    unit: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


KEY_NUMBERS = {
    "n_traces": KeyNumber("production pulls"),
    "n_predicted": KeyNumber("predicted conductances"),
    "n_labelled": KeyNumber("exact labels"),
    "mae_train_G0": KeyNumber("mean absolute error, training set", "G0"),
    "mae_validation_G0": KeyNumber("mean absolute error, validation set", "G0"),
    "mae_test_G0": KeyNumber("mean absolute error, test set", "G0"),
    "split_by": KeyNumber(
        "the test set holds",
        words={
            "group": "pulls never learnt from",
            "sample": "snapshots of pulls learnt from",
            "both": "pulls never learnt from",
        },
    ),
    "peak_in_window": KeyNumber("peak of the histogram", "G0"),
    "plateau_window_G0": KeyNumber("plateau window", "G0"),
    "peak_near_1G0": KeyNumber("histogram peak near 1 G0", "G0"),
    "label_cost.cpu_seconds_each": KeyNumber("CPU time of one exact label", "s"),
    "label_cost.reference_cpu_seconds_each": KeyNumber("CPU time of one snapshot computed in full", "s"),
    "label_cost.atoms": KeyNumber("atoms of a labelled structure"),
    "label_cost.orbitals": KeyNumber("orbitals of a labelled structure"),
    "n_wires": KeyNumber("disordered wires"),
    "n_transmissions": KeyNumber("exact transmissions"),
    "test_samples": KeyNumber("wires in the test set"),
    "scale": KeyNumber("numbers of wires, as a share of the config's"),
    "label_cost.cpu_seconds_per_transmission": KeyNumber("CPU time of one exact transmission", "s"),
}
"""The best-known entries of ``results.json``, those within others as ``outer.inner``; others are shown under their own names."""

TOLD_ELSEWHERE = frozenset({"workflow", "summary", "seed", "seconds", "failures", "tables", "recalibration", "timing"})
"""Entries that sections and tables of the report tell."""

UNITS = {
    "_m_per_s": "m/s",
    "_GPa": "GPa",
    "_1G0": "G0",
    "_G0": "G0",
    "_eV": "eV",
    "_fs": "fs",
    "_ps": "ps",
    "_A": "Å",
    "_K": "K",
    "_s": "s",
}
"""Units by the ending of a name; the first that fits counts."""

LARGEST_EMBEDDED_CSV = 256 * 1024


@dataclass(frozen=True)
class ReportFigure:
    """A figure as the template shows it; the picture is a data URI, or empty where its file is missing."""

    title: str
    caption: str
    picture: str
    csv_path: str
    csv_name: str
    csv_data: str


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from a run folder and return its path.

    Reads ``results.json`` (needed), ``config.yaml``, ``versions.json`` and ``figures/figures.json``; parts that are missing are
    left out with a sentence. The same folder gives the same file, byte for byte.

    Parameters
    ----------
    folder : Path
        The run folder. Of ``results.json`` are used: ``workflow``, ``summary``, ``seed``, ``seconds`` (by step), ``failures``
        (list of ``step``, ``item``, ``reason``), ``tables`` (list of ``title``, ``columns``, ``rows``, ``caption``); all other
        entries that are numbers or words are shown as key numbers.

    Raises
    ------
    InputError
        If the folder is no run folder or cannot be written, its run has not finished, or one of its files is damaged.
    """
    folder = Path(folder)
    results = _read_results(folder)
    require_writable(folder, "the run folder")
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            workflow=str(results.get("workflow", "")).replace("_", " "),
            name=folder.resolve().name,
            summary=results.get("summary"),
            key_numbers=_key_numbers(results),
            figures=[_figure(folder, entry) for entry in list_figures(folder)],
            tables=[_table(table, folder) for table in results.get("tables") or []],
            failures=results.get("failures"),
            steps=_steps(results.get("seconds") or {}),
            total=_duration(sum((results.get("seconds") or {}).values())),
            seed=results.get("seed"),
            versions=_flat(_read_json(folder / "versions.json") or {}),
            config=_read_text(folder / "config.yaml"),
        )
    )
    path = folder / "report.html"
    write_bytes(path, html.encode())
    return path


def _read_results(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(f"there is no run folder {folder}; give the folder that `sharvin run … --out` wrote.")
    results = _read_json(folder / "results.json")
    if results is None:
        if (folder / "config.yaml").exists():
            raise InputError(f"the run in {folder} has not finished (no results.json); run it again with this --out to resume.")
        raise InputError(f"{folder} is not a run folder (no results.json); give the folder that `sharvin run … --out` wrote.")
    if not isinstance(results, dict):
        raise InputError(f"{folder / 'results.json'} must hold a JSON object; run the study again.")
    for key, kind in (("seconds", dict), ("failures", list), ("tables", list)):
        if not isinstance(results.get(key, kind()), kind):
            raise InputError(f"{key!r} in {folder / 'results.json'} must be a {kind.__name__}; run the study again.")
    return results


def _read_json(path: Path) -> Any:
    text = _read_text(path)
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); run the study again.") from None


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is damaged ({error}); run the study again.") from None


def _key_numbers(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value with unit) of the known entries in their order, then of the others; lists are told by tables and figures."""
    found: dict[str, Any] = {}
    units: dict[str, str] = {}
    for name, value in results.items():
        if name in TOLD_ELSEWHERE or _says_nothing(name, value, results):
            continue
        if isinstance(value, Mapping) and "position_G0" in value:  # a histogram's peak
            found[name] = value["position_G0"]
        elif isinstance(value, Mapping):
            if not any(isinstance(part, Mapping | list) for part in value.values()):
                found |= {f"{name}.{part}": of_part for part, of_part in value.items()}
                unit = str(value.get("quantity", "")).partition("(")[2].rstrip(")")  # of "on-site shift (eV)"
                units |= {f"{name}.{part}": unit for part, of_part in value.items() if isinstance(of_part, float)}
        elif not isinstance(value, list) or name in KEY_NUMBERS:
            found[name] = value
    names = [name for name in KEY_NUMBERS if name in found] + [name for name in found if name not in KEY_NUMBERS]
    return [_key_number(name, found[name], units.get(name, "")) for name in names]


def _says_nothing(name: str, value: Any, results: Mapping[str, Any]) -> bool:
    """Whether another card says the same, or the value is what a reader assumes."""
    return (name == "peak_near_1G0" and "peak_in_window" in results) or (name == "scale" and value == 1)


def _key_number(name: str, value: Any, unit_of_quantity: str) -> tuple[str, str]:
    suffix, unit = next(((suffix, unit) for suffix, unit in UNITS.items() if name.endswith(suffix)), ("", unit_of_quantity))
    known = KEY_NUMBERS.get(name) or KeyNumber(name.removesuffix(suffix).replace("_", " ").replace(".", ": "), unit)
    if value is None:
        return known.label, "not found"
    if isinstance(value, list):
        return known.label, f"{'–'.join(_number(one, digits=3) for one in value)} {known.unit}".rstrip()
    text = known.words.get(value, value) if isinstance(value, str) else _number(value, digits=3)
    return known.label, f"{text} {known.unit}".rstrip()


def _figure(folder: Path, entry: Mapping[str, str]) -> ReportFigure:
    pictures = (folder / "figures").resolve()
    png, table = (pictures / entry[key] for key in ("png", "csv"))
    for path in (png, table):
        if path.resolve().parent != pictures:  # figures.json of a stranger's folder must not embed other files of this machine
            raise InputError(f"{folder / 'figures' / 'figures.json'} names {path}, which is not in that folder.")
    csv_data = ""
    if table.exists() and table.stat().st_size <= LARGEST_EMBEDDED_CSV:
        csv_data = _data_uri(table, "text/csv")
    return ReportFigure(
        title=entry["title"],
        caption=entry["caption"],
        picture=_data_uri(png, "image/png") if png.exists() else "",
        csv_path=f"figures/{table.name}",
        csv_name=table.name,
        csv_data=csv_data,
    )


def _data_uri(path: Path, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _table(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A table with its numbers as text and a mark for the columns that hold numbers."""
    try:
        rows = [list(row) for row in table["rows"]]
        columns = [str(column) for column in table["columns"]]
        numeric = [all(isinstance(row[at], int | float) or row[at] is None for row in rows) for at in range(len(columns))]
        by_column = [_column([row[at] for row in rows]) for at in range(len(columns))]
        cells = [list(row) for row in zip(*by_column, strict=True)] if columns else []
        title, caption = str(table["title"]), str(table.get("caption", ""))
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"a table in {folder / 'results.json'} is damaged ({error!r}); run the study again.") from None
    return {"title": title, "caption": caption, "columns": columns, "rows": cells, "numeric": numeric}


def _column(cells: Sequence[Any]) -> list[str]:
    """The cells of a column as text, numbers with equally many decimals where that needs few digits."""
    texts = [_number(cell) for cell in cells]
    numbers = [cell for cell in cells if isinstance(cell, float) and math.isfinite(cell)]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    if not numbers or any("e" in text for text in texts) or max(map(abs, numbers)) * 10**decimals >= 1e7:
        return texts
    return [
        f"{cell:,.{decimals}f}".replace("-", "−") if isinstance(cell, float) and math.isfinite(cell) else text
        for cell, text in zip(cells, texts, strict=True)
    ]


def _steps(seconds: Mapping[str, float]) -> list[dict[str, Any]]:
    longest = max([*seconds.values(), 1e-9])
    return [
        {"name": name, "duration": _duration(value), "percent": round(100 * value / longest, 1)}
        for name, value in seconds.items()
    ]


def _flat(versions: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in versions.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name} · ")
        else:
            rows.append((prefix + name, str(value)))
    return rows


def _number(value: Any, digits: int = 4) -> str:
    """Number as text: integers with thousands separators, others with so many significant digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
        if 10.0**digits <= abs(value) < 1e7:
            return f"{value:,.0f}".replace("-", "−")
        mantissa, exponent, power = f"{value:.{digits}g}".partition("e")
        return mantissa.replace("-", "−") + exponent + power
    return str(value)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
