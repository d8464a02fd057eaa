r"""A tight-binding Hamiltonian with one orbital per atom, learnt from conductances.

An equivariant network (:class:`~sharvin_models.structures.equivariant_network.AtomInvariants`) gives every atom of the
device invariants :math:`x_i` of its surroundings. From them come its on-site energy and its hoppings,

.. math:: H_{ii} = u(x_i), \qquad H_{ij} = t(r_{ij})\, e^{m(x_i + x_j,\, r_{ij})},

with the electrodes' t(r) and self-energies (:mod:`~sharvin_models.tight_binding.wire_contacts`), and the prediction is the
transmission at the Fermi energy (Caroli et al., J. Phys. C 4, 916 (1971); Fisher and Lee, Phys. Rev. B 23, 6851 (1981)),

.. math:: T = \mathrm{Tr}\,[\Gamma_L G\,\Gamma_R G^\dagger], \qquad G = (E_F - H - \Sigma_L - \Sigma_R)^{-1}, \qquad
          \Gamma = i(\Sigma - \Sigma^\dagger),

in units of :math:`G_0`. Only the Hamiltonian is learnt and local. That T is limited by the number of channels, that resistances
of a wire's parts interfere rather than add, and how T depends on a wire's length, are not learnt but computed.

Cost of a structure: one LU decomposition of the device's size n, the number of atoms between the principal layers;
:math:`n^3/3` complex multiplications and additions. The gradient uses it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sharvin_models.structures.equivariant_network import AtomInvariants, dense
from sharvin_models.structures.neighbour_graph import batched
from sharvin_models.tight_binding.configs import TightBindingOptions
from sharvin_models.tight_binding.wire_contacts import SelfEnergy, Wire

_LARGEST_EXPONENT = 20.0
"""Of the factor on a hopping: it keeps a fit that strays from overflowing, and is far beyond any hopping of a metal."""
_AT_THE_START = 0.03
"""Spread of the last layers' weights before training: nearly the hopping and the on-site energies of the electrodes."""


class TightBindingNetwork(AtomInvariants):
    """On-site energies and hoppings from surroundings, and the transmission of the wire that they make.

    Parameters
    ----------
    n_species : int
    mean_neighbours : float
        See :class:`~sharvin_models.structures.equivariant_network.AtomInvariants`.
    options : TightBindingOptions
    """

    def __init__(self, n_species: int, mean_neighbours: float, options: TightBindingOptions) -> None:
        super().__init__(n_species, mean_neighbours, options)
        self.onsite = dense(options.channels, 1)
        self.hopping = dense(options.channels + options.radial_functions, options.hopping_width)
        self.strength = dense(options.hopping_width, 1)

    def forward(self, wires: Sequence[Wire]) -> Tensor:
        """Transmissions at the Fermi energy, float[n_wires]."""
        device = self.embedding.device
        results = [
            transmission(hamiltonian, wire.left, wire.right, wire.fermi_energy)
            for hamiltonian, wire in zip(self.hamiltonians(wires), wires, strict=True)
        ]
        return torch.stack(results).to(device, self.embedding.dtype)

    def hamiltonians(self, wires: Sequence[Wire]) -> list[Tensor]:
        """Real symmetric Hamiltonian of every wire's device, [n, n], in units of the electrodes' hopping."""
        batch = batched([wire.graph for wire in wires], self.options.cutoff_A, self.embedding.device)
        atoms = self.atom_invariants(batch)
        result = []
        for wire, invariants in zip(wires, torch.split(atoms, list(batch.counts)), strict=True):
            energies = self.onsite(invariants).squeeze(-1)
            first, second = torch.from_numpy(wire.pairs).to(atoms.device)
            radial = self.radial_functions(torch.from_numpy(wire.distances).to(atoms).unsqueeze(-1))
            hidden = functional.silu(self.hopping(torch.cat([invariants[first] + invariants[second], radial], 1)))
            hoppings = torch.from_numpy(wire.bare).to(atoms) * torch.exp(
                self.strength(hidden).squeeze(-1).clamp(max=_LARGEST_EXPONENT)
            )
            half = atoms.new_zeros(len(energies), len(energies)).index_put((first, second), hoppings, accumulate=True)
            result.append(half + half.T + torch.diag(energies))
        return result

    @torch.no_grad()
    def initialise(self, rng: np.random.Generator) -> None:
        """As all networks; then on-site energies and hoppings next to the electrodes'."""
        super().initialise(rng)
        for last in (self.onsite, self.strength):
            last.weight *= _AT_THE_START


def transmission(hamiltonian: Tensor, left: SelfEnergy, right: SelfEnergy, energy: float) -> Tensor:
    """Landauer transmission of a device, a scalar that gradients pass through.

    Parameters
    ----------
    hamiltonian : float[n, n]
    left, right : SelfEnergy
    energy : float
        Where T is taken, on the scale of the Hamiltonian.

    Returns
    -------
    Tensor
        float64 scalar, the conductance in G0; 0 where nothing touches a lead.
    """
    n = len(hamiltonian)
    if not (len(left.atoms) and len(right.atoms)):
        return (hamiltonian * 0.0).sum().double()
    matrix = energy * torch.eye(n, dtype=torch.complex128, device=hamiltonian.device) - hamiltonian
    sigmas = []
    for lead in (left, right):
        sigma = torch.from_numpy(lead.matrix).to(hamiltonian.device)
        atoms = torch.from_numpy(lead.atoms).to(hamiltonian.device)
        matrix = matrix.index_put((atoms[:, None], atoms), -sigma, accumulate=True)
        sigmas.append((atoms, 1j * (sigma - sigma.mH)))
    (at_left, gamma_left), (at_right, gamma_right) = sigmas
    source = torch.zeros(n, len(at_right), dtype=matrix.dtype, device=matrix.device)
    source[at_right, torch.arange(len(at_right), device=matrix.device)] = 1.0
    green = torch.linalg.solve(matrix, source)[at_left]
    return torch.trace(gamma_left @ green @ gamma_right @ green.mH).real
