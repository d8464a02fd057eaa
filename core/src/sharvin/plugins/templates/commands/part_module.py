"""Where the time of a run went: each step's share of the wall time, slowest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from sharvin.errors import InputError
from sharvin.report import ReportPart, Section, Table


def shares(results: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Name, wall time in s and share of the total of each step, slowest first."""
    seconds: Mapping[str, float] = results.get("seconds") or {}
    total = sum(seconds.values()) or 1.0
    return sorted(((step, spent, spent / total) for step, spent in seconds.items()), key=lambda one: -one[1])


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
def command(run: Path) -> None:
    """Print where the time of a finished RUN went."""
    try:
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{run} is no folder of a finished run ({error}); give the folder that sharvin run wrote.") from None
    for step, seconds, share in shares(results):
        click.echo(f"{step:<24} {seconds:>10.1f} s {share:>6.1%}")


def report_part(results: Mapping[str, Any]) -> ReportPart | None:
    """The same as a table of the report; nothing for a run without times."""
    rows = [[step, round(seconds, 1), round(100 * share, 1)] for step, seconds, share in shares(results)]
    if not rows:
        return None
    table = Table("Steps by their time", ["step", "wall time (s)", "share (%)"], rows, caption="Slowest first.")
    return ReportPart(sections=[Section("Where the time went", tables=[table])])
