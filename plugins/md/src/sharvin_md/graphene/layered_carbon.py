"""The potential ``layered_carbon``: bonds within layers of carbon, registry-dependent attraction between layers, by LAMMPS.

Within a layer: REBO (D. W. Brenner and others, J. Phys.: Condens. Matter 14, 783 (2002)), AIREBO (S. J. Stuart, A. B. Tutein and
J. A. Harrison, J. Chem. Phys. 112, 6472 (2000)) with torsion and without Lennard-Jones, or Tersoff's potential in the parameters
of L. Lindsay and D. A. Broido, Phys. Rev. B 81, 205441 (2010). Between layers: ILP (W. Ouyang and others, Nano Lett. 18, 6009
(2018)), Kolmogorov–Crespi (Phys. Rev. B 71, 235415 (2005)), DRIP (M. Wen and others, Phys. Rev. B 98, 235404 (2018)).

The part between layers acts on atoms of different layers, which the array ``layer`` of a structure tells; in one layer alone it
is zero. ILP and Kolmogorov–Crespi take the normal of a layer from an atom's neighbours, and LAMMPS takes z for an atom with a
single bond: where such atoms face another layer, the energy depends on the orientation. DRIP's does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from ase.calculators.calculator import Calculator
from sharvin.crystals.layer_marks import LAYER
from sharvin.errors import InputError
from sharvin.protocols import LammpsPotential

from sharvin_md.graphene.configs import LayeredCarbonOptions
from sharvin_md.potential_files import find_file

WITHIN = {"rebo": ("rebo", "CH.rebo"), "airebo": ("airebo 3.0 0 1", "CH.airebo"), "tersoff": ("tersoff", "BNC.tersoff")}
"""Pair style with its arguments, and parameter file. AIREBO's flags switch Lennard-Jones off and torsion on."""
TAPERED = "CH_taper.KC"
"""The Kolmogorov–Crespi parameters that were fitted with a taper."""
FEWEST_BONDS = 2
"""Of every atom in its layer where LAMMPS' optimised ILP gives the forces of its energy."""
SMOOTH_A, ROUGH_A = 1e-2, 1e-3
"""Displacements up to which forces change linearly. Those of the REBO family have kinks: their optical phonons of graphene err
linearly in the displacement, by 0.6 THz at 1e-2 Å and 0.06 THz at 1e-3 Å."""


class LayeredCarbon:
    """Potential ``layered_carbon``.

    Parameters
    ----------
    options : LayeredCarbonOptions

    Raises
    ------
    InputError
        If LAMMPS' parameter files are not there.
    """

    def __init__(self, options: LayeredCarbonOptions) -> None:
        self.options = options
        within, file = WITHIN[options.within]
        self._within = within, find_file(file)
        if options.between == "ilp":
            between, file = f"ilp/graphene/hbn {options.cutoff_A!r} 1", "BNCH.ILP"
        elif options.between == "kolmogorov_crespi":
            file = options.kolmogorov_crespi_parameters
            between = f"kolmogorov/crespi/full {options.cutoff_A!r} {int(file == TAPERED)}"
        else:
            between, file = "drip", "C.drip"
        self._between = between, find_file(file)

    @property
    def finite_difference_A(self) -> float:
        """Displacement in Å up to which forces change linearly."""
        return SMOOTH_A if self.options.within == "tersoff" else ROUGH_A

    def lammps_commands(self, species: Sequence[str]) -> LammpsPotential:
        """Pair style and coefficients for these atom types; molecule ids are layers.

        Raises
        ------
        InputError
            For a species other than carbon.
        """
        others = [symbol for symbol in species if symbol != "C"]
        if others:
            raise InputError(f"the layered_carbon potential knows carbon, not {', '.join(others)}.")
        parts = (self._within, self._between)
        style = f"pair_style hybrid/overlay {' '.join(part for part, _ in parts)}"
        names = " ".join(species)
        coefficients = [f'pair_coeff * * {part.split()[0]} "{path}" {names}' for part, path in parts]
        if self.options.accelerated:
            return LammpsPotential((style, *coefficients), suffix="opt", molecules=LAYER, fewest_bonds=FEWEST_BONDS)
        return LammpsPotential((style, *coefficients), molecules=LAYER)

    def calculator(self) -> Calculator:
        """ASE calculator that runs LAMMPS in this process."""
        from sharvin_md.lammps_calculator import LammpsCalculator

        return LammpsCalculator(self)
