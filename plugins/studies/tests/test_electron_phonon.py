"""The study of electron-phonon coupling: errors of blocks, the cone at rest, averaged velocities, bands of large cells, plan."""

import pytest
from sharvin.config import Selection
from sharvin.registry import Registry

CONFIG = """
workflow:
  use: electron_phonon
  reference:
    potential: {use: layered_carbon}
    hamiltonian: {use: slater_koster_pz, cutoff_A: 4.0}
  series:
    - {name: 0 K, dynamics: {temperature_K: 0}}
    - {name: 300 K, dynamics: {temperature_K: 300}}
  phonons: {points: 7}
  velocity: {distances: 2}
  sample_bands: {points: 9}
  large:
    structure: {use: bilayer_graphene, twist: [2, 1]}
    path: {corners: KΓMK, points: 8}
    bands: 6
  sizes:
    - {use: bilayer_graphene, supercell: [2, 2]}
    - {use: bilayer_graphene, supercell: [3, 3]}
seed: 1
structure: {use: bilayer_graphene, stacking: AB, supercell: [3, 3], lattice_constant_A: 2.4594, distance_A: 3.369}
potential: {use: layered_carbon}
dynamics: {use: thermal_displacements, samples: 16, antithetic: true, relax: true, rigid_layer_modes: fix}
hamiltonian: {use: slater_koster_pz, cutoff_A: 4.0}
"""


@pytest.fixture(scope="module")
def registry():
    return Registry(disabled=())


def part(registry, kind, name, **options):
    return Selection(kind, name, registry, options) if False else registry.create(kind, name, **options)
