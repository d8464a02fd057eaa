"""What all commands share: ``--debug``, and what holds for a whole call."""

from __future__ import annotations

from dataclasses import dataclass

import click

DEBUG = "Show the traceback of an error, and of items that fail."


@dataclass
class Session:
    """What holds for a whole call of the command line."""

    debug: bool = False


class Commands(click.Group):
    """A group whose commands all know ``--debug``."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a command and give it the option."""
        super().add_command(with_debug(cmd), name)


def with_debug(command: click.Command) -> click.Command:
    """The command with the option ``--debug``; groups are left alone, as their commands have it."""
    if not isinstance(command, click.Group) and not any("--debug" in option.opts for option in command.params):
        command.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, callback=_set_debug, help=DEBUG))
    return command


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    session = context.find_root().ensure_object(Session)
    session.debug = session.debug or value
