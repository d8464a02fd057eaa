"""Option models applied to what a user wrote, every mistake in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from sharvin.errors import InputError
from sharvin.option_types import OptionTypes
from sharvin.options import Options
from sharvin.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]

OF_PYTHON = {"tuple_type", "list_type", "dict_type", "set_type", "frozen_set_type", "model_type", "model_attributes_type"}
OF_PYTHON |= {"is_instance_of", "mapping_type", "dataclass_type", "too_short", "too_long", "missing_argument"}
"""Kinds of mistakes whose message names types of Python, or of items that the user did not count."""

LONGEST_VALUE = 120


class ConfigError(InputError):
    """All that is wrong with a config; ``problems`` holds one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def validate_options(model: type[Options], values: dict[str, Any], where: str) -> Options:
    """Validated options, or one :class:`InputError` that names every wrong one."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [(".".join([where, *map(str, path)]), sentence) for path, sentence in mistakes(error, model)]
        raise ConfigError([f"{name}: {sentence}" for name, sentence in found]) from None


def mistakes(error: ValidationError, model: type[Options]) -> list[tuple[Place, str]]:
    """What is wrong: for each mistake the path to the option, and a sentence on what it needs and what may have been meant.

    Where an option may be of several types, pydantic reports each type that it tried; here that is one mistake.
    """
    types = OptionTypes(model)
    found: list[tuple[Place, str]] = []
    told: set[Place] = set()
    within = {item["loc"][:depth] for item in error.errors() for depth in range(len(item["loc"]))}
    every = [item for item in error.errors() if not (item["type"] == "too_short" and item["loc"] in within)]
    for item in every:
        if item["type"] == "missing" and isinstance(item["loc"][-1], int):  # an item of a list of a fixed number of them
            item = {**item, "type": "too_short", "loc": item["loc"][:-1]}
        asked = types.at(item["loc"])
        if asked is None or len(asked[1]) == len(item["loc"]):
            found.append((item["loc"], _sentence(item, model, asked[0] if asked else "")))
            continue
        words, place = asked[0], tuple(asked[1])
        if place in told:
            continue
        told.add(place)
        depth = len(place)
        attempts = [one for one in every if one["loc"][:depth] == place and len(one["loc"]) > depth]
        unfit = {one["loc"][depth] for one in attempts if len(one["loc"]) == depth + 1 and one["type"] != "value_error"}
        inside = [one for one in attempts if one["loc"][depth] not in unfit]
        if len({one["loc"][depth] for one in inside}) == 1:  # it is of one of the types, with a mistake within
            found += [((*place, *one["loc"][depth + 1 :]), _sentence(one, model, "")) for one in inside]
        else:
            given = next((one["input"] for one in attempts if len(one["loc"]) == depth + 1), None)
            found.append((place, f"must be {words}, not {shortened(given)}."))
    return found


def _sentence(item: ErrorDetails, model: type[Options], words: str) -> str:
    """What is wrong with one option whose type is described by `words`."""
    fields = _model_at(model, item["loc"][:-1]).model_fields
    last = str(item["loc"][-1]) if item["loc"] else ""
    if item["type"] == "extra_forbidden":
        choices = list(fields)
        hint = did_you_mean(last, choices) or f"; its options are {', '.join(choices) or 'none'}"
        return f"there is no such option{hint}."
    if item["type"] == "missing":
        description = (fields[last].description or "").split("\n")[0] if last in fields else ""
        return f"this option is required{': ' + description if description else '.'}"
    if words and item["type"] in OF_PYTHON:
        return f"must be {words}, not {shortened(item['input'])}."
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    whole_model = item["type"] == "value_error" and isinstance(item["input"], dict)
    given = "" if whole_model else f" (given: {shortened(item['input'])})"
    hint = did_you_mean(str(item["input"]), re.findall(r"'([^']*)'", message)) if item["type"] == "literal_error" else ""
    return f"{message}{given}{hint}."


def shortened(value: Any) -> str:
    """A value as the user gave it, on one line."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """Model of the options at a path: that of the elements of a sequence, of the value of a mapping."""
    for name in path:
        field = model.model_fields.get(str(name))
        inner = model_in(field.annotation) if field else None
        model = inner or model
    return model


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Option model that a field holds, one or many of it; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
