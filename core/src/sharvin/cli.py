"""The command line. Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted, 143 terminated.

Imports that cost time are made inside the commands that need them, so that listing stays instant.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import click

from sharvin import __version__
from sharvin.errors import InputError, PhysicsWarning, SharvinError
from sharvin.exits import INTERRUPTED, TERMINATED, foreign_exit, is_terminated, terminated_by_signal
from sharvin.hooks import KINDS


class Commands(click.Group):
    """A group whose commands all know ``--debug``."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command and give it the option."""
        if not isinstance(cmd, click.Group):
            text = "Show the traceback of an error, and of items that fail."
            cmd.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, callback=_set_debug, help=text))
        super().add_command(cmd, name)


@dataclass
class Session:
    """What holds for a whole call of the command line."""

    debug: bool = False


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    session = context.find_root().ensure_object(Session)
    session.debug = session.debug or value


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sharvin")
def cli() -> None:
    """Machine-learned quantum transport through atomic-scale wires."""


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder. Default: runs/NAME-OF-CONFIG[-PROFILE]."
)
@click.option("--profile", metavar="NAME", help="One of the config's profiles, for example small.")
@click.option("--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change one setting of the config; repeatable.")
@click.option("--update", is_flag=True, help="Accept a run folder of another config and recompute what differs.")
@click.option("--repair", is_flag=True, help="Read every file of the store and compute damaged ones anew.")
@click.option("--retry-failed", is_flag=True, help="Try items again that failed before.")
def run(
    config: Path,
    out: Path | None,
    profile: str | None,
    settings: tuple[str, ...],
    update: bool,
    repair: bool,
    retry_failed: bool,
) -> None:
    """Run a study, or resume it where it stopped."""
    from rich.console import Console

    from sharvin.config import load_config
    from sharvin.context import Resume
    from sharvin.run import run as run_config

    resolved = load_config(config, settings, profile)
    folder = out or Path("runs") / (f"{config.stem}-{profile}" if profile else config.stem)
    console = Console()
    debug = click.get_current_context().find_root().ensure_object(Session).debug
    results = run_config(resolved, folder, console, Resume(repair, retry_failed), update, debug)
    if results.get("summary"):
        console.print(results["summary"], highlight=False)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME", help="One of the config's profiles, for example small.")
@click.option("--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change one setting of the config; repeatable.")
def check(config: Path, profile: str | None, settings: tuple[str, ...]) -> None:
    """Say everything that is wrong with a config, and what a run would do and take; nothing is written."""
    from sharvin.config import load_config
    from sharvin.preflight import preflight, workers_of

    resolved = load_config(config, settings, profile)
    plan = preflight(resolved, measure=True)
    chosen = ", ".join(f"{key} {selection.name}" for key, selection in resolved.selections.items())
    click.echo(f"{config}: ok ({chosen})")
    for line in plan.lines(workers_of(resolved)) if plan else ():
        click.echo(f"  {line}")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def report(folder: Path) -> None:
    """Rebuild report.html of a run folder."""
    from sharvin.report import write_report

    click.echo(write_report(folder))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--hamiltonian", help="Hamiltonian by name. Default: slater_koster; arrays for an HDF5 file of H and S.")
@click.option("--transport", default="rgf", show_default=True, help="Transport solver by name.")
@click.option(
    "--energies", default="0", show_default=True, metavar="A:B:STEP", help="E − E_F in eV: a range, or a comma-separated list."
)
@click.option(
    "--frames", default=":", show_default=True, metavar="INDEX", help="Frames of the file: a number or a range A:B:STEP."
)
@click.option("--species", metavar="EL[,EL…]", help="Elements of the atom types of a LAMMPS file, in order.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KIND.OPTION=VALUE",
    help="Option of the Hamiltonian or solver, e.g. hamiltonian.table=nrl.",
)
@click.option(
    "--observables",
    is_flag=True,
    help="Also eigenchannels, shot noise, densities of states (extxyz, ldos_per_eV) and bond currents; 20 times the work.",
)
@click.option(
    "--temperature",
    metavar="K[,K…]",
    help="Also the conductance at these temperatures, from T(E) at --energies around E_F; a list, or a range A:B:STEP.",
)
@click.option(
    "--bias", metavar="V[,V…]", help="Also the current at these biases, at each --temperature (0 K without); a list, or A:B:STEP."
)
@click.option(
    "--k-points",
    metavar="N1xN2",
    help="Divisions of the transverse Brillouin zone of a periodic junction, such as 3x3.",
)
@click.option(
    "--neutrality",
    type=click.Choice(["none", "local"]),
    help="local: shift on-site energies until every atom of the contact holds its valence electrons; 25 to 40 times the work.",
)
@click.option(
    "--lead-layers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Atomic layers in one period of the leads. Default: the period is found, from two whole ones at each end.",
)
@click.option(
    "--scale",
    type=click.Choice(["auto", "linear", "log"]),
    default="auto",
    show_default=True,
    help="Axis of T(E); auto is logarithmic where T falls below a hundredth of its largest value.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Beginning of the names of all files. Default: FILE-transmission.")
def transmission(**options: Any) -> None:
    """T(E) of a wire's structure file (xyz, LAMMPS data or dump, POSCAR, whatever ASE reads) or of a file of H and S."""
    from sharvin.transmission import Request, transmission_of_file

    transmission_of_file(Request(**options))


@cli.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True)
@click.option(
    "--frames", default=":", show_default=True, metavar="INDEX", help="Frames of each file: a number or a range A:B:STEP."
)
@click.option("--species", metavar="EL[,EL…]", help="Elements of the atom types of LAMMPS files, in order.")
@click.option(
    "--electrode-layers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Rigid layers at each end, for a model that leaves rigid atoms out and files that do not mark them. Default: ideal ends "
    "are found in the first frame.",
)
@click.option("--device", help="Where a network computes, cpu or cuda. Default: where it was trained.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv", help="Default: FILE-predicted.csv.")
def predict(**options: Any) -> None:
    """Conductances of frames in FILES (xyz, LAMMPS dump, traj, POSCAR, our HDF5 …) by the model of a finished RUN."""
    from sharvin.predict import Request, predict_files

    predict_files(Request(**options))


@cli.group("cache", cls=Commands)
def cache_commands() -> None:
    """What is kept between runs: surface Green functions of leads, Fermi energies, generated potential files."""


@cache_commands.command("info")
def cache_info() -> None:
    """Say where the cache is, what it holds, and how large it may become."""
    from sharvin.cache import cache_folder, limit_bytes, usage

    folder = cache_folder()
    if folder is None:
        click.echo("The cache is off: SHARVIN_CACHE=off.")
        return
    held = usage()
    click.echo(f"{folder}: {sum(one.bytes for one in held) / 1e6:.1f} MB of at most {limit_bytes() / 1e6:.0f} MB")
    for one in held:
        click.echo(f"  {one.name:<24} {one.entries:>6} entries {one.bytes / 1e6:>10.1f} MB")


@cache_commands.command("clear")
def cache_clear() -> None:
    """Delete what the cache holds; it is computed again when it is needed."""
    from sharvin.cache import clear

    click.echo(f"freed {clear() / 1e6:.1f} MB")


@cli.group(cls=Commands)
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
    if as_json:
        click.echo(json.dumps(_listing(found, kinds), indent=2))
        return
    for name in kinds:
        click.echo(click.style(name, bold=True))
        for part in sorted(found.parts[name].values(), key=lambda part: part.component.name):
            click.echo(f"  {part.component.name:<16} {part.component.summary}  [{part.distribution} {part.version}]")
        if not found.parts[name]:
            click.echo("  none")
    for plugin in found.plugins:
        if plugin.status != "ok":
            colour = "red" if plugin.status == "broken" else "yellow"
            click.echo(click.style(f"{plugin.status}: {plugin.name} [{plugin.distribution}]: {plugin.reason}", fg=colour))
    for plugin in found.plugins:
        for remark in plugin.remarks:
            click.echo(click.style(f"note: {remark}", fg="yellow"))


def _listing(found: Any, kinds: list[str]) -> dict[str, Any]:
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
    if not matches:
        click.echo(f"{name} offers no parts; it watches runs.")
    for part in matches:
        component = part.component
        click.echo(f"{part.title}: {component.summary}  [{part.distribution} {part.version}]")
        for label, values in (("takes", component.takes), ("gives", (component.gives,)), ("needs", component.needs)):
            if any(values):
                click.echo(f"  {label}: {', '.join(values)}")
        _show_options(found.options_model(part))
    for plugin in found.plugins:
        if plugin.name in {part.plugin for part in matches}:
            for remark in plugin.remarks:
                click.echo(click.style(f"note: {remark}", fg="yellow"))


def _show_options(model: Any, before: str = "", around: tuple[Any, ...] = ()) -> None:
    """Options with type, default and text; those of models within follow under the option that holds them."""
    from sharvin.option_types import OptionTypes, default_in_words
    from sharvin.validation import model_in

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
@click.option("--kind", type=click.Choice(KINDS), default="transport", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Where to make the folder. Default: here.")
def new_plugin(name: str, kind: str, out: Path) -> None:
    """Write the skeleton of a plugin distribution that installs and passes its conformance tests."""
    from sharvin.scaffold import new_plugin as write_plugin

    click.echo(write_plugin(out, name, kind))


@plugins.command("test")
@click.argument("name")
def test_plugin(name: str) -> None:
    """Check that a plugin's parts, or one part (NAME or KIND/NAME), keep the rules that need no fixture."""
    from sharvin.scaffold import test_plugin as check_plugin

    click.get_current_context().exit(check_plugin(name))


def main() -> None:
    """Entry point: errors become one clear sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no Å shows a question mark
    warnings.showwarning = _show_warning
    warnings.simplefilter("once", PhysicsWarning)
    session = Session()
    try:
        with terminated_by_signal():
            code = cli(standalone_mode=False, obj=session)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("Interrupted; the same command resumes.", err=True)
        sys.exit(TERMINATED if is_terminated(error) else INTERRUPTED)
    except SystemExit as error:
        sentence = foreign_exit(error)
        if not sentence:
            raise
        if session.debug:
            traceback.print_exc()
        click.echo(f"{click.style('error', fg='red')}: {sentence}", err=True)
        sys.exit(1)
    except SharvinError as error:
        if session.debug:
            traceback.print_exc()
        for line in str(error).splitlines():
            click.echo(f"{click.style('error', fg='red')}: {line}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except TypeError:
        from sharvin.plugin_entries import nameless_leftover

        if not nameless_leftover():
            raise
        click.echo(f"{click.style('error', fg='red')}: {nameless_leftover()}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    else:
        if code:
            sys.exit(code)
    finally:
        _name_slow_plugins()


def _name_slow_plugins() -> None:
    """Say on the standard error for which plugins the command waited; the registry is not loaded for that."""
    loaded = sys.modules.get("sharvin.registry")
    if loaded is not None and loaded.registry.cache_info().currsize:
        for plugin in loaded.registry().plugins:
            if plugin.slowness and sys.stderr is not None:
                click.echo(f"note: {plugin.slowness}; SHARVIN_DISABLE={plugin.name} leaves it out.", err=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning about the physics as one line; others, which are for developers, as Python shows them."""
    if issubclass(category, PhysicsWarning):
        click.echo(f"{click.style('warning', fg='yellow')}: {message}", err=True)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))
