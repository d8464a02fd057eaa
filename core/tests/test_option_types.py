"""Types of options, defaults and mistakes are said in words that a user of YAML reads."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from sharvin.options import Options
from sharvin.options.types import OptionTypes, default_in_words
from sharvin.options.validation import model_in
from sharvin.registry import registry

Count = Annotated[int, Field(ge=1)]


class Inner(Options):
    """Options within options."""

    size: Count
    """How large."""
    again: tuple["Inner", ...] = ()
    """More of the same."""


class Odd:
    """A type that no schema describes."""


class Many(Options, arbitrary_types_allowed=True):
    """One option for each kind of type."""

    above: float = Field(default=1.5, gt=0)
    between: Annotated[float, Field(gt=0, le=1)] | None = None
    share: float = Field(default=0.5, ge=0, le=1)
    choice: Literal["soap", "acsf"] = "soap"
    word_or_number: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    three: tuple[Count, Count, Count] = (1, 1, 1)
    pair: tuple[str, int] = ("a", 1)
    several: tuple[Count, ...] = Field(default=(1,), min_length=1)
    some: tuple[float, ...] = Field(default=(), min_length=2, max_length=4)
    name: str | None = None
    form: Annotated[str, Field(pattern="^a+$")] = "a"
    switch: bool = False
    table: str | dict[str, str] = "ptbp"
    free: dict[str, Any] = Field(default_factory=dict)
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    place: Path = Path("a/b")
    odd: Odd | None = None
    even: Annotated[int, Field(multiple_of=2)] = 2


WORDS = {
    "above": ("number > 0", "1.5"),
    "between": ("number > 0 and ≤ 1, or nothing", "nothing"),
    "share": ("number from 0 to 1", "0.5"),
    "choice": ("one of soap, acsf", "soap"),
    "word_or_number": ("number > 0 or auto", "auto"),
    "three": ("list of 3 integers ≥ 1", "[1, 1, 1]"),
    "pair": ("list of text and integer", "[a, 1]"),
    "several": ("list of integers ≥ 1 (at least one)", "[1]"),
    "some": ("list of 2 to 4 numbers", "[]"),
    "name": ("text or nothing", "nothing"),
    "form": ("text", "a"),
    "switch": ("true or false", "false"),
    "table": ("text or mapping of names to texts", "ptbp"),
    "free": ("mapping", "{}"),
    "inner": ("mapping of options or nothing", "nothing"),
    "inners": ("list of mappings of options", "[]"),
    "place": ("path", "a/b"),
    "odd": ("anything or nothing", "nothing"),
    "even": ("integer a multiple of 2", "2"),
}


def test_types_and_defaults_are_words():
    types = OptionTypes(Many)
    found = {name: (types.of(name), default_in_words(field)) for name, field in Many.model_fields.items()}
    assert found == {name: (words, f"default {default}") for name, (words, default) in WORDS.items()}
    assert default_in_words(Inner.model_fields["size"]) == "required"


PYTHON = ("FieldInfo", "typing", "Annotated", "_Pydantic", "Literal", "tuple", "NoneType", "anything", "Options(")


def test_no_installed_option_is_described_by_names_of_python():
    def every(model, around=()):
        types = OptionTypes(model)
        for name, field in model.model_fields.items():
            yield f"{types.of(name)}; {default_in_words(field)}"
            inner = model_in(field.annotation)
            if inner and inner not in around:
                yield from every(inner, (model, *around))

    for parts in registry().parts.values():
        for part in parts.values():
            for said in every(registry().options_model(part)):
                for word in (
                    "FieldInfo",
                    "typing",
                    "Annotated",
                    "_Pydantic",
                    "Literal",
                    "tuple",
                    "NoneType",
                    "anything",
                    "Options(",
                ):
                    assert word not in said, part.title
