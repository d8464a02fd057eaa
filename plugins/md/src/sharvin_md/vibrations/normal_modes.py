"""Normal modes of a structure and their mean squares.

D = M^(−1/2) Φ M^(−1/2), D e_ν = ω_ν² e_ν, u = M^(−1/2) Σ_ν e_ν Q_ν, with ⟨Q_ν²⟩ = ħ/(2ω_ν) coth(ħω_ν/2kT), classically kT/ω_ν².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms, units
from scipy.linalg import eigh, orth
from sharvin.errors import InputError

from sharvin_md.vibrations.crystal_cell import Array

MOST_BYTES = 2e9
"""Memory of three matrices (3n)²: force constants, normal modes and the eigenvalue solver's own."""
HBAR = units._hbar * units.J * units.s
"""ħ in eV times ASE's unit of time, Å sqrt(u/eV)."""
THZ = units.s * 1e-12 / (2 * np.pi)
"""Frequency in THz of an angular frequency in units of ASE's unit of time."""

Statistics = Literal["quantum", "classical"]


def require_memory(atoms: int) -> None:
    """Do nothing, or say that there are too many mobile atoms.

    Raises
    ------
    InputError
    """
    needed = 3 * 8 * (3 * atoms) ** 2
    if needed > MOST_BYTES:
        most = int(np.sqrt(MOST_BYTES / (3 * 8 * 9)))
        raise InputError(
            f"the normal modes of {atoms:,} atoms that are not rigid would need {needed / 1e9:.1f} GB of memory; take a smaller "
            f"structure, of at most {most:,} of them."
        )


def mean_squares(eigenvalues: Array, temperature_K: float, statistics: Statistics = "quantum") -> Array:
    """⟨Q²⟩ in u Å² of modes with eigenvalues ω² > 0 in eV/(u Å²)."""
    thermal = units.kB * temperature_K
    if statistics == "classical":
        return np.asarray(thermal / eigenvalues)
    omega = np.sqrt(eigenvalues)
    ground = HBAR / (2 * omega)
    return np.asarray(ground if thermal == 0 else ground / np.tanh(HBAR * omega / (2 * thermal)))


def signed_THz(eigenvalues: Array) -> Array:
    """Frequencies in THz of eigenvalues ω² in eV/(u Å²); those of unstable modes are negative."""
    return np.asarray(np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues)) * THZ)


@dataclass(frozen=True, eq=False)
class NormalModes:
    """Modes in ascending order of frequency, without those that were taken out by their form.

    Parameters
    ----------
    eigenvalues : float64[n_modes]
        ω² in eV/(u Å²).
    vectors : float64[3 n, n_modes]
        Orthonormal, mass-weighted; the sign of each is such that its first large component is positive.
    masses : float64[n]
        In u.
    """

    eigenvalues: Array
    vectors: Array
    masses: Array

    @property
    def frequencies_THz(self) -> Array:
        """float64[n_modes]; those of unstable modes are negative."""
        return signed_THz(self.eigenvalues)

    def above(self, lowest_THz: float) -> NormalModes:
        """The modes from a frequency on."""
        kept = self.frequencies_THz >= lowest_THz
        if kept.all():
            return self
        return NormalModes(self.eigenvalues[kept], self.vectors[:, kept], self.masses)

    def displacements(self, coordinates: Array) -> Array:
        """Displacements float64[n, 3] in Å for normal coordinates Q in sqrt(u) Å."""
        return np.asarray((self.vectors @ coordinates).reshape(-1, 3) / np.sqrt(self.masses)[:, None])

    def mean_square_displacements(self, squares: Array) -> Array:
        """⟨u²⟩ float64[n, 3] in Å² for mean squares ⟨Q²⟩."""
        return np.asarray((self.vectors**2 @ squares).reshape(-1, 3) / self.masses[:, None])


def normal_modes(force_constants: Array, masses: Array, without: Array) -> NormalModes:
    """Modes of force constants in the space at right angles to some mass-weighted motions.

    Parameters
    ----------
    force_constants : float64[3 n, 3 n]
        In eV/Å²; symmetric.
    masses : float64[n]
        In u.
    without : float64[3 n, k]
        Orthonormal motions that are taken out.
    """
    weights = 1 / np.sqrt(np.repeat(masses, 3))
    matrix = force_constants * weights[:, None] * weights
    kept = len(matrix)
    if without.shape[1]:
        kept -= without.shape[1]
        across = matrix @ without
        bound = 2 * float(np.abs(matrix).sum(axis=1).max()) + 1.0
        matrix -= without @ across.T
        matrix -= across @ without.T
        matrix += without @ ((without.T @ across + bound * np.eye(without.shape[1])) @ without.T)
    eigenvalues, vectors = eigh(matrix, overwrite_a=True, driver="evd")  # the motions taken out come last
    vectors = vectors[:, :kept]
    large = np.abs(vectors) > 0.5 * np.abs(vectors).max(axis=0)
    vectors *= np.sign(vectors[large.argmax(axis=0), np.arange(kept)])
    return NormalModes(eigenvalues[:kept], vectors, masses)


def free_motions(atoms: Atoms) -> Array:
    """Translations, and rotations about what is periodic in no other direction, float64[3 n, k]: orthonormal, mass-weighted.

    No force acts against them. With one periodic direction that is the rotation about it, with none all three; k is less
    where atoms lie on a line.
    """
    roots = np.sqrt(atoms.get_masses())
    motions = [np.tile(np.eye(3)[axis], (len(atoms), 1)) for axis in range(3)]
    periodic = atoms.cell.array[atoms.pbc]
    if len(periodic) < 2:
        arms = atoms.positions - atoms.get_center_of_mass()
        motions += [np.cross(axis, arms) for axis in (periodic if len(periodic) else np.eye(3))]
    found = np.array([(roots[:, None] * motion).ravel() for motion in motions])
    sizes = np.linalg.norm(found, axis=1)
    found = found[sizes > 1e-6 * sizes[0]]
    return np.asarray(orth((found / np.linalg.norm(found, axis=1, keepdims=True)).T, rcond=1e-6))
