"""What a misspelt name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """``" (did you mean …?)"`` or nothing.

    Capitals, and hyphens in place of underscores, do not count as differences; `cutoff` is how alike names must be, from 0 to 1.
    """
    written = {_folded(choice): choice for choice in choices}
    close = difflib.get_close_matches(_folded(name), list(written), n=2, cutoff=cutoff)
    return f" (did you mean {' or '.join(repr(written[choice]) for choice in close)}?)" if close else ""


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
