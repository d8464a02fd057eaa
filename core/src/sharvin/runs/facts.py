"""What a run is: config, folder, executor, console, and the seeds of its items."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sharvin.config import Config
from sharvin.protocols import Executor
from sharvin.runs import seeds


@dataclass(frozen=True)
class Resume:
    """What to do with what the store already has."""

    repair: bool = False
    """Read every file and compute damaged ones anew."""
    retry_failed: bool = False
    """Try items again that failed before."""


@dataclass
class RunFacts:
    """What a run is, before its first step and after its last.

    Parameters
    ----------
    config : Config
    folder : Path
        The run folder.
    executor : Executor
        Entered already.
    console : rich.console.Console
    resume : Resume
    debug : bool
        Show the tracebacks of failed items on the console, which the log keeps in any case.
    """

    config: Config
    folder: Path
    executor: Executor
    console: Console = field(default_factory=Console)
    resume: Resume = field(default_factory=Resume)
    debug: bool = False

    @property
    def store(self) -> Path:
        """The folder that holds one folder per step and key."""
        return self.folder / "store"

    def rng(self, step: str, item: int = 0) -> np.random.Generator:
        """Random numbers of one item of one step."""
        return seeds.stream(self.config.seed, step, item)

    def seed(self, step: str, item: int = 0) -> int:
        """Positive 31-bit seed of one item of one step."""
        return seeds.item_seed(self.config.seed, step, item)

    def identity(self, *keys: str) -> dict[str, Any]:
        """What the chosen components (by config key, such as ``"potential"``) contribute to a step's key."""
        return {key: self.config.selections[key].identity for key in keys}
