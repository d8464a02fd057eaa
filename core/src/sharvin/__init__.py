"""sharvin: machine-learned quantum transport through atomic-scale systems, as an ecosystem of swappable parts.

Names below are imported on first use; ``import sharvin`` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharvin.frames import Frame, Frames
    from sharvin.grid_wire import GridWire
    from sharvin.junction import Junction
    from sharvin.registry import calculator, create
    from sharvin.samples import Dataset, Features, Images, Prediction
    from sharvin.two_terminal import TwoTerminal

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "sharvin.samples",
    "Features": "sharvin.samples",
    "Frame": "sharvin.frames",
    "Frames": "sharvin.frames",
    "GridWire": "sharvin.grid_wire",
    "Images": "sharvin.samples",
    "Junction": "sharvin.junction",
    "Prediction": "sharvin.samples",
    "TwoTerminal": "sharvin.two_terminal",
    "calculator": "sharvin.registry",
    "create": "sharvin.registry",
}

__all__ = [
    "Dataset",
    "Features",
    "Frame",
    "Frames",
    "GridWire",
    "Images",
    "Junction",
    "Prediction",
    "TwoTerminal",
    "calculator",
    "create",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sharvin' has no attribute {name!r}")
