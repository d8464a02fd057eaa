"""Embedded-atom potentials, E = Σ_i F_i(ρ_i) + ½ Σ_ij φ_ij(r_ij) with ρ_i = Σ_j f_j(r_ij).

Daw and Baskes, Phys. Rev. B 29, 6443 (1984). The ``*_u3.eam`` files are the universal functions of Foiles, Baskes and Daw,
Phys. Rev. B 33, 7983 (1986).
"""

from __future__ import annotations

from collections.abc import Sequence

from ase.calculators.calculator import Calculator
from sharvin.errors import InputError
from sharvin.protocols import LammpsPotential

from sharvin_md.configs import EamOptions
from sharvin_md.potential_files import eam_elements, eam_style, find_file


class Eam:
    """Potential ``eam``.

    Parameters
    ----------
    options : EamOptions

    Raises
    ------
    InputError
        If a file is missing or not what its name says, or several files do not fit together.
    """

    def __init__(self, options: EamOptions) -> None:
        self.paths = tuple(find_file(name) for name in options.names())
        styles = {eam_style(path) for path in self.paths}
        self.contents = tuple(eam_elements(path) for path in self.paths)
        if len(self.paths) > 1 and styles != {"eam"}:
            raise InputError("only several .eam files can be combined; an .eam.alloy or .fs file holds all its elements itself.")
        flat = [element for content in self.contents for element in content]
        if len(set(flat)) != len(flat):
            raise InputError(f"two of the EAM files are for the same element: {', '.join(flat)}.")
        self.style = styles.pop()

    def lammps_commands(self, species: Sequence[str]) -> LammpsPotential:
        """Pair style and coefficients for these atom types.

        Raises
        ------
        InputError
            For a species that the files do not hold.
        """
        held = {element: path for path, content in zip(self.paths, self.contents, strict=True) for element in content}
        missing = [symbol for symbol in species if symbol not in held]
        if missing:
            names = ", ".join(path.name for path in self.paths)
            raise InputError(f"{names} holds {', '.join(held)}, not {', '.join(missing)}; choose another file.")
        if self.style == "eam":
            pairs = tuple(f'pair_coeff {k} {k} "{held[symbol]}"' for k, symbol in enumerate(species, start=1))
        else:
            pairs = (f'pair_coeff * * "{self.paths[0]}" {" ".join(species)}',)
        return LammpsPotential((f"pair_style {self.style}", *pairs), suffix="opt")

    def calculator(self) -> Calculator:
        """ASE calculator that runs LAMMPS in this process."""
        from sharvin_md.lammps_calculator import LammpsCalculator

        return LammpsCalculator(self)
