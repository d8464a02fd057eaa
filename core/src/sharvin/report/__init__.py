"""The report of a run, and what plugins add to it through the hook ``sharvin_report``."""

from __future__ import annotations

from sharvin.report.parts import KeyNumber, ReportPart, Section, Table

__all__ = ["KeyNumber", "ReportPart", "Section", "Table"]
