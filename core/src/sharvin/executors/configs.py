"""Options of the core's executors."""

from __future__ import annotations

from pydantic import Field

from sharvin.options import Options


class SerialOptions(Options):
    """Options of ``serial``: none."""


class ProcessOptions(Options):
    """Options of ``processes``."""

    workers: int | None = Field(default=None, ge=1)
    """Worker processes; default: as many as this process may use cores. Results do not depend on it."""

    retries: int = Field(default=1, ge=0)
    """How often an item is tried again after its worker process died (an exception is never retried)."""
