"""How a calculator of another program is made: dotted paths, arguments, and what to install where it is not there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharvin.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """A calculator that is not made yet.

    Parameters
    ----------
    title : str
        What messages call it: ``potential mace``.
    calculators : tuple of str
        Dotted paths of what makes it, of several versions of a package; the first that there is counts.
    options : dict
        Arguments by name, of the types that JSON knows.
    package : str
        What pip calls the package that brings it; empty where that is not known.
    extra : str
        The extra of this distribution that brings it into this process's environment.
    model : str
        The model file, if it is one.
    environment : dict of str to str
        Environment variables while it is made here, or of the whole worker.
    folders : tuple of str
        Where modules of the user lie that the other interpreter shall find, after its own.
    expected : dict of str to object
        Attributes that the calculator must have once it is made, where its package would take something else without a word.
    """

    title: str
    calculators: tuple[str, ...]
    options: dict[str, Any]
    package: str = ""
    extra: str = ""
    model: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    expected: dict[str, Any] = field(default_factory=dict)

    def options_as_json(self) -> dict[str, Any]:
        """The arguments, if they can be sent to another process.

        Raises
        ------
        InputError
            If they cannot.
        """
        try:
            sent: dict[str, Any] = json.loads(json.dumps(self.options, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.title}: its options cannot be sent to another Python interpreter: {error}.") from None
        return sent

    def refusal(self, where: str, said: str) -> InputError:
        """The sentence for a calculator that cannot be made; `where` names the interpreter if it is another one."""
        what = f"cannot use the model file {self.model}: {said}" if self.model else said
        return InputError(f"{self.title}{where}: {what}.")

    def install_with(self, python: str | None, missing: str) -> str:
        """The pip command that brings a package to this interpreter, or to another one."""
        if python is None:
            wanted = f"'sharvin-md[{self.extra}]'" if self.extra else missing
            return f"pip install {wanted}"
        top = {path.partition(".")[0] for path in self.calculators}
        return f"{python} -m pip install {self.package if self.package and missing in top else missing}"


def folders_of_own_module(name: str) -> tuple[str, ...]:
    """Folders on the path of this process, but not of its installation, that hold a module or package of this name."""
    installed = [Path(prefix).resolve() for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}]
    found = []
    for folder in [Path(entry or ".").absolute() for entry in sys.path]:
        holds = (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
        if holds and not any(folder.resolve().is_relative_to(prefix) for prefix in installed):
            found.append(str(folder))
    return tuple(dict.fromkeys(found))


def interpreter(title: str, python: str) -> str:
    """Absolute path of a Python interpreter; a link stays a link, because a virtual environment is found by it.

    Parameters
    ----------
    title : str
        What the message calls the part that wants it.
    python : str
        A path, or the name of a command.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be executed.
    """
    found = shutil.which(python) if os.sep not in python else None
    path = Path(os.path.abspath(found or Path(python).expanduser()))  # noqa: PTH100  Path.resolve follows links
    if path.is_dir():
        inner = path / "bin" / "python"
        hint = f"; did you mean {inner}?" if inner.is_file() else "; give the path of its python."
        raise InputError(f"{title}: python {python} is a folder{hint}")
    if not path.is_file():
        raise InputError(f"{title}: there is no Python interpreter {path}; give its path as python.")
    if not os.access(path, os.X_OK):
        raise InputError(f"{title}: {path} cannot be executed; give the path of a Python interpreter as python.")
    return str(path)
