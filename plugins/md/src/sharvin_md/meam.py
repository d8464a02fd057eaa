"""Modified embedded-atom potentials: EAM with angular terms in the density.

Baskes, Phys. Rev. B 46, 2727 (1992), whose parameters are ``library.meam``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ase.calculators.calculator import Calculator
from sharvin.errors import InputError
from sharvin.protocols import LammpsPotential

from sharvin_md.configs import MeamOptions
from sharvin_md.generated_file import generated_file
from sharvin_md.potential_files import find_file, meam_elements


class Meam:
    """Potential ``meam``.

    Parameters
    ----------
    options : MeamOptions

    Raises
    ------
    InputError
        If a file is missing or the library lacks an element.
    """

    def __init__(self, options: MeamOptions) -> None:
        self.library = find_file(options.library)
        self.species = options.species
        held = meam_elements(self.library)
        missing = [symbol for symbol in options.species if symbol not in held]
        if missing:
            raise InputError(f"{self.library.name} holds {', '.join(held)}, not {', '.join(missing)}; choose another library.")
        self._cutoff_A = options.cutoff()
        self._width_A = options.width()
        self._parameters = find_file(options.parameters) if options.parameters is not None else None

    def lammps_commands(self, species: Sequence[str]) -> LammpsPotential:
        """Pair style and coefficients for these atom types.

        Raises
        ------
        InputError
            For a species that the options do not name.
        """
        missing = [symbol for symbol in species if symbol not in self.species]
        if missing:
            raise InputError(
                f"the meam potential is set up for {', '.join(self.species)}, not {', '.join(missing)}; add it to species."
            )
        own = f"rc = {self._cutoff_A!r}\ndelr = {self._width_A!r}\n"
        parameters = self._parameters or generated_file(own, ".meam", lambda: own)
        names = " ".join(self.species)
        coefficients = f'pair_coeff * * "{self.library}" {names} "{parameters}" {" ".join(species)}'
        return LammpsPotential(("pair_style meam", coefficients))

    def calculator(self) -> Calculator:
        """ASE calculator that runs LAMMPS in this process."""
        from sharvin_md.lammps_calculator import LammpsCalculator

        return LammpsCalculator(self)
