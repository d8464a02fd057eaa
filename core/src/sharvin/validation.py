"""Option models applied to what a user wrote, every mistake in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

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
    if item["type"] == "extra_forbidden":
        choices = list(model.model_fields)
        hint = did_you_mean(name, choices) or f"; its options are {', '.join(choices) or 'none'}"
        return f"{name}: there is no such option{hint}."
    if item["type"] == "missing":
        description = (model.model_fields[name].description or "").split("\n")[0] if name in model.model_fields else ""
        return f"{name}: this option is required{': ' + description if description else ''}"
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if item["type"] == "value_error" and not name else f" (given: {item['input']!r})"
    return f"{name or 'options'}: {message}{given}."
