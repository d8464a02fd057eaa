"""sharvin: machine-learned quantum transport through atomic-scale systems, as an ecosystem of swappable parts.

Names below are imported on first use; ``import sharvin`` alone loads nothing heavy.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharvin.frames import Frame, Frames
    from sharvin.grid_wire import GridWire
    from sharvin.junction import Junction
    from sharvin.registry import calculator, create
    from sharvin.runs.opened_run import open_run
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
    "open_run": "sharvin.runs.opened_run",
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
    "open_run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sharvin' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, the modules loaded so far, and what every module has; not what this file imports for itself."""
    own = {name for name in globals() if not name.startswith("_") and f"sharvin.{name}" in sys.modules}
    return sorted({*__all__, *own, *(name for name in globals() if name.startswith("__"))})
