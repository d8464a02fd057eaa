"""ASE calculators of other programs: in another interpreter (:class:`WorkerCalculator`) or in this one."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from sharvin.errors import InputError, MissingPackageError

from sharvin_md.foreign.recipes import Recipe
from sharvin_md.foreign.worker import MadeCalculator, Worker, worker_of
from sharvin_md.foreign.worker_script import (
    PROPERTIES,
    CalculatorMissingError,
    CalculatorRefusedError,
    evaluate,
    known_elements,
    make_calculator,
)

SCALARS = ("energy", "free_energy", "magmom")


class ForeignCalculator(Calculator):
    """A calculator made from a recipe; copies and pickles of it are made anew.

    Parameters
    ----------
    recipe : Recipe
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        super().__init__()  # type: ignore[no-untyped-call]  # of ase

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute what is asked for, and take what comes with it.

        Raises
        ------
        InputError
            For an element that the model was not made for.
        ItemError
            If the other interpreter fails.
        """
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]  # of ase
        structure: Any = self.atoms
        known = self._elements()
        unknown = sorted(set(structure.get_chemical_symbols()) - set(known)) if known is not None else []
        if known is not None and unknown:
            raise InputError(f"{self.recipe.title} was not made for {', '.join(unknown)}; it knows {', '.join(known)}.")
        found = self._compute(structure, [name for name in properties if name in PROPERTIES])
        self.results = {name: float(value) if name in SCALARS else value for name, value in found.items()}
        missing = [name for name in properties if name not in self.results]
        if missing:
            raise PropertyNotImplementedError(f"{self.recipe.title} gave no {', '.join(missing)}")

    def _elements(self) -> Sequence[str] | None:
        raise NotImplementedError

    def _compute(self, atoms: Atoms, properties: list[str]) -> dict[str, Any]:
        raise NotImplementedError


class WorkerCalculator(ForeignCalculator):
    """A calculator that runs in another Python interpreter.

    The interpreter starts when something is first asked of the calculator. It computes with one thread, ends with the last
    calculator in it and with this process, and is started again after it has died.

    Parameters
    ----------
    recipe : Recipe
    python : str
        The interpreter, by its path or the name of a command. It needs ``numpy``, ``ase`` and what the recipe needs.

    Raises
    ------
    InputError
        If there is no such interpreter.
    """

    def __init__(self, recipe: Recipe, python: str) -> None:
        self.python = python
        self._worker = worker_of(recipe, python)
        self._made: MadeCalculator | None = None
        super().__init__(recipe)

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerCalculator, (self.recipe, self.python)

    def __deepcopy__(self, memo: dict[int, Any]) -> WorkerCalculator:
        return WorkerCalculator(self.recipe, self.python)

    @property
    def implemented_properties(self) -> list[str]:  # type: ignore[override]  # asked of the worker
        """What it can compute, by ASE's names."""
        return [name for name in self._ready().properties if name in PROPERTIES]

    def _elements(self) -> Sequence[str] | None:
        return self._ready().elements

    def _compute(self, atoms: Atoms, properties: list[str]) -> dict[str, Any]:
        arrays = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array, "pbc": atoms.pbc}
        arrays |= {name: atoms.arrays[name] for name in ("initial_magmoms", "initial_charges") if name in atoms.arrays}
        return self._worker.compute(self._ready(), arrays, properties)

    def _ready(self) -> MadeCalculator:
        if self._made is None or not self._made.process.usable():
            self._made = self._worker.make()
            weakref.finalize(self, Worker.drop, self._worker, self._made.number).atexit = False
        return self._made


class InProcessCalculator(ForeignCalculator):
    """A calculator of a package that can be imported here, kept from changing torch's default type for everybody else.

    Parameters
    ----------
    recipe : Recipe

    Raises
    ------
    InputError
        If the package is not there, or refuses.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._dtype: Any = None
        with self._own_default_dtype(), _environment(recipe.environment):
            try:
                self._calculator = make_calculator(recipe.calculators, recipe.options, recipe.expected)
            except CalculatorMissingError as error:
                if not error.package:
                    raise recipe.refusal("", str(error)) from None
                command = recipe.install_with(None, error.package)
                raise MissingPackageError(f"{recipe.title} needs {error.package}: {command}") from None
            except CalculatorRefusedError as error:
                raise recipe.refusal("", str(error)) from None
            self._known = known_elements(self._calculator)
        self.implemented_properties = [name for name in self._calculator.implemented_properties if name in PROPERTIES]
        super().__init__(recipe)

    def __reduce__(self) -> tuple[Any, ...]:
        return InProcessCalculator, (self.recipe,)

    def __deepcopy__(self, memo: dict[int, Any]) -> InProcessCalculator:
        return InProcessCalculator(self.recipe)

    def _elements(self) -> Sequence[str] | None:
        return self._known

    def _compute(self, atoms: Atoms, properties: list[str]) -> dict[str, Any]:
        with self._own_default_dtype():
            return {name: np.array(value) for name, value in evaluate(self._calculator, atoms, properties).items()}

    @contextlib.contextmanager
    def _own_default_dtype(self) -> Iterator[None]:
        """MACE and others set torch's default type for the whole process; theirs counts inside of them only."""
        before = _default_dtype()
        if self._dtype is not None:
            sys.modules["torch"].set_default_dtype(self._dtype)
        try:
            yield
        finally:
            self._dtype = _default_dtype()
            if self._dtype is not None and before is not None:
                sys.modules["torch"].set_default_dtype(before)
            elif self._dtype is not None:
                sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _default_dtype() -> Any:
    torch = sys.modules.get("torch")
    return None if torch is None else torch.get_default_dtype()
