"""Structures at rest: which atoms may move, how large the forces are that are left, and relaxation by ASE."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.optimize import LBFGS
from numpy.typing import NDArray
from sharvin.errors import InputError, ItemError


def mobile_atoms(atoms: Atoms) -> NDArray[np.bool_]:
    """Atoms that the array ``rigid`` does not mark.

    Raises
    ------
    InputError
        If there are none.
    """
    mobile = ~np.asarray(atoms.arrays.get("rigid", np.zeros(len(atoms))), dtype=bool)
    if not mobile.any():
        raise InputError("all atoms are rigid, so nothing vibrates; mark fewer as rigid.")
    return np.asarray(mobile)


def require_rest(atoms: Atoms, calculator: Calculator, largest_eV_per_A: float) -> None:
    """Do nothing, or say how large the forces on the mobile atoms are.

    Raises
    ------
    InputError
        If one is larger than allowed.
    ItemError
        If they are not finite numbers.
    """
    largest, atom = _largest_force(atoms, calculator)
    if largest > largest_eV_per_A:
        raise InputError(
            f"the structure is not at rest: the largest force is {largest:.3g} eV/Å, on atom {atom}, above "
            f"{largest_eV_per_A:g} eV/Å; relax it first, or with relax: true."
        )


def relaxed(atoms: Atoms, calculator: Calculator, fmax_eV_per_A: float, steps: int) -> Atoms:
    """The structure with its mobile atoms moved to rest in the fixed cell, by the limited-memory BFGS method of ASE.

    Raises
    ------
    ItemError
        If the forces do not fall below the limit.
    """
    moved = atoms.copy()
    moved.set_constraint(FixAtoms(mask=~mobile_atoms(atoms)))
    moved.calc = calculator
    with LBFGS(moved, logfile=None) as optimiser:
        optimiser.run(fmax=fmax_eV_per_A, steps=steps)
    largest, atom = _largest_force(moved, calculator)
    if largest > fmax_eV_per_A:
        raise ItemError(
            f"relaxing stopped after {steps} steps at a force of {largest:.2g} eV/Å on atom {atom}, above {fmax_eV_per_A:g}; "
            "allow more relax_steps or a larger relax_fmax."
        )
    rest: Atoms = atoms.copy()
    rest.positions[:] = moved.positions
    return rest


def _largest_force(atoms: Atoms, calculator: Calculator) -> tuple[float, int]:
    still = atoms.copy()
    still.calc = calculator
    sizes = np.linalg.norm(still.get_forces(apply_constraint=False), axis=1)
    sizes[~mobile_atoms(atoms)] = 0.0
    if not np.isfinite(sizes).all():
        raise ItemError("the potential gives forces that are not finite numbers; check the structure and the potential.")
    return float(sizes.max()), int(sizes.argmax())
