"""Properties of gold from the energies, forces and stresses of ``gold_pbe.extxyz``.

``python properties.py`` writes ``properties.json``.
Needs NumPy, SciPy and ASE, not GPAW. Energies are free energies at the smearing of the set, as a potential is trained on them,
unless the name says ``extrapolated``, which is the estimate without smearing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.eos import EquationOfState
from ase.io import read

__all__ = ["properties"]

HERE = Path(__file__).parent
EOS_RANGE_A = (3.95, 4.40)
TETRAGONAL, SHEAR = 0.04, 0.06
EV_PER_A2_IN_J_PER_M2 = 1.0 / (units.J / units.m**2)


def properties(file: Path, atom: dict[str, float]) -> dict[str, dict[str, float]]:
    """Properties by structure, each with its unit in the name; those whose structures are missing are left out.

    Parameters
    ----------
    file : Path
        The extxyz file of the set.
    atom : dict
        Energies of the isolated atom, as ``gold_pbe.atom.json`` holds them.
    """
    frames = {str(atoms.info["name"]): atoms for atoms in read(file, ":")}
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "fcc": partial(crystal, frames),
        "fcc_strained": partial(elastic, frames),
        "bcc": partial(bcc, frames),
        "fcc100": partial(surface, frames, "100"),
        "fcc111": partial(surface, frames, "111"),
        "chain": partial(bond, frames, "chain", 1),
        "dimer": partial(bond, frames, "dimer", 2),
    }
    found: dict[str, dict[str, float]] = {}
    for name, compute in parts.items():
        with suppress(KeyError):
            found[name] = compute()
    found["atom"] = dict(atom)
    found["fcc"]["cohesive_energy_eV"] = atom["spin_paired_free_energy_eV"] - found["fcc"]["energy_eV_per_atom"]
    extrapolated = float(frames["fcc_a4.16"].info["energy_extrapolated_eV"])
    found["fcc"]["cohesive_energy_extrapolated_spin_polarised_eV"] = atom["spin_polarised_extrapolated_eV"] - extrapolated
    for name in ("chain", "dimer"):
        energy = found[name]["energy_eV_per_atom"]
        found[name]["binding_energy_eV_per_atom"] = atom["spin_paired_free_energy_eV"] - energy
    return {name: {key: float(f"{value:.6g}") for key, value in values.items()} for name, values in found.items()}


def eos(frames: dict[str, Atoms], prefix: str, low: float, high: float) -> tuple[float, float, float]:
    """Birch-Murnaghan fit of the structures named ``prefix`` and a lattice constant: V0 (Å³), E0 (eV), B (GPa) per atom."""
    chosen = [atoms for name, atoms in frames.items() if is_in_range(name, prefix, low, high)]
    if len(chosen) < 4:
        raise KeyError(prefix)
    volumes = [atoms.get_volume() / len(atoms) for atoms in chosen]
    energies = [atoms.get_potential_energy() / len(atoms) for atoms in chosen]
    v0, e0, bulk_modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    return float(v0), float(e0), float(bulk_modulus / units.GPa)


def is_in_range(name: str, prefix: str, low: float, high: float) -> bool:
    """Whether a name is the prefix and a number of the range."""
    try:
        return name.startswith(prefix) and low <= float(name.removeprefix(prefix)) <= high
    except ValueError:
        return False


def crystal(frames: dict[str, Atoms]) -> dict[str, float]:
    """Lattice constant, bulk modulus and energy of fcc."""
    v0, e0, bulk_modulus = eos(frames, "fcc_a", *EOS_RANGE_A)
    return {"lattice_constant_A": (4 * v0) ** (1 / 3), "bulk_modulus_GPa": bulk_modulus, "energy_eV_per_atom": e0}


def elastic(frames: dict[str, Atoms]) -> dict[str, float]:
    """Cubic elastic constants from the stresses of strained cells and the bulk modulus.

    Stretched by e along z at constant volume, ``σ_zz - σ_xx = (C11 - C12) 3 e / 2``, averaged over both signs of e; sheared by
    the angle g, ``σ_xy = C44 g``.
    """
    bulk_modulus = crystal(frames)["bulk_modulus_GPa"]
    differences = []
    for e in (TETRAGONAL, -TETRAGONAL):
        stress = frames[f"fcc_tetragonal_{e:+.2f}"].get_stress()
        differences.append((stress[2] - (stress[0] + stress[1]) / 2) / (1.5 * e))
    difference = float(np.mean(differences)) / units.GPa
    c44 = float(frames[f"fcc_shear_{SHEAR:+.2f}"].get_stress()[5]) / SHEAR / units.GPa
    return {"C11_GPa": bulk_modulus + 2 / 3 * difference, "C12_GPa": bulk_modulus - difference / 3, "C44_GPa": c44}


def bcc(frames: dict[str, Atoms]) -> dict[str, float]:
    """Lattice constant of bcc and its energy above fcc."""
    v0, e0, _ = eos(frames, "bcc_a", 3.1, 3.6)
    above = e0 - crystal(frames)["energy_eV_per_atom"]
    return {"lattice_constant_A": (2 * v0) ** (1 / 3), "energy_above_fcc_eV_per_atom": above}


def surface(frames: dict[str, Atoms], which: str) -> dict[str, float]:
    """Energies of one surface of the five-layer slab, ideal and relaxed, and the change of the outermost spacing.

    The crystal's energy is the minimum of the equation of state, whose lattice constant the slabs have.
    """
    steps = sorted(
        (name for name in frames if name.startswith(f"fcc{which}_5_layers_step_")), key=lambda n: int(n.split("_")[-1])
    )
    slabs = [frames[name] for name in steps]
    if not slabs:
        raise KeyError(which)
    bulk_energy = crystal(frames)["energy_eV_per_atom"]
    area = float(np.linalg.norm(np.cross(*slabs[0].cell.array[:2])))
    ideal, relaxed = (
        (slab.get_potential_energy() - len(slab) * bulk_energy) / (2 * area) * EV_PER_A2_IN_J_PER_M2
        for slab in (slabs[0], slabs[-1])
    )
    heights = [np.sort(slab.positions[:, 2]) for slab in (slabs[0], slabs[-1])]
    outermost = [float(z[1] - z[0] + z[-1] - z[-2]) / 2 for z in heights]
    return {
        "surface_energy_unrelaxed_J_per_m2": ideal,
        "surface_energy_relaxed_J_per_m2": relaxed,
        "outermost_spacing_change_percent": 100 * (outermost[1] / outermost[0] - 1),
        "layers": len(slabs[0]),
        "largest_force_left_eV_per_A": float(np.abs(slabs[-1].get_forces()).max()),
    }


def bond(frames: dict[str, Atoms], group: str, n_atoms: int) -> dict[str, float]:
    """Bond length and energy per atom at the minimum: a polynomial through the five lowest lengths that are neighbours."""
    curve = sorted((float(name.split("_")[1]), name) for name in frames if is_in_range(name, f"{group}_", 2.0, 9.0))
    lengths = np.array([length for length, _ in curve])
    energies = np.array([frames[name].get_potential_energy() / n_atoms for _, name in curve])
    lowest = int(np.argmin(energies))
    if lowest < 1 or len(curve) - lowest < 3:
        raise KeyError(group)
    near = slice(max(lowest - 2, 0), lowest + 3)
    centre = lengths[lowest]
    polynomial = np.polynomial.Polynomial.fit(lengths[near] - centre, energies[near], len(lengths[near]) - 1)
    places = np.linspace(lengths[near][0], lengths[near][-1], 4001) - centre
    best = int(np.argmin(polynomial(places)))
    return {"bond_length_A": float(places[best] + centre), "energy_eV_per_atom": float(polynomial(places[best]))}


def main() -> None:
    """Write ``properties.json``."""
    atom: dict[str, Any] = json.loads((HERE / "gold_pbe.atom.json").read_text(encoding="utf-8"))
    found = properties(HERE / "gold_pbe.extxyz", atom)
    (HERE / "properties.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
