"""Chains of hydrogen in density-functional theory: one channel, closed by a gap; the leads are the crystal of the device."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from scipy.linalg import eigh
from sharvin.crystals.orbital_basis import turned_shells
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.testing import HamiltonianTests

pytest.importorskip("gpaw")

from sharvin.devices.lead_channels import channels
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.external.configs import GpawOptions
from sharvin_transport.external.gpaw_lcao import GpawLcao
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen

COARSE = {"grid_spacing_A": 0.3, "vacuum_A": 3.5, "smearing_eV": 0.2}
HYDROGEN = np.array([1])


def chain(gap_A: float = 0.0) -> Atoms:
    return Atoms("H17", positions=[[0, 0, 1.4 * i + (gap_A if i > 8 else 0.0)] for i in range(17)])


def test_a_chain_has_one_channel_and_a_gap_closes_it() -> None:
    hamiltonian = GpawLcao(GpawOptions.model_validate(COARSE))
    energies = np.array([-1.0, 0.0, 1.0])
    systems = []
    for gap in (0.0, 0.8):
        atoms = chain(gap)
        systems.append(hamiltonian.two_terminal(Junction.detect(atoms, hamiltonian.range_A(HYDROGEN))))
    T = RecursiveGreen(RecursiveGreenOptions()).transmission(systems, energies)
    lead = systems[0].left
    assert channels(lead, systems[0].fermi_energy_eV + energies).tolist() == [1, 1, 1]
    assert T[0] == pytest.approx(1.0, abs=1e-3) and np.all(T[1] < 0.5) and np.all(T[1] > 0.05)
    assert np.allclose(DenseGreen(DenseOptions()).transmission(systems, energies), T, rtol=0, atol=1e-7)
    inside = systems[0].H[: lead.size, lead.size : 2 * lead.size].toarray()
    assert np.abs(inside[:, :8] - lead.H01[:, :8]).max() < 0.05 < 1.0 < np.abs(inside - lead.H01.T).max()
    orbitals = np.full(17, 4)
    orbitals[:5] = orbitals[-5:] = 8  # those of one more principal layer at either end
    assert np.array_equal(np.bincount(systems[0].atom), orbitals)


def test_principal_layers_may_be_thinner_than_the_orbitals_reach_where_hardly_anything_couples_there() -> None:
    solver, found = RecursiveGreen(RecursiveGreenOptions()), []
    for options in ({}, {"lead_reach_A": 4.9}, {"lead_reach_A": 4.9, "density_tolerance": 1e-3}):
        hamiltonian = GpawLcao(GpawOptions.model_validate({**COARSE, **options}))
        junction = Junction.detect(chain(0.8), hamiltonian.range_A(HYDROGEN))
        T = solver.transmission([hamiltonian.two_terminal(junction)], np.zeros(1))[0, 0]
        found.append((len(junction.left), T))
    (whole, T), (thinner, close), (_, looser) = found
    assert thinner < whole
    assert close == pytest.approx(T, abs=0.02)  # other layers of the short device take the lead's blocks
    assert looser == pytest.approx(close, abs=5e-3)
    bonds = GpawLcao(GpawOptions.model_validate({**COARSE, "lead_reach_A": 1.5}))
    with pytest.raises(InputError, match="couples beyond its neighbours"):
        bonds.two_terminal(Junction.detect(chain(0.8), bonds.range_A(HYDROGEN)))


def test_the_fermi_energy_follows_from_the_filling_of_the_lead_s_bands() -> None:
    hamiltonian = GpawLcao(GpawOptions.model_validate(COARSE))
    system = hamiltonian.two_terminal(Junction.detect(chain(), hamiltonian.range_A(HYDROGEN)))
    lead = system.left
    below = [
        np.sort(np.linalg.eigvals(np.linalg.solve(lead.S00 + s + s.conj().T, lead.H00 + h + h.conj().T)).real)
        for h, s in ((lead.H01 * z, lead.S01 * z) for z in np.exp(2j * np.pi * (np.arange(20) + 0.5) / 20))
    ]
    filled = 2 * np.mean([np.count_nonzero(e < system.fermi_energy_eV) for e in below])
    assert filled == pytest.approx(5.0, abs=0.3)  # five atoms, one electron each


def test_what_gpaw_cannot_do_is_said() -> None:
    hamiltonian = GpawLcao(GpawOptions.model_validate({**COARSE, "basis": "nowhere"}))
    with pytest.raises(InputError, match="no basis 'nowhere' for H"):
        hamiltonian.range_A(HYDROGEN)
    hurried = GpawLcao(GpawOptions.model_validate({**COARSE, "max_iterations": 2, "smearing_eV": 0.25}))
    with pytest.raises(ItemError, match="did not converge the density in 2 iterations"):
        hurried.two_terminal(Junction.detect(chain(), hurried.range_A(HYDROGEN)))


def graphene(displacement_A: float = 0.0) -> Atoms:
    """Two atoms, one of them two cells away from the other and outside the cell."""
    a = 2.46
    cell = [[a, 0, 0], [a / 2, a * np.sqrt(0.75), 0], [0, 0, 12]]
    atoms = Atoms("C2", scaled_positions=[[0, 0, 0.5], [1 / 3, 1 / 3, 0.5]], cell=cell, pbc=(True, True, False))
    atoms.positions += np.random.default_rng(1).normal(0, displacement_A, (2, 3)) - np.array([0.3, 0.4, 0.0])
    atoms.positions[0] += 2 * atoms.cell[1]
    return atoms


GRAPHENE = {"basis": "szp(dzp)", "grid_spacing_A": 0.25, "vacuum_A": 4.0}


def test_blocks_have_gpaw_s_own_energies_on_the_whole_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    hamiltonian = GpawLcao(GpawOptions.model_validate(GRAPHENE))
    solved = []
    solve = GpawLcao._solve

    def kept(self: GpawLcao, *given: object) -> object:
        solved.append(solve(self, *given))
        return solved[-1]

    monkeypatch.setattr(GpawLcao, "_solve", kept)
    atoms = graphene(0.05)
    atoms.set_array("layer", np.array([0, 0]))
    blocks = hamiltonian.blocks(atoms)
    assert blocks.electrons == 8.0 and blocks.basis.shells == {6: (0, 1, 2)} and "layer" in blocks.atoms.arrays
    sparse = blocks.sparse_bloch()
    (found,) = solved
    assert len(found.k) == 41  # of 9 × 9, k and −k one
    for k, H, S in zip(found.k, found.H, found.S, strict=True):
        own = [one.toarray() for one in sparse.at(k)]
        assert np.abs(eigh(*own, eigvals_only=True) - eigh(H, S, eigvals_only=True)).max() < 1e-6
    again = hamiltonian.blocks(atoms)  # from the cache
    assert len(solved) == 1 and np.array_equal(again.H, blocks.H)


def test_orbitals_of_blocks_turn_as_harmonics() -> None:
    """The three bonds of graphene: 120° apart, up to the grid of real space, which moves orbitals d by some 10 meV."""
    blocks = GpawLcao(GpawOptions.model_validate(GRAPHENE)).blocks(graphene())
    near = np.flatnonzero(np.linalg.norm(blocks.vectors, axis=1) < 1.6)
    assert len(near) == 3 and len(set(blocks.first[near])) == 1
    angles = np.arctan2(blocks.vectors[near, 1], blocks.vectors[near, 0])
    for pair, angle in zip(near[1:], angles[1:] - angles[0], strict=True):
        R = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        D = turned_shells((0, 1, 2), R)
        assert np.abs(D @ blocks.H[near[0]] @ D.T - blocks.H[pair]).max() < 0.08 < 5.0 < np.abs(blocks.H[pair]).max()
        assert np.abs(D @ blocks.S[near[0]] @ D.T - blocks.S[pair]).max() < 1e-6
    # p_z, which has no overlap with s, p_x and p_y in a plane: the cone of Dirac touches at K
    H, S = (one.toarray() for one in blocks.sparse_bloch().at([1 / 3, -1 / 3, 0]))
    pz = [2, 11]
    energies = eigh(H[np.ix_(pz, pz)], S[np.ix_(pz, pz)], eigvals_only=True)
    assert energies[1] - energies[0] < 0.02


@pytest.mark.slow
class TestGpaw(HamiltonianTests):
    name = "gpaw"
    options: ClassVar = COARSE
    tolerance_eV = 0.05  # of a real-space grid of 0.3 Å
    channel_tolerance = 0.02  # the device's own density differs a little from the lead's
    fermi_tolerance_eV = 0.2  # of the smearing

    @pytest.fixture
    def junction(self, component):
        return Junction.detect(chain(0.3), component.range_A(HYDROGEN))

    @pytest.fixture
    def crystal(self):
        return Atoms("H", cell=[2.4, 2.4, 2.4], pbc=True)

    def test_atoms_beyond_the_range_do_not_couple(self, component):
        """Overlaps alone: the kit's box of five ranges would hold a grid of 1.4 million points, and densities reach further."""
        reach = component.range_A(HYDROGEN)
        atoms = Atoms("H2", positions=[[0, 0, 0], [0, 0, 1.01 * reach]], cell=[6, 6, 4 * reach], pbc=(False, False, True))
        S = component.bloch(atoms).S_R
        home = len(S) // 2
        assert np.abs(S[home, :4, 4:]).max() < 1e-12 and np.abs(S[home, :4, :4]).max() > 0.9
