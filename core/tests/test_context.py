"""Steps are computed once, failures are recorded, and results depend neither on workers nor on interruptions."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console
from sharvin.config import Config, Selection
from sharvin.context import Context, Resume
from sharvin.errors import InputError, ItemError, RunError, StoreError
from sharvin.registry import create
from sharvin.runs.digests import digest_of, digest_of_array
from sharvin.runs.seeds import item_seed, stream
from sharvin.store import read_json, read_table, verify, write_table


def draw(task, path):
    seed, item = task
    rng = stream(seed, "draw", item)
    matrix = rng.normal(size=(120, 120))
    write_table(path, {"eigenvalues": np.linalg.eigvalsh(matrix @ matrix.T)})


def fail_on_odd(task, path):
    if task[1] % 2:
        raise ItemError(f"item {task[1]} is odd")
    draw(task, path)


def wrong_input(task, path):
    raise InputError("the wire is already broken")


def leave(task, path):
    if task[1] == 0:
        sys.exit(0)
    draw(task, path)


def die_on_two(task, path):
    if task[1] == 2:
        os._exit(7)
    draw(task, path)


def a_bug(task, path):
    if task[1] == 0:
        raise ZeroDivisionError("a bug")
    draw(task, path)


def context(folder, executor, max_failures=10, **resume):
    folder.mkdir(exist_ok=True)
    config = Config("test.yaml", 5, max_failures, {"executor": Selection("executors", "serial", None)})
    return Context(config, folder, executor, Console(file=io.StringIO()), Resume(**resume))


def run(folder, function=draw, count=6, executor="serial", max_failures=10, resume=None, **options):
    with create("executors", executor, **options) as workers:
        made = context(folder, workers, max_failures, **(resume or {}))
        result = made.map("draw", function, [(5, i) for i in range(count)], {"what": "test"})
    return result, made


def content(result):
    return [None if path is None else path.read_bytes() for path in result.paths]


def test_a_step_has_one_name_on_the_console_the_bar_in_log_store_and_report(tmp_path, monkeypatch):
    titles = []

    @contextmanager
    def bar(title, *_, **__):
        titles.append(title)
        yield lambda n: None

    monkeypatch.setattr("sharvin.runs.watchers.progress_bar", bar)
    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)
        made.map("draw_all", draw, [(5, 0)], {})
        made.map("draw_all", draw, [(6, 0)], {"other": 1}, detail="the others")
    said = [line.split(":")[0] for line in made.console.file.getvalue().splitlines()]
    assert said == titles == ["draw_all", "draw_all (the others)"]
    logged = {json.loads(line)["step"] for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()}
    stored = {path.name.rpartition("-")[0] for path in (tmp_path / "a" / "store").iterdir()}
    assert logged == stored == set(made.seconds) == {"draw_all"}


def test_one_worker_and_many_give_the_same_bytes(tmp_path):
    serial, _ = run(tmp_path / "a")
    many, _ = run(tmp_path / "b", executor="processes", workers=3)
    assert content(serial) == content(many)


def test_a_finished_step_is_not_computed_again(tmp_path):
    first, _ = run(tmp_path / "a")
    stamps = [path.stat().st_mtime_ns for path in first.paths]
    second, made = run(tmp_path / "a")
    assert (first.computed, second.computed, made.computed) == (6, 0, 0)
    assert [path.stat().st_mtime_ns for path in second.paths] == stamps


def test_more_items_compute_only_the_new_ones(tmp_path):
    run(tmp_path / "a", count=4)
    result, _ = run(tmp_path / "a", count=6)
    assert result.computed == 2


def test_items_named_after_what_they_depend_on_change_places_and_are_kept(tmp_path):
    def ensemble(numbers):
        with create("executors", "serial") as workers:
            made = context(tmp_path / "a", workers)
            tasks, own = [(5, i) for i in numbers], [{"item": i} for i in numbers]
            return made.map("draw", draw, tasks, {"what": "test"}, items_depend_on=own)

    first, again = ensemble([0, 1, 2]), ensemble([2, 7, 0])
    assert (first.computed, again.computed) == (3, 1)
    assert again.paths[0] == first.paths[2] and again.paths[2] == first.paths[0]


def test_tasks_that_cost_something_are_made_only_if_an_item_is_missing(tmp_path):
    made = []

    def tasks():
        made.append(len(made))
        return [(5, i) for i in range(3)]

    own = [{"item": i} for i in range(3)]
    for _ in range(2):
        with create("executors", "serial") as workers:
            result = context(tmp_path / "a", workers).map("draw", draw, tasks, {}, items_depend_on=own)
    assert made == [0] and result.computed == 0
    result.paths[1].unlink()
    with create("executors", "serial") as workers:
        again = context(tmp_path / "a", workers).map("draw", draw, tasks, {}, items_depend_on=own)
    assert made == [0, 1] and again.computed == 1


def test_the_key_of_named_items_tells_which_they_are(tmp_path):
    keys = {}
    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)
        for numbers in ((0, 1), (0, 1, 2), (0, 3), (0, 1)):
            own = [{"item": i} for i in numbers]
            keys[numbers] = made.map("draw", draw, [(5, i) for i in numbers], {}, items_depend_on=own).key
    assert len(set(keys.values())) == 3


def test_the_time_of_a_step_is_counted_once_however_often_it_is_asked_for(tmp_path):
    def ensemble(made, count):
        return made.map("draw", draw, [(5, i) for i in range(count)], {"what": "test"}).paths[0].parent

    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)
        ensemble(made, 2)
        first = made.seconds["draw"]
        ensemble(made, 2)
        assert made.seconds["draw"] == first
        folder = ensemble(made, 4)
        both = made.seconds["draw"]
        assert both == pytest.approx(sum(read_json(folder / "seconds.json")["of_items"].values())) and both > first
        made.map("draw", draw, [(5, 0)], {"what": "other"})
        assert made.seconds["draw"] > both and len({part.partition("/")[0] for part in made.seconds_of["draw"]}) == 2
        later = context(tmp_path / "a", workers)
        ensemble(later, 4)
        assert later.seconds == {"draw": pytest.approx(both)}, "a run that finds everything there reports the time that it took"


def test_the_time_of_items_of_another_code_or_config_is_not_counted(tmp_path):
    with create("executors", "serial") as workers:
        seconds = {}
        for own in ("old", "new", "old again"):
            made = context(tmp_path / "a", workers)
            named = [{"code": own.split()[0], "item": i} for i in range(2)]
            made.map("draw", draw, [(5, 0), (5, 1)], {}, items_depend_on=named)
            seconds[own] = made.seconds["draw"]
            (record,) = (tmp_path / "a" / "store").glob("draw-*/seconds.json")
    assert seconds["old"] == seconds["old again"]
    assert sum(read_json(record)["of_items"].values()) == pytest.approx(seconds["old"] + seconds["new"])


def test_what_is_discarded_is_gone_but_for_its_time_and_comes_back_when_asked_for(tmp_path):
    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)
        kept = made.map("draw_again", draw, [(5, 0)], {})
        result = made.map("draw", draw, [(5, i) for i in range(3)], {})
        before = content(result)
        made.discard("draw")
        assert content(kept) != [None]
        assert [entry.name for entry in result.paths[0].parent.iterdir()] == ["seconds.json"]
        again = made.map("draw", draw, [(5, i) for i in range(3)], {})
    assert again.computed == 3 and content(again) == before


def test_another_dependency_is_another_key(tmp_path):
    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)
        one = made.map("draw", draw, [(5, 0)], {"cutoff": 6.0})
        other = made.map("draw", draw, [(5, 0)], {"cutoff": 6.5})
    assert one.key != other.key and one.paths[0] != other.paths[0]


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_failed_items_are_recorded_with_their_reason_and_the_rest_goes_on(tmp_path, executor):
    result, made = run(tmp_path / "a", fail_on_odd, executor=executor)
    assert [path is None for path in result.paths] == [False, True] * 3
    assert [failure.reason for failure in made.failures] == ["item 1 is odd", "item 3 is odd", "item 5 is odd"]
    again, _ = run(tmp_path / "a", fail_on_odd, executor=executor)
    assert again.computed == 0 and len(again.failures) == 3
    mended, _ = run(tmp_path / "a", draw, executor=executor, resume={"retry_failed": True})
    assert mended.computed == 3 and not mended.failures


@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize(
    ("function", "reason", "line"),
    [(a_bug, "ZeroDivisionError: a bug", 'raise ZeroDivisionError("a bug")'), (leave, "SystemExit: 0", "sys.exit(0)")],
)
def test_a_bug_in_an_item_is_a_failed_item_whose_traceback_is_kept(tmp_path, executor, function, reason, line):
    _, made = run(tmp_path / "a", function, executor=executor)
    assert [failure.reason for failure in made.failures] == [reason]
    logged = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    traceback = next(line["traceback"] for line in logged if line["event"] == "item failed")
    assert line in traceback and f"in {function.__name__}" in traceback
    assert f"in {function.__name__}" not in made.console.file.getvalue()


def test_debugging_shows_the_traceback(tmp_path):
    with create("executors", "serial") as workers:
        made = context(tmp_path, workers)
        made.debug = True
        made.map("draw", a_bug, [(5, i) for i in range(2)], {})
    assert "in a_bug" in made.console.file.getvalue()


def test_a_worker_that_dies_takes_one_item_with_it(tmp_path):
    result, made = run(tmp_path / "a", die_on_two, executor="processes", workers=2, retries=0)
    assert [i for i, path in enumerate(result.paths) if path is None] == [2]
    assert "worker process died" in made.failures[0].reason


def interrupt_itself(task, path):
    os.kill(os.getpid(), signal.SIGINT)
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    write_table(path, {"blocked": np.array([blocked])})


def test_workers_do_not_hear_an_interrupt_from_their_first_instruction_on(tmp_path):
    result, _ = run(tmp_path / "a", interrupt_itself, count=2, executor="processes", workers=2)
    assert all(read_table(path)[0]["blocked"].all() for path in result.paths)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_too_many_failures_end_the_run(tmp_path):
    with pytest.raises(RunError, match="max_failures = 1"):
        run(tmp_path / "a", fail_on_odd, max_failures=1)


def test_an_ensemble_of_failures_is_no_result(tmp_path):
    with pytest.raises(RunError, match=r"every item of step draw failed.*a bug$"):
        run(tmp_path / "a", a_bug, count=1)
    with pytest.raises(RunError, match="once the cause is mended, run again with --retry-failed"):
        run(tmp_path / "a", draw, count=1)


def test_wrong_input_ends_the_run_and_is_not_recorded_as_a_failed_item(tmp_path):
    with pytest.raises(InputError, match="already broken"):
        run(tmp_path / "a", wrong_input)
    result, _ = run(tmp_path / "a", draw)
    assert not result.failures


def test_a_damaged_file_is_computed_anew_on_request(tmp_path):
    first, _ = run(tmp_path / "a")
    before = content(first)
    path = first.paths[2]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(StoreError, match="damaged"):
        read_table(path)
    mended, _ = run(tmp_path / "a", resume={"repair": True})
    assert mended.computed == 1 and content(mended) == before


def flip(path, place):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def few(task, path):
    write_table(path, {"label": np.arange(3.0) + task, "number": np.arange(3)})


def model(task, path):
    path.mkdir()
    (path / "weights.npy").write_bytes(bytes([task] * 5000))
    (path / "model.json").write_text("{}")


def test_a_repaired_run_finds_one_wrong_bit_in_a_small_table_and_in_a_folder(tmp_path):
    def go(**resume):
        with create("executors", "serial") as workers:
            made = context(tmp_path / "a", workers, **resume)
            labels = made.map("label", few, [1, 2, 3], {})
            fitted = made.map("fit", model, [1, 2], {}, suffix="")
            said = made.steps.run.console.file.getvalue()
            return labels.computed + fitted.computed, labels.paths, fitted.paths, said

    _, labels, fitted, _ = go()
    values, _ = read_table(labels[1])
    flip(labels[1], labels[1].read_bytes().index(values["label"].tobytes()) + 3)
    assert not np.array_equal(read_table(labels[1])[0]["label"], values["label"])
    flip(fitted[0] / "weights.npy", 4000)
    (fitted[1] / "model.json").unlink()
    assert go()[0] == 0
    computed, _, _, said = go(repair=True)
    assert computed == 3
    assert "".join(said.split()).count("isdamaged(itisnotasitwaswritten).") == 3 and "--repair" not in said
    assert (fitted[0] / "weights.npy").read_bytes() == bytes([1] * 5000) and (fitted[1] / "model.json").exists()
    assert np.array_equal(read_table(labels[1])[0]["label"], values["label"])
    assert go(repair=True)[0] == 0


def test_damage_anywhere_in_a_trajectory_is_found_without_a_digest(tmp_path):
    path = tmp_path / "item.h5"
    write_table(path, {"first": np.arange(4.0), "second": np.arange(1000.0), "third": np.arange(4)})
    verify(path)
    with h5py.File(path) as file:
        chunk = file["second"].id.get_chunk_info(0)
    flip(path, chunk.byte_offset + chunk.size // 2)
    with pytest.raises(StoreError, match="damaged"):
        verify(path)


def test_a_single_step_leaves_a_whole_folder_or_none(tmp_path):
    with create("executors", "serial") as workers:
        made = context(tmp_path / "a", workers)

        def half(folder):
            (folder / "model.json").write_text("{}")
            raise RunError("the loss is not a number")

        with pytest.raises(RunError):
            made.single("fit", half, {})
        result = made.single("fit", lambda folder: (folder / "model.json").write_text("{}"), {})
        again = made.single("fit", half, {})
    assert (result.computed, again.computed) == (1, 0)
    assert [child.name for child in result.paths[0].iterdir()] == ["model.json"]


def test_seed_streams_differ_by_step_and_item_and_are_the_same_every_time():
    draws = {(step, item): stream(1, step, item).integers(2**60) for step in ("pull", "fit") for item in range(3)}
    assert len(set(draws.values())) == 6
    assert draws["pull", 2] == stream(1, "pull", 2).integers(2**60)
    assert 1 <= item_seed(1, "pull", 0) < 2**31 and item_seed(1, "pull", 0) != item_seed(2, "pull", 0)


SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_context as kit
def main():
    kit.run(Path(sys.argv[1]), kit.slow_draw, count=24, executor="processes", workers=2)
if __name__ == "__main__":
    main()
"""


def slow_draw(task, path):
    time.sleep(0.05)
    draw(task, path)


@pytest.mark.parametrize("after_s", [0.9, 1.3, 1.7])
def test_a_run_killed_at_any_moment_completes_to_the_same_bytes(tmp_path, after_s):
    whole, _ = run(tmp_path / "whole", count=24)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "killed"), str(Path(__file__).parent)]
    process = subprocess.Popen(command, start_new_session=True)
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True)  # by the same program, whose steps have the same keys
    (folder,) = (tmp_path / "killed" / "store").glob("draw-*")
    assert {path.name: path.read_bytes() for path in folder.glob("item-*")} == {
        path.name: path.read_bytes() for path in whole.paths
    }
    leftovers = list((tmp_path / "killed").rglob("*.tmp"))
    assert leftovers == []


def test_digests_tell_contents_apart_and_nothing_else():
    one = np.arange(6.0)
    assert digest_of({"a": [1, 2], "b": None}) == digest_of({"b": None, "a": (1, 2)}), "the order of names tells nothing"
    assert digest_of_array(one) == digest_of_array(np.arange(12.0)[::2] / 2), "nor does the layout in memory"
    others = [one[::-1], one.reshape(2, 3), one.astype(np.float32), np.zeros(6), np.zeros(6, dtype=np.int64)]
    assert len({digest_of_array(array) for array in (one, *others)}) == 6
    with pytest.raises(TypeError):
        digest_of({"an array, whose text is cut short": np.zeros(10_000)})


def test_tasks_made_on_demand_must_say_what_they_depend_on(tmp_path):
    with create("executors", "serial") as workers, pytest.raises(TypeError, match="items_depend_on"):
        context(tmp_path / "a", workers).map("draw", draw, lambda: [(5, 0)], {})
