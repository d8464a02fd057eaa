"""A label of the smallest wire is tried where that is cheap, and a plan counts the labels that there can be."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from sharvin.study_plan import RunLength
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_studies.break_junction import trial_label as trial
from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.survey import StartingWire, Survey
from sharvin_studies.break_junction.work import Work

ONE = np.eye(1)
LEAD = Lead(0 * ONE, -ONE, ONE, 0 * ONE)
CHAIN = TwoTerminal(np.diag([-1.0, -1.0], 1) + np.diag([-1.0, -1.0], -1), np.eye(3), LEAD, LEAD, 0.0)


class Hamiltonian:
    """Another's Hamiltonian, which says nothing of its cost."""

    def __init__(self, device):
        self.device = device

    def range_A(self, numbers):
        return 3.0

    def two_terminal(self, junction):
        if isinstance(self.device, BaseException):
            raise self.device
        return self.device


class Costed(Hamiltonian):
    def label_seconds(self, junction):
        return 1e3

    reference_seconds = bloch = label_seconds


class Solver:
    def __init__(self, found):
        self.found = found

    def transmission(self, systems, energies_eV):
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def survey(hamiltonian, solver, atoms=20, **options):
    def chosen(name, part):
        return SimpleNamespace(name=name, built=lambda: part)

    config = SimpleNamespace(
        selections={"hamiltonian": chosen("theirs", hamiltonian), "transport": chosen("solver", solver)},
        problem=lambda place, text: f"{place[0]}: {text}",
    )
    made = Survey(config, BreakJunctionOptions(**options), True)
    wire, junction = Atoms(["Au"] * atoms), SimpleNamespace(imperfection=lambda: None)
    for option in ("training_pulls", "production_pulls"):
        for series in getattr(made.options, option):
            made.wires.append(StartingWire(option, series, wire, ("structure",), RunLength(10, 100), junction))
    return made


@pytest.mark.parametrize(
    ("device", "transmission", "problem"),
    [
        (CHAIN, np.ones((1, 1)), None),
        (ValueError("boom"), None, "hamiltonian: the starting wire has no label: the Hamiltonian fails: ValueError: boom."),
        (SystemExit(0), None, "hamiltonian: the starting wire has no label: the Hamiltonian fails: SystemExit: 0."),
        (None, None, "hamiltonian: the starting wire has no label: Hamiltonian gave None for a junction"),
        (CHAIN, np.full((1, 1), -5.0), "transport: the starting wire has no label: Solver.transmission returned a negative"),
        (CHAIN, KeyError("k"), "transport: the starting wire has no label: the transport solver fails: KeyError: 'k'."),
    ],
)
def test_a_hamiltonian_or_solver_that_gives_no_label_is_found_before_the_run(device, transmission, problem):
    made = survey(Hamiltonian(device), Solver(transmission))
    trial.try_label(made)
    if problem is None:
        assert made.problems == [] and made.checked == ["a label (1.00 G0)"]
    else:
        assert [said[: len(problem)] for said in made.problems] == [problem]


def test_a_label_that_may_take_long_is_not_tried():
    for hamiltonian, atoms, remarks in (
        (Hamiltonian(None), 151, ["no label was tried: theirs does not say what one costs."]),
        (Costed(None), 20, []),
    ):
        made = survey(hamiltonian, Solver(None), atoms)
        trial.try_label(made)
        assert (made.problems, made.checked, made.remarks) == ([], [], remarks)


def test_no_more_check_labels_are_planned_than_there_are_snapshots():
    made = survey(Hamiltonian(CHAIN), Solver(None), production_pulls=3, check_snapshots=1_000_000)
    work = Work(made.options, made.wires, made.config.selections["hamiltonian"].built(), made.feature_bytes)
    assert work.check_labels(1_000_000) == 30 and work.check_labels(7) == 7
    (note,) = work.notes({"dynamics": "theirs"})
    assert note == "check_snapshots is 1,000,000, but the production pulls give about 30 snapshots: all will be labelled."
