r"""Dirac cones: Fermi velocity and gap at a corner of a hexagonal Brillouin zone.

The velocity is defined in one way for all structures. With E_v and E_c the energies below and above the Fermi energy,

.. math:: \hbar v = \frac{d}{dq} \frac{E_c - E_v}{2}, \quad q = |k - K|,

as the slope of the least-squares straight line through (E_c − E_v)/2 at distances within a window, averaged over directions.
The trigonal warping, q² cos 3φ with φ the angle from Γ–K, vanishes along the direction at a right angle to Γ–K; directions are
counted from it, so that the warping averages out whatever their number.

* One layer has two bands: E_v and E_c are these. The window may begin near 0.
* Two untwisted layers have four. ``inner`` takes the two next to the Fermi energy, ``outer`` the two beyond them, ``both`` the
  mean of the two results. In the Bernal stacking both are hyperbolas, E = ∓γ₁/2 + (γ₁²/4 + ħ²v²q²)^½ (E. McCann and M. Koshino,
  Rep. Prog. Phys. 76, 056503 (2013)), of the same slope at each q. It is 0 at K, and reaches that of the layers where ħvq is
  much larger than γ₁/2, about 0.2 eV: the slope belongs to its window. In the AA stacking ``inner`` bands meet on a ring around
  K, and only ``outer`` ones have a cone.
* Of twisted layers each corner has cones of two valleys, one of either layer, whose trigonal warpings are opposite and mix as
  soon as bands are sorted by energy. ``both`` removes them.

The gap is E_c − E_v of the inner pair at the corner itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.units import _e as COULOMB
from ase.units import _hbar as HBAR_JS
from numpy.typing import ArrayLike, NDArray
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian
from sharvin.errors import InputError

from sharvin_studies.bands.dense import Crystal, bands
from sharvin_studies.bands.paths import reciprocal_vectors, special_points
from sharvin_studies.bands.sparse_bands import SMALL, SparseBands

Floats = NDArray[np.float64]
Branch = Literal["inner", "outer", "both"]
M_PER_S = 1e-10 * COULOMB / HBAR_JS
"""Velocity in m/s of a slope of 1 eV Å."""


@dataclass(frozen=True, eq=False)
class ConePoints:
    """Wave vectors around a corner.

    Parameters
    ----------
    corner : float64[3]
        In fractions of the reciprocal vectors.
    k : float64[n_directions, n_distances, 3]
    distance_per_A : float64[n_distances]
        From the corner, in 1/Å with the factor 2π.
    """

    corner: Floats
    k: Floats
    distance_per_A: Floats

    @property
    def all(self) -> Floats:
        """The corner, then all others: float64[1 + n_directions n_distances, 3]."""
        return np.concatenate([self.corner[None], self.k.reshape(-1, 3)])


def cone_points(
    cell: ArrayLike,
    pbc: ArrayLike,
    *,
    window_per_A: tuple[float, float] = (0.03, 0.06),
    distances: int = 4,
    directions: int = 3,
    corner: str = "K",
) -> ConePoints:
    """Wave vectors at equal distances within the window, along directions equally spaced over the full circle.

    The first direction is at a right angle to Γ–K.

    Parameters
    ----------
    cell : float64[3, 3]
        In Å.
    pbc : bool[3]
        Two directions are periodic.
    window_per_A : (float, float)
        Smallest and largest distance from the corner in 1/Å.
    distances, directions : int
        At least 2, and 1.
    corner : str
        K, or K′.

    Raises
    ------
    InputError
        If the cell is not hexagonal, or a distance reaches beyond half-way to the next corner.
    """
    periodic = np.asarray(pbc, dtype=bool)
    known = special_points(cell, periodic)
    if periodic.sum() != 2 or corner not in known or "K" not in known:
        raise InputError(f"a Dirac cone at {corner} needs a hexagonal cell with two periodic directions.")
    low, high = window_per_A
    if distances < 2 or directions < 1 or not 0 <= low < high:
        raise InputError("a Dirac cone needs a window with a smaller distance first, two distances, and a direction.")
    reciprocal = reciprocal_vectors(np.where(periodic[:, None], np.asarray(cell, dtype=np.float64), 0.0))
    ahead = known[corner] @ reciprocal
    reach = float(np.linalg.norm(ahead))
    if high > reach / 2:
        raise InputError(
            f"the window of the Dirac cone reaches to {high:g} 1/Å, beyond half-way to the next corner of the Brillouin zone, "
            f"{reach / 2:.3g} 1/Å; make it smaller."
        )
    ahead /= reach
    first = reciprocal[periodic][0]
    across = first - (first @ ahead) * ahead
    across /= np.linalg.norm(across)
    angle = 2 * np.pi * np.arange(directions) / directions
    unit = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * ahead
    away = np.linspace(low, high, distances)
    vectors = np.where(periodic[:, None], np.asarray(cell, dtype=np.float64), 0.0)
    step = unit @ vectors.T / (2 * np.pi)
    return ConePoints(known[corner], known[corner] + away[None, :, None] * step[:, None, :], away)


@dataclass(frozen=True, eq=False)
class DiracCone:
    """What a cone is like.

    Parameters
    ----------
    distance_per_A : float64[n_distances]
    half_eV : float64[n_directions, n_distances]
        (E_c − E_v)/2.
    gap_eV : float
        E_c − E_v of the inner pair at the corner.
    """

    distance_per_A: Floats
    half_eV: Floats
    gap_eV: float

    @property
    def velocities_m_per_s(self) -> Floats:
        """Along each direction, float64[n_directions]."""
        return velocities_m_per_s(self.distance_per_A, self.half_eV)

    @property
    def velocity_m_per_s(self) -> float:
        """Mean over the directions."""
        return float(self.velocities_m_per_s.mean())

    @classmethod
    def of(cls, points: ConePoints, energies_eV: Floats, valence: int, branch: Branch = "inner") -> DiracCone:
        """The cone of bands at all points.

        Parameters
        ----------
        points : ConePoints
        energies_eV : float64[1 + n_directions n_distances, n_bands]
            Bands at ``points.all``, ascending.
        valence : int
            Which of the bands is the highest one below the Fermi energy.
        branch : {"inner", "outer", "both"}

        Raises
        ------
        InputError
            If there are too few bands for the branch.
        """
        half = half_splitting(energies_eV[1:], valence, branch)
        gap = float(energies_eV[0, valence + 1] - energies_eV[0, valence])
        return cls(points.distance_per_A, half.reshape(points.k.shape[:2]), gap)


def half_splitting(energies_eV: Floats, valence: int, branch: Branch) -> Floats:
    """(E_c − E_v)/2 of a branch, float64[...], from bands float64[..., n_bands]; `valence` is the highest below the Fermi energy.

    Raises
    ------
    InputError
        If there are too few bands for the branch.
    """
    low, high = numbers(valence, branch)
    if low < 0 or high > energies_eV.shape[-1]:
        raise InputError(
            f"the {branch} branch of a Dirac cone needs two bands below the Fermi energy and two above; there is one layer only."
        )
    each = {"inner": (0,), "outer": (1,), "both": (0, 1)}[branch]
    halves = [0.5 * (energies_eV[..., valence + 1 + away] - energies_eV[..., valence - away]) for away in each]
    return np.asarray(np.mean(halves, axis=0))


def numbers(valence: int, branch: Branch) -> tuple[int, int]:
    """The first band that a branch needs, and the one after the last."""
    away = 0 if branch == "inner" else 1
    return valence - away, valence + 2 + away


def velocities_m_per_s(distance_per_A: Floats, half_eV: Floats) -> Floats:
    """Slopes in m/s, float64[...], of lines through (E_c − E_v)/2 float64[..., n_distances]; linear in the energies."""
    centred = distance_per_A - distance_per_A.mean()
    return np.asarray(half_eV @ (centred / (centred @ centred)) * M_PER_S)


def dirac_cone(
    crystal: Crystal, points: ConePoints, electrons: float, branch: Branch = "inner", *, guess_eV: float | None = None
) -> DiracCone:
    """The cone of a crystal with two electrons in a band; a large sparse one is not diagonalised as a whole.

    Parameters
    ----------
    crystal : Crystal
        Dense or sparse H(k).
    points : ConePoints
        Made with the same cell.
    electrons : float
        Per cell; an even number.
    branch : {"inner", "outer", "both"}
    guess_eV : float, optional
        About the Fermi energy; saves time of large crystals.

    Raises
    ------
    InputError
        If the number of electrons is odd, or there are too few bands.
    """
    filled = round(electrons / 2)
    if filled < 1 or abs(electrons - 2 * filled) > 1e-6:
        raise InputError(f"a Dirac cone lies at the Fermi energy of an even number of electrons per cell, not {electrons:g}.")
    if isinstance(crystal, SparseBlochHamiltonian) and crystal.size > SMALL:
        first, stop = numbers(filled - 1, branch)
        energies = SparseBands(crystal).along(points.all, range(first, stop), guess_eV)
        return DiracCone.of(points, energies, filled - 1 - first, branch)
    return DiracCone.of(points, bands(crystal, points.all), filled - 1, branch)
