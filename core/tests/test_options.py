"""Records and options are plain, frozen data, and the checks of any part find what is wrong with them."""

import dataclasses
import math
from typing import ClassVar

import pytest
from pydantic import ValidationError
from sharvin.component import Component
from sharvin.errors import InputError
from sharvin.options import Options
from sharvin.options.validation import validate_options
from sharvin.plugins.part_checks import lightness_problems, options_problems, record_problems
from sharvin.registry import Part, registry


class Documented(Options):
    """Options of a test."""

    size: float = 1.0
    """How large."""


class Loose(Options, extra="allow", frozen=False):
    size: float = 1.0


def part(kind="executors", **changes):
    good = {
        "name": "mine",
        "target": "sharvin.executors.serial:SerialExecutor",
        "config": "sharvin.executors.configs:SerialOptions",
        "summary": "one line",
    }
    return Part(kind, Component(**{**good, **changes}), "sharvin-mine", "1.0")


def test_options_are_frozen_strict_documented_and_finite():
    options = Documented(size=2)
    with pytest.raises(ValidationError):
        options.size = 3
    with pytest.raises(ValidationError):
        Documented(sise=2)
    with pytest.raises(ValidationError):
        Documented(size=math.nan)
    assert Documented.model_fields["size"].description == "How large."
    assert options.elements() is None
    assert options.files() == ()


class Renamed(Options):
    """Options of a part whose option got its unit."""

    former_names: ClassVar = {"cutoff": "cutoff_A"}

    cutoff_A: float = 5.0
    """Radius in Å."""


def test_a_former_name_of_an_option_is_taken_for_the_present_one():
    assert Renamed(cutoff=4) == Renamed(cutoff_A=4.0) and Renamed(cutoff=4).cutoff_A == 4.0
    with pytest.raises(ValidationError, match="cutoff is the former name of cutoff_A; give one of them"):
        Renamed(cutoff=4, cutoff_A=4)
    with pytest.raises(InputError, match=r"^descriptor\.cutoff_A: needs a number, not true"):
        validate_options(Renamed, {"cutoff": True}, "descriptor")
    with pytest.raises(InputError, match=r"did you mean 'cutoff_A'"):
        validate_options(Renamed, {"cutof": 4}, "descriptor")


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        part().component.name = "other"


def test_a_good_part_has_no_problems():
    assert record_problems(part()) == []
    assert options_problems(Documented) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "MyPart"}, "lower_snake_case"),
        ({"summary": "two\nlines"}, "one line"),
        ({"summary": ""}, "one line"),
        ({"target": "sharvin.executors.serial"}, "not of the form"),
        ({"target": "sharvin.executors.serial:Absent"}, "cannot be imported"),
        ({"config": "no_such_package:Options"}, "cannot be imported"),
        ({"kind": "transport"}, "has no transmission"),
        ({"kind": "transport"}, "must say what it takes"),
        ({"kind": "descriptors"}, "must say what it gives"),
        ({"kind": "regressors", "takes": ("per_molecule",)}, "per_molecule"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(changes, problem):
    assert any(problem in said for said in record_problems(part(**changes)))


def test_what_is_wrong_with_an_option_model_is_said():
    problems = " ".join(options_problems(Loose))
    assert "not frozen" in problems
    assert "accepts unknown names" in problems
    assert "'size' has no docstring" in problems
    assert options_problems(dict)


def test_every_installed_part_passes_the_checks_of_any_part():
    for parts in registry().parts.values():
        for one in parts.values():
            assert record_problems(one) == [], one.title
            assert options_problems(registry().options_model(one)) == [], one.title


@pytest.mark.parametrize("plugin", ["core", "descriptors", "md", "models", "transport"])
def test_first_party_plugins_are_light(plugin):
    assert lightness_problems(plugin) == []
    assert lightness_problems(f"no_{plugin}")
