"""What bonds of wires are like: the dimer, and the infinite straight chain of single atoms."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.interpolate import CubicSpline
from sharvin.errors import ItemError

from sharvin_studies.potential_study.properties.crystal import NN, VACUUM_A, Array, Findings, Material, boxed, minima

FINE_POINTS = 301
"""Points of the curves that are drawn, from the spline through the energies."""
BONDS = np.arange(0.50, 1.501, 0.02)
"""Bond lengths that are looked at, in units of the distance of nearest neighbours in the crystal."""
LEAST_DEPTH_EV = 0.05
"""Depth of a minimum, seen from larger distances, that is a bond."""
CHAIN_ATOMS = 6
"""Atoms of the chain's cell, so many that no atom sees its own image where the potential is of short range."""


def dimer(material: Material) -> Findings:
    """Bond length in Å and binding energy in eV of two atoms, 2 E(atom) − E(dimer)."""

    def energy(bond: float) -> float:
        return material.energy(boxed(Atoms(material.element * 2, positions=[(0, 0, 0), (0, 0, bond)])))

    bonds = BONDS * material.nearest_A
    energies = np.array([energy(float(bond)) for bond in bonds])
    spline, best = _minimum(bonds, energies, "dimer")
    binding = 2 * material.atom_energy_eV - float(spline(best))
    shown = np.linspace(bonds[0], bonds[-1], FINE_POINTS)
    curves = {"bond_A": shown, "energy_eV": spline(shown) - 2 * material.atom_energy_eV}
    return Findings({"dimer_bond_A": best, "dimer_binding_energy_eV": binding}, curves)


def chain(material: Material) -> Findings:
    """Bond length, binding energy of an atom, and the largest force in nN that a bond bears, with the strain where it does.

    The force on a bond is dE/dd of the energy E per atom of a straight infinite chain with bonds of the length d.
    """

    def energy(bond: float) -> float:
        places = [(VACUUM_A / 2, VACUUM_A / 2, bond * i) for i in range(CHAIN_ATOMS)]
        cell = (VACUUM_A, VACUUM_A, CHAIN_ATOMS * bond)
        return material.energy(Atoms([material.element] * CHAIN_ATOMS, positions=places, cell=cell, pbc=True)) / CHAIN_ATOMS

    bonds = BONDS * material.nearest_A
    energies = np.array([energy(float(bond)) for bond in bonds])
    spline, best = _minimum(bonds, energies, "chain")
    fine = np.linspace(best, bonds[-1], 2001)
    force = spline(fine, 1)
    strongest = int(force.argmax())
    values = {
        "chain_bond_A": best,
        "chain_binding_energy_eV_per_atom": material.atom_energy_eV - float(spline(best)),
    }
    if strongest == len(fine) - 1:
        raise ItemError(f"the force on a bond of the chain still grows at {bonds[-1]:.2f} Å; the chain does not break.")
    values |= {
        "chain_breaking_force_nN": float(force[strongest]) * NN,
        "chain_breaking_strain": float(fine[strongest] / best - 1),
    }
    shown = np.linspace(bonds[0], bonds[-1], FINE_POINTS)
    curves = {
        "bond_A": shown,
        "energy_eV_per_atom": spline(shown) - material.atom_energy_eV,
        "force_nN": spline(shown, 1) * NN,
    }
    return Findings(values, curves)


def _minimum(bonds: Array, energies: Array, what: str) -> tuple[CubicSpline, float]:
    """The curve through the energies, and the bond length of its minimum.

    Of several minima it is the first of some depth that atoms meet as they come together: others, at bonds that no data hold, are
    holes of a trained potential. Where all are shallow it is the lowest.
    """
    found = minima(energies)
    if not found:
        raise ItemError(f"the energy of the {what} has no minimum between bonds of {bonds[0]:.2f} and {bonds[-1]:.2f} Å.")
    spline = CubicSpline(bonds, energies)
    roots = spline.derivative().roots(extrapolate=False)
    deep = [place for place in found if energies[place:].max() - energies[place] > LEAST_DEPTH_EV]
    start = max(deep) if deep else min(found, key=lambda place: float(energies[place]))
    best = float(roots[np.argmin(np.abs(roots - bonds[start]))])
    return spline, best
