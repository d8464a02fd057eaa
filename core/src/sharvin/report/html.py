"""The report of a run: one self-contained HTML file built from what the run folder holds.

Everything is embedded (pictures as base64, their data as CSV, styles inline), nothing runs in the browser and nothing is fetched,
so the file can be mailed, archived and printed.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from sharvin.errors import InputError
from sharvin.figures import list_figures
from sharvin.plugins.import_fence import reason_of
from sharvin.registry import registry
from sharvin.report.numbers import duration, number
from sharvin.report.parts import KeyNumber, ReportPart
from sharvin.runs.atomic import require_writable, write_bytes

TOLD_ELSEWHERE = frozenset({"workflow", "summary", "seed", "seconds", "failures", "tables"})
"""Entries of every run that the report tells in places of their own."""

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
    parts, troubles = _parts(folder, results)
    figures = {entry["name"]: _figure(folder, entry) for entry in list_figures(folder)}
    sections, placed = _sections(parts, figures, troubles)
    html = (
        _environment()
        .get_template("report.html.j2")
        .render(
            workflow=str(results.get("workflow", "")).replace("_", " "),
            name=folder.resolve().name,
            summary=results.get("summary"),
            key_numbers=_key_numbers(results, parts),
            figures=[figure for name, figure in figures.items() if name not in placed],
            tables=[_table(table, f"in {folder / 'results.json'}") for table in results.get("tables") or []],
            sections=sections,
            troubles=troubles,
            failures=results.get("failures"),
            steps=_steps(results.get("seconds") or {}),
            total=duration(sum((results.get("seconds") or {}).values())),
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


def _parts(folder: Path, results: Mapping[str, Any]) -> tuple[list[ReportPart], list[str]]:
    """What plugins add to the report, and a sentence on each whose code fails."""
    parts, troubles = [], []
    for adder in registry().manager.hook.sharvin_report.get_hookimpls():
        arguments = {"folder": folder, "results": results}
        try:
            part = adder.function(*(arguments[name] for name in adder.argnames))
            if part is not None and not isinstance(part, ReportPart):
                raise TypeError(f"sharvin_report returned a {type(part).__name__}, not a ReportPart")
        except (Exception, SystemExit) as error:  # the plugin boundary: the report is written without it
            troubles.append(f"What the plugin {adder.plugin_name} adds to the report is missing: {reason_of(error).rstrip('.')}.")
            continue
        if part is not None:
            parts.append(part)
    return parts, troubles


def _sections(
    parts: Sequence[ReportPart], figures: Mapping[str, ReportFigure], troubles: list[str]
) -> tuple[list[dict[str, Any]], set[str]]:
    """Sections for the template and the names of the figures that they show; what is wrong with one is added to `troubles`."""
    shown, placed = [], set()
    for section in sorted((one for part in parts for one in part.sections), key=lambda one: (one.order, one.title)):
        missing = [name for name in section.figures if name not in figures]
        try:
            if missing:
                raise InputError(f"there is no figure {missing[0]!r} in the run folder.")
            tables = [_table(vars(table), f"of the section {section.title!r}") for table in section.tables]
        except InputError as error:
            troubles.append(f"The section {section.title!r} is left out: {error}")
            continue
        placed |= set(section.figures)
        drawn = [figures[name] for name in section.figures]
        shown.append({"title": section.title, "text": section.text, "tables": tables, "figures": drawn})
    return shown, placed


def _key_numbers(results: Mapping[str, Any], parts: Sequence[ReportPart]) -> list[tuple[str, str]]:
    """(name, value with unit) of the entries that plugins name in their order, then of the others.

    Lists are shown only where they are named; of entries within entries, numbers and words are shown.
    """
    named = {name: number for part in parts for name, number in part.key_numbers.items()}
    told = TOLD_ELSEWHERE.union(*(part.told_elsewhere for part in parts))
    found: dict[str, Any] = {}
    for name, value in results.items():
        if name in told:
            continue
        if isinstance(value, Mapping) and name in named and named[name].of:
            found[name] = value.get(named[name].of)
        elif isinstance(value, Mapping):
            if not any(isinstance(inner, Mapping | list) for inner in value.values()):
                found |= {f"{name}.{inner}": of_inner for inner, of_inner in value.items()}
        elif not isinstance(value, list) or name in named:
            found[name] = value
    names = [name for name in named if name in found] + [name for name in found if name not in named]
    return [_key_number(name, found[name], named.get(name)) for name in names]


def _key_number(name: str, value: Any, known: KeyNumber | None) -> tuple[str, str]:
    if known is None:
        suffix, unit = next(((suffix, unit) for suffix, unit in UNITS.items() if name.endswith(suffix)), ("", ""))
        known = KeyNumber(name.removesuffix(suffix).replace("_", " ").replace(".", ": "), unit)
    if value is None:
        return known.label, "not found"
    if isinstance(value, list):
        return known.label, f"{'–'.join(number(one, digits=3) for one in value)} {known.unit}".rstrip()
    text = known.words.get(value, value) if isinstance(value, str) else number(value, digits=3)
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


def _table(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A table with its numbers as text and a mark for the columns that hold numbers."""
    try:
        rows = [list(row) for row in table["rows"]]
        columns = [str(column) for column in table["columns"]]
        numeric = [all(isinstance(row[at], int | float) or row[at] is None for row in rows) for at in range(len(columns))]
        by_column = [_column([row[at] for row in rows]) for at in range(len(columns))]
        cells = [list(row) for row in zip(*by_column, strict=True)] if columns else []
        title, caption = str(table["title"]), str(table.get("caption", ""))
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"a table {where} is damaged ({error!r}); run the study again.") from None
    return {"title": title, "caption": caption, "columns": columns, "rows": cells, "numeric": numeric}


def _column(cells: Sequence[Any]) -> list[str]:
    """The cells of a column as text, numbers with equally many decimals where that needs few digits."""
    texts = [number(cell) for cell in cells]
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
        {"name": name, "duration": duration(value), "percent": round(100 * value / longest, 1)} for name, value in seconds.items()
    ]


def _flat(versions: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in versions.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name} · ")
        else:
            rows.append((prefix + name, str(value)))
    return rows


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
