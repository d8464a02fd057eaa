"""Option models applied to what a user wrote, every mistake in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sharvin.errors import InputError
from sharvin.options import Options
from sharvin.options.messages import mistakes


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
        problems = [f"{'.'.join(map(str, (where, *path)))}: {sentence}" for path, sentence in mistakes(error, model, values)]
        raise ConfigError(problems) from None


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Option model that a field holds, one or many of it; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
