"""Entry points of plugins on the path, whatever state their installations are in.

Leftovers of old installations stay on many machines: a ``.dist-info`` folder without files, one without ``METADATA``, a second
version beside the first. Those that offer no plugin are passed over; those that do are named with what is wrong.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ENTRY_POINT_GROUP = "sharvin.plugins"

DAMAGED = (TypeError, KeyError, AttributeError, ValueError, OSError, ImportError, NotImplementedError)
"""What :mod:`importlib.metadata` raises of a distribution whose files are missing or no text, over its versions."""


@dataclass(frozen=True)
class PluginEntry:
    """An entry point of the group and the distribution that it belongs to.

    Parameters
    ----------
    entry : importlib.metadata.EntryPoint
    distribution, version : str
    damage : str
        Why it cannot be used; empty if it can.
    note : str
        What its user should know.
    """

    entry: metadata.EntryPoint
    distribution: str
    version: str
    damage: str = ""
    note: str = ""


def installed_entries() -> list[PluginEntry]:
    """Entry points of all distributions on the path, each distribution once, as Python would import it."""
    whole: dict[tuple[str, str, str], PluginEntry] = {}
    damaged: dict[tuple[str, str, str], PluginEntry] = {}
    for distribution in metadata.distributions():
        for found in _of_distribution(distribution):
            key = (normalised(found.distribution), found.entry.name, found.entry.value)
            (damaged if found.damage else whole).setdefault(key, found)
    known = {(found.entry.name, found.entry.value) for found in whole.values()}
    left = [found for found in damaged.values() if (found.entry.name, found.entry.value) not in known]
    return [*whole.values(), *left]


def described(entry: metadata.EntryPoint) -> PluginEntry:
    """An entry point with its distribution, named after its package where that cannot be read."""
    name = _name(entry.dist) if entry.dist else None
    if entry.dist is None or name is None:
        return PluginEntry(entry, re.split(r"[.:]", entry.value)[0].replace("_", "-"), "0")
    return PluginEntry(entry, name, entry.dist.version or "0")


def installed(name: str) -> metadata.Distribution | None:
    """The distribution of this name that is in use: the first on the path that is no empty leftover; None if there is none."""
    return next((one for one in metadata.distributions(name=name) if _name(one) is not None), None)


def nameless_leftover() -> str:
    """A sentence on a folder such as ``-umpy-1.0.dist-info``, left by an uninstallation that was cut off; empty if there is none.

    With one on the path, :func:`importlib.metadata.entry_points` fails with a TypeError in every package that asks for them, ASE
    for one.
    """
    places = [Path(place) for place in sys.path if place]
    for folder in (found for place in places if place.is_dir() for found in place.glob("[-.]*-info")):
        if folder.name.startswith("-") or folder.name in (".dist-info", ".egg-info"):
            return f"Python cannot read what is installed, because {folder} is left over from an uninstallation: delete it."
    return ""


def normalised(name: str) -> str:
    """Name of a distribution as it is compared: ``Sharvin_Mine`` is ``sharvin-mine``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of_distribution(distribution: metadata.Distribution) -> Iterator[PluginEntry]:
    try:
        if ENTRY_POINT_GROUP not in (distribution.read_text("entry_points.txt") or ""):
            return
        place, name = _place(distribution), _name(distribution)
        entries = [entry for entry in distribution.entry_points if entry.group == ENTRY_POINT_GROUP]
    except DAMAGED as error:
        name = _name(distribution) or "unknown"
        entry = metadata.EntryPoint(name=name, value=name, group=ENTRY_POINT_GROUP)
        yield PluginEntry(entry, name, "0", f"its entry_points.txt cannot be read ({error}): reinstall it")
        return
    if name is None:
        for entry in entries:
            alone = metadata.EntryPoint(name=entry.name, value=entry.value, group=entry.group)
            found = described(alone)
            reason = f"its installation in {place} is damaged (METADATA is missing): reinstall it"
            yield PluginEntry(alone, found.distribution, found.version, reason)
        return
    copies = [one for one in metadata.distributions(name=name) if _name(one) is not None]
    versions = {(str(one.version), _place(one)): None for one in copies}
    if (str(distribution.version), place) != next(iter(versions), None):
        return  # another one of this name comes first on the path, and is the one that Python imports
    others = [f"{version} in {where}" for version, where in list(versions)[1:]]
    note = f"is installed more than once: {distribution.version} is used, {' and '.join(others)} is not" if others else ""
    for entry in entries:
        yield PluginEntry(entry, name, distribution.version or "0", note=note)


def _name(distribution: metadata.Distribution) -> str | None:
    """Name that the metadata states; None if there are none."""
    try:
        return distribution.metadata["Name"] or None
    except DAMAGED:
        return None


def _place(distribution: metadata.Distribution) -> str:
    try:
        return str(distribution.locate_file(""))
    except DAMAGED:
        return "an unknown place"
