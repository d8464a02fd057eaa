"""Chains of hydrogen in density-functional theory: one channel, closed by a gap; the leads are the crystal of the device."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
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
    assert np.array_equal(np.bincount(systems[0].atom), np.full(17, 4))


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
