"""The records with which a plugin announces a part or a command: plain data, nothing imported."""

from __future__ import annotations

from dataclasses import dataclass

SHARVIN_API = 1
"""Version of the plugin interface. A plugin states the one it was written for as ``SHARVIN_API`` in its module."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part that can be chosen by name in a config.

    Parameters
    ----------
    name : str
        The name users write after ``use:``, lower_snake_case, unique within its kind.
    target : str
        ``"package.module:Class"``; imported only when the part is built. ``Class(options)`` builds it.
    config : str
        ``"package.configs:Model"``, a subclass of :class:`sharvin.options.Options`; must import pydantic only.
    summary : str
        One line for ``sharvin plugins list``.
    needs : tuple of str
        Import names of packages that the part needs beyond its distribution's requirements.
    extra : str
        The extra of the distribution that brings `needs`, for the install hint.
    takes, gives : tuple of str, str
        Sample kinds (``per_atom``, ``per_structure``, ``image``, ``graph``) of descriptors and regressors, system types
        (``two_terminal``, ``grid_wire``) of Hamiltonians and transport solvers. ``sharvin check`` compares them. A Hamiltonian
        that takes ``file`` reads H and S that another program computed from its option ``file``.
    """

    name: str
    target: str
    config: str
    summary: str
    needs: tuple[str, ...] = ()
    extra: str = ""
    takes: tuple[str, ...] = ()
    gives: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no text, and a text in place of a tuple of texts, which would be taken letter by letter."""
        for name in ("name", "target", "config", "summary", "extra", "gives"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} of component {self.name!r} must be a text, not {getattr(self, name)!r}")
        for name in ("needs", "takes"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
                raise TypeError(f"{name} of component {self.name!r} must be a tuple of texts, such as ('this',), not {value!r}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the command line, ``sharvin NAME``.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and single hyphens; unique among all plugins and the core's own commands.
    target : str
        ``"package.module:command"``, a :class:`click.Command` or group; imported only when the command is called, or its own
        ``--help`` is.
    summary : str
        One line for ``sharvin --help``.
    """

    name: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        """Refuse what is no text."""
        for name in ("name", "target", "summary"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} of command {self.name!r} must be a text, not {getattr(self, name)!r}")
