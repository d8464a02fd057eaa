"""One s orbital per atom: H_ij = t e^{−(r_ij − d)/λ} f(r_ij), S = 1, with f falling smoothly from 1 to 0 at the cutoff.

The level of a single atom is 0. The Fermi energy is where the bands of the left lead hold one electron for each of its atoms.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from sharvin import Junction, TwoTerminal
from sharvin.two_terminal import BlochHamiltonian, Lead

from plugin_package.configs import PartNameOptions


class PartName:
    """Nearest-neighbour hopping that decays exponentially."""

    def __init__(self, options: PartNameOptions) -> None:
        self._options = options

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """The cutoff, the same for all elements."""
        return self._options.cutoff_A

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device with orbitals in the order left layer, middle along z, right layer."""
        atoms = junction.atoms
        middle = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
        middle = middle[np.argsort(atoms.positions[middle, 2], kind="stable")]
        order = np.concatenate([junction.left, middle, junction.right])
        device = atoms[order]
        device.pbc = (atoms.pbc[0], atoms.pbc[1], False)
        H = self.bloch(device).H_R.sum(axis=0)
        left = self._lead(atoms[junction.left], junction.left_period_A)
        right = self._lead(atoms[junction.right], junction.right_period_A)
        H[: left.size, : left.size], H[-right.size :, -right.size :] = left.H00, right.H00
        S = csr_array(eye_array(len(H), format="csr"))
        return TwoTerminal(csr_array(H), S, left, right, _fermi_energy(left))

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H_R of a periodic structure; one electron an atom."""
        options = self._options
        i, j, distance, image = neighbor_list("ijdS", atoms, options.cutoff_A)
        fade = 1 - (distance / options.cutoff_A) ** 6
        hopping = options.hopping_eV * np.exp((options.distance_A - distance) / options.decay_A) * fade**2
        translations, place = np.unique(np.vstack([np.zeros((1, 3), dtype=int), image]), axis=0, return_inverse=True)
        H = np.zeros((len(translations), len(atoms), len(atoms)))
        np.add.at(H, (place.ravel()[1:], i, j), hopping)
        S = np.zeros_like(H)
        S[place.ravel()[0]] = np.eye(len(atoms))
        return BlochHamiltonian(translations.astype(np.int64), H, S, electrons=float(len(atoms)))

    def _lead(self, layer: Atoms, period_A: float) -> Lead:
        """Principal-layer blocks of the crystal that repeats a layer along z."""
        crystal = layer.copy()
        crystal.cell[2] = [0.0, 0.0, period_A]
        crystal.pbc = (layer.pbc[0], layer.pbc[1], True)
        bloch = self.bloch(crystal)
        blocks = [bloch.H_R[bloch.translations[:, 2] == n].sum(axis=0) for n in (0, 1)]
        return Lead(blocks[0], blocks[1], np.eye(len(layer)), np.zeros((len(layer), len(layer))))


def _fermi_energy(lead: Lead) -> float:
    """Energy in eV below which half of the states of a lead lie; each holds two electrons."""
    phases = np.exp(2j * np.pi * (np.arange(200) + 0.5) / 200)
    bands = [np.linalg.eigvalsh(lead.H00 + phase * lead.H01 + (phase * lead.H01).conj().T) for phase in phases]
    return float(np.median(np.concatenate(bands)))
