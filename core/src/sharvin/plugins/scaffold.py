"""``sharvin plugins new`` and ``sharvin plugins test``: the beginning of a plugin, and the checks that need no fixtures.

A new plugin is a small distribution that works: its part computes something real, and its tests are the conformance class of
its kind. The templates are ordinary Python in which a few names are replaced.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from sharvin.commands.own import OWN_COMMANDS
from sharvin.errors import InputError
from sharvin.hooks import CONFIG_KEYS
from sharvin.plugins.entries import installed
from sharvin.plugins.part_checks import lightness_problems, options_problems, record_problems
from sharvin.registry import known_components, load_target, registry
from sharvin.words.suggestions import did_you_mean

SUMMARIES = {
    "structures": "a chain of atoms between two rigid ends",
    "potentials": "Morse pair potential",
    "dynamics": "free motion at constant energy",
    "descriptors": "smooth coordination numbers within several radii",
    "hamiltonians": "one s orbital per atom, exponentially decaying hopping",
    "transport": "dense Green function solver",
    "regressors": "Gaussian process over the mean features of a structure",
    "workflows": "mean and spread of the conductance of disordered wires",
    "executors": "threads of this process",
    "commands": "where the time of a run went",
}
"""What the example of each kind does; ``commands`` is a command and a section of the report."""

RECORD_TYPES = {
    "descriptors": 'gives="per_atom"',
    "hamiltonians": 'gives="two_terminal"',
    "regressors": 'takes=("per_atom", "per_structure")',
    "transport": 'takes=("two_terminal",)',
}

TESTED_WITH = {"workflows": ["sharvin-transport>=0.1"]}
"""Distributions whose parts the tests of an example use."""


def new_plugin(folder: Path, name: str, kind: str) -> str:
    """Write a plugin distribution that installs, is listed and passes its tests.

    Parameters
    ----------
    folder : pathlib.Path
        Where the distribution's own folder is made.
    name : str
        Name of the distribution, e.g. ``sharvin-mine``; its part is called ``mine``.
    kind : str
        Kind of its part, or ``commands``: one of :data:`SUMMARIES`.

    Returns
    -------
    str
        What was written and what to do next.

    Raises
    ------
    InputError
        If the name or kind cannot be used, or the folder exists.
    """
    if kind not in SUMMARIES:
        raise InputError(
            f"there is no template for kind {kind!r}{did_you_mean(kind, SUMMARIES)}; there are {', '.join(SUMMARIES)}."
        )
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise InputError(f"{name!r} cannot name a plugin: use lower-case letters, digits and single hyphens, e.g. sharvin-mine.")
    distribution = name.replace("_", "-")
    package = name.replace("-", "_")
    part = package.removeprefix("sharvin_")
    if not part.isidentifier() or keyword.iskeyword(part) or part in ("plugin", "configs"):
        raise InputError(f"a part cannot be called {part!r}, as its module is named after it: choose another name.")
    first_party = {"sharvin", *(owner for owners in known_components().values() for owner in owners.values())}
    if distribution in first_party or installed(distribution) is not None:
        whose = "is one of sharvin's own distributions" if distribution in first_party else "is an installed distribution"
        raise InputError(f"{distribution} {whose}, and pip would put the new one in its place: choose another name.")
    if importlib.util.find_spec(package) is not None:
        raise InputError(f"there already is an installed package {package!r}: choose another name.")
    owner = _owner(kind, part)
    if owner:
        raise InputError(f"{kind}/{part} already belongs to {owner}: choose another name.")
    root = folder / distribution
    if root.exists():
        raise InputError(f"{root} is there already: choose another name, or --out for another folder.")
    title = "".join(word.capitalize() for word in part.split("_"))
    names = {
        "plugin-distribution": distribution,
        "plugin_package": package,
        "part_name": part,
        "part_module": part,
        "PartName": title,
        "part_summary": SUMMARIES[kind],
        "part_kind": kind,
        "part_key": CONFIG_KEYS.get(kind, ""),
        "command-name": _command_name(part),
        "sharvin_transport": f"sharvin_{kind}",
    }
    try:
        _write(root, package, part, kind, names)
    except OSError as error:
        raise InputError(f"cannot write {root}: {error.strerror}; choose another --out.") from None
    tested = distribution if kind == "commands" else part
    return f"{root}: now pip install -e '{root}[test]', sharvin plugins test {tested}, pytest {root / 'tests'}"


def _owner(kind: str, part: str) -> str:
    """Distribution that a name belongs to already; empty if it is free."""
    if kind == "commands":
        name, offered = _command_name(part), registry().commands
        own = "sharvin-core" if name in OWN_COMMANDS else ""
        return own or known_components()["commands"].get(name, "") or (offered[name].distribution if name in offered else "")
    taken = registry().parts[kind].get(part)
    return known_components().get(kind, {}).get(part, "") or (taken.distribution if taken else "")


def _command_name(part: str) -> str:
    return part.replace("_", "-")


def _write(root: Path, package: str, part: str, kind: str, names: dict[str, str]) -> None:
    templates = resources.files("sharvin").joinpath("plugins", "templates")
    own = templates.joinpath(kind)
    source = root / "src" / package
    files = {
        root / "pyproject.toml": templates.joinpath("project.toml"),
        root / "README.md": templates.joinpath("README.md"),
        root / "LICENSE": templates.joinpath("LICENSE"),
        root / ".github" / "workflows" / "ci.yml": templates.joinpath("ci.yml"),
        source / f"{names['part_module']}.py": own.joinpath("part_module.py"),
        root / "tests" / f"test_{part}_conformance.py": own.joinpath("test_module.py"),
    }
    if kind == "commands":
        files |= {source / "plugin.py": own.joinpath("plugin.py"), root / "README.md": own.joinpath("README.md")}
    else:
        files |= {source / "plugin.py": templates.joinpath("plugin.py"), source / "configs.py": own.joinpath("configs.py")}
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(template, kind, names), encoding="utf-8")
    (source / "py.typed").write_text("", encoding="utf-8")
    (source / "__init__.py").write_text(f'"""{SUMMARIES[kind][0].upper()}{SUMMARIES[kind][1:]}."""\n', encoding="utf-8")


def _filled(template: Traversable, kind: str, names: dict[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    if template.name == "plugin.py" and kind != "commands":
        line = f"            {RECORD_TYPES['transport']},\n"
        text = text.replace(line, f"            {RECORD_TYPES[kind]},\n" if kind in RECORD_TYPES else "")
    if template.name == "project.toml" and kind in TESTED_WITH:
        more = "".join(f', "{name}"' for name in TESTED_WITH[kind])
        text = text.replace('"ruff>=0.5"]', f'"ruff>=0.5"{more}]')
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)


def _command_problems(name: str) -> list[str]:
    try:
        registry().command(name)
    except InputError as error:
        return [str(error)]
    return []


def test_plugin(name: str) -> int:
    """Print the checks that hold for any part, applied to one part or to every part of an installed plugin.

    They cover the records, the option models and the lightness of the plugin. What a part computes is tested by the
    plugin's own tests, which subclass the classes of :mod:`sharvin.testing`.

    Parameters
    ----------
    name : str
        Name of a part, ``kind/name``, or name of the plugin's entry point or of its distribution.

    Returns
    -------
    int
        Exit code: 0 if there are no problems, 1 if there are.

    Raises
    ------
    InputError
        If nothing of this name is installed, or the plugin that brings it is broken.
    """
    found = registry()
    parts = found.named(name)
    owners = {part.plugin for part in parts} or {name}
    plugins = [plugin for plugin in found.plugins if plugin.name in owners or plugin.distribution in owners]
    results = {f"plugin {plugin.name} is light": lightness_problems(plugin.name) for plugin in plugins}
    for command in (one.command for one in found.commands.values() if one.plugin in {plugin.name for plugin in plugins}):
        results[f"command {command.name}: record"] = _command_problems(command.name)
    for part in parts:
        results[f"{part.title}: record"] = record_problems(part)
        if not any(part.component.config in problem for problem in results[f"{part.title}: record"]):
            results[f"{part.title}: options"] = options_problems(load_target(part.component.config))
    for title, problems in results.items():
        click.echo(f"{'ok     ' if not problems else 'PROBLEM'} {title}")
        for problem in problems:
            click.echo(f"          {problem}")
    for remark in (remark for plugin in plugins for remark in plugin.remarks):
        click.echo(f"note: {remark}")
    click.echo("These checks say nothing about the physics: run the plugin's own tests, built on sharvin.testing.")
    return int(any(results.values()))
