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

from sharvin.component import Component
from sharvin.config_document import lay_profile, line_of, override, plain, read_yaml
from sharvin.errors import SharvinError
from sharvin.hooks import CONFIG_KEYS
from sharvin.options import Case, Options, WorkflowOptions
from sharvin.registry import Registry, registry
from sharvin.suggestions import did_you_mean
from sharvin.validation import ConfigError, mistakes

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
        """A new component, for one that remembers something from call to call, as a regressor does after its fit."""
        return registry().build(self.kind, self.name, self.options)

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


def load_config(path: Path, overrides: Sequence[str] = (), profile: str | None = None) -> Config:
    """Read and check a config file.

    Parameters
    ----------
    path : Path
        YAML file.
    overrides : sequence of str
        ``a.b=value`` settings applied on top, values in YAML.
    profile : str, optional
        One of the file's ``profiles``, laid over the config before the overrides.

    Raises
    ------
    ConfigError
        With one line a mistake, each with file, line and where possible a suggestion.
    """
    document = read_yaml(path)
    if isinstance(document, dict):
        lay_profile(document, profile, str(path))
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
    variants: dict[str, dict[str, dict[str, Selection]]] = field(default_factory=dict)

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
            chosen = self.selection(key, values[key], (key,)) if key in values else None
            if chosen is not None:
                self.selections[key] = chosen
        numbers = {key: self.whole_number(key, values[key]) for key in RUN_KEYS}
        self.check_kinds(values)
        self.check_parts_fit(self.selections, {key: (key,) for key in self.selections})
        self.vary(values)
        if self.problems:
            raise ConfigError(self.problems)
        return Config(self.source, selections=self.selections, variants=self.variants, **numbers)

    def complain(self, path: Sequence[Any], message: str) -> None:
        place = ".".join(str(part) for part in path)
        self.problems.append(f"{self.source}:{line_of(self.document, path)}: {place}: {message}")

    def whole_number(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.complain((key,), f"needs a whole number ≥ 0, not {value!r}.")
            return 0
        return int(value)

    def selection(self, key: str, value: Any, place: tuple[str | int, ...]) -> Selection | None:
        """The component that a config key names, checked; None if something is wrong, which is then reported at its place."""
        kind = KIND_OF[key]
        options = {"use": value} if isinstance(value, str) else value
        if not isinstance(options, dict) or not isinstance(options.get("use"), str):
            self.complain(place, f"needs the name of a component, for example {key}: {{use: NAME}}.")
            return None
        options = plain(options)
        name = options.pop("use")
        try:
            part = self.registry.find(kind, name)
            model = self.registry.options_model(part)
            self.registry.require_packages(part)
        except SharvinError as error:
            self.complain((*place, "use"), str(error))
            return None
        try:
            chosen = model.model_validate(options)
        except ValidationError as error:
            for within, sentence in mistakes(error, model):
                self.complain((*place, *within), sentence)
            return None
        missing = [path for path in chosen.files() if not Path(path).expanduser().is_file()]
        for path in missing:
            self.complain(place, f"there is no file {path!r} (relative to {Path.cwd()}).")
        return None if missing else Selection(kind, name, chosen)

    def vary(self, values: Mapping[str, Any]) -> None:
        """Components of the workflow's cases: what a case overrides is laid over what the config chose, and checked like it."""
        workflow = self.selections.get("workflow")
        if workflow is None or not isinstance(workflow.options, WorkflowOptions):
            return
        wrong = len(self.problems)
        for option in workflow.options.cases_options:
            cases: Sequence[Case] = getattr(workflow.options, option)
            self.variants[option] = {
                case.name: self.varied(case, values, ("workflow", option, number)) for number, case in enumerate(cases)
            }
            twice = sorted({case.name for case in cases if sum(other.name == case.name for other in cases) > 1})
            if twice:
                self.complain(("workflow", option), f"two cases are named {twice[0]}; give each case a name of its own.")
        whole = all(CONFIG_KEYS[kind] in self.selections for kind in workflow.options.kinds)
        if whole and len(self.problems) == wrong:
            options = {
                option: {name: {key: part.options for key, part in parts.items()} for name, parts in cases.items()}
                for option, cases in self.variants.items()
            }
            for path, sentence in workflow.options.conflicts(options):
                self.complain(("workflow", *path), sentence)

    def varied(self, case: Case, values: Mapping[str, Any], place: tuple[str | int, ...]) -> dict[str, Selection]:
        """Components of one case, for every key that it may change."""
        places: dict[str, tuple[str | int, ...]] = {}
        chosen = dict(self.selections)
        for key in case.overrides:
            override = getattr(case, key)
            base = {"use": values[key]} if isinstance(values.get(key), str) else values.get(key, {})
            if override is None:
                chosen.pop(key, None)
                places[key] = (*place, key)
                continue
            if not override or (key not in self.selections and "use" not in override):
                continue
            stands_alone = override.get("use", base.get("use")) != base.get("use")
            found = self.selection(key, override if stands_alone else {**base, **override}, (*place, key))
            if found is not None:
                chosen[key], places[key] = found, (*place, key)
        self.check_parts_fit(chosen, places)
        return {key: chosen[key] for key in case.overrides if key in chosen}

    def check_kinds(self, values: Mapping[str, Any]) -> None:
        """The config must name what its workflow needs and nothing that it would ignore."""
        workflow = self.selections.get("workflow")
        if workflow is None or not isinstance(workflow.options, WorkflowOptions):
            return
        options = workflow.options
        for kind in options.kinds:
            key = CONFIG_KEYS[kind]
            if key not in values:
                offered = ", ".join(sorted(self.registry.parts[kind]))
                self.complain((key,), f"{workflow.name} needs a {key}; installed: {offered}.")
        used = {CONFIG_KEYS[kind] for kind in (*options.kinds, *options.optional_kinds)} | {"workflow", "executor"}
        for key in KIND_OF:
            if key in values and key not in used:
                self.complain((key,), f"{workflow.name} uses no {key}; remove it.")

    def check_parts_fit(self, chosen: Mapping[str, Selection], places: Mapping[str, tuple[str | int, ...]]) -> None:
        """Sample kinds, system types and elements of components must fit each other.

        Parameters
        ----------
        chosen : mapping of str to Selection
        places : mapping of str to path
            The components in question, by key, and those that a case does without; the others are known to fit.
        """
        for giver, taker, what in (("descriptor", "regressor", "samples"), ("hamiltonian", "transport", "systems")):
            if giver in chosen and taker in chosen and (giver in places or taker in places):
                gives, takes = _record(chosen[giver]).gives, _record(chosen[taker]).takes
                if gives not in takes:
                    self.complain(
                        places.get(taker) or places[giver],
                        f"{chosen[taker].name} takes {' or '.join(takes)} {what}, but the {giver} "
                        f"{chosen[giver].name} gives {gives}.",
                    )
        workflow = chosen.get("workflow")
        if workflow is not None and isinstance(workflow.options, WorkflowOptions):
            self.check_workflow_fits(workflow.name, workflow.options, chosen, places)
        structure = chosen.get("structure")
        present = structure.options.elements() if structure else None
        for key in ("potential", "hamiltonian"):
            if present is None or key not in places or key not in chosen:
                continue
            covered = chosen[key].options.elements()
            lacking = sorted(present - covered) if covered is not None else []
            if covered is not None and lacking:
                self.complain(
                    places[key],
                    f"{chosen[key].name} has no parameters for {', '.join(lacking)}; it covers {', '.join(sorted(covered))}.",
                )

    def check_workflow_fits(
        self,
        name: str,
        options: WorkflowOptions,
        chosen: Mapping[str, Selection],
        places: Mapping[str, tuple[str | int, ...]],
    ) -> None:
        """The Hamiltonian gives the systems that the workflow needs, and the regressor takes samples that it gets."""
        if options.system_type and "hamiltonian" in places:
            gives = _record(chosen["hamiltonian"]).gives
            if gives != options.system_type:
                needed = f"{name} needs {options.system_type} systems"
                self.complain(places["hamiltonian"], f"{needed}, but {chosen['hamiltonian'].name} gives {gives}.")
        if "regressor" in chosen and "descriptor" not in chosen and not places.keys().isdisjoint(("descriptor", "regressor")):
            takes = _record(chosen["regressor"]).takes
            if options.sample_kind in takes:
                return
            what = f"{chosen['regressor'].name} takes {' or '.join(takes)} samples"
            if "descriptors" in (*options.kinds, *options.optional_kinds):
                place = places.get("descriptor") or (*places["regressor"][:-1], "descriptor")
                self.complain(place, f"{what}; name a descriptor that gives them.")
            else:
                self.complain(places["regressor"], f"{what}, but {name} gives {options.sample_kind}.")


def _record(chosen: Selection) -> Component:
    return registry().find(chosen.kind, chosen.name).component


def _digest_of_file(path: str) -> str:
    with Path(path).expanduser().open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:40]
