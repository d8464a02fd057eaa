"""What a config says, checked against the records and option models of the parts that it names.

Nothing here imports a package that computes. All mistakes are collected, each with the place where it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sharvin.component import Component
from sharvin.config import Config, Selection
from sharvin.config.document import Document
from sharvin.errors import InputError, MissingPackageError, SharvinError, UnknownComponentError
from sharvin.hooks import CONFIG_KEYS
from sharvin.options import Case, Options, WorkflowOptions
from sharvin.options.messages import mistakes, shown
from sharvin.plugins.entries import normalised
from sharvin.registry import Registry, known_components
from sharvin.words.suggestions import did_you_mean

RUN_KEYS = {"seed": int, "max_failures": int}
DEFAULTS: dict[str, Any] = {"seed": 0, "max_failures": 10, "executor": {"use": "processes"}}
KIND_OF = {key: kind for kind, key in CONFIG_KEYS.items()}


def mistakes_of_profile(written: Document, name: str, registry: Registry) -> list[str]:
    """Mistakes of a profile that was not chosen; files and packages that it needs may be those of another machine."""
    checker = Checker(written.with_profile(name), registry, elsewhere=True)
    checker.config()
    if not checker.problems:
        return []
    alone = Checker(written.with_profile(None), registry, elsewhere=True)
    alone.config()
    return [problem for problem in checker.problems if problem not in alone.problems]


@dataclass
class Checker:
    """Turns a document into a :class:`Config`, collecting problems on the way."""

    document: Document
    registry: Registry
    elsewhere: bool = False
    """Whether the config is for another machine, which may have files and packages that this one lacks."""
    problems: list[str] = field(default_factory=list)
    selections: dict[str, Selection] = field(default_factory=dict)
    variants: dict[str, dict[str, dict[str, Selection]]] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    """Keys set to null, where the workflow allows it."""

    def config(self) -> Config | None:
        """The config; None if there are problems."""
        values = {**DEFAULTS, **self.document.values}
        if isinstance(values["executor"], dict):
            values["executor"] = {**DEFAULTS["executor"], **values["executor"]}
        if "workflow" not in values:
            installed = ", ".join(sorted(self.registry.parts["workflows"])) or "none; install sharvin-studies"
            self.complain(("workflow",), f"name the study to run; installed: {installed}.")
        for key in values:
            if key not in RUN_KEYS and key not in KIND_OF:
                hint = did_you_mean(key, [*RUN_KEYS, *KIND_OF, "profiles"])
                self.complain((key,), f"there is no such key{hint}.")
        for key in ("workflow", *(key for key in KIND_OF if key != "workflow")):
            if key in values and values[key] is None and KIND_OF[key] in self.nullable():
                self.without.add(key)
                continue
            chosen = self.selection(key, values[key], (key,)) if key in values else None
            if chosen is not None:
                self.selections[key] = chosen
        self.selections = {key: self.selections[key] for key in KIND_OF if key in self.selections}
        numbers = {key: self.whole_number(key, values[key]) for key in RUN_KEYS}
        self.check_kinds(values)
        self.check_parts_fit(self.selections, {key: (key,) for key in self.selections})
        self.vary(values)
        if self.problems or not {"workflow", "executor"} <= self.selections.keys():
            return None
        source = self.document.source
        return Config(
            source,
            selections=self.selections,
            variants=self.variants,
            document=self.document,
            without=frozenset(self.without),
            **numbers,
        )

    def nullable(self) -> tuple[str, ...]:
        """Kinds that the workflow can do without where the config says so."""
        workflow = self.selections.get("workflow")
        if workflow is None or not isinstance(workflow.options, WorkflowOptions):
            return ()
        return (*workflow.options.optional_kinds, *workflow.options.nullable_kinds)

    def complain(self, path: Sequence[str | int], message: str) -> None:
        """Note a mistake in the value at a path."""
        place = ".".join(str(part) for part in path)
        problem = f"{self.document.place(path, message)}: {place}: {message}"
        if problem not in self.problems:
            self.problems.append(problem)

    def whole_number(self, key: str, value: Any) -> int:
        """A setting of the run that counts; 0 if it is wrong."""
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(whole, bool) or not isinstance(whole, int) or whole < 0:
            self.complain((key,), f"needs a whole number ≥ 0, not {shown(value)}.")
            return 0
        return whole

    def selection(
        self, key: str, value: Any, place: tuple[str | int, ...], own: Mapping[str, Any] | None = None
    ) -> Selection | None:
        """The component that a config key names, checked; None if something is wrong, which is then reported at its place.

        Where `value` is a case's options laid over the config's, `own` holds those of the case; mistakes in others are reported
        where the config has them.
        """
        kind = KIND_OF[key]
        options = {"use": value} if isinstance(value, str) else value
        if not isinstance(options, dict) or not isinstance(options.get("use"), str):
            offered = ", ".join(sorted(self.registry.parts[kind]))
            self.complain(place, f"needs the name of a component, for example {key}: {{use: NAME}}; installed: {offered}.")
            return None
        options = dict(options)
        name = options.pop("use")

        def at(path: Sequence[str | int]) -> tuple[str | int, ...]:
            elsewhere = own is not None and path and path[0] not in own and path[0] in options
            return (key, *path) if elsewhere else (*place, *path)

        try:
            part = self.registry.find(kind, name)
            model = self.registry.options_model(part)
            self.registry.require_packages(part)
        except SharvinError as error:
            if not (self.elsewhere and self.only_not_installed(kind, name, error)):
                self.complain((*place, "use"), str(error))
            return None
        try:
            chosen = model.model_validate(options)
        except ValidationError as error:
            told = own is not None and key not in self.selections  # what is wrong with the config's own part
            for path, sentence in mistakes(error, model, options):
                if not told or (path and own and path[0] in own):
                    self.complain(at(path), sentence)
            return None
        try:
            absent = [path for path in chosen.files() if not Path(path).expanduser().is_file()]
        except InputError as error:
            self.complain(place, str(error))
            return None
        if absent and not self.elsewhere:
            self.complain_of_files(chosen, absent, lambda file: at(_path_to(options, file)))
        return None if absent else Selection(kind, name, chosen, self.registry)

    def only_not_installed(self, kind: str, name: str, error: SharvinError) -> bool:
        """Whether a part is refused only because a package is not here: one that it needs, or the one that brings it."""
        if isinstance(error, MissingPackageError):
            return True
        owner = known_components().get(kind, {}).get(name)
        if owner is None or not isinstance(error, UnknownComponentError):
            return False
        return all(normalised(plugin.distribution) != normalised(owner) for plugin in self.registry.plugins)

    def complain_of_files(self, chosen: Options, absent: Sequence[str], at: Callable[[str], tuple[str | int, ...]]) -> None:
        """Note files that are not there, in the part's own words if it has some."""
        try:
            chosen.elements()
        except InputError as error:
            self.complain(at(absent[0]), str(error))
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # readers of users' files
            pass
        for file in absent:
            self.complain(at(file), _no_file(file))

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
        known = self.selections.keys() | self.without
        whole = all(CONFIG_KEYS[kind] in known for kind in workflow.options.needed_kinds())
        if whole and not self.problems:
            for path, sentence in workflow.options.conflicts_with({key: part.options for key, part in self.selections.items()}):
                self.complain(path, sentence)
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
            base = {"use": values[key]} if isinstance(values.get(key), str) else values.get(key)
            base = base if isinstance(base, dict) else {}
            if override is None:
                chosen.pop(key, None)
                places[key] = (*place, key)
                continue
            if not override or (key not in values and "use" not in override):
                continue
            stands_alone = case.stands_alone or override.get("use", base.get("use")) != base.get("use")
            laid, own = (override, None) if stands_alone else ({**base, **override}, override)
            found = self.selection(key, laid, (*place, key), own)
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
        for kind in options.needed_kinds():
            key = CONFIG_KEYS[kind]
            if key not in values:
                offered = ", ".join(sorted(self.registry.parts[kind]))
                null = "; or null, to do without" if kind in options.nullable_kinds else ""
                self.complain((key,), f"{workflow.name} needs a {key}; installed: {offered}{null}.")
        used = {CONFIG_KEYS[kind] for kind in (*options.needed_kinds(), *options.optional_kinds)} | {"workflow", "executor"}
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
                gives, takes = self.record(chosen[giver]).gives, self.record(chosen[taker]).takes
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
        present = self.elements("structure", structure, places)
        for key in ("potential", "hamiltonian", "descriptor"):
            if present is None or key not in chosen or not ({key, "structure"} & places.keys()):
                continue
            covered = self.elements(key, chosen[key], places)
            lacking = sorted(present - covered) if covered is not None else []
            if covered is not None and lacking:
                what = "species lack" if key == "descriptor" else "has no parameters for"
                self.complain(
                    places.get(key) or places["structure"],
                    f"{chosen[key].name} {what} {', '.join(lacking)}; it covers {', '.join(sorted(covered)) or 'no element'}.",
                )

    def elements(self, key: str, chosen: Selection | None, places: Mapping[str, tuple[str | int, ...]]) -> frozenset[str] | None:
        """Elements that a part brings or covers, None if it does not say; a file of its that is damaged is a problem."""
        if chosen is None:
            return None
        try:
            return chosen.options.elements()
        except InputError as error:
            self.complain(places.get(key, (key,)), str(error))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # readers of users' files
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.complain(places.get(key, (key,)), f"the elements of {chosen.name} cannot be read from its files: {reason}.")
        return None

    def record(self, chosen: Selection) -> Component:
        """The record of a chosen part."""
        return self.registry.find(chosen.kind, chosen.name).component

    def check_workflow_fits(
        self,
        name: str,
        options: WorkflowOptions,
        chosen: Mapping[str, Selection],
        places: Mapping[str, tuple[str | int, ...]],
    ) -> None:
        """The Hamiltonian gives the systems that the workflow needs, and the regressor takes samples that it gets."""
        if options.system_type and "hamiltonian" in places:
            gives = self.record(chosen["hamiltonian"]).gives
            if gives != options.system_type:
                needed = f"{name} needs {options.system_type} systems"
                self.complain(places["hamiltonian"], f"{needed}, but {chosen['hamiltonian'].name} gives {gives}.")
        unclear = self.document.values.get("descriptor") is not None and "descriptor" not in self.selections
        if unclear and not places.get("descriptor"):
            return
        if "regressor" in chosen and "descriptor" not in chosen and not places.keys().isdisjoint(("descriptor", "regressor")):
            takes = self.record(chosen["regressor"]).takes
            if options.sample_kind in takes:
                return
            what = f"{chosen['regressor'].name} takes {' or '.join(takes)} samples"
            if "descriptors" in (*options.kinds, *options.optional_kinds):
                place = places.get("descriptor") or (*places["regressor"][:-1], "descriptor")
                self.complain(place, f"{what}; name a descriptor that gives them.")
            else:
                self.complain(places["regressor"], f"{what}, but {name} gives {options.sample_kind}.")


def _path_to(options: Any, value: str) -> tuple[str | int, ...]:
    """Which option holds a path of a file, down into lists and mappings; empty if none does as it stands."""
    held: Iterable[tuple[str | int, Any]] = options.items() if isinstance(options, Mapping) else enumerate(options)
    for name, inner in held:
        if inner == value:
            return (name,)
        if isinstance(inner, Mapping | list) and (found := _path_to(inner, value)):
            return (name, *found)
    return ()


def _no_file(path: str) -> str:
    """What is wrong with the path of a file, and what may have been meant."""
    asked = Path(path).expanduser()
    if asked.is_dir():
        return f"{path!r} is a folder, not a file."
    try:
        beside = [entry.name for entry in asked.parent.iterdir()] if asked.parent.is_dir() else []
    except OSError:
        beside = []
    relative = "" if asked.is_absolute() else f" (relative to {Path.cwd()})"
    return f"there is no file {path!r}{relative}{did_you_mean(asked.name, beside, 0.75)}."
