"""Properties of the fcc crystal: lattice constant, cohesive energy, equation of state, elastic constants."""

from __future__ import annotations

import warnings

import numpy as np
from ase.eos import EquationOfState
from matscipy.elasticity import fit_elastic_constants
from sharvin.errors import ItemError

from sharvin_studies.potential_study.properties.crystal import GPA, Findings, Material

EOS_STRAINS = np.linspace(-0.02, 0.02, 11)
"""Linear strains of the points that give the bulk modulus."""
CURVE_STRAINS = np.linspace(-0.10, 0.12, 45)
"""Linear strains of the curve that is drawn."""
ELASTIC_STRAIN = 0.002


def crystal(material: Material) -> Findings:
    """Lattice constant, and cohesive energy: that of an atom alone minus that of one in the crystal."""
    a, energy = material.lattice
    return Findings({"lattice_A": a, "cohesive_energy_eV_per_atom": material.atom_energy_eV - energy})


def equation_of_state(material: Material) -> Findings:
    """Bulk modulus in GPa by the equation of Birch and Murnaghan (Phys. Rev. 71, 809 (1947)), and energies against volume.

    Energies of the curve are per atom, relative to the crystal at rest.
    """
    volumes, energies = _energies(material, EOS_STRAINS)
    try:
        _, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    except (RuntimeError, ValueError) as error:
        raise ItemError(f"no equation of state can be fitted ({error}).") from None
    wide_volumes, wide_energies = _energies(material, CURVE_STRAINS)
    curves = {"volume_A3_per_atom": wide_volumes, "energy_eV_per_atom": wide_energies - material.energy_per_atom_eV}
    return Findings({"bulk_modulus_GPa": float(modulus) * GPA}, curves)


def elastic_constants(material: Material) -> Findings:
    """C11, C12 and C44 in GPa from the stresses of strained crystals, by :mod:`matscipy.elasticity`."""
    atoms = material.fcc(material.a_A)
    atoms.calc = material.calculator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        constants, _ = fit_elastic_constants(
            atoms, symmetry="cubic", N_steps=5, delta=ELASTIC_STRAIN, optimizer=None, verbose=False, graphics=False
        )
    found = {"C11_GPa": constants[0, 0], "C12_GPa": constants[0, 1], "C44_GPa": constants[3, 3]}
    if not np.isfinite(list(found.values())).all():
        raise ItemError("the stresses of strained crystals are not finite numbers.")
    return Findings({name: float(value) * GPA for name, value in found.items()})


def _energies(material: Material, strains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Volumes and energies per atom at linear strains."""
    a = material.a_A * (1 + strains)
    return a**3 / 4, np.array([material.energy(material.fcc(float(one))) / 4 for one in a])
