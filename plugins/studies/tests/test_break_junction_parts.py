"""What a break-junction study learns from, tests on and labels next: pulls are never torn apart and never forgotten."""

import io
import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from rich.console import Console
from sharvin.config import Config, Selection
from sharvin.context import Context, StepResult
from sharvin.errors import InputError, RunError
from sharvin.frames import Frame
from sharvin.registry import create
from sharvin.store import write_json, write_table, write_trajectory
from sharvin_studies.break_junction import data
from sharvin_studies.break_junction.acquisition import most_uncertain
from sharvin_studies.break_junction.configs import BreakJunctionOptions, PullSeries
from sharvin_studies.break_junction.fits import TEST, TRAIN, VALIDATION, Fits, Model, Plan, Split

SERIES = [PullSeries(name="slow", pulls=2), PullSeries(name="fast", pulls=3)]


def snapshots(*counts):
    """Snapshots of pulls that have so many each, without files."""
    pulls = data.Pulls(StepResult("train_pulls", "key", [None] * len(counts), [], 0), ("own",) * len(counts))
    return data.Snapshots(
        pulls,
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([np.arange(count) for count in counts]),
    )


# Splits and committees


def split(groups, by="group"):
    return Split.of(groups, np.arange(len(groups)), BreakJunctionOptions(), np.random.default_rng(3), by)


GROUPS = np.repeat(np.arange(12), 5)


@pytest.mark.parametrize("by", ["group", "sample"])
@pytest.mark.parametrize("number", [2, 3, 5])
def test_members_of_a_committee_hold_back_different_parts_and_together_learn_all_that_is_not_tested(by, number):
    whole = split(GROUPS, by)
    members = whole.members(number, GROUPS, by, np.random.default_rng(1))
    learnable = set(whole.train) | set(whole.validation)
    held = [set(validation) for _, validation in members]
    for train, validation in members:
        assert set(train) | set(validation) == learnable and set(train).isdisjoint(validation)
        assert len(train) and len(validation)
        assert learnable.isdisjoint(whole.test)
        if by == "group":
            assert set(GROUPS[train]).isdisjoint(GROUPS[validation])
    assert set().union(*(train for train, _ in members)) == learnable
    assert all(held[i].isdisjoint(held[j]) for i in range(number) for j in range(i)), "10 pulls suffice for 5 members"


def test_members_take_turns_where_there_are_more_of_them_than_pulls():
    groups = np.repeat(np.arange(3), 4)
    whole = split(groups)
    members = whole.members(4, groups, "group", np.random.default_rng(1))
    held = [tuple(np.unique(groups[validation])) for _, validation in members]
    assert held[0] != held[1] and held[:2] == held[2:] and all(len(pulls) == 1 for pulls in held)


def test_one_member_learns_from_the_split_itself():
    whole = split(GROUPS)
    ((train, validation),) = whole.members(1, GROUPS, "group", np.random.default_rng(1))
    assert train is whole.train and validation is whole.validation


def test_a_split_holds_the_labelled_snapshots_and_no_others():
    labelled = np.flatnonzero(np.arange(len(GROUPS)) % 3)
    parts = Split.of(GROUPS, labelled, BreakJunctionOptions(), np.random.default_rng(3), "group")
    assert np.array_equal(np.sort(np.concatenate([parts.train, parts.validation, parts.test])), labelled)


def test_a_shortened_split_learns_from_fewer_pulls_and_is_tested_on_the_same():
    whole = split(GROUPS)
    short, shorter = whole.shortened(3, GROUPS), whole.shortened(2, GROUPS)
    assert len(np.unique(GROUPS[short.train])) == 3 and len(np.unique(GROUPS[shorter.train])) == 2
    assert set(shorter.train) < set(short.train) < set(whole.train), "a longer curve adds pulls to those of a shorter one"
    for part in (short, shorter):
        assert part.test is whole.test and part.validation is whole.validation


def test_pulls_of_fewer_than_three_groups_cannot_be_split():
    with pytest.raises(InputError, match="only 1 training pulls have labels, and a split by pull needs 3"):
        split(np.zeros(20, dtype=int))
    with pytest.raises(RunError, match=r"only 2 of 5 training pulls have labels, .*mend the cause"):
        Split.of(np.arange(20) % 2, np.arange(20), BreakJunctionOptions(), np.random.default_rng(3), "group", 5)


def test_a_snapshot_counts_as_held_back_only_where_a_member_held_it_back(tmp_path):
    """Members that predict their own number: the mean over those that held a snapshot back tells which these were."""
    groups = np.repeat(np.arange(6), 2)
    whole = Split(np.arange(8), np.arange(8, 10), np.arange(10, 12))
    keys, folders = [], []
    for member, held in enumerate((0, 1)):
        validation = np.flatnonzero(groups == held)
        folder = tmp_path / str(member)
        folder.mkdir()
        table = {"index": np.arange(12), "mean_G0": np.full(12, float(member))}
        write_table(folder / "predictions.h5", table)
        write_json(folder / "learning_curves.json", {})
        keys.append((str(member), validation))
        folders.append(folder)
    plan = Plan(Model("m", None, None, 2), "", "group", whole, np.ones(12))
    own = {key: folder for (key, _), folder in zip(keys, folders, strict=True)}

    def fit(plan):
        return Fits(None, None, snapshots(*[2] * 6))._fitted(plan, keys, own, {})

    fitted = fit(plan)
    assert fitted.predicted.mean.tolist() == [0, 0, 1, 1, *[0.5] * 8]
    assert fitted.part.tolist() == [VALIDATION] * 4 + [TRAIN] * 6 + [TEST] * 2
    assert np.allclose(fitted.predicted.std, 0.5)
    assert (fitted.recalibration.a, fitted.recalibration.b) == (1.0, pytest.approx(np.sqrt(0.5))), "errors of −1 and 0"
    np.testing.assert_allclose(fitted.stated(fitted.predicted).std, np.sqrt(0.75))
    assert fitted.not_recalibrated.stated(fitted.predicted) is fitted.predicted
    changed = replace(plan, conductance_G0=np.where(np.arange(12) < 4, 1.0, 50.0))
    assert fit(changed).recalibration == fitted.recalibration, "what was learnt by all, and the test, are not looked at"


@pytest.mark.parametrize("own", [False, True])
def test_one_model_alone_states_what_it_has(tmp_path, own):
    whole = Split(np.arange(8), np.arange(8, 10), np.arange(10, 12))
    plan = Plan(Model("m", None, None), "", "group", whole, np.zeros(12))
    columns = {"std_G0": np.full(12, 0.1)} if own else {}
    write_table(tmp_path / "predictions.h5", {"index": np.arange(12), "mean_G0": np.ones(12), **columns})
    fitted = Fits(None, None, snapshots(*[2] * 6))._fitted(plan, [("m", whole.validation)], {"m": tmp_path}, {})
    assert fitted.recalibration is None and fitted.stated(fitted.predicted) is fitted.predicted
    assert (fitted.predicted.std is not None) == own
    assert fitted.part.tolist() == [TRAIN] * 8 + [VALIDATION] * 2 + [TEST] * 2


# Active learning


def test_the_most_uncertain_snapshots_are_labelled_next():
    chosen = most_uncertain(np.arange(20), np.arange(20.0), snapshots(*[1] * 20), 4)
    assert chosen.tolist() == [19, 18, 17, 16]


def test_no_two_neighbours_of_one_pull_are_labelled_in_one_round():
    where = snapshots(6, 6)
    std = np.concatenate([np.arange(6.0), 10 + np.arange(6.0)])
    assert most_uncertain(np.arange(12), std, where, 5).tolist() == [11, 9, 7, 5, 3]
    assert len(most_uncertain(np.arange(12), std, where, 12)) == 6, "fewer where there are not so many that far apart"


def test_only_snapshots_without_a_label_are_chosen():
    free = np.array([0, 3, 4])
    assert most_uncertain(free, np.array([3.0, 1.0, 2.0]), snapshots(6), 5).tolist() == [0, 4]
    assert len(most_uncertain(free[:0], np.empty(0), snapshots(6), 5)) == 0


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "must leave something to train on"),
        ({"training_pulls": 2}, "needs at least 3 training_pulls"),
        ({"training_pulls": [{"name": "a", "pulls": 2}], "split_by": "both"}, "needs at least 3 training_pulls"),
        ({"training_pulls": -1}, "a number of pulls is not negative, as -1 is"),
        ({"production_pulls": 0, "check_snapshots": 3}, "snapshots of production_pulls, of which there are none"),
        ({"acquire": {}}, "needs a committee"),
        ({"acquire": {}, "committee": {}, "learning_curve": [2]}, "leave learning_curve out"),
        ({"acquire": {}, "committee": {}, "split_by": "sample"}, "split_by must be group or both"),
        ({"acquire": {"start": 9}, "committee": {}}, "greater than or equal to 10"),
        ({"committee": {"members": 1}}, "greater than or equal to 2"),
        ({"compare_pulls": 2}, "would be ignored without models to compare"),
        ({"check_reference_snapshots": 3}, "check_reference_snapshots would be ignored without check_snapshots"),
        ({"spectrum_points": 9}, "spectrum_points would be ignored without spectra"),
        ({"spectrum_half_width_eV": 1.0}, "spectrum_half_width_eV would be ignored without spectra"),
        ({"plateau_window_G0": [1.5, 0.5]}, "a lower and a higher conductance in G0, not 1.5 and 0.5"),
        ({"plateau_window_G0": [-1, 0.5]}, "a lower and a higher conductance in G0, not -1 and 0.5"),
        ({"plateau_window_G0": [1.0, 2.5], "max_conductance_G0": 2.0}, "reaches to 2.5 G0"),
        ({"learning_curve": [2, 5]}, "learning_curve asks for 5 pulls, and at most 4 can be learnt from"),
        ({"compare": [{"name": "a", "hamiltonian": {"table": "nrl"}, "regressor": {"use": "b"}}]}, "case a names a hamiltonian"),
        ({"compare": [{"name": "a", "hamiltonian": {"table": "nrl"}, "members": 2}]}, "case a names a hamiltonian"),
        ({"compare": [{"name": "a", "hamiltonian": {"table": "nrl"}, "descriptor": None}]}, "case a names a hamiltonian"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        BreakJunctionOptions(**options)


def test_a_number_of_pulls_is_a_series_of_the_config_s_own_wire():
    options = BreakJunctionOptions(training_pulls=4, production_pulls=0)
    assert [(series.name, series.pulls) for series in options.training_pulls] == [("own", 4)]
    assert options.production_pulls == () and options.number_of("production_pulls") == 0
    assert BreakJunctionOptions(training_pulls=1, split_by="sample").number_of("training_pulls") == 1


def test_a_case_that_changes_nothing_is_a_conflict():
    options = BreakJunctionOptions(compare=[{"name": "same"}, {"name": "three", "members": 3}, {"name": "f", "descriptor": None}])
    ((place, sentence),) = options.conflicts({})
    assert place == ("compare", 0) and "case same changes nothing" in sentence


# Pulls and their snapshots


@dataclass(frozen=True)
class Part:
    """A component of these tests, which is its own selection: a wire of one atom that moves by `step` and breaks."""

    step: float = 0.1
    frames: int = 6
    name: str = "part"
    options: dict[str, object] = field(default_factory=dict)

    @property
    def identity(self):
        return {"step": self.step, "frames": self.frames}

    def build(self, rng=None):
        return self if rng is None else Atoms("Au", positions=[rng.normal(size=3)])

    def run(self, atoms, potential, seed):
        for number in range(self.frames):
            moved = atoms.copy()
            moved.positions[0, 2] += number * self.step
            whole = float(number < self.frames - 2)
            yield Frame.from_atoms(moved, neck_width=whole, elongation_A=number * self.step)


class Wire(Part):
    """The structure."""

    def build(self, rng=None):
        return Wire(self.step) if rng is None else Atoms("Au", positions=[rng.normal(size=3)])


def pull(folder, series, dynamics=None, own=None):
    """Pulls of these series and how many had to be computed; `dynamics` by name of the series."""
    folder.mkdir(exist_ok=True)
    chosen = {"structure": Wire(), "potential": Part(), "dynamics": own or Part()}
    cases = {one.name: {"dynamics": (dynamics or {}).get(one.name, chosen["dynamics"])} for one in series}
    selections = {**chosen, "executor": Selection("executors", "serial", None)}
    config = Config("test.yaml", 5, 10, selections, {"training_pulls": cases})
    with create("executors", "serial") as workers:
        context = Context(config, folder, workers, Console(file=io.StringIO()))
        found = data.pulls(context, "train_pulls", "training_pulls", series)
    return found, found.result.computed


def files(pulls, name):
    return [path.name for path in pulls.of(name).values()]


def test_more_pulls_or_another_series_keep_those_that_are_there(tmp_path):
    first, computed = pull(tmp_path, SERIES)
    assert computed == 5 and first.names() == ("slow", "fast") and first.series == ("slow",) * 2 + ("fast",) * 3
    assert len({path.read_bytes() for path in first.trajectories.values()}) == 5, "each pull has a seed of its own"
    more, computed = pull(tmp_path, [PullSeries(name="slow", pulls=4), SERIES[1]])
    assert computed == 2 and files(more, "slow")[:2] == files(first, "slow") and files(more, "fast") == files(first, "fast")
    turned, computed = pull(tmp_path, [PullSeries(name="new", pulls=1), *SERIES[::-1]])
    assert computed == 1 and files(turned, "slow") == files(first, "slow") and files(turned, "fast") == files(first, "fast")


def test_another_dynamics_of_one_series_recomputes_the_pulls_of_that_series_alone(tmp_path):
    first, _ = pull(tmp_path, SERIES)
    other, computed = pull(tmp_path, SERIES, {"fast": Part(step=0.2)})
    assert computed == 3 and files(other, "slow") == files(first, "slow")
    assert set(files(other, "fast")).isdisjoint(files(first, "fast"))
    assert other.result.key != first.result.key
    assert pull(tmp_path, SERIES)[1] == 0, "the former pulls are still there"


def test_drawn_snapshots_are_whole_wires_without_repetition_from_every_series(tmp_path):
    pulls, _ = pull(tmp_path, SERIES)
    drawn = data.drawn_snapshots(pulls, 7, np.random.default_rng(2))
    of_slow = np.isin(drawn.pull, list(pulls.of("slow")))
    assert (of_slow.sum(), (~of_slow).sum()) == (7, 7)
    places = list(zip(drawn.pull.tolist(), drawn.snapshot.tolist(), strict=True))
    assert len(set(places)) == 14 and places == sorted(places)
    assert drawn.snapshot.max() < 4, "the last two frames of six are broken"
    everything = data.drawn_snapshots(pulls, 100, np.random.default_rng(2))
    assert len(everything) == 5 * 4
    again = data.drawn_snapshots(pulls, 7, np.random.default_rng(2))
    assert np.array_equal(again.pull, drawn.pull) and np.array_equal(again.snapshot, drawn.snapshot)


def test_every_nth_whole_snapshot_is_labelled(tmp_path):
    pulls, _ = pull(tmp_path, SERIES)
    found = data.unbroken_snapshots(pulls, every=3)
    assert found.snapshot.tolist() == [0, 3] * 5 and found.pull.tolist() == np.repeat(np.arange(5), 2).tolist()
    some = found.take(np.array([1, 4, 5]))
    assert [(number, chosen) for number, _, chosen in some.by_pull()] == [(0, (3,)), (2, (0, 3))]


def test_a_wire_without_a_neck_width_is_taken_as_whole(tmp_path):
    path = tmp_path / "pull.h5"
    write_trajectory(path, [Frame.from_atoms(Atoms("Au"), elongation_A=float(i)) for i in range(3)])
    pulls = data.Pulls(StepResult("train_pulls", "key", [path], [], 0), ("own",))
    assert data.unbroken_snapshots(pulls).snapshot.tolist() == [0, 1, 2]
