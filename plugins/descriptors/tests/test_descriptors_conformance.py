"""Every part of sharvin-descriptors keeps the contract of its kind."""

from importlib.util import find_spec
from typing import ClassVar

import pytest
from sharvin.testing import DescriptorTests


class TestSoapInDoublePrecision(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 5, "l_max": 3, "cutoff_A": 5.0, "dtype": "float64"}
    cutoff_A = 5.0


class TestSoapInSinglePrecision(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff_A": 5.0}
    cutoff_A = 5.0
    tolerance = 1e-5
    derivative_step_A = 0.03  # differences of float32 features know no smaller one
    derivative_tolerance = 1e-3


class TestSoapOfTwoSpecies(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 5, "l_max": 2, "cutoff_A": 4.5, "species": ["Ag", "Au"], "dtype": "float64"}
    cutoff_A = 4.5


class TestAverageSoap(DescriptorTests):
    name = "average_soap"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff_A": 5.0, "dtype": "float64"}
    cutoff_A = 5.0


class TestSortedCoulombMatrix(DescriptorTests):
    name = "coulomb_matrix"
    options: ClassVar = {"max_atoms": 14, "dtype": "float64"}


class TestCoulombEigenvalues(DescriptorTests):
    name = "coulomb_matrix"
    options: ClassVar = {"max_atoms": 14, "form": "eigenvalues"}
    tolerance = 1e-6


class TestSymmetryFunctionsOfGold(DescriptorTests):
    name = "acsf"
    options: ClassVar = {"table": "gold"}
    cutoff_A = 6.0


class TestSymmetryFunctionsOfTwoSpecies(DescriptorTests):
    name = "acsf"
    options: ClassVar = {
        "functions": [
            {"type": "G2", "eta": 0.4, "r_s": 2.5},
            {"type": "G4", "eta": 0.02, "lam": -1, "zeta": 1.5},
            {"type": "G9", "eta": 0.05, "lam": 1, "zeta": 4},
        ],
        "cutoff_A": 5.0,
        "cutoff_function": "cosine",
        "species": ["Ag", "Au"],
    }
    cutoff_A = 5.0


@pytest.mark.skipif(find_spec("featomic") is None, reason="featomic is not installed")
class TestFeatomic(DescriptorTests):
    name = "featomic"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff_A": 5.0}
    cutoff_A = 5.0
    tolerance = 1e-7  # of its splines


@pytest.mark.skipif(find_spec("featomic") is None, reason="featomic is not installed")
class TestFeatomicOfTwoSpecies(DescriptorTests):
    name = "featomic"
    options: ClassVar = {"n_max": 3, "l_max": 2, "cutoff_A": 4.5, "species": ["Ag", "Au"]}
    cutoff_A = 4.5
    tolerance = 1e-7


@pytest.mark.skipif(find_spec("dscribe") is None, reason="dscribe is not installed")
class TestDscribe(DescriptorTests):
    name = "dscribe"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff_A": 5.0, "dtype": "float64"}
