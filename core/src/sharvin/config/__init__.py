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

from sharvin.config.document import Document, read_document
from sharvin.options import Case, Options
from sharvin.options.validation import ConfigError
from sharvin.registry import Registry
from sharvin.registry import registry as registry_of_the_installed
from sharvin.runs.source_code import code_identity, importable_beside


@dataclass(frozen=True)
class Selection:
    """A component chosen by name, with validated options; picklable, so workers can build it themselves.

    Parameters
    ----------
    kind, name : str
        Spelt as in :data:`sharvin.hooks.KINDS` and in the part's record.
    options : Options
    registry : Registry, optional
        Where the part is found; that of the installed plugins by default. It is not pickled: workers have their own.
    """

    kind: str
    name: str
    options: Options
    registry: Registry | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "registry": None}

    @property
    def parts(self) -> Registry:
        """The registry that the part is looked up in."""
        return self.registry or registry_of_the_installed()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What a step's key depends on: name, version, options, and the content of the user's files and modules.

        Of a part under development it holds the source, too: see :mod:`sharvin.runs.source_code`.
        """
        part = self.parts.find(self.kind, self.name)
        contents = {path: _digest_of_file(path) for path in self.options.files()}
        code = {module: code_identity(module) for module in (part.component.target.partition(":")[0], *self.options.modules())}
        return {
            "component": f"{part.distribution}:{self.kind}/{self.name}",
            "version": part.version,
            "code": code,
            "options": self.options.model_dump(mode="json"),
            "files": contents,
        }

    def build(self) -> Any:
        """A new component, for one that remembers something from call to call, as a regressor does after its fit."""
        return self.parts.build(self.kind, self.name, self.options)

    def built(self) -> Any:
        """The component, built once per process and then reused; for those that remember nothing."""
        key = json.dumps(self.identity, sort_keys=True)
        if key not in _BUILT:
            _BUILT[key] = self.build()
        return _BUILT[key]


_BUILT: dict[str, Any] = {}


@dataclass(frozen=True)
class Config:
    """A resolved experiment.

    ``selections`` holds a :class:`Selection` for every config key that names a component (``"structure"``, … ,
    ``"executor"``); ``workflow`` is one of them. Where the workflow's option `option` holds cases,
    ``variants[option][case][key]`` is the component of that case, for every key that it may change; a key that the case does
    without is not there.
    """

    source: str
    seed: int
    max_failures: int
    selections: Mapping[str, Selection]
    variants: Mapping[str, Mapping[str, Mapping[str, Selection]]] = field(default_factory=dict)
    document: Document | None = field(default=None, repr=False, compare=False)
    """What was read, which knows where each value was written; None if the config was made otherwise."""
    without: frozenset[str] = frozenset()
    """Keys that the config sets to null: the study does without these components."""

    @property
    def workflow(self) -> Selection:
        """The workflow and its options."""
        return self.selections["workflow"]

    def problem(self, path: Sequence[str | int], sentence: str) -> str:
        """A sentence on the value at a path, after the place where it was written, such as ``gold.yaml:7: structure: …``."""
        named = f"{'.'.join(map(str, path))}: {sentence}"
        return f"{self.document.place(path, sentence)}: {named}" if self.document else f"{self.source}: {named}"

    def place_of_case(self, option: str, name: str, key: str) -> tuple[str | int, ...]:
        """Path of the component that a case has under a config key: its own if it changes it, otherwise the config's."""
        cases: Sequence[Case] = getattr(self.workflow.options, option)
        for number, case in enumerate(cases):
            if case.name == name and getattr(case, key, None):
                return "workflow", option, number, key
        return (key,)

    def resolved(self) -> dict[str, Any]:
        """Plain data with every default written out; loading it again gives the same config."""
        data: dict[str, Any] = {"seed": self.seed, "max_failures": self.max_failures}
        for key, chosen in self.selections.items():
            data[key] = {"use": chosen.name, **chosen.options.model_dump(mode="json")}
        data |= dict.fromkeys(sorted(self.without))
        return data


def load_config(
    path: Path, overrides: Sequence[str] = (), profile: str | None = None, registry: Registry | None = None
) -> Config:
    """Read and check a config file.

    Parameters
    ----------
    path : Path
        YAML file. Modules in its folder can be imported from then on: a calculator beside the config.
    overrides : sequence of str
        ``a.b=value`` settings applied on top, values in YAML.
    profile : str, optional
        One of the file's ``profiles``, laid over the config before the overrides.
    registry : Registry, optional
        The parts that the config may name; those of the installed plugins by default.

    Raises
    ------
    ConfigError
        With one line per mistake, each with file, line and where possible a suggestion.
    """
    from sharvin.config.checker import Checker, mistakes_of_profile  # which needs this module

    importable_beside(path)
    written = read_document(path)
    document = written.with_profile(profile)
    for number, setting in enumerate(overrides):
        document = document.with_setting(setting, number + 2)
    parts = registry or registry_of_the_installed()
    checker = Checker(document, parts)
    config = checker.config()
    others = [name for name in written.profiles if name != profile]
    problems = checker.problems + [problem for name in others for problem in mistakes_of_profile(written, name, parts)]
    if config is None or problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return config


def _digest_of_file(path: str) -> str:
    with Path(path).expanduser().open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:40]
