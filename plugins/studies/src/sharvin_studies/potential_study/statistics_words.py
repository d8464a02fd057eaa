"""Means with standard deviations, as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MOST_DIGITS = 6


def with_std(statistic: Mapping[str, Any], digits: int | None = None) -> str:
    """A mean with its standard deviation, ``12.3 ± 0.4``.

    Parameters
    ----------
    statistic : mapping
        ``mean`` and ``std``, which may be None.
    digits : int, optional
        Decimals of both, more where the deviation else were 0; default three digits of the mean.
    """
    mean, std = statistic["mean"], statistic["std"]
    if digits is None:
        digits = 2 if abs(mean) < 10 else 1 if abs(mean) < 100 else 0
    if std:
        digits = min(max(digits, -math.floor(math.log10(std))), max(digits, MOST_DIGITS))
    said = f"{mean:.{digits}f}" + ("" if std is None else f" ± {std:.{digits}f}")
    return said.replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, ``+0.34`` or ``−1.20``; 0 has none."""
    said = f"{value:+.{digits}f}"
    return f"{0.0:.{digits}f}" if float(said) == 0 else said.replace("-", "−")
