"""Any ASE calculator as a potential, in this process or in another Python interpreter."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from sharvin.errors import InputError
from sharvin.words.suggestions import did_you_mean

from sharvin_md.configs import AseOptions
from sharvin_md.foreign.calculators import WorkerCalculator
from sharvin_md.foreign.recipes import Recipe, folders_of_own_module, interpreter


class AsePotential:
    """Potential ``ase``.

    Parameters
    ----------
    options : AseOptions

    Raises
    ------
    InputError
        If the dotted path leads nowhere; with ``python``, if there is no such interpreter.
    """

    def __init__(self, options: AseOptions) -> None:
        self.options = options
        if options.python is not None:
            interpreter("potential ase", options.python)
            return
        module, _, name = options.calculator.rpartition(".")
        try:
            self._factory: Any = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise InputError(f"calculator {options.calculator}: cannot import {module}: {error}.") from None
        except AttributeError:
            hint = did_you_mean(name, dir(sys.modules[module]))
            raise InputError(f"calculator {options.calculator}: {module} has no {name}{hint}.") from None
        if not callable(self._factory):
            raise InputError(f"calculator {options.calculator} is a {type(self._factory).__name__}, not a class or function.")

    def calculator(self) -> Any:
        """A new calculator; copies of it, and pickles, are made anew from the options and compute for themselves.

        Raises
        ------
        InputError
            If it rejects the options or is not an ASE calculator. One in another interpreter says so when it is first used.
        """
        if self.options.python is not None:
            path, options = self.options.calculator, self.options.options
            folders = folders_of_own_module(path.partition(".")[0])
            return WorkerCalculator(Recipe("potential ase", (path,), options, folders=folders), self.options.python)
        try:
            made = self._factory(**self.options.options)
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"calculator {self.options.calculator} rejects its options: {error}.") from None
        if not (hasattr(made, "get_potential_energy") and hasattr(made, "implemented_properties")):
            raise InputError(f"{self.options.calculator} made a {type(made).__name__}, which is not an ASE calculator.")
        return _made_anew_when_copied(made, self.options)


def _calculator(options: AseOptions) -> Any:
    return AsePotential(options).calculator()


def _made_anew_when_copied(made: Any, options: AseOptions) -> Any:
    """The same calculator, of a subclass that knows how it was made: those of ASE and of others often cannot be pickled."""

    def reduce(self: Any, protocol: int) -> tuple[Any, ...]:
        return _calculator, (options,)

    kind = type(made)
    try:
        made.__class__ = type(
            kind.__name__, (kind,), {"__reduce_ex__": reduce, "__module__": kind.__module__, "__doc__": kind.__doc__}
        )
    except TypeError:  # a class with slots, or not of Python: it is copied as its author meant it to be
        return made
    return made
