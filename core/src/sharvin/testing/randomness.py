"""Random numbers that do not come from the generator handed in."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def draws_elsewhere() -> Iterator[list[str]]:
    """Names of the sources, besides the generators handed in, that gave random numbers while the context was open.

    Seen are the global generators of Python, NumPy and torch, and generators made by ``numpy.random.default_rng``.
    """
    made: list[str] = []
    torch = sys.modules.get("torch")

    def states() -> dict[str, Any]:
        kept = np.random.get_state(legacy=False)  # noqa: NPY002 (to see whether it is used)
        found: dict[str, Any] = {"random": random.getstate(), "numpy.random": pickle.dumps(kept)}
        if torch is not None:
            found["torch"] = torch.random.get_rng_state().numpy().tobytes()
        return found

    before, maker = states(), np.random.default_rng

    def noting(*arguments: Any, **settings: Any) -> np.random.Generator:
        made.append("a generator of its own")
        return maker(*arguments, **settings)

    found: list[str] = []
    np.random.default_rng = noting
    try:
        yield found
    finally:
        np.random.default_rng = maker
        after = states()
        found += [f"the global generator of {name}" for name in before if before[name] != after[name]]
        found += made[:1]
