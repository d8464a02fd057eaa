"""The command line. Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted, 143 terminated.

A command is a :class:`~sharvin.component.Command` record, the core's own as those of plugins; its module is imported when it is
called, so that listing stays instant.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from io import TextIOWrapper
from typing import TextIO

import click

from sharvin import __version__
from sharvin.commands.own import OWN_COMMANDS
from sharvin.commands.session import Session, with_debug
from sharvin.errors import InputError, PhysicsWarning, SharvinError
from sharvin.runs.exits import INTERRUPTED, TERMINATED, foreign_exit, is_terminated, terminated_by_signal


class InstalledCommands(click.Group):
    """The core's own commands and those of installed plugins."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help: the core's own first."""
        from sharvin.registry import registry

        return [*OWN_COMMANDS, *sorted(registry().commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of this name."""
        if cmd_name in OWN_COMMANDS:
            from sharvin.registry import load_target

            command: click.Command = load_target(OWN_COMMANDS[cmd_name].target)
            return with_debug(command)
        from sharvin.registry import registry

        return with_debug(registry().command(cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries, from the records alone."""
        from sharvin.registry import registry

        offered = {**OWN_COMMANDS, **{name: registry().commands[name].command for name in sorted(registry().commands)}}
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in offered.items()])


@click.group(cls=InstalledCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sharvin")
def cli() -> None:
    """Machine-learned quantum transport through atomic-scale wires."""


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
        from sharvin.plugins.entries import nameless_leftover

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
