"""What is wrong with options, in the words of someone who writes a config: no names of types, no branches of a union.

pydantic reports one error for each way in which a value could have been right. Here those of one option become one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sharvin.words.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
SHOWN = 70
"""Characters of a wrong value that are repeated."""

NEEDED = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "options by name, {name: value}",
    "mapping_type": "options by name, {name: value}",
    "model_type": "options by name, {name: value}",
    "model_attributes_type": "options by name, {name: value}",
    "none_required": "null",
}
"""What a value should have been, by pydantic's types of error."""

LIMITS = {
    "greater_than": ("must be greater than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
    "multiple_of": ("must be a multiple of", "multiple_of"),
}


def mistakes(error: ValidationError, model: type[BaseModel], written: Any = None) -> list[tuple[Path, str]]:
    """Path and sentence of each option that is wrong.

    Parameters
    ----------
    error : pydantic.ValidationError
        Of validating `model`.
    model : type of pydantic.BaseModel
    written : mapping of str to anything, optional
        What was validated, as the user wrote it: validators may have turned a number into a list, say, before it was refused.

    Returns
    -------
    list of (path, str)
        The path leads from the model to the option at fault; where something is missing, to what is missing.
    """
    by_option: dict[Path, list[tuple[tuple[str, ...], Path, ErrorDetails]]] = {}
    for item in error.errors():
        path, branches, option = _resolved(model, item["loc"])
        if item["type"] == "too_short" and len(item["input"]) >= item["ctx"]["min_length"]:
            continue  # as what it holds is wrong, which is reported
        found_there, value = _written(written, path)
        if found_there and path and item["type"] != "missing":
            item = {**item, "input": value}
        by_option.setdefault(option, []).append((branches, path, item))
    found: dict[Path, list[str]] = {}
    for option, group in by_option.items():
        for path, sentence in _of_one_option(option, group, model, written):
            if sentence not in found.setdefault(path, []):
                found[path].append(sentence)
    return [(path, sentence) for path, sentences in found.items() for sentence in sentences]


def shown(value: Any) -> str:
    """A value as one would write it in a config, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        text = str(int(value))
    elif isinstance(value, str | int | float):
        text = repr(value)
    else:
        text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _resolved(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[Path, tuple[str, ...], Path]:
    """The path that the user wrote, the branches of unions that pydantic tried, and the path down to the first union."""
    path: list[str | int] = []
    branches: list[str] = []
    first: int | None = None
    alternatives: list[Any] = [model]
    chosen = False
    for key in loc:
        alternatives = [part for one in alternatives for part in _alternatives(one)]
        if len(alternatives) > 1 and isinstance(key, str) and not chosen and not any(_holds(one, key) for one in alternatives):
            branches.append(key)
            first = len(path) if first is None else first
            chosen = True
            continue
        chosen = False
        path.append(key)
        alternatives = [inner for one in alternatives for inner in _inside(one, key)]
    return tuple(path), tuple(branches), tuple(path[:first] if first is not None else path)


def _alternatives(annotation: Any) -> list[Any]:
    """Types that a value of this annotation may have; null apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [part for one in get_args(annotation) if one is not NoneType for part in _alternatives(one)]
    return [annotation]


def _holds(annotation: Any, name: str) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel) and name in annotation.model_fields


def _inside(annotation: Any, key: str | int) -> list[Any]:
    """Annotations of what a value holds under a key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(key))
        return [field.annotation] if field else []
    arguments = [one for one in get_args(annotation) if one is not Ellipsis]
    if get_origin(annotation) is dict:
        return arguments[1:]
    if get_origin(annotation) is tuple and isinstance(key, int) and Ellipsis not in get_args(annotation):
        return arguments[key : key + 1]
    return arguments[:1]


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """The option model at a path, the last one on the way if there is none there."""
    alternatives: list[Any] = [model]
    found: type[BaseModel] | None = model
    for key in path:
        alternatives = [inner for one in alternatives for part in _alternatives(one) for inner in _inside(part, key)]
        models = [part for one in alternatives for part in _alternatives(one) if _is_model(part)]
        found = models[0] if models else found
    return found


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _of_one_option(
    option: Path, group: list[tuple[tuple[str, ...], Path, ErrorDetails]], model: type[BaseModel], written: Any
) -> list[tuple[Path, str]]:
    """Sentences on one option: on the alternative that was meant, or on all of them in one."""
    by_branch: dict[tuple[str, ...], list[tuple[Path, ErrorDetails]]] = {}
    for branches, path, item in group:
        by_branch.setdefault(branches, []).append((path, item))
    if len(by_branch) > 1:
        meant = [items for items in by_branch.values() if all(_is_close(option, path, item) for path, item in items)]
        if not meant:
            needed = list(dict.fromkeys(_needed(item) for items in by_branch.values() for _, item in items))
            value = group[0][2]["input"]
            choices = [name for items in by_branch.values() for _, item in items for name in _names(item)]
            hint = did_you_mean(value, choices) if isinstance(value, str) else ""
            return [(option, f"needs {' or '.join(filter(None, needed))}, not {shown(value)}{hint}.")]
        by_branch = {(): meant[0]}
    return [_sentence(path, item, model, written) for items in by_branch.values() for path, item in items]


def _is_close(option: Path, path: Path, item: ErrorDetails) -> bool:
    """Whether an alternative fits but for a detail: something inside it, or its size."""
    return len(path) > len(option) or not (item["type"] in NEEDED or item["type"] == "literal_error")


def _needed(item: ErrorDetails) -> str:
    if item["type"] == "literal_error":
        return str(item.get("ctx", {}).get("expected", ""))
    return NEEDED.get(item["type"], "")


def _names(item: ErrorDetails) -> list[str]:
    """Values that a choice among names offers."""
    return re.findall(r"'([^']*)'", _needed(item)) if item["type"] == "literal_error" else []


def _written(values: Any, path: Path) -> tuple[bool, Any]:
    """Whether something was written at a path, and what."""
    for key in path:
        if isinstance(values, Mapping):
            there = key in values
        else:
            there = isinstance(values, list | tuple) and isinstance(key, int) and key < len(values)
        if not there:
            return False, None
        values = values[key]
    return True, values


def _punctuation(path: Path, value: Any, written: Any) -> str:
    """What to say of a name without a value that is a part of what was meant: ``{temperature_K: 4,5}``, ``{seed:1}``."""
    last, (_, holder) = str(path[-1]), _written(written, path[:-1])
    name, colon, rest = last.partition(":")
    if value is None and colon and name and rest:
        return f"; put a space after the colon, {name}: {rest.strip()}"
    if value is not None or not isinstance(holder, Mapping) or not re.fullmatch(r"\d+(\.\d*)?(e[+-]?\d+)?", last):
        return ""
    names = list(map(str, holder))
    before = names[names.index(last) - 1] if last in names[1:] else ""
    if type(holder.get(before)) is not int:
        return ""
    such_as = f", as in {before}: {holder[before]}.{last}" if last.isdigit() else ""
    return f"; if {before} is a decimal number, write it with a point in place of the comma{such_as}"


def _sentence(path: Path, item: ErrorDetails, model: type[BaseModel], written: Any) -> tuple[Path, str]:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    last = str(path[-1]) if path else ""
    holder = _model_at(model, path[:-1]) or model
    fields = holder.model_fields
    if kind == "extra_forbidden":
        hint = _punctuation(path, value, written) or did_you_mean(last, fields)
        hint = hint or f"; its options are {', '.join(fields) or 'none'}"
        return path, f"there is no such option{hint}."
    if kind in ("missing", "too_long", "too_short") and (entries := _entries(model, path if kind != "missing" else path[:-1])):
        at = path if kind != "missing" else path[:-1]
        return at, f"needs {entries} values, not {shown(value)}."
    if kind == "missing":
        description = _first_sentence(fields[last].description) if last in fields else ""
        return path, f"this option is required{': ' + description if description else '.'}"
    if kind == "literal_error":
        names = _names(item)
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        if not isinstance(value, str) and str(value) in names:
            hint = f"; write it in quotes, '{value}'"
        return path, f"is one of {context.get('expected')}, not {shown(value)}{hint}."
    if kind in NEEDED:
        return path, f"needs {NEEDED[kind]}, not {shown(value)}{_advice(kind, value)}."
    if kind in LIMITS:
        words, name = LIMITS[kind]
        return path, f"{words} {shown(context.get(name))}, not {shown(value)}."
    if kind == "finite_number":
        return path, f"must be a finite number, not {shown(value)}."
    if kind == "too_short" and not isinstance(value, list | tuple | Mapping):
        return path, f"needs at least {context.get('min_length')}, not {shown(value)}."
    if kind == "too_short":
        return path, f"needs a list of at least {context.get('min_length')}, not {shown(value)}."
    if kind == "too_long":
        return path, f"takes a list of at most {context.get('max_length')}, not {shown(value)}."
    if kind == "string_too_short":
        return path, "must not be empty."
    if kind == "string_pattern_mismatch":
        description = _first_sentence(fields[last].description) if last in fields else ""
        return path, f"{shown(value)} has not the form of this option{': ' + description if description else '.'}"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    message = re.sub(r"^Input should", "should", message)
    given = "" if repr(value) in message or (kind == "value_error" and isinstance(value, dict)) else f" (given: {shown(value)})"
    return path, f"{message}{given}."


def _entries(model: type[BaseModel], path: Path) -> int | None:
    """How many values a list of fixed length has; None if the path leads to none."""
    alternatives: list[Any] = [model]
    for key in path:
        alternatives = [inner for one in alternatives for part in _alternatives(one) for inner in _inside(part, key)]
    for one in (part for alternative in alternatives for part in _alternatives(alternative)):
        if get_origin(one) is tuple and Ellipsis not in get_args(one):
            return len(get_args(one))
    return None


def _first_sentence(description: str | None) -> str:
    text = " ".join((description or "").split())
    return re.split(r"(?<=[.;])\s", text, maxsplit=1)[0].rstrip(".;") + "." if text else ""


def _advice(kind: str, value: Any) -> str:
    """How to write what was probably meant."""
    if kind == "string_type":
        if isinstance(value, bool):
            return "; put text that YAML reads as true or false in quotes"
        return "" if isinstance(value, Mapping | list | tuple) or value is None else "; put it in quotes"
    if NEEDED[kind] in ("a number", "a whole number") and isinstance(value, str):
        if re.fullmatch(r"[+-]?\d+,\d+(e[+-]?\d+)?", value):
            return "; write a decimal number with a point in place of the comma"
        try:
            float(value)
        except ValueError:
            return ""
        return "; write it without quotes"
    return ""
