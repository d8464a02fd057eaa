"""Option models applied to what a user wrote, every mistake in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from sharvin.errors import InputError
from sharvin.options import Options
from sharvin.suggestions import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
        problems = [f"{where}.{explain(item, model)}" for item in error.errors()]
        raise ConfigError(problems) from None


def explain(item: ErrorDetails, model: type[Options]) -> str:
    """One line on a validation error: the option's name, what is wrong, what may have been meant."""
    name = ".".join(str(part) for part in item["loc"])
    fields = _model_at(model, item["loc"][:-1]).model_fields
    last = str(item["loc"][-1]) if item["loc"] else ""
    if item["type"] == "extra_forbidden":
        choices = list(fields)
        hint = did_you_mean(last, choices) or f"; its options are {', '.join(choices) or 'none'}"
        return f"{name}: there is no such option{hint}."
    if item["type"] == "missing":
        description = (fields[last].description or "").split("\n")[0] if last in fields else ""
        return f"{name}: this option is required{': ' + description if description else ''}"
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    whole_model = item["type"] == "value_error" and isinstance(item["input"], dict)
    given = "" if whole_model else f" (given: {item['input']!r})"
    return f"{name or 'options'}: {message}{given}."


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
