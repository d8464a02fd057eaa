"""What is wrong with an option is said in the words of a config: no names of Python's types, one sentence for each option."""

from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field, field_validator
from sharvin.options import Element, Options
from sharvin.options.validation import ConfigError, validate_options


class Layer(Options):
    width: int = Field(1, ge=1)
    """Neurons."""


class Many(Options):
    number: float = 1.0
    """A number."""
    count: int = 1
    """A whole number."""
    sizes: tuple[int, int, int] = (1, 2, 3)
    """Three numbers."""
    rates: tuple[float, ...] = Field((1.0,), min_length=1)
    """At least one."""
    switch: bool = False
    """On or off."""
    text: str = ""
    """Text."""
    choice: Literal["none", "local"] = "none"
    """One of two."""
    sign: Literal[-1, 1] = 1
    """A sign."""
    scale: Annotated[float, Field(gt=0)] | Literal["standard"] = "standard"
    """A number or a name."""
    file: str | tuple[str, ...] = "x"
    """One or more."""
    table: str | dict[str, str] = "x"
    """A name, or files by pair."""
    layers: tuple[Layer, ...] = ()
    """Layers."""
    code: Annotated[str, Field(pattern="^a+$")] = "a"
    """Letters a only; as many as you like."""
    species: tuple[Element, ...] | None = None
    """Elements."""
    free: dict[str, Any] = Field(default_factory=dict)
    """Anything by name."""


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("number", True, "needs a number, not true."),
        ("number", "5", "needs a number, not '5'; write it without quotes."),
        ("number", "1d-3", "needs a number, not '1d-3'."),
        ("number", "4,5", "needs a number, not '4,5'; write a decimal number with a point in place of the comma."),
        ("number", float("nan"), "must be a finite number, not nan."),
        ("number", float("inf"), "must be a finite number, not inf."),
        ("number", None, "needs a number, not null."),
        ("count", False, "needs a whole number, not false."),
        ("count", 2.5, "needs a whole number, not 2.5."),
        ("count", "3", "needs a whole number, not '3'; write it without quotes."),
        ("sizes", [1, 2], "needs 3 values, not [1, 2]."),
        ("sizes", [1, 2, 3, 4], "needs 3 values, not [1, 2, 3, 4]."),
        ("sizes.1", [1, True, 3], "needs a whole number, not true."),
        ("sizes", 3, "needs a list, not 3."),
        ("rates", [], "needs a list of at least 1, not []."),
        ("rates.0", [True], "needs a number, not true."),
        ("switch", 2, "needs true or false, not 2."),
        ("text", 5, "needs text, not 5; put it in quotes."),
        ("text", False, "needs text, not false; put text that YAML reads as true or false in quotes."),
        ("choice", "Lokal", "is one of 'none' or 'local', not 'Lokal' (did you mean 'local'?)."),
        ("sign", True, "needs a number, not true or false (given: true)."),
        ("sign", 2, "is one of -1 or 1, not 2."),
        ("scale", -1, "must be greater than 0, not -1."),
        ("scale", "standrd", "needs a number or 'standard', not 'standrd' (did you mean 'standard'?)."),
        ("file", 5, "needs text or a list, not 5."),
        ("file.1", ["a", 1], "needs text, not 1; put it in quotes."),
        ("table.Au-Au", {"Au-Au": 5}, "needs text, not 5; put it in quotes."),
        ("layers.1.width", [{"width": 1}, {"width": 0}], "must be at least 1, not 0."),
        ("layers.0.widht", [{"widht": 1}], "there is no such option (did you mean 'width'?)."),
        ("layers.0", [3], "needs options by name, {name: value}, not 3."),
        ("code", "b", "'b' has not the form of this option: Letters a only."),
        ("species.1", ["Au", "ag"], "'ag' is not a chemical symbol (did you mean 'Ag'?)."),
        ("species.0", [False], "needs text, not false; put text that YAML reads as true or false in quotes."),
        ("free", 3, "needs options by name, {name: value}, not 3."),
        ("numbr", 3, "there is no such option (did you mean 'number'?)."),
    ],
)
def test_a_wrong_value_is_one_sentence(option, value, sentence):
    with pytest.raises(ConfigError) as caught:
        validate_options(Many, {option.split(".")[0]: value}, "part")
    assert caught.value.problems == [f"part.{option}: {sentence}"]


def test_numbers_may_be_of_any_numeric_type_and_be_written_with_an_exponent():
    """Strictness is about truth values and text alone."""
    found = validate_options(Many, {"number": np.float32(2), "count": 1e3, "sizes": np.array([1, 2, 3]).tolist()}, "part")
    assert (found.number, found.count, found.sizes) == (2.0, 1000, (1, 2, 3)) and type(found.count) is int
    assert validate_options(Many, {"count": np.int64(7), "number": 3}, "part").number == 3.0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"number": 4, "5": None},
            "5: there is no such option; if number is a decimal number, write it with a point in place of ",
        ),
        ({"number": 4, "50": None, "count": 1}, "the comma, as in number: 4.50."),
        ({"number:3": None}, "there is no such option; put a space after the colon, number: 3."),
        ({"text": "x", "5": None}, "5: there is no such option; its options are "),
        ({"number": 4, "5": 1}, "5: there is no such option; its options are "),
    ],
)
def test_punctuation_that_makes_a_name_of_a_value_is_recognised(values, sentence):
    with pytest.raises(ConfigError) as caught:
        validate_options(Many, values, "regressor")
    assert sentence in str(caught.value)


class Counted(Options):
    series: tuple[Layer, ...] = Field((Layer(),), min_length=1)
    """A number stands for so many layers."""

    @field_validator("series", mode="before")
    @classmethod
    def _number(cls, value):
        return [{"width": value}] * value if isinstance(value, int) else value


@pytest.mark.parametrize(("value", "shown"), [(0, "needs at least 1, not 0."), ([], "needs a list of at least 1, not [].")])
def test_what_is_repeated_is_what_was_written(value, shown):
    with pytest.raises(ConfigError) as caught:
        validate_options(Counted, {"series": value}, "workflow")
    assert str(caught.value) == f"workflow.series: {shown}"
