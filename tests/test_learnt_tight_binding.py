"""The transport inside the regressor `tight_binding` against the project's own solver of open systems."""

from dataclasses import replace

import numpy as np
import pytest
import sharvin
import torch
from scipy.sparse import csr_array, eye_array
from sharvin.frames import Frame
from sharvin.junction import Junction
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_models.tight_binding.configs import TightBindingOptions
from sharvin_models.tight_binding.network import TightBindingNetwork
from sharvin_models.tight_binding.wire_contacts import Bonds, WireBuilder


def crystal_hopping(frame, nearest_A, bonds):
    """Hamiltonian of all atoms with the hopping of the electrodes' crystal."""
    pairs = neighbour_pairs(frame.positions, frame.cell, frame.pbc, bonds.reach * nearest_A, full=True)
    matrix = np.zeros((len(frame), len(frame)))
    np.add.at(matrix, (pairs.first, pairs.second), bonds.hopping(pairs.distance, nearest_A))
    return matrix


@pytest.mark.parametrize("element", ["Au", "K"])
def test_a_learnt_hamiltonian_conducts_as_the_solver_of_open_systems_says(element):
    constant, nearest_A = {"Au": (4.08, 2.885), "K": (5.23, 4.5293)}[element]
    built = sharvin.create(
        "structures", "nanowire", element=element, lattice_constant_A=constant, neck=[2, 2, 4], electrode=[3, 3, 6]
    )
    frame = Frame.from_atoms(built.build(np.random.default_rng(0)))
    order = np.argsort(np.round(frame.positions[:, 2], 2), kind="stable")
    frame = replace(frame, numbers=frame.numbers[order], positions=frame.positions[order], rigid=None)
    bonds = Bonds(reach={"Au": 1.4, "K": 1.55}[element])
    options = TightBindingOptions(cutoff_A=1.6 * nearest_A, channels=8)
    made = WireBuilder("tight_binding", bonds, options.cutoff_A, (int(frame.numbers[0]),))(frame, 0)
    network = TightBindingNetwork(1, 12.0, options)
    network.initialise(np.random.default_rng(3))
    with torch.no_grad():
        network.onsite.weight *= 10.0
        predicted = float(network([made]))
        device = network.hamiltonians([made])[0].numpy().astype(np.float64)
    junction = Junction.detect(frame.to_atoms(), bonds.reach * nearest_A)
    n = len(junction.left)
    assert np.array_equal(np.sort(junction.left), np.arange(n))
    # The layers next to the principal ones are a crystal still, so its blocks are those of the lead.
    bare = crystal_hopping(frame, nearest_A, bonds)
    left = Lead(bare[:n, :n], bare[:n, n : 2 * n], np.eye(n), np.zeros((n, n)))
    right = Lead(bare[-n:, -n:], bare[-2 * n : -n, -n:], np.eye(n), np.zeros((n, n)))
    matrix = bare.copy()
    matrix[n:-n, n:-n] = device
    system = TwoTerminal(csr_array(matrix), csr_array(eye_array(len(matrix))), left, right, made.fermi_energy)
    exact = float(sharvin.create("transport", "rgf").transmission([system], np.zeros(1))[0][0])
    assert 0.3 < exact < 9.0
    assert predicted == pytest.approx(exact, abs=2e-4)
