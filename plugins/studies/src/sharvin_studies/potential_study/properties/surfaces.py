"""Energies of relaxed surfaces and of a vacancy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import fcc100, fcc110, fcc111
from sharvin.errors import ItemError

from sharvin_studies.potential_study.properties.crystal import J_PER_M2, VACUUM_A, Findings, Material

SLABS: dict[str, tuple[Callable[..., Atoms], int]] = {"100": (fcc100, 12), "110": (fcc110, 18), "111": (fcc111, 12)}
"""How a slab is built, and its layers: about 25 Å thick."""
VACANCY_CELLS = 3
"""Conventional cells along each edge of the crystal that a vacancy is made in."""
LARGEST_STRETCH = 0.5
"""A slab whose thickness changes by a larger share has not relaxed but fallen apart."""


def surface_energy(material: Material, plane: str) -> float:
    r"""Energy of the relaxed surface in J/m², :math:`\gamma = (E_\mathrm{slab} - N E_\mathrm{bulk}) / 2A`.

    Raises
    ------
    ItemError
        If the slab does not come to rest, or falls apart.
    """
    build, layers = SLABS[plane]
    slab = build(material.element, size=(1, 1, layers), a=material.a_A, vacuum=VACUUM_A / 2, periodic=True)
    thickness = np.ptp(slab.positions[:, 2])
    energy = material.relaxed(slab)
    if abs(np.ptp(slab.positions[:, 2]) / thickness - 1) > LARGEST_STRETCH:
        raise ItemError(f"the ({plane}) slab falls apart as it relaxes.")
    area = float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
    return (energy - len(slab) * material.energy_per_atom_eV) / (2 * area) * J_PER_M2


def surface_100(material: Material) -> Findings:
    """Energy of the relaxed (100) surface."""
    return Findings({"surface_100_J_per_m2": surface_energy(material, "100")})


def surface_110(material: Material) -> Findings:
    """Energy of the relaxed (110) surface, not reconstructed."""
    return Findings({"surface_110_J_per_m2": surface_energy(material, "110")})


def surface_111(material: Material) -> Findings:
    """Energy of the relaxed (111) surface."""
    return Findings({"surface_111_J_per_m2": surface_energy(material, "111")})


def vacancy(material: Material) -> Findings:
    """Formation energy in eV of a relaxed vacancy among 108 sites at the volume of the perfect crystal."""
    crystal = material.fcc(material.a_A).repeat(VACANCY_CELLS)
    del crystal[0]
    energy = material.relaxed(crystal)
    return Findings({"vacancy_energy_eV": energy - len(crystal) * material.energy_per_atom_eV})
