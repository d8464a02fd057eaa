"""Contracts of the kinds of component: few methods, shapes and units stated.

Units are eV, Å, G0, K and fs unless a name says otherwise. Every component is built as ``Class(options)``, where `options` is
an instance of the option model that its :class:`~sharvin.component.Component` record names. Components are made anew in
each worker process, so options are all the state that they may rely on.
"""

from __future__ import annotations

from sharvin.kinds.crystals import (
    BlockHamiltonian,
    FiniteDifferencePotential,
    HarmonicCrystal,
    HarmonicDynamics,
    TrainableBlockHamiltonian,
)
from sharvin.kinds.hamiltonians import (
    CostedHamiltonian,
    Hamiltonian,
    LatticeHamiltonian,
    LearningByOption,
    Reference,
    SampledHamiltonian,
    SampledSeriesHamiltonian,
    SeriesHamiltonian,
    StoredHamiltonian,
    TrainableHamiltonian,
)
from sharvin.kinds.learning import Descriptor, DifferentiableDescriptor, FeatureDerivatives, Regressor, ResumableRegressor
from sharvin.kinds.structures_and_dynamics import (
    CheckedTrainablePotential,
    Dynamics,
    EnergyForcesVirial,
    ForeseeingDynamics,
    LammpsPotential,
    MonitoredPotential,
    NeighbourList,
    NeighbourListPotential,
    Potential,
    Structure,
    StructureSet,
    TrainablePotential,
)
from sharvin.kinds.transport import ObservingSolver, TransportSolver
from sharvin.kinds.workflows import Executor, Outcome, PlanningWorkflow, Workflow

__all__ = [
    "BlockHamiltonian",
    "CheckedTrainablePotential",
    "CostedHamiltonian",
    "Descriptor",
    "DifferentiableDescriptor",
    "Dynamics",
    "EnergyForcesVirial",
    "Executor",
    "FeatureDerivatives",
    "FiniteDifferencePotential",
    "ForeseeingDynamics",
    "Hamiltonian",
    "HarmonicCrystal",
    "HarmonicDynamics",
    "LammpsPotential",
    "LatticeHamiltonian",
    "LearningByOption",
    "MonitoredPotential",
    "NeighbourList",
    "NeighbourListPotential",
    "ObservingSolver",
    "Outcome",
    "PlanningWorkflow",
    "Potential",
    "Reference",
    "Regressor",
    "ResumableRegressor",
    "SampledHamiltonian",
    "SampledSeriesHamiltonian",
    "SeriesHamiltonian",
    "StoredHamiltonian",
    "Structure",
    "StructureSet",
    "TrainableBlockHamiltonian",
    "TrainableHamiltonian",
    "TrainablePotential",
    "TransportSolver",
    "Workflow",
]
