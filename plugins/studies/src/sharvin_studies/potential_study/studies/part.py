"""What each of these studies leaves: numbers, a sentence, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Draw = Callable[[Path], object]


@dataclass(frozen=True)
class StudyPart:
    """Results of one study.

    Parameters
    ----------
    name : str
        Its option.
    numbers : mapping or list
        For ``results.json``.
    sentence : str
        For the summary; empty if there is nothing to say.
    tables : sequence of dict
        As the report takes them.
    draw : sequence of callable
        Each draws one figure into a run folder.
    models : mapping of str to Path
        Folders of trained potentials to keep, by the names of their places in the run folder.
    """

    name: str
    numbers: Any
    sentence: str
    tables: Sequence[dict[str, Any]]
    draw: Sequence[Draw]
    models: Mapping[str, Path] = field(default_factory=dict)
