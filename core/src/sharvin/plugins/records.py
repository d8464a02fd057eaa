"""What the registry knows of plugins: each entry point with its state, its parts, its commands."""

from __future__ import annotations

from dataclasses import dataclass

from sharvin.component import Command, Component

SLOW_SECONDS = 0.5
"""A plugin that takes longer to import is named, because every command waits for it."""


@dataclass(frozen=True)
class Plugin:
    """One entry point: admitted (``reason`` empty), broken or disabled.

    Parameters
    ----------
    name, distribution, version : str
    status : str
        ``ok``, ``broken`` or ``disabled``.
    reason : str
        Why it is not ok.
    entry_point : str
        ``"package.module"``.
    seconds : float
        Wall time of its import.
    printed : str
        What it printed as it was imported, which was held back.
    note : str
        What is odd about its installation; it comes after the plugin's name in a sentence.
    """

    name: str
    distribution: str
    version: str
    status: str
    reason: str = ""
    entry_point: str = ""
    seconds: float = 0.0
    printed: str = ""
    note: str = ""

    @property
    def slowness(self) -> str:
        """A sentence that names a plugin for which every command waits; empty if its import is quick."""
        if self.seconds <= SLOW_SECONDS:
            return ""
        return f"plugin {self.name} took {self.seconds:.1f} s to import, and every command waits for it"

    @property
    def remarks(self) -> list[str]:
        """Sentences on what is odd although it may work: its installation, what it printed."""
        printed = f"plugin {self.name} printed as it was imported: {self.printed.splitlines()[0][:100]}" if self.printed else ""
        return [remark for remark in (self.note and f"plugin {self.name} {self.note}", printed) if remark]


@dataclass(frozen=True)
class Part:
    """A component with the plugin it came from."""

    kind: str
    component: Component
    distribution: str
    version: str
    plugin: str = ""

    @property
    def title(self) -> str:
        """``kind/name``, for messages."""
        return f"{self.kind}/{self.component.name}"


@dataclass(frozen=True)
class OfferedCommand:
    """A command with the distribution and the plugin that it came from."""

    command: Command
    distribution: str
    version: str
    plugin: str


class Refused(Exception):
    """A plugin cannot be admitted; the message is the reason listed."""
