"""Predictions of a saved regressor in an interpreter that has seen nothing but the folder."""

from __future__ import annotations

import atexit
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sharvin.registry import create
from sharvin.samples import Prediction, Samples


def predict_in_a_fresh_interpreter(name: str, options: dict[str, Any], folder: Path, samples: Samples) -> Prediction:
    """Predictions of the regressor `name` that was saved in a folder; one other process serves all calls, it never fits."""
    return _interpreter().submit(_predict, name, options, folder, samples).result(timeout=300)


def _predict(name: str, options: dict[str, Any], folder: Path, samples: Samples) -> Prediction:
    regressor = create("regressors", name, **options)
    regressor.load(folder)
    prediction: Prediction = regressor.predict(samples)
    return prediction


@cache
def _interpreter() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool
