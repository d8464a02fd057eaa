"""Configs: a YAML file to validated component selections, every mistake reported at once with its line.

Nothing here imports a package that computes: components are described by their records and option models alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sharvin.errors import InputError, SharvinError
from sharvin.hooks import CONFIG_KEYS
from sharvin.options import Options, WorkflowOptions
from sharvin.registry import Registry, registry
from sharvin.suggestions import did_you_mean
from sharvin.validation import ConfigError, explain

RUN_KEYS = {"seed": int, "max_failures": int}
DEFAULTS: dict[str, Any] = {"seed": 0, "max_failures": 10, "executor": {"use": "processes"}}
KIND_OF = {key: kind for kind, key in CONFIG_KEYS.items()}


@dataclass(frozen=True)
class Selection:
    """A component chosen by name, with validated options; picklable, so workers can build it themselves."""

    kind: str
    name: str
    options: Options

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a step's key depends on: name, version, options, and the content of the user's files."""
        part = registry().find(self.kind, self.name)
        contents = {path: _digest_of_file(path) for path in self.options.files()}
        return {
            "component": f"{part.distribution}:{self.kind}/{self.name}",
            "version": part.version,
            "options": self.options.model_dump(mode="json"),
            "files": contents,
        }

    def build(self) -> Any:
        """The component."""
        return registry().build(self.kind, self.name, self.options)

    def built(self) -> Any:
        """The component, built once a process and then reused."""
        key = json.dumps(self.identity, sort_keys=True)
        if key not in _BUILT:
            _BUILT[key] = self.build()
        return _BUILT[key]


_BUILT: dict[str, Any] = {}


@dataclass(frozen=True)
class Config:
    """A resolved experiment.

    ``selections`` holds a :class:`Selection` for every config key that names a component (``"structure"``, … ,
    ``"executor"``); ``workflow`` is one of them.
    """

    source: str
    seed: int
    max_failures: int
    selections: Mapping[str, Selection]

    @property
    def workflow(self) -> Selection:
        """The workflow and its options."""
        return self.selections["workflow"]

    def resolved(self) -> dict[str, Any]:
        """Plain data with every default written out; loading it again gives the same config."""
        data: dict[str, Any] = {"seed": self.seed, "max_failures": self.max_failures}
        for key, chosen in self.selections.items():
            data[key] = {"use": chosen.name, **chosen.options.model_dump(mode="json")}
        return data


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config file.

    Parameters
    ----------
    path : Path
        YAML file.
    overrides : sequence of str
        ``a.b=value`` settings applied on top, values in YAML.

    Raises
    ------
    ConfigError
        With one line a mistake, each with file, line and where possible a suggestion.
    """
    document = _read_yaml(path)
    for setting in overrides:
        override(document, setting)
    return _Checker(document, str(path), registry()).config()


@dataclass
class _Checker:
    """Turns a YAML document into a :class:`Config`, collecting problems on the way."""

    document: Any
    source: str
    registry: Registry
    problems: list[str] = field(default_factory=list)
    selections: dict[str, Selection] = field(default_factory=dict)

    def config(self) -> Config:
        if not isinstance(self.document, dict):
            raise ConfigError([f"{self.source}:1: a config is a mapping of names to values."])
        values = {**DEFAULTS, **self.document}
        if "workflow" not in values:
            raise ConfigError([f"{self.source}:1: workflow: name the study to run, for example workflow: break_junction."])
        for key in values:
            if key not in RUN_KEYS and key not in KIND_OF:
                hint = did_you_mean(str(key), [*RUN_KEYS, *KIND_OF])
                self.complain((key,), f"there is no such key{hint}.")
        for key in KIND_OF:
            if key in values:
                self.select(key, values[key])
        numbers = {key: self.whole_number(key, values[key]) for key in RUN_KEYS}
        self.check_kinds(values)
        self.check_parts_fit()
        if self.problems:
            raise ConfigError(self.problems)
        return Config(self.source, selections=self.selections, **numbers)

    def complain(self, path: Sequence[Any], message: str) -> None:
        place = ".".join(str(part) for part in path)
        self.problems.append(f"{self.source}:{_line_of(self.document, path)}: {place}: {message}")

    def whole_number(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.complain((key,), f"needs a whole number ≥ 0, not {value!r}.")
            return 0
        return int(value)

    def select(self, key: str, value: Any) -> None:
        kind = KIND_OF[key]
        options = {"use": value} if isinstance(value, str) else value
        if not isinstance(options, dict) or not isinstance(options.get("use"), str):
            self.complain((key,), f"needs the name of a component, for example {key}: {{use: NAME}}.")
            return
        options = plain(options)
        name = options.pop("use")
        try:
            part = self.registry.find(kind, name)
            model = self.registry.options_model(part)
            self.registry.require_packages(part)
        except SharvinError as error:
            self.complain((key, "use"), str(error))
            return
        try:
            chosen = model.model_validate(options)
        except ValidationError as error:
            for item in error.errors():
                self.complain((key, *item["loc"]), explain(item, model).split(": ", 1)[1])
            return
        missing = [path for path in chosen.files() if not Path(path).expanduser().is_file()]
        for path in missing:
            self.complain((key,), f"there is no file {path!r} (relative to {Path.cwd()}).")
        if not missing:
            self.selections[key] = Selection(kind, name, chosen)

    def check_kinds(self, values: Mapping[str, Any]) -> None:
        """The config must name what its workflow needs and nothing that it would ignore."""
        workflow = self.selections.get("workflow")
        if workflow is None or not isinstance(workflow.options, WorkflowOptions):
            return
        options = workflow.options
        if options.system_type and "hamiltonian" in self.selections:
            gives = self._record("hamiltonian").gives
            if gives != options.system_type:
                name = self.selections["hamiltonian"].name
                needed = f"{workflow.name} needs {options.system_type} systems"
                self.complain(("hamiltonian",), f"{needed}, but {name} gives {gives}.")
        for kind in options.kinds:
            key = CONFIG_KEYS[kind]
            if key not in values:
                offered = ", ".join(sorted(self.registry.parts[kind]))
                self.complain((key,), f"{workflow.name} needs a {key}; installed: {offered}.")
        used = {CONFIG_KEYS[kind] for kind in (*options.kinds, *options.optional_kinds)} | {"workflow", "executor"}
        for key in KIND_OF:
            if key in values and key not in used:
                self.complain((key,), f"{workflow.name} uses no {key}; remove it.")

    def check_parts_fit(self) -> None:
        """Sample kinds, system types and elements must fit each other."""
        for giver, taker, what in (("descriptor", "regressor", "samples"), ("hamiltonian", "transport", "systems")):
            if giver in self.selections and taker in self.selections:
                gives, takes = self._record(giver).gives, self._record(taker).takes
                if gives not in takes:
                    self.complain(
                        (taker,),
                        f"{self.selections[taker].name} takes {' or '.join(takes)} {what}, but the {giver} "
                        f"{self.selections[giver].name} gives {gives}.",
                    )
        if "regressor" in self.selections and "descriptor" not in self.document:
            takes = self._record("regressor").takes
            if "graph" not in takes:
                name = self.selections["regressor"].name
                self.complain(("descriptor",), f"{name} takes {' or '.join(takes)} samples; name a descriptor that gives them.")
        structure = self.selections.get("structure")
        present = structure.options.elements() if structure else None
        for key in ("potential", "hamiltonian"):
            if present is None or key not in self.selections:
                continue
            covered = self.selections[key].options.elements()
            lacking = sorted(present - covered) if covered is not None else []
            if covered is not None and lacking:
                self.complain(
                    (key,),
                    f"{self.selections[key].name} has no parameters for {', '.join(lacking)}; it covers "
                    f"{', '.join(sorted(covered))}.",
                )

    def _record(self, key: str) -> Any:
        chosen = self.selections[key]
        return self.registry.find(chosen.kind, chosen.name).component


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


def _read_yaml(path: Path) -> Any:
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
        if isinstance(place.get(key), str) and key in KIND_OF:
            place[key] = {"use": place[key]}
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {setting}: {key} is not a mapping.")
    place[keys[-1]] = value


def _line_of(document: Any, path: Sequence[Any]) -> int:
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


def _digest_of_file(path: str) -> str:
    with Path(path).expanduser().open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:40]
