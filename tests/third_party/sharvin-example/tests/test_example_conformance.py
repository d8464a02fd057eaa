"""The parts of this plugin keep the contracts of their kinds."""

from sharvin.testing import DescriptorTests, RegressorTests, TransportSolverTests


class TestModes(TransportSolverTests):
    name = "example_modes"
    tolerance = 1e-6


class TestRadial(DescriptorTests):
    name = "example_radial"
    cutoff_A = 5.0


class TestNeighbours(RegressorTests):
    name = "example_neighbours"
