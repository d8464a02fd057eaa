"""Phonons of the fcc crystal along Γ–X–K–Γ–L, by phonopy."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from sharvin.errors import ItemError

from sharvin_studies.potential_study.properties.crystal import Array, Findings, Material

SUPERCELL = 3
"""Conventional cells along each edge of the supercell: 108 atoms."""
DISPLACEMENT_A = 0.01
CORNERS = (
    ("Γ", (0.0, 0.0, 0.0)),
    ("X", (0.5, 0.5, 1.0)),
    ("K", (0.375, 0.375, 0.75)),
    ("Γ", (0.0, 0.0, 0.0)),
    ("L", (0.5, 0.5, 0.5)),
)
"""Corners of the path, in reciprocal vectors of the primitive cell. From Γ to X the path runs along [100]; X to K to Γ along
[110], from an equivalent X."""
X_ALONG_100 = (0.5, 0.0, 0.5)
POINTS = 41
"""Points of each part of the path."""


def phonons(material: Material) -> Findings:
    """Frequencies in THz at X and L and along the path; imaginary ones are negative.

    The curves are ``path`` (lengths along the path in 1/Å, without the factor 2π) and ``branch_1_THz`` … ``branch_3_THz``.
    """
    cell = material.fcc(material.a_A)
    phonopy = Phonopy(
        PhonopyAtoms(symbols=cell.get_chemical_symbols(), cell=cell.cell.array, scaled_positions=cell.get_scaled_positions()),
        supercell_matrix=np.diag([SUPERCELL] * 3),
        primitive_matrix="F",
        log_level=0,
    )
    phonopy.generate_displacements(distance=DISPLACEMENT_A)
    phonopy.forces = np.array([_forces(material, displaced) for displaced in phonopy.supercells_with_displacements or []])
    phonopy.produce_force_constants()
    phonopy.symmetrize_force_constants()
    segments = path_segments()
    phonopy.run_band_structure(segments, is_legacy_plot=False)
    found: Any = phonopy.band_structure
    frequencies = np.concatenate(found.frequencies)
    if not np.isfinite(frequencies).all():
        raise ItemError("frequencies of phonons are not finite numbers.")
    curves = {"path": np.concatenate(found.distances)}
    curves |= {f"branch_{k + 1}_THz": frequencies[:, k] for k in range(3)}
    at_X, at_L = np.sort(frequencies[POINTS - 1]), np.sort(frequencies[-1])
    values = {
        "phonon_X_transverse_THz": float(at_X[0]),
        "phonon_X_longitudinal_THz": float(at_X[2]),
        "phonon_L_transverse_THz": float(at_L[0]),
        "phonon_L_longitudinal_THz": float(at_L[2]),
    }
    return Findings(values, curves)


def path_segments() -> list[Array]:
    """Points of the path, part by part."""
    ends = [np.array(place) for _, place in CORNERS]
    starts = [ends[0], ends[1], ends[2], ends[3]]
    stops = [np.array(X_ALONG_100), *ends[2:]]
    return [np.linspace(start, stop, POINTS) for start, stop in zip(starts, stops, strict=True)]


def corner_places(path: Array) -> list[float]:
    """Where the corners lie on the curve ``path``."""
    return [float(path[0]), *(float(path[part * POINTS + POINTS - 1]) for part in range(len(CORNERS) - 1))]


def _forces(material: Material, displaced: PhonopyAtoms) -> Array:
    atoms = Atoms(displaced.symbols, cell=displaced.cell, scaled_positions=displaced.scaled_positions, pbc=True)
    material.energy(atoms)
    return np.asarray(atoms.get_forces(), dtype=np.float64)
