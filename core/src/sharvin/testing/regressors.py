"""Conformance of regressors: one sample at a time, reproducible, identical after save and load, able to learn."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sharvin.frames import Frame, Frames
from sharvin.registry import create
from sharvin.samples import Dataset, Features, FeatureShards, Images, Samples
from sharvin.testing.applicability import Test, applies_where, has_method, record_of
from sharvin.testing.component import ComponentTests
from sharvin.testing.fresh_interpreter import predict_in_a_fresh_interpreter
from sharvin.testing.randomness import draws_elsewhere

FEATURES = ("per_atom", "per_structure")
LARGEST_STD = 10.0
"""A standard deviation that is larger than this many ranges of the training targets says nothing."""


def kinds_of(tests: type[Any]) -> tuple[str, ...]:
    """Kinds of samples that a subclass is about."""
    record = record_of(tests)
    return tests.sample_kinds or (record.takes if record else ()) or ("per_atom",)


def about(*kinds: str) -> Callable[[Test], Test]:
    """A test of these kinds of samples only."""

    def mark(test: Test) -> Test:
        test.__dict__["about_kinds"] = kinds
        return applies_where(lambda tests: bool({*kinds_of(tests)} & {*kinds}))(test)

    return mark


class RegressorTests(ComponentTests):
    """A structure-to-property model, trained on a few made-up samples of each kind that it takes.

    For a regressor that takes frames (kind ``graph``), override the fixture `data`.

    Attributes
    ----------
    options : dict
        Choose them so that a fit takes a second or so and can overfit five samples.
    n_samples, n_features : int
        Size of the made-up data.
    sample_kinds : tuple of str or None
        Which of the kinds that the regressor takes this subclass is about; by default all that its record names.
    overfit_tolerance : float
        Largest mean absolute error on five samples learnt by heart, as a fraction of the spread of their targets.
    tolerance : float
        Largest difference, relative to the largest prediction, between a sample predicted alone and among others.
    """

    kind = "regressors"
    n_samples: ClassVar[int] = 24
    n_features: ClassVar[int] = 6
    sample_kinds: ClassVar[tuple[str, ...] | None] = None
    overfit_tolerance: ClassVar[float] = 0.1
    tolerance: ClassVar[float] = 1e-5
    accepted: ClassVar[dict[str, tuple[float, float]]] = {"overfit_tolerance": (0.0, 0.5), "tolerance": (0.0, 1e-3)}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each test of samples once for each kind that it is about."""
        if "sample_kind" in metafunc.fixturenames:
            wanted = getattr(metafunc.function, "about_kinds", None)
            kinds = [kind for kind in kinds_of(type(self)) if wanted is None or kind in wanted]
            metafunc.parametrize("sample_kind", kinds, indirect=True)

    @pytest.fixture
    def sample_kind(self, request: pytest.FixtureRequest) -> str:
        """Kind of the samples: ``per_atom``, ``per_structure``, ``image`` or ``graph``."""
        return str(request.param)

    @pytest.fixture
    def data(self, sample_kind: str) -> Dataset:
        """Made-up samples of one kind."""
        return self.made_up_data(sample_kind)

    def made_up_data(self, sample_kind: str) -> Dataset:
        """Samples whose target is a smooth function of their features, invariant under the order of atoms."""
        rng = np.random.default_rng(1)
        groups = np.arange(self.n_samples) // 4
        if sample_kind == "image":
            images = rng.uniform(-1, 1, (self.n_samples, self.n_features, self.n_features))
            return Dataset(Images(images), np.exp(-images.mean(axis=(1, 2))), groups)
        if sample_kind == "graph":
            raise NotImplementedError("give your subclass a fixture 'data' that returns a Dataset of Frames")
        counts = rng.integers(3, 9, self.n_samples) if sample_kind == "per_atom" else np.ones(self.n_samples, dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        values = rng.uniform(0, 1, (int(offsets[-1]), self.n_features)).astype(np.float32)
        features = Features(values)
        if sample_kind == "per_atom":
            features = Features(values, offsets, rng.uniform(0, 20, len(values)))
        targets = np.array([np.tanh(features.rows(i).max(axis=0)).sum() for i in range(self.n_samples)], dtype=np.float64)
        return Dataset(features, targets, groups)

    @pytest.fixture
    def fitted(self, component: Any, data: Dataset) -> Any:
        """The component, trained once for all tests of these data; they only predict with it."""

        def trained() -> Any:
            component.fit(data, data.take(np.arange(4)), np.random.default_rng(5))
            return component

        return self.once(f"fitted {_content(data)}", trained)

    def test_saved_model_predicts_the_same(
        self, fitted: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """Bit for bit, in another interpreter that has nothing but the folder, wherever that was moved."""
        (tmp_path / "written").mkdir()
        fitted.save(tmp_path / "written")
        folder = (tmp_path / "written").rename(tmp_path / "moved")
        try:
            found = predict_in_a_fresh_interpreter(self.name, component_options, folder, data.samples)
        except Exception as error:  # whatever the part raises there
            raise AssertionError(
                f"a fresh interpreter cannot load what was saved, {type(error).__name__}: {error}; everything that load needs "
                "must be in the folder that save was given"
            ) from error
        expected = fitted.predict(data.samples)
        assert np.array_equal(expected.mean, found.mean), "the saved model predicts other values in a fresh interpreter"
        assert (expected.std is None) == (found.std is None)
        if expected.std is not None and found.std is not None:
            assert np.array_equal(expected.std, found.std), "the saved model states other uncertainties in a fresh interpreter"

    def test_predictions_do_not_see_their_batch(self, fitted: Any, data: Dataset) -> None:
        """A structure predicted alone, among others and in another order: neither company nor padding counts, nor in its std."""
        together = fitted.predict(data.samples)
        assert together.mean.shape == (len(data),)
        some = range(0, len(data), 3)
        alone = [fitted.predict(data.samples.take(np.array([i]))) for i in some]
        order = np.random.default_rng(2).permutation(len(data))
        mixed = fitted.predict(data.samples.take(order))
        for what in ("mean", "std"):
            expected = getattr(together, what)
            if expected is None:
                continue
            close = {"rtol": 0.0, "atol": self.tolerance * np.abs(expected).max() + 1e-300}
            for found, place, how in (
                (np.concatenate([getattr(one, what) for one in alone]), some, "predicted alone"),
                (getattr(mixed, what), order, "predicted in another order"),
            ):
                np.testing.assert_allclose(found, expected[place], **close, err_msg=f"the {what} of a sample {how} is another")

    def test_predictions_differ_between_samples(self, fitted: Any, data: Dataset) -> None:
        """The model has learnt more than a constant, and gives the same bits when it is asked again."""
        mean = fitted.predict(data.samples).mean
        assert np.all(np.isfinite(mean))
        assert np.ptp(mean) > 0.05 * np.ptp(data.targets)
        assert np.array_equal(fitted.predict(data.samples).mean, mean), "predictions drift from call to call"

    @about("per_atom", "graph")
    def test_order_of_atoms_does_not_matter(self, fitted: Any, data: Dataset) -> None:
        """The atoms of a structure in another order give the same prediction."""
        expected = fitted.predict(data.samples).mean
        found = fitted.predict(_reordered(data.samples)).mean
        np.testing.assert_allclose(found, expected, rtol=0, atol=self.tolerance * np.abs(expected).max())

    def test_five_samples_can_be_learnt_by_heart(self, component: Any, data: Dataset) -> None:
        """A model that cannot overfit five samples cannot learn; its learning curves are finite, one value per epoch."""
        five = data.take(np.arange(5))
        curves = component.fit(five, five, np.random.default_rng(1))
        assert len({len(curve) for curve in curves.values()}) <= 1
        assert all(np.all(np.isfinite(curve)) for curve in curves.values())
        error = np.abs(component.predict(five.samples).mean - five.targets).mean()
        assert error < self.overfit_tolerance * np.ptp(five.targets), (
            f"five samples are learnt with a mean error of {error:.3g}, more than {self.overfit_tolerance:g} of their spread"
        )

    def test_nothing_is_learnt_from_the_validation_set(self, component: Any, data: Dataset) -> None:
        """A wrong target of a validation sample may choose when to stop, but is not learnt."""
        spread, alien = np.ptp(data.targets), data.take(np.arange(1))
        wrong = Dataset(alien.samples, alien.targets + 30.0 * spread, alien.groups)
        component.fit(data.take(np.arange(1, len(data))), wrong, np.random.default_rng(5))
        off = np.abs(component.predict(alien.samples).mean[0] - alien.targets[0])
        assert off < 4.0 * spread, (
            f"a validation sample whose target is wrong by {30 * spread:.3g} moved its prediction by {off:.3g}, more than "
            f"the spread {spread:.3g} of the training targets explains: the model learns from its validation set"
        )

    def test_stated_uncertainty_is_a_standard_deviation(self, fitted: Any, data: Dataset) -> None:
        """Finite, non-negative, one per sample and of the size of the targets' spread at most; or not stated at all."""
        std = fitted.predict(data.samples).std
        if std is None:
            return
        assert std.shape == (len(data),)
        assert np.all(np.isfinite(std)) and np.all(std >= 0), "a standard deviation is finite and not negative"
        largest = LARGEST_STD * np.ptp(data.targets)
        assert std.max() <= largest, (
            f"a standard deviation of {std.max():.3g}, where the targets lie within {np.ptp(data.targets):.3g} of each other: "
            "is it in their unit?"
        )

    def test_a_fit_depends_on_its_arguments_alone(self, component: Any, fitted: Any, data: Dataset) -> None:
        """Equal data and equal generators give equal models, in a component that has learnt something else before, too.

        A fit that does not use its generator has no other source of random numbers either.
        """
        expected = fitted.predict(data.samples).mean
        five = data.take(np.arange(5))
        component.fit(five, five, np.random.default_rng(2))
        rng = np.random.default_rng(5)
        unused = rng.bit_generator.state
        with draws_elsewhere() as elsewhere:
            component.fit(data, data.take(np.arange(4)), rng)
        assert rng.bit_generator.state != unused or not elsewhere, (
            f"the fit leaves its generator alone and draws random numbers from {', '.join(elsewhere)}"
        )
        assert np.array_equal(component.predict(data.samples).mean, expected), (
            "a component that has learnt something else before learns another model from equal data and an equal generator: it "
            "remembers its first fit, or draws random numbers from elsewhere"
        )

    @about(*FEATURES)
    def test_rows_in_files_are_as_good_as_in_memory(
        self, fitted: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """A model learnt from features mapped into memory, whose predictions are made from them, too."""
        samples = data.samples
        assert isinstance(samples, Features)
        parts = [samples.take(slice(0, 5)), samples.take(slice(5, None))]
        for number, part in enumerate(parts):
            (tmp_path / str(number)).mkdir()
            FeatureShards.write(tmp_path / str(number), part)
        shards = FeatureShards([tmp_path / "0", tmp_path / "1"])
        expected = fitted.predict(samples).mean
        scale = self.tolerance * np.abs(expected).max()
        np.testing.assert_allclose(fitted.predict(shards).mean, expected, rtol=0, atol=scale)
        again = create(self.kind, self.name, **component_options)
        again.fit(Dataset(shards, data.targets, data.groups), data.take(np.arange(4)), np.random.default_rng(5))
        np.testing.assert_allclose(again.predict(samples).mean, expected, rtol=0, atol=scale)

    @applies_where(lambda tests: has_method(tests, "keep_progress"))
    def test_an_interrupted_fit_ends_as_if_it_had_not_been(
        self, component: Any, data: Dataset, component_options: dict[str, Any], tmp_path: Path
    ) -> None:
        """Bit for bit, where the regressor keeps its progress, and with one line of metrics per epoch."""
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


def _content(data: Dataset) -> str:
    return f"{data.samples.kind} {len(data)} {data.targets.tobytes().hex()}"


def _reordered(samples: Samples) -> Samples:
    """The structures with their atoms in another order."""
    rng = np.random.default_rng(3)
    if isinstance(samples, Frames):
        orders = [rng.permutation(len(frame)) for frame in samples]
        return Frames(
            Frame(
                frame.numbers[order],
                frame.positions[order],
                frame.cell,
                frame.pbc,
                frame.scalars,
                None if frame.rigid is None else frame.rigid[order],
            )
            for frame, order in zip(samples, orders, strict=True)
        )
    if not isinstance(samples, Features) or samples.offsets is None:
        return samples  # of a subclass that brings data of its own, in which structures have one row each
    order = np.concatenate([a + rng.permutation(b - a) for a, b in pairwise(samples.offsets)])
    return Features(samples.values[order], samples.offsets, None if samples.heights_A is None else samples.heights_A[order])


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
