"""How properties and their numbers are called."""

from __future__ import annotations

TITLES = {
    "crystal": "fcc crystal",
    "equation_of_state": "equation of state",
    "elastic_constants": "elastic constants",
    "surface_100": "surface (100)",
    "surface_110": "surface (110)",
    "surface_111": "surface (111)",
    "vacancy": "vacancy",
    "phonons": "phonons",
    "dimer": "dimer",
    "chain": "chain of single atoms",
}
"""Properties by name."""

NUMBERS = {
    "lattice_A": ("lattice constant", "Å", 4),
    "cohesive_energy_eV_per_atom": ("cohesive energy", "eV/atom", 3),
    "bulk_modulus_GPa": ("bulk modulus", "GPa", 1),
    "C11_GPa": ("C11", "GPa", 1),
    "C12_GPa": ("C12", "GPa", 1),
    "C44_GPa": ("C44", "GPa", 1),
    "surface_100_J_per_m2": ("γ(100)", "J/m²", 3),
    "surface_110_J_per_m2": ("γ(110)", "J/m²", 3),
    "surface_111_J_per_m2": ("γ(111)", "J/m²", 3),
    "vacancy_energy_eV": ("vacancy formation energy", "eV", 3),
    "phonon_X_transverse_THz": ("phonon at X, transverse", "THz", 2),
    "phonon_X_longitudinal_THz": ("phonon at X, longitudinal", "THz", 2),
    "phonon_L_transverse_THz": ("phonon at L, transverse", "THz", 2),
    "phonon_L_longitudinal_THz": ("phonon at L, longitudinal", "THz", 2),
    "dimer_bond_A": ("dimer: bond", "Å", 3),
    "dimer_binding_energy_eV": ("dimer: binding energy", "eV", 3),
    "chain_bond_A": ("chain: bond", "Å", 3),
    "chain_binding_energy_eV_per_atom": ("chain: binding energy", "eV/atom", 3),
    "chain_breaking_force_nN": ("chain: breaking force", "nN", 3),
    "chain_breaking_strain": ("chain: breaking strain", "", 3),
}
"""Words, unit and decimals of each number, by its name in ``results.json``."""


def in_words(name: str) -> tuple[str, str, int]:
    """Words, unit and decimals of a number."""
    return NUMBERS.get(name, (name.replace("_", " "), "", 4))
