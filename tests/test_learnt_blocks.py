"""`hedge_electron` against the Hamiltonians that it learns from: twisted bilayers, ribbons, gold wires between leads."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from sharvin.junction import Junction
from sharvin.registry import create
from three_centre import aligned

SMALL = {"channels": 4, "pair_width": 8, "epochs": 2}


def bilayers(count, seed, **options):
    chosen = {"supercell": [3, 3], "stacking": "AB", "random_shift": True, "distance_A": 3.4, "distance_spread_A": 0.2}
    chosen |= {"displacement_A": 0.07, "configurations": count}
    structures = create("structures", "bilayer_graphene", **(chosen | options))
    return structures.build_all(np.random.default_rng(seed))


def dirac_splitting(hamiltonian, cell):
    """Half the difference of the two bands at the Dirac point 1e-3 Å⁻¹ away from K, eV."""
    bloch = hamiltonian.blocks(cell).bloch()
    k = np.array([2 / 3, 1 / 3, 0.0]) + 1e-3 * cell.cell.array[:, 0] / (2 * np.pi)
    energies = np.linalg.eigvalsh(bloch.at(k)[0])
    middle = len(cell) // 2
    return 0.5 * (energies[middle] - energies[middle - 1])


@pytest.fixture(scope="module")
def carbon():
    reference = create("hamiltonians", "slater_koster_pz")
    data = [reference.blocks(atoms) for atoms in bilayers(12, 1)]
    learnt = create("hamiltonians", "hedge_electron", reach_A=8.0, correction_reach_A=5.0, **SMALL)
    learnt.fit(data[:10], data[10:], np.random.default_rng(0))
    return reference, learnt


def test_twisted_bilayers_are_met_by_what_was_learnt_from_shifted_ones(carbon):
    reference, learnt = carbon
    for twist in ([1, 1], [2, 1]):
        atoms = bilayers(1, 3, stacking=None, random_shift=False, supercell=[1, 1], twist=twist, displacement_A=0.05)[0]
        exact = reference.blocks(atoms)
        errors = np.abs(aligned(learnt.blocks(atoms), exact) - exact.H)
        assert errors.mean() < 1e-5
        assert errors.max() < 5e-3
    monolayer = create("structures", "bilayer_graphene", stacking="monolayer").build(np.random.default_rng(0))
    assert dirac_splitting(learnt, monolayer) == pytest.approx(dirac_splitting(reference, monolayer), rel=1e-3)


def test_ribbons_with_displaced_atoms_conduct_as_the_reference_says(carbon):
    ribbon = create("structures", "graphene_ribbon", edge="zigzag", width=4, length=3).build(np.random.default_rng(0))
    free = ~ribbon.arrays["rigid"].astype(bool)
    ribbon.positions[free] += np.random.default_rng(1).normal(0.0, 0.05, (int(free.sum()), 3))
    conductances = [conductance(hamiltonian, ribbon) for hamiltonian in carbon]
    np.testing.assert_allclose(*conductances, rtol=0, atol=1e-3)
    assert conductances[0].min() > 0.05


def conductance(hamiltonian, atoms):
    device = hamiltonian.two_terminal(Junction.detect(atoms, hamiltonian.range_A(atoms.numbers)))
    return create("transport", "rgf").transmission([device], np.array([-0.4, 0.0, 0.3]))[0]


def gold_wire(seed):
    """A 2×2 wire between electrodes of its own width, its atoms displaced."""
    wire = create("structures", "nanowire", neck=[2, 2, 2], electrode=[2, 2, 8]).build(np.random.default_rng(0))
    free = ~wire.arrays["rigid"].astype(bool)
    wire.positions[free] += np.random.default_rng(seed).normal(0.0, 0.12, (int(free.sum()), 3))
    return wire


def test_gold_wires_of_s_p_and_d_orbitals_conduct_as_the_reference_says():
    reference = create("hamiltonians", "slater_koster")
    reach = reference.range_A(np.array([79]))
    data = [reference.blocks(gold_wire(seed)) for seed in range(6)]
    learnt = create("hamiltonians", "hedge_electron", relations="none", reach_A=reach, correction_reach_A=4.0, layers=1, **SMALL)
    learnt.fit(data[:5], data[5:], np.random.default_rng(0))
    wire = gold_wire(9)
    exact, found = reference.blocks(wire), learnt.blocks(wire)
    assert np.abs(aligned(found, exact) - exact.H).mean() < 1e-4
    place, _ = found.places(exact.first, exact.second, exact.image)
    assert np.abs(found.S[place]).sum() == pytest.approx(np.abs(exact.S).sum(), rel=1e-4)
    np.testing.assert_allclose(conductance(learnt, wire), conductance(reference, wire), rtol=0, atol=0.02)


def test_axes_of_orbitals_come_from_the_hamiltonian_that_overlap_names():
    """Local normals of rippled layers, which structures do not state."""
    options = {"normals": "local"}
    reference = create("hamiltonians", "slater_koster_pz", **options)

    def rippled(seed) -> Atoms:
        atoms = bilayers(1, seed)[0]
        del atoms.arrays["normal"]
        return atoms

    data = [reference.blocks(rippled(seed)) for seed in range(6)]
    learnt = create("hamiltonians", "hedge_electron", reach_A=8.0, overlap={"use": "slater_koster_pz", **options}, **SMALL)
    learnt.fit(data[:5], data[5:], np.random.default_rng(0))
    exact = reference.blocks(rippled(9))
    found = learnt.blocks(rippled(9))
    assert found.S is None
    assert np.abs(aligned(found, exact) - exact.H).mean() < 1e-5
