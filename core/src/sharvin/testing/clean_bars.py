"""An electrode continued to both sides: a bar without scattering, with its bands, its channels and its filling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.linalg import eigh

from sharvin.junction import Junction
from sharvin.two_terminal import BlochHamiltonian, Lead

Floats = NDArray[np.float64]

PHASES = np.linspace(0.0, 0.5, 41)
"""Half of the Brillouin zone along the bar, in units of 2π over the thickness of a principal layer; ε(−k) = ε(k)."""
BAND_EDGE_EV = 0.02
"""Energies nearer to a band edge are not asked for: bands sampled at :data:`PHASES` know their edges to a few meV."""


@dataclass(frozen=True, eq=False)
class CleanBar:
    """Three principal layers of one electrode as a junction, and the crystal that repeats the layer."""

    junction: Junction
    crystal: Atoms


def clean_bars(junction: Junction) -> Iterator[CleanBar]:
    """A bar of the left electrode, and one of the right electrode unless that is the same crystal."""
    atoms = junction.atoms
    known: list[tuple[float, list[int]]] = []
    for layer, period_A in ((junction.left, junction.left_period_A), (junction.right, junction.right_period_A)):
        content = (round(period_A, 3), sorted(atoms.numbers[layer].tolist()))
        if content in known:
            continue
        known.append(content)
        crystal = Atoms(atoms.numbers[layer], atoms.positions[layer], cell=atoms.cell.array, pbc=[*atoms.pbc[:2], True])
        crystal.cell[2] = [0.0, 0.0, period_A]
        bar = crystal.repeat((1, 1, 3))
        bar.pbc = [*atoms.pbc[:2], False]
        n = len(crystal)
        yield CleanBar(Junction(bar, np.arange(n), np.arange(2 * n, 3 * n), period_A, period_A), crystal)


def bands_of_crystal(bloch: BlochHamiltonian, transverse: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Bands along the bar from H(k) and S(k) of the crystal, float64[n_k, n] at :data:`PHASES`."""
    return np.array([eigh(*bloch.at(np.array([*transverse, k])), eigvals_only=True) for k in PHASES])


def bands_of_lead(lead: Lead, phases: Floats) -> Floats:
    """Bands along the bar from the blocks of a lead, float64[n_k, n]."""
    bands = []
    for phase in np.exp(2j * np.pi * phases):
        H, S = (b00 + b01 * phase + (b01 * phase).conj().T for b00, b01 in ((lead.H00, lead.H01), (lead.S00, lead.S01)))
        bands.append(eigh(H, S, eigvals_only=True))
    return np.array(bands)


def channels(bands: Floats, energy_eV: float) -> int:
    """Number of waves that travel along the bar at an energy: how often bands [n_k, n] cross it."""
    return int(np.count_nonzero(np.diff(bands > energy_eV, axis=0)))


def energies_with_channels(bands: Floats, fermi_energy_eV: float, count: int) -> list[float]:
    """Energies near E_F at which there are channels, away from band edges and from each other by 0.25 eV; at most `count`."""
    padded = np.pad(bands, ((1, 1), (0, 0)), mode="reflect")  # a band is even about both ends of the half zone
    turns = (padded[1:-1] - padded[:-2]) * (padded[2:] - padded[1:-1]) <= 0.0
    edges = bands[turns]
    found: list[float] = []
    for offset in sorted(np.arange(-10.0, 10.0, 0.05) + 0.013, key=abs):
        energy = fermi_energy_eV + offset
        away = np.abs(edges - energy).min() > BAND_EDGE_EV and all(abs(energy - other) > 0.25 for other in found)
        if away and channels(bands, energy):
            found.append(float(energy))
        if len(found) == count:
            break
    return found


def electrons_below(bands: Floats, energy_eV: float) -> float:
    """Electrons in the states below an energy, two a state, with bands [n_k, n] that are straight lines between the k-points."""
    low, high = np.minimum(bands[1:], bands[:-1]), np.maximum(bands[1:], bands[:-1])
    share = np.clip((energy_eV - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return float(2.0 * share.mean(axis=0).sum())
