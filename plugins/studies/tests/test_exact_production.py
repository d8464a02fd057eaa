"""Exact production: what is refused without a regressor, references from production pulls, series side by side, peaks."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from sharvin.context import StepResult
from sharvin.frames import Frame
from sharvin_studies.break_junction import hamiltonian
from sharvin_studies.break_junction.configs import BreakJunctionOptions, PullSeries
from sharvin_studies.break_junction.data import Labels, Pulls, Snapshots
from sharvin_studies.break_junction.figures.series import plot_series_side_by_side
from sharvin_studies.break_junction.production import pulled_traces
from sharvin_studies.break_junction.production.necks import shortest_bond_A
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.pulled_traces import Trace, at_snapshots, labelled_traces
from sharvin_studies.break_junction.production.series_statistics import second_differences, series_statistics
from sharvin_studies.statistics.conductance_ranges import RANGES, in_range
from sharvin_studies.statistics.histograms import conductance_histogram, peak_in_window, pooled
from sharvin_studies.statistics.peak_positions import peak_position

PARTS = {"structure": None, "hamiltonian": None}


# Options


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"committee": {}}, "committee"),
        ({"compare": [{"name": "a", "members": 2}]}, "compare"),
        ({"learning_curve": [2]}, "learning_curve"),
        ({"committee": {}, "acquire": {}}, "acquire"),
        ({"split_by": "both"}, "split_by"),
        ({"check_snapshots": 3}, "check_snapshots"),
        ({"label_every": 2}, "label_every"),
        ({"validation_fraction": 0.2}, "validation_fraction"),
        ({"feature_cache_GB": 1.0}, "feature_cache_GB"),
        ({"production_pulls": 0}, "production_pulls"),
    ],
)
def test_what_is_learnt_and_predicted_is_refused_without_a_regressor(options, place):
    found = dict(BreakJunctionOptions(**options).conflicts_with(PARTS))
    assert ("workflow", place) in found
    assert not BreakJunctionOptions(**options).conflicts_with({**PARTS, "regressor": None})


def test_a_descriptor_would_be_ignored_without_a_regressor_and_a_regressor_needs_pulls_to_learn_from():
    ((place, sentence),) = BreakJunctionOptions().conflicts_with({**PARTS, "descriptor": None})
    assert place == ("descriptor",) and "set descriptor: null" in sentence
    ((place, sentence),) = BreakJunctionOptions(training_pulls=0).conflicts_with({**PARTS, "regressor": None})
    assert place == ("workflow", "training_pulls") and "set regressor: null" in sentence
    assert not BreakJunctionOptions(production_labels="all").conflicts_with(PARTS)


def test_without_a_regressor_there_are_no_training_pulls_unless_they_are_stated():
    assert BreakJunctionOptions().of_exact_production().training_pulls == ()
    assert BreakJunctionOptions(training_pulls=6).of_exact_production().number_of("training_pulls") == 6


@pytest.mark.parametrize("wrong", [{"check_snapshots": 2}, {"production_pulls": 0}])
def test_labels_of_all_production_snapshots_leave_no_check_set(wrong):
    with pytest.raises(ValueError, match="production_labels"):
        BreakJunctionOptions(production_labels="all", **wrong)


# References


class Learning:
    """A Hamiltonian that learns, and its selection."""

    learns = True
    name = "learning"

    def built(self):
        return self

    def references(self, junctions):
        """Nothing."""

    learn = learnt = save = load = references
    learnt_quantity = ""


def test_references_come_evenly_from_every_series_of_production_pulls_where_nothing_else_is_pulled(monkeypatch, tmp_path):
    monkeypatch.setattr(hamiltonian, "learns", lambda part: True)
    monkeypatch.setattr(hamiltonian, "read_observables", lambda path: {"neck_width": np.array([5.0] * 40 + [0.0])})
    asked = []

    class Context:
        config = SimpleNamespace(selections={"hamiltonian": Learning(), "transport": Learning()})

        def identity(self, *names):
            return {}

        def map(self, step, function, tasks, *rest, **more):
            asked.extend(tasks)
            return StepResult(step, "key", [], [], 0)

        def single(self, step, function, depends_on):
            return StepResult(step, "key", [tmp_path], [], 0)

    paths = [tmp_path / f"{number}.h5" for number in range(30)]
    production = Pulls(StepResult("production_pulls", "", paths, [], 0), ("many",) * 27 + ("few",) * 3)
    none = Pulls(StepResult("train_pulls", "", [], [], 0), ())
    hamiltonian.taught(Context(), BreakJunctionOptions(reference_snapshots=24), none, production)
    of_many = [task for task in asked if task.trajectory in paths[:27]]
    of_few = [task for task in asked if task.trajectory in paths[27:]]
    assert sum(len(task.snapshots) for task in of_many) == sum(len(task.snapshots) for task in of_few) == 12
    assert len(of_many) == 12 and len(of_few) == 3, "as many pulls as there are, so that some can be held out"
    assert all(max(task.snapshots) < 40 for task in asked), "of unbroken wires"


# Necks and scatter


def test_the_shortest_bond_is_that_of_the_atoms_that_hold_the_wire_alone():
    z = [0.0, 2.0, 4.0, 6.1, 8.4, 10.7, 12.8, 14.8]
    chain = Atoms("Au8", positions=[(0.0, 0.0, height) for height in z])
    chain.set_array("rigid", np.array([True] * 2 + [False] * 4 + [True] * 2))
    assert shortest_bond_A(Frame.from_atoms(chain, neck_width=1.0)) == pytest.approx(2.0), "to the rigid atom beside it"
    assert np.isnan(shortest_bond_A(Frame.from_atoms(chain, neck_width=2.0))), "asked of necks one atom wide alone"
    chain.positions[2:, 2] += 0.35
    assert shortest_bond_A(Frame.from_atoms(chain, neck_width=1.0)) == pytest.approx(2.1)
    chain.positions[3:, 2] += 0.1
    chain.positions[6:, 2] -= 0.05
    assert shortest_bond_A(Frame.from_atoms(chain, neck_width=1.0)) == pytest.approx(2.05), "on the other side"


def test_a_straight_trace_has_no_scatter_and_independent_errors_have_their_mean_absolute_value():
    numbers = np.arange(20_000)
    assert second_differences(numbers, 3.0 - 1e-4 * numbers)[1].max() < 1e-12
    noise = np.random.default_rng(3).normal(1.0, 0.05, numbers.size)
    mean, scatter = second_differences(numbers, noise)
    assert scatter.mean() == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.02) and mean.mean() == pytest.approx(1.0, abs=1e-3)
    assert len(second_differences(np.array([0, 1, 3, 4, 5]), np.ones(5))[1]) == 1, "three neighbours, none missing"
    assert len(second_differences(np.array([0, 1]), np.ones(2))[1]) == 0


def test_every_conductance_lies_in_one_range():
    values = np.array([0.0, 1.19, 1.2, 2.9, 3.0, 9.0])
    assert [np.flatnonzero(in_range(values, name)).tolist() for name in RANGES] == [[0, 1], [2, 3], [4, 5]]


# Peak positions


def gold_like(rng, pulls):
    """Traces with a last plateau at or above 1 G0, each with a place of its own, on a smooth background."""
    places = rng.normal(1.0, 0.06, pulls) + rng.exponential(0.12, pulls)
    return [np.concatenate([rng.normal(place, 0.05, rng.integers(0, 30)), rng.uniform(0.5, 6.0, 80)]) for place in places]


def test_the_peak_of_a_normal_distribution_lies_at_its_mean_within_its_interval():
    rng = np.random.default_rng(2)
    traces = [np.concatenate([rng.normal(0.93, 0.1, 100), rng.uniform(0.0, 8.0, 100)]) for _ in range(200)]
    found = peak_position(traces, np.random.default_rng(1))
    assert found.position_G0 == pytest.approx(0.93, abs=0.01) and found.share == 1.0
    assert found.lower_G0 < 0.93 < found.upper_G0 and found.upper_G0 - found.lower_G0 < 0.05


def test_no_peak_is_found_on_a_slope_and_one_trace_has_no_interval():
    slope = [np.linspace(0.0, 3.0, 4000) ** 2]
    assert peak_position(slope, np.random.default_rng(1)) is None
    alone = peak_position([np.random.default_rng(1).normal(1.0, 0.1, 500)], np.random.default_rng(1))
    assert alone is not None and np.isnan(alone.lower_G0)


def test_the_position_scatters_less_from_study_to_study_than_that_of_the_binned_histogram():
    rng = np.random.default_rng(7)
    studies = [gold_like(rng, 10) for _ in range(60)]
    smooth = [peak_position(traces, rng, resamples=2) for traces in studies]
    binned = [peak_in_window(conductance_histogram(pooled(traces))) for traces in studies]
    assert all(smooth), "it is found in every study"
    scatter = [np.std([one.position_G0 for one in found if one]) for found in (smooth, binned)]
    assert scatter[0] < scatter[1]


# Traces and their statistics


def trace(pull=0, series="a", conductance=(3.0, 1.0, 1.0), width=(4.0, 1.0, 1.0), bond=(np.nan, 2.6, 2.5), snapshot=(0, 1, 2)):
    arrays = (np.array(values, dtype=float) for values in (snapshot, conductance, width, bond))
    x, g, w, b = arrays
    return Trace(pull, series, np.array(snapshot), 0.5 * x, g, None, w, b)


def produced(tmp_path, *traces, names=("a", "b")):
    context = SimpleNamespace(folder=tmp_path, rng=lambda name: np.random.default_rng(1))
    pulls = Pulls(StepResult("production_pulls", "", [tmp_path] * len(traces), [], 0), tuple(one.series for one in traces))
    options = BreakJunctionOptions(production_pulls=[PullSeries(name=name, pulls=2) for name in names])
    return ProducedWires(context, options, pulls, traces, exact=True)


def test_statistics_of_a_series_are_those_of_its_snapshots(tmp_path):
    wide = trace(2, "b", conductance=(5.0, 5.0), width=(4.0, 4.0), bond=(np.nan, np.nan), snapshot=(0, 1))
    wires = produced(tmp_path, trace(), trace(1, conductance=(2.0, 0.9, 0.8), bond=(np.nan, 2.7, 2.4)), wide)
    one, other = series_statistics(wires)
    assert (one.name, one.pulls, one.snapshots, other.snapshots) == ("a", 2, 6, 2)
    assert one.one_atom_share.mean == pytest.approx(4 / 6) and other.one_atom_share.mean == 0.0
    assert one.shortest_bond_A.count == 4 and one.shortest_bond_A.least == 2.4
    assert one.shortest_bond_A.median == pytest.approx(2.55) and one.one_atom_G0.median == pytest.approx(0.95)
    assert other.plain()["one_atom_G0"] == {"count": 0, "lower": None, "median": None, "upper": None, "least": None}
    assert one.scatter_G0["1.2–3 G0"] == (pytest.approx((2.0 + 1.0) / np.sqrt(6) / 2), 2)
    drawn = plot_series_side_by_side(tmp_path, series=[one, other], window_G0=(0.5, 1.5))
    assert drawn.is_file() and "exact labels" in (tmp_path / "figures" / "figures.json").read_text()


def test_labels_become_traces_without_the_snapshots_that_have_none(monkeypatch, tmp_path):
    observables = {"elongation_A": np.arange(4) * 0.5, "neck_width": np.array([3.0, 2.0, 1.0, 1.0])}
    monkeypatch.setattr(pulled_traces, "read_observables", lambda path: observables)
    pulls = Pulls(StepResult("production_pulls", "", [tmp_path / "0", tmp_path / "1"], [], 0), ("a", "b"))
    snapshots = Snapshots(pulls, np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 3]))
    labels = Labels(
        np.array([3.0, np.nan, 1.0, np.nan, 0.9]), 0.0, 1, 1, shortest_bond_A=np.array([np.nan, np.nan, 2.6, np.nan, 2.5])
    )
    first, second = labelled_traces(snapshots, labels)
    assert first.snapshot.tolist() == [0, 2] and first.conductance_G0.tolist() == [3.0, 1.0]
    assert (second.series, second.elongation_A.tolist(), second.shortest_bond_A.tolist()) == ("b", [1.5], [2.5])
    predicted = at_snapshots([trace(0, conductance=(3.1, 1.1, 1.2))], snapshots)
    assert predicted.mean[:3].tolist() == [3.1, 1.1, 1.2] and np.isnan(predicted.mean[3:]).all() and predicted.std is None
