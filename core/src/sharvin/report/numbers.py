"""Numbers and durations as a reader wants them."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any, digits: int = 4) -> str:
    """Number as text: integers with thousands separators, others with so many significant digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
        if 10.0**digits <= abs(value) < 1e7:
            return f"{value:,.0f}".replace("-", "−")
        mantissa, exponent, power = f"{value:.{digits}g}".partition("e")
        return mantissa.replace("-", "−") + exponent + power
    return str(value)


def duration(seconds: float) -> str:
    """Time as text: 12.3 s, 4 min 5 s, 6 h 7 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
