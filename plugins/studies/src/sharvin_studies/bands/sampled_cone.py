r"""The Dirac cone of a layer that vibrates, from samples of a displaced supercell.

For each sample the Green's function is unfolded to wave vectors around a corner; averages over samples give bands of
quasi-particles, and these the velocity as :mod:`~sharvin_studies.bands.dirac` defines it. Its error comes from a jackknife over
samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.errors import InputError

from sharvin_studies.bands.dirac import Branch, ConePoints, DiracCone, numbers
from sharvin_studies.bands.folding import Folding
from sharvin_studies.bands.quasi_particles import ETA_EV, energy_grid, quasi_particles
from sharvin_studies.bands.unfolding import projected, unfolded_green
from sharvin_studies.statistics.jackknife import Jackknife, jackknife

Floats = NDArray[np.float64]
Matrix = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class SampledCone:
    """What turns samples of a supercell into a velocity; see :func:`sampled_cone`.

    Parameters
    ----------
    folding : Folding
    points : ConePoints
        Of the primitive cell.
    energies_eV : float64[n_e]
        At which Green's functions are taken.
    eta_eV : float
        Imaginary part of these energies.
    overlap : complex128[n_k, m, m]
        Of the primitive Bloch sums at rest.
    valence : int
        Highest band below the Fermi energy.
    branch : {"inner", "outer", "both"}
    at_rest : DiracCone
    """

    folding: Folding
    points: ConePoints
    energies_eV: Floats
    eta_eV: float
    overlap: Matrix
    valence: int
    branch: Branch
    at_rest: DiracCone

    def sample(self, crystal: SparseBlochHamiltonian) -> Matrix:
        """Unfolded Green's function complex128[n_k, n_e, m, m] of a displaced supercell.

        Raises
        ------
        InputError
            If the supercell has other orbitals than that at rest.
        ItemError
            If its S is not positive definite.
        """
        return unfolded_green(crystal, self.folding, self.points.all, self.energies_eV, self.eta_eV)

    def cone(self, mean_green: Matrix) -> DiracCone:
        """Cone of the quasi-particles of a mean over samples.

        Raises
        ------
        ItemError
            If a band is not found, as the disorder is too strong for η.
        """
        first, stop = numbers(self.valence, self.branch)
        overlap = None if np.allclose(self.overlap, np.eye(self.overlap.shape[-1]), atol=1e-12) else self.overlap
        found = quasi_particles(mean_green, self.energies_eV, self.eta_eV, overlap, bands=slice(first, stop))
        return DiracCone.of(self.points, found.energies_eV, self.valence - first, self.branch)

    def velocity_m_per_s(self, samples: Matrix) -> Jackknife:
        """Velocity from samples complex128[n_samples, n_k, n_e, m, m]; its pseudo-values can be averaged like samples.

        Raises
        ------
        InputError
            If there are fewer than two samples.
        ItemError
            As :meth:`cone`.
        """
        return jackknife(samples, lambda mean: self.cone(mean).velocity_m_per_s)

    def gap_eV(self, samples: Matrix) -> Jackknife:
        """Gap at the corner, in the same way. Sorted energies cannot cross: a gap that is 0 comes out as noise above 0."""
        return jackknife(samples, lambda mean: self.cone(mean).gap_eV)


def sampled_cone(
    rest: SparseBlochHamiltonian, folding: Folding, points: ConePoints, *, branch: Branch = "inner", eta_eV: float = ETA_EV
) -> SampledCone:
    """The cone of a supercell whose samples are to follow.

    Parameters
    ----------
    rest : SparseBlochHamiltonian
        Of the supercell at rest.
    folding : Folding
        Of the same supercell.
    points : ConePoints
        Made with the cell of ``folding.primitive``.
    branch : {"inner", "outer", "both"}
    eta_eV : float
        See :mod:`~sharvin_studies.bands.quasi_particles`.

    Raises
    ------
    InputError
        If a primitive cell has an odd number of electrons, or too few bands for the branch.
    """
    electrons = rest.electrons / folding.cells
    filled = round(electrons / 2)
    if filled < 1 or abs(electrons - 2 * filled) > 1e-6:
        raise InputError(f"a Dirac cone lies at the Fermi energy of an even number of electrons per cell, not {electrons:g}.")
    H, overlap = projected(rest, folding, points.all)
    energies = np.array([eigh(h, s, eigvals_only=True) for h, s in zip(H, overlap, strict=True)])
    cone = DiracCone.of(points, energies, filled - 1, branch)
    first, stop = numbers(filled - 1, branch)
    grid = energy_grid(energies[:, first:stop], eta_eV)
    return SampledCone(folding, points, grid, eta_eV, overlap, filled - 1, branch, cone)
