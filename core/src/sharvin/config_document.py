"""The YAML document that a config file is: read with its line numbers, profiles laid over it, single settings changed.

What it means is the business of :mod:`sharvin.config`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sharvin.errors import InputError
from sharvin.hooks import CONFIG_KEYS
from sharvin.validation import ConfigError


def read_yaml(path: Path) -> Any:
    """The document of a file, which remembers lines; :class:`~sharvin.validation.ConfigError` if it is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the config {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"the config {path} is not a text file in UTF-8.") from None
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([f"{path}:{line}: not valid YAML: {error.problem or error.context}."]) from None


def lay_profile(document: dict[str, Any], profile: str | None, source: str) -> None:
    """Take the profiles out of a document and lay the chosen one over the rest."""
    profiles = document.pop("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(settings, dict) for settings in profiles.values()):
        raise ConfigError([f"{source}:1: profiles: a mapping of names to settings that are laid over the config."])
    if profile is None:
        return
    if profile not in profiles:
        offered = f"it has {', '.join(map(str, profiles))}" if profiles else "it has none"
        raise ConfigError([f"{source}:1: there is no profile {profile!r} in this config; {offered}."])
    for key, settings in profiles[profile].items():
        before = {"use": document[key]} if isinstance(document.get(key), str) else document.get(key)
        if (
            isinstance(settings, dict)
            and isinstance(before, dict)
            and settings.get("use", before.get("use")) == before.get("use")
        ):
            document[key] = before
            before.update(settings)
        else:
            document[key] = settings


def override(document: Any, setting: str) -> None:
    """Apply one setting ``a.b=value`` to a nested mapping in place, the value in YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    path, separator, text = setting.partition("=")
    keys = path.strip().split(".")
    if not separator or not all(keys):
        raise InputError(f"--set needs the form a.b=value, not {setting!r}.")
    try:
        value = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise InputError(f"--set {setting}: the value is not valid YAML: {error.problem}.") from None
    place = document
    for key in keys[:-1]:
        if isinstance(place.get(key), str) and key in CONFIG_KEYS.values():
            place[key] = {"use": place[key]}
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {setting}: {key} is not a mapping.")
    place[keys[-1]] = value


def line_of(document: Any, path: Sequence[Any]) -> int:
    """Line of the deepest part of a path that the file holds; 1 if none."""
    line, place = 1, document
    for key in path:
        marks = getattr(place, "lc", None)
        if marks is None or not isinstance(place, dict | list):
            break
        try:
            line = (marks.key(key) if isinstance(place, dict) else marks.item(key))[0] + 1
            place = place[key]
        except (KeyError, IndexError, TypeError):
            break
    return int(line)


def plain(value: Any) -> Any:
    """Plain Python data of a YAML document's nodes."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
