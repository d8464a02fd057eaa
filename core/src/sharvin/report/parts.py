"""What a plugin adds to the report of a run, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class KeyNumber:
    """How an entry of ``results.json`` is shown among the key numbers.

    Parameters
    ----------
    label : str
        What it is called on its card.
    unit : str
    words : mapping of str to str
        What its words mean, for entries that are words.
    of : str
        For an entry that is itself a mapping: which of its entries is the number.
    """

    label: str
    unit: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    of: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Parameters
    ----------
    title : str
    columns : sequence of str
        Units in the names.
    rows : sequence of sequence
        Numbers, texts, bool or None, one per column.
    caption : str
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report with its own heading.

    Parameters
    ----------
    title : str
    text : str
        One paragraph of plain text before figures and tables.
    figures : sequence of str
        Names of figures that :func:`sharvin.figures.save_figure` wrote to the run folder, in their order. They are shown here and
        not among the other figures; titles and captions are those they were saved with.
    tables : sequence of Table
    order : int
        Sections stand in ascending order, those of equal order by title, after the figures and tables of the study.
    """

    title: str
    text: str = ""
    figures: Sequence[str] = ()
    tables: Sequence[Table] = ()
    order: int = 0


@dataclass(frozen=True)
class ReportPart:
    """What one plugin adds to a report.

    Parameters
    ----------
    key_numbers : mapping of str to KeyNumber
        Entries of ``results.json`` by name, those within others as ``outer.inner``, in the order in which they are shown.
        Entries that nobody names are shown after them under their own names, with the unit at the end of the name.
    told_elsewhere : sequence of str
        Entries that are no key numbers, because figures, tables or the summary tell them.
    sections : sequence of Section
    """

    key_numbers: Mapping[str, KeyNumber] = field(default_factory=dict)
    told_elsewhere: Sequence[str] = ()
    sections: Sequence[Section] = ()
