"""Every part of sharvin-models keeps the contract of its kind."""

from typing import ClassVar

import pytest
from sharvin.testing import RegressorTests


class TestCnn(RegressorTests):
    name = "cnn"
    options: ClassVar = {"dense": [32], "epochs": 40, "patience": 40, "learning_rate": 0.01, "batch_size": 8}


class TestDnn(RegressorTests):
    name = "dnn"
    options: ClassVar = {"hidden": [32, 32], "epochs": 40, "patience": 40, "learning_rate": 0.01, "batch_size": 8}


class TestFcMaxpool(RegressorTests):
    name = "fc_maxpool"
    options: ClassVar = {"atom_layers": [16, 16], "head_layers": [16], "epochs": 40, "patience": 40, "learning_rate": 0.01}


class TestRidge(RegressorTests):
    name = "ridge"
    options: ClassVar = {"alpha": [1e-8, 1e-3]}


class TestKernelRidge(RegressorTests):
    name = "kernel_ridge"


class TestGaussianProcess(RegressorTests):
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
        "epochs": 40,
        "patience": 40,
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
