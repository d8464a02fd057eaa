"""Regressors and executors that are wrong in the ways that parts go wrong: one thing is spoilt."""

from __future__ import annotations

import json

import numpy as np
from sharvin import Dataset, Features, Prediction, create
from sharvin.protocols import Outcome

# --- regressors


class Altered:
    """Kernel ridge regression, which is right; subclasses spoil one thing."""

    def __init__(self):
        self.inner = create("regressors", "kernel_ridge")

    def fit(self, data, validation, rng):
        return self.inner.fit(data, validation, rng)

    def predict(self, samples):
        return self.inner.predict(samples)

    def save(self, folder):
        self.inner.save(folder)

    def load(self, folder):
        self.inner.load(folder)


class LearnsValidation(Altered):
    def fit(self, data, validation, rng):
        return super().fit(validation, validation, rng)


class LearnsBoth(Altered):
    def fit(self, data, validation, rng):
        samples = Features.concatenate([data.samples, validation.samples])
        targets, groups = (np.concatenate([getattr(one, name) for one in (data, validation)]) for name in ("targets", "groups"))
        return super().fit(Dataset(samples, targets, groups), validation, rng)


class Remembers(Altered):
    done = False

    def fit(self, data, validation, rng):
        if self.done:
            return {"train_mae": [0.0]}
        self.done = True
        return super().fit(data, validation, rng)


class IgnoresItsGenerator(Altered):
    def fit(self, data, validation, rng):
        self.weight = np.random.default_rng(0).normal()
        return super().fit(data, validation, rng)

    def predict(self, samples):
        return Prediction(super().predict(samples).mean + 1e-3 * self.weight)


class GlobalGenerator(IgnoresItsGenerator):
    def fit(self, data, validation, rng):
        self.weight = np.random.normal()  # noqa: NPY002 (the mistake)
        return Altered.fit(self, data, validation, rng)


class StdOfTheBatch(Altered):
    def predict(self, samples):
        mean = super().predict(samples).mean
        return Prediction(mean, np.abs(mean - mean.mean()))


class HugeStd(Altered):
    def predict(self, samples):
        mean = super().predict(samples).mean
        return Prediction(mean, np.full(len(mean), 1e9))


class KeepsItsModel(Altered):
    models = {}  # noqa: RUF012 (the mistake)

    def save(self, folder):
        (folder / "model.json").write_text(json.dumps({"id": id(self)}))
        self.models[id(self)] = self.inner


class SavesBesideTheFolder(Altered):
    def save(self, folder):
        super().save(folder.parent)


class DriftsFromCallToCall(Altered):
    calls = 0

    def predict(self, samples):
        self.calls += 1
        return Prediction(super().predict(samples).mean * (1 + 1e-9 * self.calls))


class RowsOfStructuresAreWrong(Altered):
    def predict(self, samples):
        found = super().predict(samples)
        return Prediction(0 * found.mean) if samples.kind == "per_structure" else found


class OrderMatters(Altered):
    def predict(self, samples):
        first = np.array([samples.rows(i)[0, 0] for i in range(len(samples))])
        return Prediction(super().predict(samples).mean + 0.01 * first)


REGRESSORS = {
    LearnsValidation: "test_nothing_is_learnt_from_the_validation_set",
    LearnsBoth: "test_nothing_is_learnt_from_the_validation_set",
    Remembers: "test_a_fit_depends_on_its_arguments_alone",
    IgnoresItsGenerator: "test_a_fit_depends_on_its_arguments_alone",
    GlobalGenerator: "test_a_fit_depends_on_its_arguments_alone",
    StdOfTheBatch: "test_predictions_do_not_see_their_batch",
    HugeStd: "test_stated_uncertainty_is_a_standard_deviation",
    KeepsItsModel: "test_saved_model_predicts_the_same",
    SavesBesideTheFolder: "test_saved_model_predicts_the_same",
    DriftsFromCallToCall: "test_predictions_differ_between_samples",
    RowsOfStructuresAreWrong: "test_predictions_differ_between_samples",
    OrderMatters: "test_order_of_atoms_does_not_matter",
}


class Resuming:
    """Averages numbers that it draws, one an epoch; `remembers` tells what a checkpoint keeps of generator and metrics."""

    def __init__(self, remembers=("generator", "metrics")):
        self.remembers, self.folder, self.drawn = remembers, None, []

    def keep_progress(self, folder):
        self.folder = folder

    def fit(self, data, validation, rng):
        state = self.folder / "state.json" if self.folder else None
        begin, self.drawn = 0, []
        if state is not None and state.exists():
            kept = json.loads(state.read_text())
            begin, self.drawn = len(kept["drawn"]), kept["drawn"]
            if "generator" in self.remembers:
                rng.bit_generator.state = kept["generator"]
        for epoch in range(begin + 1, 6):
            self.drawn = [*self.drawn, rng.normal()]
            if state is not None:
                state.write_text(json.dumps({"drawn": self.drawn, "generator": rng.bit_generator.state}))
                line = {"epoch": epoch, "epochs": 5, "train_mae": 0.0, "validation_mae": self.drawn[-1]}
                line |= {"learning_rate": 0.1, "seconds": 1.0} if "metrics" in self.remembers else {}
                with (self.folder / "metrics.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
        return {"validation_mae": self.drawn}

    def predict(self, samples):
        return Prediction(np.full(len(samples), np.mean(self.drawn)))


# --- executors


class InThisProcess:
    """Computes items here, with one mistake."""

    def __init__(self, mistake=""):
        self.mistake = mistake

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def map(self, function, items):
        for place, item in enumerate(items):
            try:
                value = function(item)
            except (ValueError, SystemExit) as error:
                if self.mistake == "failed items are lost":
                    continue
                swallowed = self.mistake == "errors are swallowed"
                yield Outcome(place, None, None if swallowed else f"{type(error).__name__}: {error}")
                continue
            if self.mistake == "items run twice":
                function(item)
            yield Outcome(place ^ 1 if self.mistake == "outcomes change places" and place < 6 else place, value)


EXECUTORS = {
    "failed items are lost": "test_a_failed_item_is_recorded_and_the_others_go_on",
    "errors are swallowed": "test_a_failed_item_is_recorded_and_the_others_go_on",
    "outcomes change places": "test_every_item_has_its_outcome",
    "items run twice": "test_every_item_has_its_outcome",
}
