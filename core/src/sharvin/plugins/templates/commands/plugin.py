"""The command that this distribution offers, and what it adds to the report of every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sharvin.component import Command
from sharvin.hooks import hookimpl

if TYPE_CHECKING:
    from sharvin.report import ReportPart

SHARVIN_API = 1


@hookimpl
def sharvin_commands() -> list[Command]:
    """Commands, by name: ``sharvin command-name RUN``."""
    return [
        Command(
            name="command-name",
            target="plugin_package.part_module:command",
            summary="part_summary",
        ),
    ]


@hookimpl
def sharvin_report(results: Mapping[str, Any]) -> ReportPart | None:
    """A section of the report; imported when a report is written."""
    from plugin_package.part_module import report_part

    return report_part(results)
