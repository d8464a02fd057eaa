"""The conformance class of workflows fails those that are wrong in the ways workflows go wrong, and passes a right one."""

import textwrap

import pytest
from sharvin.component import Component
from sharvin.registry import Part, registry
from sharvin.testing import WorkflowTests

STUDIES = '''
import os
import time
from dataclasses import dataclass
from sharvin.options import WorkflowOptions
from sharvin.store import read_json, write_json


class StudyOptions(WorkflowOptions):
    """Options of a study."""

    mistake: str = ""
    """What it does wrong."""


def number(task, path):
    """A number that depends on the item's seed, or on the process that computes it."""
    write_json(path, {"number": os.getpid() if task == "pid" else task})


class Study:
    """The sum of three random numbers."""

    def __init__(self, options):
        self.mistake = options.mistake

    def run(self, context):
        """One step."""
        if self.mistake == "nothing is stored":
            return {"sum": context.seed("numbers")}
        seeds = [context.seed("numbers", item) for item in range(3)]
        tasks = {"the seed is ignored": [1, 2, 3], "results depend on the process": ["pid"] * 3}.get(self.mistake, seeds)
        depends_on = {"now": time.time_ns()} if self.mistake == "the key is never the same" else {}
        done = context.map("numbers", number, tasks, depends_on, suffix=".json")
        total = sum(read_json(path)["number"] for _, path in done.finished)
        if self.mistake == "what was computed before is left out":
            total *= done.computed
        return {"sum": float("nan") if self.mistake == "there is no number" else total}
'''

MISTAKES = {
    "nothing is stored": "test_a_study_runs_to_its_end",
    "the seed is ignored": "test_the_seed_decides_what_is_random",
    "results depend on the process": "test_results_do_not_depend_on_the_workers",
    "the key is never the same": "test_a_second_run_recomputes_nothing",
    "what was computed before is left out": "test_a_stopped_study_resumes",
    "there is no number": "test_a_study_runs_to_its_end",
}


class Kit(WorkflowTests):
    name = "study"


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """Run one test of the class on a study, or several."""
    (tmp_path / "kit_studies.py").write_text(textwrap.dedent(STUDIES))
    monkeypatch.syspath_prepend(tmp_path)
    record = Component("study", "kit_studies:Study", "kit_studies:StudyOptions", "three numbers")
    monkeypatch.setitem(registry().parts["workflows"], "study", Part("workflows", record, "sharvin-kit", "1.0"))

    def failed(mistake, *names):
        tests = Kit()
        study, folder = {"workflow": {"use": "study", "mistake": mistake}}, tmp_path / "finished"
        found = []
        for name in names:
            values = {"study": study, "finished": folder, "tmp_path": tmp_path / name}
            test = getattr(tests, name)
            try:
                if not folder.exists():
                    tests.completed(study, folder)
                test(**{key: values[key] for key in test.__code__.co_varnames[1 : test.__code__.co_argcount]})
            except AssertionError:
                found.append(name)
        return found

    return failed


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_workflow_is_found(kit, mistake):
    assert kit(mistake, MISTAKES[mistake]) == [MISTAKES[mistake]]


def test_a_right_workflow_passes(kit):
    assert kit("", *sorted(set(MISTAKES.values()))) == []
