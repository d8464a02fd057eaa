"""Discovery of plugins and lookup of their components by name.

Each entry point of the group ``sharvin.plugins`` is admitted on its own: one that fails to import, was written for another
API version, misspells a hook or takes a taken name is recorded as broken with the reason, and its parts are absent. A
component is imported only when it is built.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

import pluggy

from sharvin import hooks
from sharvin.commands.own import OWN_COMMANDS
from sharvin.component import SHARVIN_API, Command, Component
from sharvin.errors import InputError, MissingPackageError, SharvinError, UnknownComponentError
from sharvin.plugins.entries import PluginEntry, described, installed_entries, nameless_leftover, normalised
from sharvin.plugins.import_fence import fenced, reason_of
from sharvin.plugins.record_form import command_form_problems, entry_point_problem, form_problems
from sharvin.plugins.records import OfferedCommand, Part, Plugin, Refused
from sharvin.plugins.targets import is_installed, load_target, quotes
from sharvin.words.suggestions import did_you_mean

__all__ = ["Part", "Plugin", "Registry", "calculator", "create", "is_installed", "known_components", "load_target", "registry"]

if TYPE_CHECKING:
    from sharvin.options import Options


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
        entries = installed_entries() if entry_points is None else [described(entry) for entry in entry_points]
        if disabled is None:
            disabled = [name.strip() for name in os.environ.get("SHARVIN_DISABLE", "").split(",")]
        self._disabled = frozenset(disabled)
        self.parts: dict[str, dict[str, Part]] = {kind: {} for kind in hooks.KINDS}
        self.commands: dict[str, OfferedCommand] = {}
        self.plugins: list[Plugin] = []
        self.manager = pluggy.PluginManager("sharvin")
        self.manager.add_hookspecs(hooks)
        self._known = known_components()
        for found in sorted(entries, key=lambda found: (found.entry.name, found.entry.value)):
            self.plugins.append(self._admit(found))

    def _admit(self, found: PluginEntry) -> Plugin:
        entry = found.entry

        def plugin(status: str, reason: str = "", seconds: float = 0.0, printed: str = "") -> Plugin:
            where = found.distribution, found.version
            return Plugin(entry.name, *where, status, reason, entry.value, seconds, printed, found.note)

        if entry.name in self._disabled:
            return plugin("disabled", "named in SHARVIN_DISABLE")
        if found.damage:
            return plugin("broken", found.damage)
        taken = next((one for one in self.plugins if one.name == entry.name and one.status == "ok"), None)
        if taken is not None:
            return plugin("broken", f"{taken.distribution} already has a plugin of the name {entry.name}")
        offered = fenced(lambda: self._offers(found))
        if offered.value is None:
            assert offered.error is not None
            reason = str(offered.error) if isinstance(offered.error, Refused) else reason_of(offered.error)
            return plugin("broken", reason, offered.seconds, offered.printed)
        parts, commands = offered.value
        for part in parts:
            self.parts[part.kind][part.component.name] = part
        self.commands |= {one.command.name: one for one in commands}
        return plugin("ok", "", offered.seconds, offered.printed)

    def _offers(self, found: PluginEntry) -> tuple[list[Part], list[OfferedCommand]]:
        """Parts and commands of one entry point.

        Raises
        ------
        Refused
            If it does not follow the plugin interface; anything at all if the plugin's own code fails.
        """
        malformed = entry_point_problem(found.entry.name, found.entry.value)
        if malformed:
            raise Refused(malformed)
        module = found.entry.load()
        api = getattr(module, "SHARVIN_API", None)
        if type(api) is not int or api != SHARVIN_API:
            stated = "states no SHARVIN_API" if api is None else f"was written for SHARVIN_API {api!r}"
            raise Refused(f"{stated}; this sharvin needs SHARVIN_API = {SHARVIN_API}, a whole number")
        specified = {name for name in vars(hooks) if name.startswith("sharvin_")}
        for name in vars(module):
            if name.startswith("sharvin_") and name not in specified and callable(getattr(module, name)):
                raise Refused(f"there is no hook {name!r}{did_you_mean(name, specified)}")
            if name in specified and not hasattr(getattr(module, name), "sharvin_impl"):
                raise Refused(f"the hook {name!r} is not marked with @hookimpl")
        twice = self.manager.get_name(module)
        if twice is not None:
            raise Refused(f"{found.entry.value} is the plugin {twice} already; it needs no second entry point")
        try:
            self.manager.register(module, found.entry.name)
            return list(self._parts_of(module, found)), list(self._commands_of(module, found))
        except BaseException:
            if self.manager.get_name(module) is not None:  # also after a hook that pluggy refuses
                self.manager.unregister(module)
            raise

    def _parts_of(self, module: Any, found: PluginEntry) -> Iterator[Part]:
        seen: set[tuple[str, str]] = set()
        distribution = found.distribution
        for kind in hooks.KINDS:
            for implementation in getattr(self.manager.hook, f"sharvin_{kind}").get_hookimpls():
                if implementation.plugin is not module:
                    continue
                offered = implementation.function()
                if not isinstance(offered, list | tuple):
                    raise Refused(f"sharvin_{kind} returned a {type(offered).__name__}, not a list of Components")
                for component in offered:
                    if not isinstance(component, Component):
                        raise Refused(f"sharvin_{kind} returned a {type(component).__name__}, not a Component")
                    owner = self._known.get(kind, {}).get(component.name, distribution)
                    problems = form_problems(kind, component)
                    if problems:
                        raise Refused(f"the record of {kind}/{component.name} cannot be used: {'; '.join(problems)}")
                    taken = self.parts[kind].get(component.name)
                    if taken is not None or (kind, component.name) in seen:
                        by = taken.distribution if taken else distribution
                        raise Refused(f"the name {kind}/{component.name} is already taken by {by}")
                    if normalised(owner) != normalised(distribution):
                        raise Refused(f"the name {kind}/{component.name} is reserved for {owner}")
                    seen.add((kind, component.name))
                    yield Part(kind, component, distribution, found.version, found.entry.name)

    def _commands_of(self, module: Any, found: PluginEntry) -> Iterator[OfferedCommand]:
        seen: set[str] = set()
        for implementation in self.manager.hook.sharvin_commands.get_hookimpls():
            if implementation.plugin is not module:
                continue
            offered = implementation.function()
            if not isinstance(offered, list | tuple):
                raise Refused(f"sharvin_commands returned a {type(offered).__name__}, not a list of Commands")
            for command in offered:
                if not isinstance(command, Command):
                    raise Refused(f"sharvin_commands returned a {type(command).__name__}, not a Command")
                problems = command_form_problems(command)
                if problems:
                    raise Refused(f"the record of the command {command.name} cannot be used: {'; '.join(problems)}")
                taken = self.commands.get(command.name)
                if taken is not None or command.name in OWN_COMMANDS or command.name in seen:
                    by = taken.distribution if taken else found.distribution if command.name in seen else "sharvin-core"
                    raise Refused(f"the command {command.name} is already taken by {by}")
                owner = self._known.get("commands", {}).get(command.name, found.distribution)
                if normalised(owner) != normalised(found.distribution):
                    raise Refused(f"the command {command.name} is reserved for {owner}")
                seen.add(command.name)
                yield OfferedCommand(command, found.distribution, found.version, found.entry.name)

    def command(self, name: str) -> Any:
        """The :class:`click.Command` of this name that a plugin offers, imported now.

        Raises
        ------
        UnknownComponentError
            If there is none, with the nearest names, or the plugin that would bring it.
        InputError
            If it cannot be imported or is no click command.
        """
        import click

        offered = self.commands.get(name)
        if offered is None:
            raise self._unknown_command(name)
        target = offered.command.target
        try:
            command = load_target(target)
        except (Exception, SystemExit) as error:  # the plugin boundary: its modules may raise anything as they are imported
            raise InputError(
                f"the command {name} of {offered.distribution} is broken: {target} cannot be imported: {reason_of(error)}."
            ) from error
        if not isinstance(command, click.Command):
            raise InputError(f"the command {name} of {offered.distribution} is broken: {target} is no click.Command.")
        return command

    def _unknown_command(self, name: str) -> UnknownComponentError:
        owner = self._known.get("commands", {}).get(name)
        culprit = self._absent(name, owner)
        if culprit is not None:
            reason = culprit.reason.rstrip(".")
            return UnknownComponentError(
                f"the command {name} comes from {culprit.distribution}, which is {culprit.status}: {reason}."
            )
        if owner:
            return UnknownComponentError(f"the command {name} comes from {owner}, which is not installed: pip install {owner}")
        hint = did_you_mean(name, {*OWN_COMMANDS, *self.commands})
        return UnknownComponentError(f"there is no command {name!r}{hint}; see sharvin --help.{self._not_looked_into(hint)}")

    def find(self, kind: str, name: str) -> Part:
        """The part of this kind and name.

        Raises
        ------
        UnknownComponentError
            With the nearest names, the reason why the plugin that brings it is broken, or the pip command of a known plugin that
            offers it.
        """
        if kind not in self.parts:
            raise InputError(f"there is no kind of component {kind!r}{did_you_mean(kind, hooks.KINDS)}.")
        if name in self.parts[kind]:
            return self.parts[kind][name]
        owner = self._known.get(kind, {}).get(name)
        singular = hooks.CONFIG_KEYS[kind]
        culprit = self._absent(name, owner)
        if culprit is not None:
            reason = culprit.reason.rstrip(".")
            raise UnknownComponentError(
                f"{singular} {name!r} comes from {culprit.distribution}, which is {culprit.status}: {reason}."
            )
        if owner:
            raise UnknownComponentError(f"{singular} {name!r} comes from {owner}, which is not installed: pip install {owner}")
        offered = ", ".join(sorted(self.parts[kind])) or "none"
        hint = did_you_mean(name, self.parts[kind])
        raise UnknownComponentError(f"there is no {singular} {name!r}{hint}; installed: {offered}.{self._not_looked_into(hint)}")

    def named(self, name: str) -> list[Part]:
        """Parts that a user may mean: by name, ``kind/name``, the plugin or the distribution that brings them.

        Raises
        ------
        InputError
            If there are none, with the reason if the plugin is broken or disabled, and the nearest names.
        """
        kind, _, short = name.rpartition("/")
        kind = next((one for one, key in hooks.CONFIG_KEYS.items() if key == kind), kind)
        if kind:
            return [self.find(kind, short)]
        every = [part for parts in self.parts.values() for part in parts.values()]
        matches = [part for part in every if name in (part.component.name, part.distribution, part.plugin)]
        if matches:
            return matches
        for plugin in self.plugins:
            if name in (plugin.name, plugin.distribution):
                if plugin.status == "ok":  # one that only watches runs
                    return []
                raise InputError(f"the plugin {plugin.name} [{plugin.distribution}] is {plugin.status}: {plugin.reason}.")
        owning = next((kind for kind, names in self._known.items() if name in names), None)
        if owning is not None:
            self.find(owning, name)
        culprit = self._absent(name, None)
        if culprit is not None:
            raise InputError(f"{name} comes from {culprit.distribution}, which is {culprit.status}: {culprit.reason}.")
        hint = did_you_mean(name, {*(part.component.name for part in every), *(plugin.name for plugin in self.plugins)})
        raise InputError(f"there is no part or plugin {name!r}{hint}; see sharvin plugins list.{self._not_looked_into(hint)}")

    def _absent(self, name: str, owner: str | None) -> Plugin | None:
        """The broken or disabled plugin that brings a part: its known owner, one named like it, or one whose module names it."""
        troubled = [plugin for plugin in self.plugins if plugin.status != "ok"]
        if owner is not None:
            return next((one for one in troubled if normalised(one.distribution) == normalised(owner)), None)
        for plugin in troubled:
            if name in (plugin.name, plugin.distribution.removeprefix("sharvin-").replace("-", "_")):
                return plugin
        return next((plugin for plugin in troubled if quotes(plugin.entry_point, name)), None)

    def _not_looked_into(self, hint: str) -> str:
        """A sentence on broken plugins, one of which may bring what is missing; not where the name is just misspelt."""
        broken = [f"{plugin.name} ({plugin.reason})" for plugin in self.plugins if plugin.status == "broken"]
        return "" if hint or not broken else f" It may come from a plugin that is broken: {', '.join(broken)}."

    def options_model(self, part: Part) -> type[Options]:
        """The part's option model; imports its ``configs`` module only.

        Raises
        ------
        InputError
            If it cannot be imported or is no option model.
        """
        from sharvin.options import Options

        model: type[Options] = self._load(part, part.component.config)
        if not (isinstance(model, type) and issubclass(model, Options)):
            raise InputError(
                f"{part.title} of {part.distribution} is broken: {part.component.config} is no subclass of "
                "sharvin.options.Options."
            )
        return model

    def _load(self, part: Part, target: str) -> Any:
        try:
            return load_target(target)
        except SharvinError:
            raise
        except (Exception, SystemExit) as error:  # the plugin boundary: its modules may raise anything as they are imported
            if isinstance(error, TypeError) and nameless_leftover():
                raise InputError(nameless_leftover()) from error
            raise InputError(
                f"{part.title} of {part.distribution} is broken: {target} cannot be imported: {reason_of(error)}."
            ) from error

    def require_packages(self, part: Part) -> None:
        """Raise :class:`MissingPackageError` with the pip command if a package that the part needs is not installed."""
        missing = [name for name in part.component.needs if not is_installed(name)]
        if missing:
            extra = part.component.extra
            wanted = f"'{part.distribution}[{extra}]'" if extra else " ".join(missing)
            raise MissingPackageError(f"{part.title} needs {', '.join(missing)}: pip install {wanted}")

    def build(self, kind: str, name: str, options: dict[str, Any] | Options) -> Any:
        """Build a component from options as a user writes them, or from its already validated option model.

        Raises
        ------
        UnknownComponentError, MissingPackageError
        InputError
            If an option is wrong, or the part's code cannot be imported or fails as the part is made.
        """
        from sharvin.options.validation import validate_options

        part = self.find(kind, name)
        self.require_packages(part)
        model = self.options_model(part)
        validated = options if isinstance(options, model) else validate_options(model, dict(options), part.title)
        target = self._load(part, part.component.target)
        try:
            return target(validated)
        except SharvinError:
            raise
        except (Exception, SystemExit) as error:  # the plugin boundary: its constructor may raise anything
            reason = " ".join(str(error).split()) if isinstance(error, TypeError) else reason_of(error)
            raise InputError(f"{part.title} cannot be made: {reason.rstrip('.')}.") from error


def known_components() -> dict[str, dict[str, str]]:
    """Component name → distribution that owns it, by kind, from ``known_plugins.toml``."""
    import tomllib

    return tomllib.loads(resources.files("sharvin").joinpath("plugins", "known_plugins.toml").read_text(encoding="utf-8"))


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
    """ASE calculator of a potential: ``atoms.calc = sharvin.calculator("eam", file="Au_u3.eam")``.

    It can be copied and pickled with its atoms; the copy computes for itself.

    Raises
    ------
    UnknownComponentError, MissingPackageError, InputError
    """
    return create("potentials", name, **options).calculator()
