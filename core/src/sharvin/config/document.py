"""The YAML document that a config file is: plain values, and the place where each of them was written.

Profiles and single settings are laid over it, and what they change remembers that it came from them. What the values mean is the
business of :mod:`sharvin.config`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharvin.config.yaml_mistakes import mistake
from sharvin.errors import InputError
from sharvin.hooks import CONFIG_KEYS
from sharvin.options.validation import ConfigError
from sharvin.words.suggestions import did_you_mean

SHOWN = 70
"""Characters of a setting that are repeated."""
Key = str | int
KeyPath = tuple[Key, ...]


@dataclass(frozen=True)
class Place:
    """Where a value was written: in words, and in which layer; higher layers lie over lower ones."""

    words: str
    layer: int = 0


@dataclass
class Document:
    """Values by name, the places where they were written, and the profiles that may be laid over them.

    Parameters
    ----------
    source : str
        The file, as messages call it.
    values : dict
        Plain data.
    places : dict
        Place of the values by their paths; what has none was written where the value that holds it was.
    profiles : dict
        Settings of each profile, a document each.
    """

    source: str
    values: dict[str, Any]
    places: dict[KeyPath, Place] = field(default_factory=dict)
    profiles: dict[str, Document] = field(default_factory=dict)

    def place(self, path: Sequence[Key], message: str = "") -> str:
        """Where the value at a path was written, or the deepest part of the path that was written at all.

        Of several options that a message about a component names, it is where the last layer has set one of them: what a profile
        or setting changed is more likely to be at fault than what it was laid over. In one layer the longest name counts: short
        ones are words, too.
        """
        path = tuple(path)
        value: Any = self.values
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                value = None
                break
        if isinstance(value, dict):
            named = [name for name in value if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message)]
            written = [(self.places[*path, name], name) for name in named if (*path, name) in self.places]
            if written:
                return max(written, key=lambda one: (one[0].layer, len(one[1])))[0].words
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]].words
        return f"{self.source}:1"

    def with_profile(self, name: str | None) -> Document:
        """A copy with a profile laid over it: components are merged, lists replaced.

        Raises
        ------
        ConfigError
            If there is no such profile.
        """
        laid = Document(self.source, deepcopy(self.values), dict(self.places), self.profiles)
        if name is None:
            return laid
        if name not in self.profiles:
            offered = f"it has {', '.join(self.profiles)}" if self.profiles else "it has none"
            hint = did_you_mean(name, self.profiles)
            raise ConfigError([f"{self.source}:1: there is no profile {name!r} in this config{hint}; {offered}."])
        over = self.profiles[name]
        for key, settings in over.values.items():
            before = _component(laid.values.get(key))
            merged = isinstance(settings, dict) and isinstance(before, dict)
            if merged and settings.get("use", before.get("use")) == before.get("use"):
                laid.values[key] = before
                for option, value in settings.items():
                    laid._put((key, option), value, over.places)
            else:
                laid._put((key,), settings, over.places)
        return laid

    def with_setting(self, setting: str, layer: int) -> Document:
        """A copy with one setting ``a.b=value`` applied, the value in YAML.

        Raises
        ------
        InputError
            If the setting is not of this form.
        """
        path, value = _parsed(setting)
        changed = Document(self.source, deepcopy(self.values), dict(self.places), self.profiles)
        place = Place(f"--set {setting if len(setting) <= SHOWN else setting[: SHOWN - 1] + '…'}", layer)
        new = _set(changed.values, path, value, setting)
        changed.places = {at: kept for at, kept in changed.places.items() if at[: len(path)] != path} | dict.fromkeys(new, place)
        return changed

    def _put(self, path: KeyPath, value: Any, places: Mapping[KeyPath, Place]) -> None:
        """Replace the value at a path, whose places are among `places`; what holds it must be there."""
        holder: Any = self.values
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        kept = {at: place for at, place in self.places.items() if at[: len(path)] != path}
        kept.update({at: place for at, place in places.items() if at[: len(path)] == path})
        self.places = kept


def override(values: dict[str, Any], setting: str) -> None:
    """Apply one setting ``a.b=value`` to a nested mapping in place, the value in YAML.

    Raises
    ------
    InputError
        If the setting is not of this form.
    """
    path, value = _parsed(setting)
    _set(values, path, value, setting)


def _parsed(setting: str) -> tuple[tuple[str, ...], Any]:
    """Path and value of a setting."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    dotted, separator, text = setting.partition("=")
    path = tuple(dotted.strip().split("."))
    if not separator or not all(path):
        raise InputError(f"--set needs the form a.b=value, not {setting!r}.")
    try:
        return path, YAML(typ="safe").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        reason = mistake(error, text)[1].removeprefix("not valid YAML: ")
        raise InputError(f"--set {setting}: the value is not valid YAML: {reason}") from None


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any, setting: str) -> list[KeyPath]:
    """Set a value in nested mappings; returns the paths that are new."""
    new: list[KeyPath] = [path]
    holder = values
    for depth, key in enumerate(path[:-1]):
        if key not in holder:
            new.append(path[: depth + 1])
        elif depth == 0 and key in CONFIG_KEYS.values():
            holder[key] = _component(holder[key])
        holder = holder.setdefault(key, {})
        if not isinstance(holder, dict):
            raise InputError(f"--set {setting}: {'.'.join(path[: depth + 1])} is not a mapping of names to values.")
    holder[path[-1]] = value
    return new


def _component(value: Any) -> Any:
    """What a config key holds, a name alone written out."""
    return {"use": value} if isinstance(value, str) else value


def read_document(path: Path) -> Document:
    """The document of a config file.

    Raises
    ------
    InputError
        If the file cannot be read.
    ConfigError
        If it is no YAML, or not a mapping of names to values.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if path.is_dir():
        raise InputError(f"{path} is a folder, not a config: name a YAML file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"there is no config {path}.") from None
    except OSError as error:
        raise InputError(f"cannot read the config {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"the config {path} is not a text file in UTF-8; save it as UTF-8.") from None
    try:
        tree = YAML(typ="rt").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        line, sentence = mistake(error, text)
        raise ConfigError([f"{path}:{line}: {sentence}"]) from None
    if tree is None:
        raise ConfigError([f"{path}:1: the config is empty; see the examples for what a study needs."])
    if not isinstance(tree, dict):
        raise ConfigError([f"{path}:1: a config is a mapping of names to values, such as seed: 1."])
    return _document(tree, str(path))


def _document(tree: dict[Any, Any], source: str) -> Document:
    places: dict[KeyPath, Place] = {}
    values = _plain(tree, (), source, places)
    profiles = values.pop("profiles", None)
    if profiles is None:
        profiles = {}
    document = Document(source, values, {at: place for at, place in places.items() if at[0] != "profiles"})
    if not isinstance(profiles, dict):
        where = places.get(("profiles",), Place(f"{source}:1")).words
        raise ConfigError([f"{where}: profiles: needs a mapping of names to settings that are laid over the config."])
    for name, settings in profiles.items():
        at: KeyPath = ("profiles", name)
        if not isinstance(settings, dict):
            where = places.get(at, Place(f"{source}:1")).words
            raise ConfigError([f"{where}: profiles.{name}: needs a mapping of names to settings that are laid over the config."])
        own = {path[2:]: Place(f"{place.words} (profile {name})", 1) for path, place in places.items() if path[:2] == at}
        document.profiles[name] = Document(source, settings, own)
    return document


def _plain(node: Any, path: KeyPath, source: str, places: dict[KeyPath, Place]) -> Any:
    """Plain data of a YAML node; notes the lines of all that it holds."""
    from ruamel.yaml.comments import TaggedScalar
    from ruamel.yaml.scalarbool import ScalarBoolean

    if isinstance(node, dict):
        found = {}
        for key, item in node.items():
            at = (*path, str(key))
            _note(node, key, at, source, places)
            found[str(key)] = _plain(item, at, source, places)
        return found
    if isinstance(node, list):
        for number in range(len(node)):
            _note(node, number, (*path, number), source, places)
        return [_plain(item, (*path, number), source, places) for number, item in enumerate(node)]
    if isinstance(node, TaggedScalar):
        where = places.get(path, Place(f"{source}:1")).words
        raise ConfigError([f"{where}: {'.'.join(map(str, path))}: tags of YAML (!…) have no meaning here; remove it."])
    for kind, base in ((bool, ScalarBoolean), (bool, bool), (int, int), (float, float), (str, str)):
        if isinstance(node, base):
            return kind(node)
    return node


def _note(node: Any, key: Any, path: KeyPath, source: str, places: dict[KeyPath, Place]) -> None:
    """Note the line of a key of a mapping or of an item of a list; what YAML's merge key (<<) brings has none."""
    try:
        marks = node.lc
        line = (marks.key(key) if isinstance(node, dict) else marks.item(key))[0] + 1
    except (AttributeError, KeyError, IndexError, TypeError):
        return
    places[path] = Place(f"{source}:{line}")
