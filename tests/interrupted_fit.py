"""A fit that is stopped right after one of its checkpoints."""

from contextlib import contextmanager
from unittest.mock import patch

import pytest
from sharvin.runs.fit_progress import FitProgress


class Interruption(BaseException):
    """Like Ctrl-C."""


@contextmanager
def interrupted_after(epochs):
    """In this block a fit must be stopped after the checkpoint of so many epochs."""
    save = FitProgress.save

    def save_then_stop(self, checkpoint, rng):
        save(self, checkpoint, rng)
        if checkpoint.curves.epochs == epochs:
            raise Interruption

    with patch.object(FitProgress, "save", save_then_stop), pytest.raises(Interruption):
        yield
