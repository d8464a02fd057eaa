"""Conformance of executors: every item has its outcome, failures stay with their item, results do not see the workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from sharvin.protocols import Outcome
from sharvin.registry import create
from sharvin.testing.applicability import applies_where
from sharvin.testing.component import ComponentTests


class ExecutorTests(ComponentTests):
    """Where the work runs.

    Attributes
    ----------
    settings : list of dict
        Options of which each must give the same results, numbers of workers above all.
    isolates_workers : bool
        False where items run in this process, so that one that kills its process takes the run with it.
    """

    kind = "executors"
    settings: ClassVar[list[dict[str, Any]]] = []
    isolates_workers: ClassVar[bool] = True

    def outcomes(self, executor: Any, function: Any, items: Any) -> dict[int, Outcome]:
        """Outcomes by index, each index once."""
        try:
            with executor:
                found = list(executor.map(function, items))
        except SystemExit:
            raise AssertionError("an item that calls sys.exit ends the whole map; it must be a failed item") from None
        by_index = {outcome.index: outcome for outcome in found}
        assert len(by_index) == len(found)
        return by_index

    def test_every_item_has_its_outcome(self, component: Any) -> None:
        """Indices number the items' places, in whatever order outcomes come, and no item is computed twice."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            found = self.outcomes(component, note_and_square, ((folder, number) for number in range(3, 10)))
            runs = [len((folder / str(number)).read_bytes()) for number in range(3, 10)]
        assert {index: outcome.value for index, outcome in found.items()} == {i: (i + 3) ** 2 for i in range(7)}
        assert all(outcome.error is None for outcome in found.values())
        assert runs == [1] * 7, f"seven items were computed {runs} times"

    def test_no_items_no_outcomes(self, component: Any) -> None:
        """Of no items there is no outcome."""
        assert self.outcomes(component, square, []) == {}

    def test_a_failed_item_is_recorded_and_the_others_go_on(self, component: Any) -> None:
        """Its outcome carries the reason, whatever exception it raised."""
        found = self.outcomes(component, square_unless_three_or_four, range(6))
        assert set(found) == set(range(6))
        assert found[3].value is found[4].value is None
        assert "three cannot be squared" in (found[3].error or "")
        assert found[4].error, "an item that calls sys.exit(0) must be a failed item"
        assert [found[i].value for i in (0, 1, 2, 5)] == [0, 1, 4, 25]

    @applies_where(lambda tests: tests.isolates_workers)
    def test_a_worker_that_dies_costs_its_item_only(self, component: Any) -> None:
        """A killed process is a failed item, not a failed run."""
        found = self.outcomes(component, square_or_die_at_two, range(6))
        assert set(found) == set(range(6))
        assert found[2].value is None
        assert found[2].error
        assert [found[i].value for i in (0, 1, 3, 4, 5)] == [0, 1, 9, 16, 25]

    def test_results_do_not_depend_on_the_workers(self, component: Any, component_options: dict[str, Any]) -> None:
        """Bit for bit, with any of `settings`."""
        expected = {index: outcome.value for index, outcome in self.outcomes(component, random_number, range(5)).items()}
        assert len(set(expected.values())) == 5
        for setting in self.settings:
            other = create(self.kind, self.name, **{**component_options, **setting})
            assert {i: outcome.value for i, outcome in self.outcomes(other, random_number, range(5)).items()} == expected

    def test_each_worker_computes_with_one_thread(self, component: Any) -> None:
        """Linear algebra of one item must not take the cores of the others."""
        found = self.outcomes(component, most_threads, range(2))
        assert [found[i].value for i in range(2)] == [1, 1]

    def test_the_rest_can_be_cancelled(self, component: Any) -> None:
        """Closing the iterator ends the work; the executor can be left at once."""
        with component:
            outcomes = component.map(square, range(1000))
            first = next(outcomes)
            outcomes.close()
        assert first.value == first.index**2


def square(number: int) -> int:
    """n²."""
    return number * number


def note_and_square(item: tuple[Path, int]) -> int:
    """n², and one more byte in the file n of a folder."""
    folder, number = item
    with (folder / str(number)).open("ab") as file:
        file.write(b".")
    return number * number


def square_unless_three_or_four(number: int) -> int:
    """n², but an error at 3, and at 4 a call of ``sys.exit``, as a user's script may hold one."""
    if number == 3:
        raise ValueError("three cannot be squared")
    if number == 4:
        sys.exit(0)
    return number * number


def square_or_die_at_two(number: int) -> int:
    """n², but the process ends at 2."""
    if number == 2:
        os._exit(7)
    return number * number


def random_number(seed: int) -> float:
    """A number that depends on the item's seed only."""
    matrix = np.random.default_rng(seed).normal(size=(40, 40))
    return float(np.linalg.slogdet(matrix)[1])


def most_threads(_: int) -> int:
    """Threads that the linear algebra of this worker may use."""
    from threadpoolctl import threadpool_info

    np.linalg.inv(np.eye(3))
    return max(int(pool["num_threads"]) for pool in threadpool_info())
