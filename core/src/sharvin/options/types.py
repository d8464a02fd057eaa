"""Types of options in words: ``number > 0``, ``one of soap, acsf``, ``list of 3 integers ≥ 1``, ``text or nothing``.

They are read from the JSON schema of the option model, so bounds and unions of any model are understood. ``plugins show`` and the
tables of the manual use these words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

SINGULAR = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "nothing"}
PLURAL = {"integer": "integers", "number": "numbers", "string": "texts"}
FORMATS = {"path": "path", "file-path": "path of a file", "directory-path": "path of a folder"}


class _Schema(GenerateJsonSchema):
    """A type that JSON does not know may hold anything, and so may its default."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 (declared so by pydantic)

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> JsonSchemaValue:
        return {}


class OptionTypes:
    """Types of the options of one model.

    Parameters
    ----------
    model : type of pydantic.BaseModel
    """

    def __init__(self, model: type[BaseModel]) -> None:
        try:
            whole = model.model_json_schema(schema_generator=_Schema)
        except PydanticUserError:  # a type of a plugin's own, of which no schema can be made
            whole = {}
        self._definitions: Mapping[str, Any] = whole.get("$defs", {})
        self._root = self._resolved(whole)

    def of(self, name: str) -> str:
        """Type of an option, in words."""
        return self.words(self._root.get("properties", {}).get(name, {}))

    def words(self, schema: Mapping[str, Any]) -> str:
        """A JSON schema in words."""
        schema = self._resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            words = list(dict.fromkeys(self.words(one) for one in schema.get("anyOf", schema.get("oneOf", ()))))
            return (", or " if any(" and " in one for one in words) else " or ").join(words)
        if "const" in schema:
            return in_words(schema["const"])
        if "enum" in schema:
            return f"one of {', '.join(in_words(value) for value in schema['enum'])}"
        kind = schema.get("type")
        if kind == "array":
            return self._list(schema)
        if kind == "object":
            return self._mapping(schema)
        if kind == "string":
            return FORMATS.get(schema.get("format", ""), str(schema.get("format", "text")))
        return SINGULAR.get(str(kind), "anything") + _bounds(schema)

    def _list(self, schema: Mapping[str, Any]) -> str:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        places = [self._resolved(one) for one in schema.get("prefixItems", ())]
        if places and any(one != places[0] for one in places):
            return f"list of {' and '.join(self.words(one) for one in places)}"
        items = places[0] if places else schema.get("items", {})
        count = ""
        if most is not None and least == most:
            count = f"{most} "
        elif least and most is not None:
            count = f"{least} to {most} "
        elif least > 1:
            count = f"at least {least} "
        elif most is not None:
            count = f"at most {most} "
        some = " (at least one)" if least == 1 and most is None else ""
        return f"list of {count}{self._plural(items)}{some}"

    def _plural(self, schema: Any) -> str:
        if not schema or schema is True:
            return "anything"
        schema = self._resolved(schema)
        if schema.get("type") in PLURAL and "enum" not in schema and "const" not in schema and "pattern" not in schema:
            return PLURAL[schema["type"]] + _bounds(schema)
        if "properties" in schema:
            return "mappings of options"
        words = self.words(schema)
        return words if words.startswith("one of ") else f"({words})"

    def _mapping(self, schema: Mapping[str, Any]) -> str:
        if "properties" in schema:
            return "mapping of options"
        values = schema.get("additionalProperties")
        return f"mapping of names to {self._plural(values)}" if isinstance(values, Mapping) and values else "mapping"

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The definition that a reference leads to."""
        while True:
            if "$ref" in schema:
                schema = self._definitions.get(schema["$ref"].rpartition("/")[2], {})
            elif len(schema.get("allOf", ())) == 1:
                schema = schema["allOf"][0]
            else:
                return schema


def default_in_words(field: FieldInfo) -> str:
    """``required``, or the default as it is written in a config."""
    return "required" if field.is_required() else f"default {in_words(field.get_default(call_default_factory=True))}"


def in_words(value: Any) -> str:
    """A value as it is written in a config, on one line; ``nothing`` for null."""
    if value is None:
        return "nothing"
    plain = to_jsonable_python(value, fallback=str)
    if isinstance(plain, str):
        return plain or '""'
    return _flow(plain)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if least is not None and above is not None:
        least, above = (least, None) if least > above else (None, above)
    if most is not None and below is not None:
        most, below = (most, None) if most < below else (None, below)
    if least is not None and most is not None:
        found = [f"from {least:g} to {most:g}"]
    else:
        signs = ((">", above), ("≥", least), ("<", below), ("≤", most))
        found = [f"{sign} {bound:g}" for sign, bound in signs if bound is not None]
    if "multipleOf" in schema:
        found.append(f"a multiple of {schema['multipleOf']:g}")
    return f" {' and '.join(found)}" if found else ""
