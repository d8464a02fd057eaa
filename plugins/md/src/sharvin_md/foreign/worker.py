"""Calculators in another Python interpreter, which is shared by all calculators of one recipe."""

from __future__ import annotations

import itertools
import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ase.calculators.calculator import PropertyNotImplementedError
from sharvin.errors import InputError, ItemError, MissingPackageError, SharvinError

from sharvin_md.foreign.recipes import Recipe, interpreter
from sharvin_md.foreign.worker_process import WorkerDiedError, WorkerProcess
from sharvin_md.foreign.worker_script import CalculatorMissingError

_workers: weakref.WeakValueDictionary[tuple[str, str], Worker] = weakref.WeakValueDictionary()


def worker_of(recipe: Recipe, python: str) -> Worker:
    """The worker of a recipe and an interpreter, the same one as long as somebody holds it.

    Raises
    ------
    InputError
        If there is no such interpreter, or the options cannot be sent to it.
    """
    path = interpreter(recipe.title, python)
    key = (path, json.dumps([recipe.title, recipe.calculators, recipe.options_as_json(), recipe.folders, recipe.expected]))
    worker = _workers.get(key)
    if worker is None:
        worker = _workers[key] = Worker(recipe, path)
    return worker


@dataclass(frozen=True, eq=False)
class MadeCalculator:
    """A calculator that exists in a process: its number there, what it can compute, and the elements it can treat."""

    process: WorkerProcess
    number: int
    properties: tuple[str, ...]
    elements: tuple[str, ...] | None


class Worker:
    """Another interpreter; it starts when a calculator in it is first needed, and again after it has died.

    Parameters
    ----------
    recipe : Recipe
    python : str
        Path of the interpreter.
    """

    def __init__(self, recipe: Recipe, python: str) -> None:
        self.recipe, self.python = recipe, python
        self.title = f"{recipe.title} in {python}"
        self._process: WorkerProcess | None = None
        self._numbers = itertools.count()
        self._unused: list[int] = []

    def make(self) -> MadeCalculator:
        """A new calculator.

        Raises
        ------
        InputError
            If the interpreter, a package or the calculator refuses.
        """
        process, number = self._running(), next(self._numbers)
        request = {"do": "make", "calculator": number, "calculators": self.recipe.calculators, "folders": self.recipe.folders}
        how = {"options": self.recipe.options_as_json(), "expected": self.recipe.expected}
        try:
            answer, _ = process.ask({**request, **how, **self._drop()}, {})
        except WorkerDiedError as error:
            raise InputError(f"{self.title} died as its calculator was made {error}.") from None
        if "error" in answer:
            raise self._refusal(answer)
        elements = answer["elements"]
        return MadeCalculator(process, number, tuple(answer["properties"]), None if elements is None else tuple(elements))

    def compute(self, made: MadeCalculator, structure: Mapping[str, Any], properties: Sequence[str]) -> dict[str, Any]:
        """Results by ASE's names, as arrays.

        Raises
        ------
        ItemError
            If the calculator fails with this structure, or the interpreter dies.
        """
        request = {"do": "compute", "calculator": made.number, "properties": list(properties), **self._drop()}
        try:
            answer, results = made.process.ask(request, structure)
        except WorkerDiedError as error:
            raise ItemError(f"{self.title} died {error}.") from None
        if answer.get("error") == PropertyNotImplementedError.__name__:
            raise PropertyNotImplementedError(f"{self.title} has no {', '.join(properties)} of this structure")
        if "error" in answer:
            raise ItemError(f"{self.title} failed: {answer['said']}.")
        return results

    def drop(self, number: int) -> None:
        """Note that nobody uses a calculator any more; the interpreter is told with the next request."""
        self._unused.append(number)

    def _drop(self) -> dict[str, list[int]]:
        unused, self._unused = self._unused, []
        return {"drop": unused}

    def _running(self) -> WorkerProcess:
        if self._process is not None and self._process.usable():
            return self._process
        self._process, self._unused = None, []
        process = WorkerProcess(self.recipe.title, self.python, self.recipe.environment)
        try:
            hello = process.hear()
        except WorkerDiedError as error:
            raise InputError(f"{self.title}: it does not answer like a Python interpreter {error}.") from None
        if "lacks" in hello:
            process.end()
            command = f"{self.python} -m pip install numpy ase"
            raise MissingPackageError(f"{self.title} needs {hello['lacks']} there ({hello['said']}): {command}")
        self._process = process
        return process

    def _refusal(self, answer: Mapping[str, Any]) -> SharvinError:
        if answer["error"] == CalculatorMissingError.__name__ and answer["package"]:
            missing = str(answer["package"])
            command = self.recipe.install_with(self.python, missing)
            return MissingPackageError(f"{self.title} needs {missing}, which is not installed there: {command}")
        return self.recipe.refusal(f" in {self.python}", str(answer["said"]))
