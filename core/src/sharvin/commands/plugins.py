"""``sharvin plugins``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sharvin.commands.session import Commands
from sharvin.hooks import KINDS


@click.group(cls=Commands)
def plugins() -> None:
    """Installed plugins and their parts."""


@plugins.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List parts by kind, and plugins that are broken or disabled, with the reason."""
    from sharvin.registry import registry

    found = registry()
    kinds = [kind] if kind else list(KINDS)
    commands = {} if kind else dict(sorted(found.commands.items()))
    if as_json:
        click.echo(json.dumps(_listing(found, kinds, commands), indent=2))
        return
    for name in kinds:
        click.echo(click.style(name, bold=True))
        for part in sorted(found.parts[name].values(), key=lambda part: part.component.name):
            click.echo(f"  {part.component.name:<16} {part.component.summary}  [{part.distribution} {part.version}]")
        if not found.parts[name]:
            click.echo("  none")
    if commands:
        click.echo(click.style("commands", bold=True))
    for name, offered in commands.items():
        click.echo(f"  {name:<16} {offered.command.summary}  [{offered.distribution} {offered.version}]")
    for plugin in found.plugins:
        if plugin.status != "ok":
            colour = "red" if plugin.status == "broken" else "yellow"
            click.echo(click.style(f"{plugin.status}: {plugin.name} [{plugin.distribution}]: {plugin.reason}", fg=colour))
    for plugin in found.plugins:
        for remark in plugin.remarks:
            click.echo(click.style(f"note: {remark}", fg="yellow"))


def _listing(found: Any, kinds: list[str], commands: dict[str, Any]) -> dict[str, Any]:
    return {
        "parts": {
            kind: {
                name: {
                    "summary": part.component.summary,
                    "distribution": part.distribution,
                    "version": part.version,
                    "needs": list(part.component.needs),
                }
                for name, part in sorted(found.parts[kind].items())
            }
            for kind in kinds
        },
        "commands": {
            name: {"summary": one.command.summary, "distribution": one.distribution, "version": one.version}
            for name, one in commands.items()
        },
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "status": plugin.status,
                "reason": plugin.reason,
                "remarks": plugin.remarks,
                "seconds": round(plugin.seconds, 3),
            }
            for plugin in found.plugins
        ],
    }


@plugins.command("show")
@click.argument("name")
def show_plugin(name: str) -> None:
    """Show a part (NAME or KIND/NAME) with its options, or all parts of a plugin."""
    from sharvin.registry import registry

    found = registry()
    matches = found.named(name)
    offered = [one for one in found.commands.values() if name in (one.plugin, one.distribution)]
    if not matches and not offered:
        click.echo(f"{name} offers no parts and no commands; it watches runs.")
    for part in matches:
        component = part.component
        click.echo(f"{part.title}: {component.summary}  [{part.distribution} {part.version}]")
        for label, values in (("takes", component.takes), ("gives", (component.gives,)), ("needs", component.needs)):
            if any(values):
                click.echo(f"  {label}: {', '.join(values)}")
        _show_options(found.options_model(part))
    for one in offered:
        click.echo(f"command {one.command.name}: {one.command.summary}  [{one.distribution} {one.version}]")
    for plugin in found.plugins:
        if plugin.name in {part.plugin for part in matches}:
            for remark in plugin.remarks:
                click.echo(click.style(f"note: {remark}", fg="yellow"))


def _show_options(model: Any, before: str = "", around: tuple[Any, ...] = ()) -> None:
    """Options with type, default and text; those of models within follow under the option that holds them."""
    from sharvin.options.types import OptionTypes, default_in_words
    from sharvin.options.validation import model_in

    types = OptionTypes(model)
    for option, field in model.model_fields.items():
        click.echo(f"  {before}{option}: {types.of(option)}; {default_in_words(field)}")
        if field.description:
            click.echo("      " + " ".join(field.description.split()))
        inner = model_in(field.annotation)
        if inner is not None and inner not in (model, *around):
            _show_options(inner, f"{before}{option}.", (model, *around))


@plugins.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice([*KINDS, "commands"]), default="transport", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Where to make the folder. Default: here.")
def new_plugin(name: str, kind: str, out: Path) -> None:
    """Write the skeleton of a plugin distribution that installs and passes its conformance tests."""
    from sharvin.plugins.scaffold import new_plugin as write_plugin

    click.echo(write_plugin(out, name, kind))


@plugins.command("test")
@click.argument("name")
def test_plugin(name: str) -> None:
    """Check that a plugin's parts, or one part (NAME or KIND/NAME), keep the rules that need no fixture."""
    from sharvin.plugins.scaffold import test_plugin as check_plugin

    click.get_current_context().exit(check_plugin(name))
