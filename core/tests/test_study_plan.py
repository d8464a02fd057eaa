"""A plan is read by people: units that suit, no more digits than an estimate has."""

import pytest
from sharvin.study_plan import StudyPlan, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "less than 1 s"), (3.21, "3.2 s"), (89, "89 s"), (1234, "21 min"), (9000, "2.5 h"), (1e6, "12 days")],
)
def test_a_time_has_two_digits_and_a_unit_that_suits(seconds, words):
    assert duration(seconds) == words


def test_what_is_not_known_is_said_and_what_is_known_is_shared_by_the_workers():
    plan = StudyPlan(
        {"pulls": 1, "labels": 1500}, ["one wire"], {"pulls": 120.0, "labels": 480.0, "fits": None}, 2.5e6, ["a note."]
    )
    assert plan.lines(2) == [
        "checked: one wire",
        "would do: 1 pull, 1,500 labels",
        "time: about 5.0 min on 2 workers (pulls 60 s, labels 4.0 min)",
        "time not known beforehand: fits",
        "disk: about 2.5 MB",
        "a note.",
    ]
    assert StudyPlan({"fits": 1}, disk_bytes=9.0).lines() == ["would do: 1 fit", "disk: less than 1 MB"]
    assert StudyPlan({}, seconds={"pulls": 0.2}).lines()[1] == "time: less than 1 s on one worker (pulls less than 1 s)"
