"""Every part of sharvin-models keeps the contract of its kind."""

from typing import ClassVar

import numpy as np
import pytest
from sharvin import Dataset, Features
from sharvin.testing import RegressorTests


class TestCnn(RegressorTests):
    name = "cnn"
    options: ClassVar = {"dense": [32], "epochs": 100, "patience": 100, "learning_rate": 0.01, "batch_size": 8}


class TestDnn(RegressorTests):
    name = "dnn"
    options: ClassVar = {"hidden": [32, 32], "epochs": 100, "patience": 100, "learning_rate": 0.01, "batch_size": 8}


class TestFcMaxpool(RegressorTests):
    name = "fc_maxpool"
    options: ClassVar = {"atom_layers": [16, 16], "head_layers": [16], "epochs": 150, "patience": 150, "learning_rate": 0.01}


class TestRidgeOnAtoms(RegressorTests):
    name = "ridge"
    options: ClassVar = {"alpha": [1e-8, 1e-3]}


class TestRidgeOnStructures(RegressorTests):
    name = "ridge"
    options: ClassVar = {"alpha": [1e-8, 1e-3]}

    @pytest.fixture
    def data(self):
        rng = np.random.default_rng(1)
        values = rng.uniform(0, 1, (24, 6))
        return Dataset(Features(values), np.tanh(values).sum(axis=1), np.arange(24) // 4)


class TestKernelRidgeOnAtoms(RegressorTests):
    name = "kernel_ridge"


class TestGaussianProcessOnAtoms(RegressorTests):
    name = "gaussian_process"
    options: ClassVar = {"steps": 40, "starts": 2}

    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("gpytorch", exc_type=ImportError)


class TestTransformer(RegressorTests):
    name = "transformer"
    options: ClassVar = {
        "atom_layers": [],
        "d_model": 16,
        "heads": 2,
        "feed_forward": 16,
        "layers": 1,
        "head_layers": [16],
        "dropout": 0.0,
        "epochs": 100,
        "patience": 100,
        "learning_rate": 0.01,
    }


class TestTransformerWithinReach(TestTransformer):
    options: ClassVar = {**TestTransformer.options, "attention": "softmax", "attention_reach_A": 5.0}


class TestTransformerOfSums(TestTransformer):
    options: ClassVar = {
        **{option: value for option, value in TestTransformer.options.items() if option != "heads"},
        "attention": "sum",
        "attention_reach_A": 5.0,
    }
