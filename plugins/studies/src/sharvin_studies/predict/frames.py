"""What ``sharvin predict`` found for the frames of one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sharvin_studies.predict.periodicity import Across

HEADER = ("file", "frame", "elongation_A", "conductance_G0", "std_G0", "domain_score", "outside", "note")


@dataclass
class FilePrediction:
    """What was predicted of one file: lists of the same length, nan where there is nothing."""

    file: Path
    label: str
    """Name in tables and legends."""
    frame: list[int] = field(default_factory=list)
    elongation_A: list[float] = field(default_factory=list)
    conductance_G0: list[float] = field(default_factory=list)
    std_G0: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    """Why a frame has no prediction, or one that is no conductance, by its place in the lists."""
    fewer_atoms: int = 0
    """Frames with fewer atoms than any of the training."""
    more_atoms: int = 0
    """Frames with more atoms than any of the training."""
    broken: set[int] = field(default_factory=set)
    """Places of the frames whose wire is broken."""
    negative: set[int] = field(default_factory=set)
    """Places of the predictions below zero by more than the model's error."""
    far_outside: set[int] = field(default_factory=set)
    """Places of the other predictions far outside the conductances of the training."""
    periodic: set[Across] = field(default_factory=set)
    """Along which of the transverse cell vectors the frames are periodic."""
    unread: str = ""
    """Why the rest of the file, from the frame after the last one on, could not be read."""

    @property
    def failed(self) -> list[int]:
        """Places of the frames of whole wires without a prediction."""
        return [place for place, G in enumerate(self.conductance_G0) if np.isnan(G) and place not in self.broken]

    @property
    def outside(self) -> list[bool]:
        """Whether each frame lies outside the training distribution."""
        return [score > 1.0 for score in self.score]

    def rows(self, start: int) -> Iterator[list[Any]]:
        """Lines of the CSV file from a place on."""
        for i in range(start, len(self.frame)):
            numbers = (self.elongation_A[i], self.conductance_G0[i], self.std_G0[i], self.score[i])
            outside = "" if np.isnan(self.score[i]) else int(self.score[i] > 1.0)
            cells = ["" if np.isnan(number) else number for number in numbers]
            yield [self.file, self.frame[i], *cells, outside, self.notes.get(i, "")]

    def last_row(self) -> list[Any]:
        """Line of the CSV file in place of the frames that could not be read."""
        return [self.file, *[""] * (len(HEADER) - 2), self.unread]
