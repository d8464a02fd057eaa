"""Every part of sharvin-descriptors keeps the contract of its kind."""

from typing import ClassVar

from sharvin.testing import DescriptorTests


class TestSoapInDoublePrecision(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff": 5.0, "dtype": "float64"}
    cutoff_A = 5.0


class TestSoapInSinglePrecision(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 4, "l_max": 3, "cutoff": 5.0}
    cutoff_A = 5.0
    tolerance = 1e-5


class TestSoapOfTwoSpecies(DescriptorTests):
    name = "soap"
    options: ClassVar = {"n_max": 3, "l_max": 2, "cutoff": 4.5, "species": ["Ag", "Au"], "dtype": "float64"}
    cutoff_A = 4.5
