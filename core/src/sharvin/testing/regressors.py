"""Conformance of regressors: identical after save and load, one sample at a time, reproducible, able to learn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sharvin.protocols import ResumableRegressor
from sharvin.registry import create, registry
from sharvin.samples import Dataset, Features, FeatureShards, Images
from sharvin.testing.component import ComponentTests


class RegressorTests(ComponentTests):
    """A structure-to-property model, trained on a few made-up samples of the kind it takes.

    For a regressor that takes frames (kind ``graph``), override the fixture `data`.

    Attributes
    ----------
    options : dict
        Choose them so that a fit takes a second or so and can overfit five samples.
    n_samples, n_features : int
        Size of the made-up data.
    overfit_tolerance : float
        Largest mean absolute error on five samples learnt by heart, as a fraction of the spread of their targets.
    tolerance : float
        Largest difference, relative to the largest prediction, between a sample predicted alone and among others.
    """

    kind = "regressors"
    n_samples: ClassVar[int] = 24
    n_features: ClassVar[int] = 6
    overfit_tolerance: ClassVar[float] = 0.1
    tolerance: ClassVar[float] = 1e-5

    @pytest.fixture
    def data(self) -> Dataset:
        """Samples whose target is a smooth function of their features, invariant under the order of atoms."""
        rng = np.random.default_rng(1)
        kind = registry().find(self.kind, self.name).component.takes[0]
        groups = np.arange(self.n_samples) // 4
        if kind == "image":
            images = rng.uniform(-1, 1, (self.n_samples, self.n_features, self.n_features))
            return Dataset(Images(images), np.exp(-images.mean(axis=(1, 2))), groups)
        if kind == "graph":
            raise NotImplementedError("give your subclass a fixture 'data' that returns a Dataset of Frames")
        counts = rng.integers(3, 9, self.n_samples) if kind == "per_atom" else np.ones(self.n_samples, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        values = rng.uniform(0, 1, (int(offsets[-1]), self.n_features)).astype(np.float32)
        features = Features(values)
        if kind == "per_atom":
            features = Features(values, offsets, rng.uniform(0, 20, len(values)))
        targets = np.array([np.tanh(features.rows(i).max(axis=0)).sum() for i in range(self.n_samples)], dtype=np.float64)
        return Dataset(features, targets, groups)

    @pytest.fixture
    def fitted(self, component: Any, data: Dataset) -> Any:
        """The component, trained."""
        component.fit(data, data.take(np.arange(4)), np.random.default_rng(5))
        return component

    def test_saved_model_predicts_the_same(
        self, fitted: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """Bit for bit, in a component made anew."""
        fitted.save(tmp_path)
        loaded = create(self.kind, self.name, **component_options)
        loaded.load(tmp_path)
        first, second = fitted.predict(data.samples), loaded.predict(data.samples)
        assert np.array_equal(first.mean, second.mean)
        assert (first.std is None) == (second.std is None)
        if first.std is not None:
            assert np.array_equal(first.std, second.std)

    def test_predictions_do_not_see_their_batch(self, fitted: Any, data: Dataset) -> None:
        """A structure predicted alone, among others and in another order: neither company nor padding counts."""
        together = fitted.predict(data.samples).mean
        assert together.shape == (len(data),)
        alone = np.concatenate([fitted.predict(data.samples.take(np.array([i]))).mean for i in range(len(data))])
        order = np.random.default_rng(2).permutation(len(data))
        scale = self.tolerance * np.abs(together).max()
        np.testing.assert_allclose(alone, together, rtol=0, atol=scale)
        np.testing.assert_allclose(fitted.predict(data.samples.take(order)).mean, together[order], rtol=0, atol=scale)

    def test_predictions_differ_between_samples(self, fitted: Any, data: Dataset) -> None:
        """The model has learnt more than a constant."""
        mean = fitted.predict(data.samples).mean
        assert np.all(np.isfinite(mean))
        assert np.ptp(mean) > 0.05 * np.ptp(data.targets)

    def test_order_of_atoms_does_not_matter(self, fitted: Any, data: Dataset) -> None:
        """Rows of a structure in another order give the same prediction."""
        samples = data.samples
        if not isinstance(samples, Features) or samples.offsets is None:
            pytest.skip("the samples are not rows of atoms")
        rng = np.random.default_rng(3)
        ends = samples.offsets
        order = np.concatenate([a + rng.permutation(b - a) for a, b in pairwise(ends)])
        heights = None if samples.heights_A is None else samples.heights_A[order]
        shuffled = Features(samples.values[order], ends, heights)
        expected = fitted.predict(samples).mean
        found = fitted.predict(shuffled).mean
        np.testing.assert_allclose(found, expected, rtol=0, atol=self.tolerance * np.abs(expected).max())

    def test_five_samples_can_be_learnt_by_heart(self, component: Any, data: Dataset) -> None:
        """A model that cannot overfit five samples cannot learn."""
        five = data.take(np.arange(5))
        component.fit(five, five, np.random.default_rng(1))
        error = np.abs(component.predict(five.samples).mean - five.targets).mean()
        assert error < self.overfit_tolerance * np.ptp(five.targets)

    def test_stated_uncertainty_is_a_standard_deviation(self, fitted: Any, data: Dataset) -> None:
        """Finite and non-negative, one a sample, or not stated at all."""
        std = fitted.predict(data.samples).std
        assert std is None or (std.shape == (len(data),) and bool(np.all(np.isfinite(std)) and np.all(std >= 0)))

    def test_equal_generators_give_equal_models(self, fitted: Any, data: Dataset, component_options: dict[str, Any]) -> None:
        """All randomness of a fit comes from the generator it is given."""
        again = create(self.kind, self.name, **component_options)
        again.fit(data, data.take(np.arange(4)), np.random.default_rng(5))
        assert np.array_equal(again.predict(data.samples).mean, fitted.predict(data.samples).mean)

    def test_learning_curves_are_finite(self, component: Any, data: Dataset) -> None:
        """Curves by name, one value an epoch."""
        curves = component.fit(data, data.take(np.arange(4)), np.random.default_rng(5))
        assert len({len(curve) for curve in curves.values()}) <= 1
        assert all(np.all(np.isfinite(curve)) for curve in curves.values())

    def test_rows_in_files_are_as_good_as_in_memory(
        self, fitted: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """A model learnt from features mapped into memory, whose predictions are made from them, too."""
        samples = data.samples
        if not isinstance(samples, Features):
            pytest.skip("the samples are not rows of features")
        parts = [samples.take(slice(0, 5)), samples.take(slice(5, None))]
        for number, part in enumerate(parts):
            (tmp_path / str(number)).mkdir()
            FeatureShards.write(tmp_path / str(number), part)
        shards = FeatureShards([tmp_path / "0", tmp_path / "1"])
        expected = fitted.predict(samples).mean
        scale = self.tolerance * np.abs(expected).max()
        np.testing.assert_allclose(fitted.predict(shards).mean, expected, rtol=0, atol=scale)
        mapped = Dataset(shards, data.targets, data.groups)
        again = create(self.kind, self.name, **component_options)
        again.fit(mapped, mapped.take(np.arange(4)), np.random.default_rng(5))
        np.testing.assert_allclose(again.predict(samples).mean, expected, rtol=0, atol=scale)

    def test_an_interrupted_fit_ends_as_if_it_had_not_been(
        self, component: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """Bit for bit, where the regressor keeps its progress, and with one line of metrics an epoch."""
        if not isinstance(component, ResumableRegressor):
            pytest.skip("this regressor keeps no progress")
        validation, metrics = data.take(np.arange(4)), tmp_path / "metrics.jsonl"
        curves = component.fit(data, validation, np.random.default_rng(5))
        interrupted, resumed = (create(self.kind, self.name, **component_options) for _ in range(2))
        interrupted.keep_progress(tmp_path)
        try:
            interrupted.fit(data, validation, _Interrupting(np.random.PCG64(5), metrics))
        except _InterruptedFit:
            assert len(metrics.read_text().splitlines()) >= 2
        resumed.keep_progress(tmp_path)
        assert resumed.fit(data, validation, np.random.default_rng(5)) == curves
        assert np.array_equal(resumed.predict(data.samples).mean, component.predict(data.samples).mean)
        lines = [json.loads(line) for line in metrics.read_text().splitlines()]
        assert [line["epoch"] for line in lines] == list(range(1, len(lines) + 1))
        assert all({"epochs", "train_mae", "validation_mae", "learning_rate", "seconds"} <= line.keys() for line in lines)
        assert [line["validation_mae"] for line in lines] == curves["validation_mae"]
        assert all(a["seconds"] <= b["seconds"] for a, b in pairwise(lines))


class _InterruptedFit(BaseException):
    """Like Ctrl-C, which no part may catch."""


class _Interrupting(np.random.Generator):
    """Stops the fit that draws from it after two lines of metrics."""

    def __init__(self, bits: np.random.BitGenerator, metrics: Path) -> None:
        super().__init__(bits)
        self.__dict__["metrics"] = metrics

    def __getattribute__(self, name: str) -> Any:
        metrics = object.__getattribute__(self, "__dict__").get("metrics")
        if metrics is not None and metrics.exists() and len(metrics.read_text().splitlines()) >= 2:
            raise _InterruptedFit
        return super().__getattribute__(name)
