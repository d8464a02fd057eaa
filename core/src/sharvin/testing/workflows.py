"""Conformance of workflows: a study runs to its end, resumes, and its results depend on the config and the seed alone."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from sharvin.config import load_config
from sharvin.errors import InputError
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.options import WorkflowOptions
from sharvin.registry import Part, registry
from sharvin.runs.run import run
from sharvin.testing.component import ComponentTests

_finished: dict[type, Path] = {}
"""Run folder of each class's study, run once."""


class WorkflowTests(ComponentTests):
    """A small study, run in temporary folders.

    Attributes
    ----------
    options : dict
        Options of the workflow that make a run of seconds.
    config : dict
        The other keys of the config as a user writes them, ``{"hamiltonian": {"use": "slater_koster"}, …}``, without ``seed`` and
        ``executor``. Where they depend on files, override the fixture `study`.
    measured : tuple of str
        Names of entries of the results, at any depth, that hold times measured on the way, in which equal runs differ; those
        with ``seconds`` in their name are left out in any case.
    random : bool
        False where no result depends on the seed.
    """

    kind = "workflows"
    config: ClassVar[dict[str, Any]] = {}
    measured: ClassVar[tuple[str, ...]] = ()
    random: ClassVar[bool] = True

    @pytest.fixture
    def study(self, component_options: dict[str, Any]) -> dict[str, Any]:
        """The config: the workflow with its options, and the parts that it needs."""
        return {"workflow": {"use": self.name, **component_options}, **self.config}

    @pytest.fixture
    def finished(self, study: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Run folder of the study, computed by this process; the tests of a class share it and change nothing in it."""
        if type(self) not in _finished:
            folder = tmp_path_factory.mktemp("study") / "run"
            self.completed(study, folder)
            _finished[type(self)] = folder
        return _finished[type(self)]

    def completed(self, study: dict[str, Any], folder: Path, **changes: Any) -> dict[str, Any]:
        """Run a study, or what of it is not there yet.

        Parameters
        ----------
        study : dict
            Config.
        folder : pathlib.Path
            Run folder; the config is written beside it.
        **changes
            Keys of the config with other values; by default the seed is 1 and the executor ``serial``.

        Returns
        -------
        dict
            Content of ``results.json`` without the times in which equal runs differ.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        path = folder.with_name(f"{folder.name}.yaml")
        path.write_text(json.dumps({"seed": 1, "executor": "serial", **study, **changes}), encoding="utf-8")
        run(load_config(path), folder, Console(file=io.StringIO()))
        return self._results(folder)

    def _results(self, folder: Path) -> dict[str, Any]:
        text = (folder / "results.json").read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text, parse_constant=_not_json)
        kept: dict[str, Any] = _without(content, self.measured)
        return kept

    def test_options_say_which_kinds_of_parts_it_needs(self, part: Part, study: dict[str, Any], tmp_path: Path) -> None:
        """A config that lacks one of them, or names one that is not used, is refused before anything is computed."""
        model = registry().options_model(part)
        assert issubclass(model, WorkflowOptions), "the options of a workflow are a subclass of sharvin.options.WorkflowOptions"
        kinds = (*model.kinds, *model.optional_kinds)
        assert set(kinds) <= set(KINDS) - {"workflows", "executors"} and len(set(kinds)) == len(kinds)
        assert set(model.nullable_kinds) <= set(model.kinds), "what may be left out altogether is an optional kind"
        path = tmp_path / "study.yaml"
        for kind in model.kinds:
            lacking = {key: value for key, value in study.items() if key != CONFIG_KEYS[kind]}
            path.write_text(json.dumps(lacking), encoding="utf-8")
            with pytest.raises(InputError, match=f"{self.name} needs a {CONFIG_KEYS[kind]}"):
                load_config(path)

    def test_a_study_runs_to_its_end(self, finished: Path) -> None:
        """It leaves a report, and results that JSON can hold, so without nan; what it computes are steps of its context."""
        assert (finished / "report.html").is_file()
        content = json.loads((finished / "results.json").read_text(encoding="utf-8"), parse_constant=_not_json)
        assert (content["workflow"], content["seed"]) == (self.name, 1), "results must leave `workflow` and `seed` alone"
        assert content["seconds"], "nothing was computed by Context.map or Context.single, so a killed run starts anew"

    def test_a_second_run_recomputes_nothing(self, study: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        """What the store has is read, and gives the same results."""
        folder = Path(shutil.copytree(finished, tmp_path / "run"))
        assert self.completed(study, folder) == self._results(finished)
        assert _computed(folder) == 0, "an item was computed again although nothing changed: its key is not the same twice"

    def test_a_stopped_study_resumes(self, study: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        """With one file of each step lost, the run computes what is missing and ends with the same results."""
        folder = Path(shutil.copytree(finished, tmp_path / "run"))
        for step in (folder / "store").iterdir():
            kept = sorted(path for path in step.iterdir() if path.name.startswith(("item-", "output")))
            for lost in kept[:1]:
                shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
        assert self.completed(study, folder) == self._results(finished)
        assert _computed(folder) > 0

    def test_results_do_not_depend_on_the_workers(self, study: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        """Two processes give what one gives, bit for bit: the random numbers of an item are its own."""
        executor = {"use": "processes", "workers": 2}
        assert self.completed(study, tmp_path / "run", executor=executor) == self._results(finished)

    def test_the_seed_decides_what_is_random(self, study: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        """Another seed gives other results; where nothing is random, the same."""
        one, other = self._results(finished), self.completed(study, tmp_path / "run", seed=2)
        assert (one.pop("seed"), other.pop("seed")) == (1, 2)
        if self.random:
            assert one != other, "the seed changes nothing; set random = False if nothing is drawn at random"
        else:
            assert one == other


def _without(content: Any, names: Sequence[str]) -> Any:
    """Content of a JSON file without measured times: entries of these names, and those in seconds, at any depth."""
    if isinstance(content, dict):
        return {name: _without(part, names) for name, part in content.items() if name not in names and "seconds" not in name}
    return [_without(value, names) for value in content] if isinstance(content, list) else content


def _not_json(constant: str) -> Any:
    raise AssertionError(f"results.json holds {constant}, which is not JSON: write None where there is no number")


def _computed(folder: Path) -> int:
    """Items that the last run computed, from its log."""
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return int(next(event["computed"] for event in reversed(events) if event["event"] == "run finished"))
