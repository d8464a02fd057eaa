"""Options of series of samples."""

from __future__ import annotations

from typing import Any, ClassVar

from sharvin.options import Case


class SampleSeries(Case):
    """A series of samples under a condition of its own."""

    overrides: ClassVar[tuple[str, ...]] = ("dynamics",)

    dynamics: dict[str, Any]
    """Options of the dynamics that differ from the config's."""
