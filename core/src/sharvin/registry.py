"""Discovery of plugins and lookup of their components by name.

Each entry point of the group ``sharvin.plugins`` is admitted on its own: one that fails to import, was written for another
API version, misspells a hook or takes a taken name is recorded as broken with the reason, and its parts are absent. A
component is imported only when it is built.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

import pluggy

from sharvin import hooks
from sharvin.component import SHARVIN_API, Component
from sharvin.errors import InputError, MissingPackageError, UnknownComponentError
from sharvin.suggestions import did_you_mean

if TYPE_CHECKING:
    from sharvin.options import Options

ENTRY_POINT_GROUP = "sharvin.plugins"


@dataclass(frozen=True)
class Plugin:
    """One entry point: admitted (``reason`` empty), broken or disabled."""

    name: str
    distribution: str
    version: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """A component with the plugin it came from."""

    kind: str
    component: Component
    distribution: str
    version: str

    @property
    def title(self) -> str:
        """``kind/name``, for messages."""
        return f"{self.kind}/{self.component.name}"


class Refused(Exception):
    """A plugin cannot be admitted; the message is the reason listed."""


class Registry:
    """All admitted parts, by kind and name.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Default: the installed ones.
    disabled : iterable of str, optional
        Names of entry points to leave out. Default: ``SHARVIN_DISABLE``, comma-separated.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None, disabled: Iterable[str] | None = None) -> None:
        if entry_points is None:
            entry_points = metadata.entry_points(group=ENTRY_POINT_GROUP)
        if disabled is None:
            disabled = [name.strip() for name in os.environ.get("SHARVIN_DISABLE", "").split(",")]
        self._disabled = frozenset(disabled)
        self.parts: dict[str, dict[str, Part]] = {kind: {} for kind in hooks.KINDS}
        self.plugins: list[Plugin] = []
        self.manager = pluggy.PluginManager("sharvin")
        self.manager.add_hookspecs(hooks)
        self._known = known_components()
        for entry in sorted(entry_points, key=lambda entry: (entry.name, entry.value)):
            self.plugins.append(self._admit(entry))

    def _admit(self, entry: metadata.EntryPoint) -> Plugin:
        distribution = entry.dist.name if entry.dist else entry.value.split(".")[0].replace("_", "-")
        version = entry.dist.version if entry.dist else "0"
        if entry.name in self._disabled:
            return Plugin(entry.name, distribution, version, "disabled", "named in SHARVIN_DISABLE")
        try:
            found = self._offers(entry, distribution, version)
        except Refused as refused:
            return Plugin(entry.name, distribution, version, "broken", str(refused))
        except (Exception, SystemExit) as error:  # a third party's module may raise anything; it must not stop the program
            return Plugin(entry.name, distribution, version, "broken", f"{type(error).__name__}: {error}")
        for part in found:
            self.parts[part.kind][part.component.name] = part
        return Plugin(entry.name, distribution, version, "ok")

    def _offers(self, entry: metadata.EntryPoint, distribution: str, version: str) -> list[Part]:
        """Parts of one entry point.

        Raises
        ------
        Refused
            If it does not follow the plugin interface; anything at all if the plugin's own code fails.
        """
        module = entry.load()
        api = getattr(module, "SHARVIN_API", None)
        if api != SHARVIN_API:
            stated = "states no SHARVIN_API" if api is None else f"was written for SHARVIN_API {api}"
            raise Refused(f"{stated}; this sharvin needs SHARVIN_API = {SHARVIN_API}")
        specified = {name for name in vars(hooks) if name.startswith("sharvin_")}
        for name in vars(module):
            if name.startswith("sharvin_") and name not in specified and callable(getattr(module, name)):
                raise Refused(f"there is no hook {name!r}{did_you_mean(name, specified)}")
            if name in specified and not hasattr(getattr(module, name), "sharvin_impl"):
                raise Refused(f"the hook {name!r} is not marked with @hookimpl")
        self.manager.register(module, entry.name)
        try:
            return list(self._parts_of(module, distribution, version))
        except BaseException:
            self.manager.unregister(module)
            raise

    def _parts_of(self, module: Any, distribution: str, version: str) -> Iterable[Part]:
        seen: set[tuple[str, str]] = set()
        for kind in hooks.KINDS:
            for implementation in getattr(self.manager.hook, f"sharvin_{kind}").get_hookimpls():
                if implementation.plugin is not module:
                    continue
                for component in implementation.function():
                    if not isinstance(component, Component):
                        raise Refused(f"sharvin_{kind} returned a {type(component).__name__}, not a Component")
                    owner = self._known.get(kind, {}).get(component.name, distribution)
                    taken = self.parts[kind].get(component.name)
                    if taken is not None or (kind, component.name) in seen:
                        by = taken.distribution if taken else distribution
                        raise Refused(f"the name {kind}/{component.name} is already taken by {by}")
                    if owner != distribution:
                        raise Refused(f"the name {kind}/{component.name} is reserved for {owner}")
                    seen.add((kind, component.name))
                    yield Part(kind, component, distribution, version)

    def find(self, kind: str, name: str) -> Part:
        """The part of this kind and name.

        Raises
        ------
        UnknownComponentError
            With the nearest names, or the pip command of a known plugin that offers it.
        """
        if kind not in self.parts:
            raise InputError(f"there is no kind of component {kind!r}{did_you_mean(kind, hooks.KINDS)}.")
        if name in self.parts[kind]:
            return self.parts[kind][name]
        owner = self._known.get(kind, {}).get(name)
        troubled = {plugin.distribution: plugin for plugin in self.plugins if plugin.status != "ok"}
        singular = hooks.CONFIG_KEYS[kind]
        if owner in troubled:
            plugin = troubled[owner]
            raise UnknownComponentError(f"{singular} {name!r} comes from {owner}, which is {plugin.status}: {plugin.reason}.")
        if owner:
            raise UnknownComponentError(f"{singular} {name!r} comes from {owner}, which is not installed: pip install {owner}")
        offered = ", ".join(sorted(self.parts[kind])) or "none"
        hint = did_you_mean(name, self.parts[kind])
        raise UnknownComponentError(f"there is no {singular} {name!r}{hint}; installed: {offered}.")

    def options_model(self, part: Part) -> type[Options]:
        """The part's option model; imports its ``configs`` module only."""
        model: type[Options] = load_target(part.component.config)
        return model

    def require_packages(self, part: Part) -> None:
        """Raise :class:`MissingPackageError` with the pip command if a package that the part needs is not installed."""
        missing = [name for name in part.component.needs if importlib.util.find_spec(name) is None]
        if missing:
            extra = part.component.extra
            wanted = f"'{part.distribution}[{extra}]'" if extra else " ".join(missing)
            raise MissingPackageError(f"{part.title} needs {', '.join(missing)}: pip install {wanted}")

    def build(self, kind: str, name: str, options: dict[str, Any] | Options) -> Any:
        """Build a component from options as a user writes them, or from its already validated option model."""
        from sharvin.validation import validate_options

        part = self.find(kind, name)
        self.require_packages(part)
        model = self.options_model(part)
        validated = options if isinstance(options, model) else validate_options(model, dict(options), part.title)
        return load_target(part.component.target)(validated)


def load_target(target: str) -> Any:
    """The object at ``"package.module:name"``."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def known_components() -> dict[str, dict[str, str]]:
    """Component name → distribution that owns it, by kind, from ``known_plugins.toml``."""
    import tomllib

    return tomllib.loads(resources.files("sharvin").joinpath("known_plugins.toml").read_text(encoding="utf-8"))


@cache
def registry() -> Registry:
    """The registry of the installed plugins, discovered once a process."""
    return Registry()


def create(kind: str, name: str, /, **options: Any) -> Any:
    """Build any component by name: ``create("transport", "rgf", eta_eV=1e-6)``.

    Raises
    ------
    UnknownComponentError, MissingPackageError, InputError
    """
    return registry().build(kind, name, options)


def calculator(name: str, /, **options: Any) -> Any:
    """ASE calculator of a potential: ``atoms.calc = sharvin.calculator("eam", file="Au_u3.eam")``."""
    return create("potentials", name, **options).calculator()
