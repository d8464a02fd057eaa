"""Relaxation: conjugate gradients, then FIRE where line searches stall.

FIRE: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.errors import ItemError
from sharvin.frames import Frame
from sharvin.protocols import Potential

from sharvin_md.configs import LammpsRelaxOptions
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.thermostat import neighbours

MARGIN_A = 20.0


class LammpsRelax:
    """Dynamics ``lammps_relax``.

    Parameters
    ----------
    options : LammpsRelaxOptions
    """

    def __init__(self, options: LammpsRelaxOptions) -> None:
        self.options = options

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """One frame, the relaxed structure, the same for any seed.

        Its scalars are ``potential_energy_eV`` and ``max_force_eV_per_A``.

        Raises
        ------
        ItemError
            If the forces do not fall below `fmax` in `max_steps`.
        """
        mobile = ~rigid_atoms(atoms)
        with LammpsSystem(atoms, potential, MARGIN_A) as system:
            system.group("mobile", mobile)
            neighbours(system)
            largest = relax(system, mobile, self.options.fmax, self.options.max_steps)
            system.potential.command("run 0 post no")
            relaxed = atoms.copy()
            relaxed.positions[:] = system.positions()
            yield Frame.from_atoms(relaxed, potential_energy_eV=system.energy_eV(), max_force_eV_per_A=largest)


def rigid_atoms(atoms: Atoms) -> NDArray[np.bool_]:
    """The array ``rigid`` of a structure, all False where it has none."""
    return np.asarray(atoms.arrays.get("rigid", np.zeros(len(atoms))), dtype=bool)


def relax(system: LammpsSystem, mobile: NDArray[np.bool_], fmax_eV_per_A: float, max_steps: int = 10_000) -> float:
    """Relax the mobile atoms, the others at rest; returns the largest force left on one, in eV/Å.

    Raises
    ------
    ItemError
        If it does not fall below `fmax_eV_per_A`.
    """
    if not mobile.any():
        raise ItemError("all atoms are rigid, so there is nothing to relax.")
    system.setup("group resting subtract all mobile", "fix hold resting setforce 0.0 0.0 0.0", "min_modify norm max dmax 0.1")
    largest = np.inf
    for style in ("cg", "fire"):
        system.setup(f"min_style {style}")
        system.potential.command(f"minimize 0.0 {fmax_eV_per_A!r} {max_steps} {10 * max_steps}")
        largest = float(np.linalg.norm(system.forces()[mobile], axis=1).max())
        if not np.isfinite(largest):
            raise ItemError("the potential gives nan forces while relaxing; check the structure and the potential.")
        if largest <= fmax_eV_per_A:
            break
    system.setup("unfix hold", "reset_timestep 0")
    if largest > fmax_eV_per_A:
        raise ItemError(
            f"relaxing stopped at a force of {largest:.2g} eV/Å, above {fmax_eV_per_A:g}; allow more steps or a larger force."
        )
    return largest
