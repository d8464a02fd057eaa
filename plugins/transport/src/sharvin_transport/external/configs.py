"""Options of the Hamiltonians and solvers that other programs compute."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt
from sharvin.options import Options


class ArraysOptions(Options):
    file: str
    """HDF5 file of H and S in eV, written by `sharvin.devices.two_terminal_file.write_two_terminal` or any program; its layout
    is in the manual."""

    tolerance_A: PositiveFloat = Field(default=0.01, le=0.5)
    """Largest distance of an atom from the stored one for a junction to be the stored device."""

    def files(self) -> tuple[str, ...]:
        return (self.file,)


class SiestaOptions(Options):
    file: str
    """H and S of the device: a TSHS or HSX file of SIESTA."""

    left: str
    """H and S of the left electrode, periodic along z; its atoms are the outermost ones of the device."""

    right: str | None = None
    """H and S of the right electrode; by default it is the left one."""

    structure: str | None = None
    """Structure of the device with its elements, in the order of `file`; TSHS files do not name them, and a junction of a study
    is found by its elements and positions."""

    fermi_energy_eV: float | None = None
    """Fermi energy of all files where they do not contain it (old HSX); energies of others are read relative to their own."""

    k_points: tuple[PositiveInt, PositiveInt] = (1, 1)
    """Divisions of the transverse Brillouin zone: a Γ-centred grid over which T is averaged."""

    layer_tolerance_eV: PositiveFloat = 0.1
    """Largest difference between H of the device's outermost principal layers and the electrodes' H, whose blocks they take."""

    tolerance_A: PositiveFloat = Field(default=0.01, le=0.5)
    """Largest distance of an atom from the stored one for a junction to be the stored device."""

    def files(self) -> tuple[str, ...]:
        return tuple(path for path in (self.file, self.left, self.right, self.structure) if path is not None)


class GpawOptions(Options):
    basis: str = "szp(dzp)"
    """GPAW's name of the basis set; it must be among GPAW's data for every element."""

    xc: str = "PBE"
    """Exchange-correlation functional by GPAW's name."""

    grid_spacing_A: PositiveFloat = Field(default=0.2, le=0.4)
    """Spacing of the real-space grid."""

    smearing_eV: PositiveFloat = 0.1
    """Width of the Fermi function of the occupations."""

    vacuum_A: PositiveFloat = Field(default=5.0, ge=3.0)
    """Vacuum on each side where the structure is not periodic across."""

    density_tolerance: PositiveFloat = Field(default=1e-4, le=1e-2)
    """Change of the density, in electrons per valence electron, below which it has converged. 1e-3 changes the conductance of a
    gold contact by less than 0.001 G0 and saves a third of the time."""

    max_iterations: PositiveInt = 333
    """Iterations of the density after which a snapshot has failed."""

    lead_reach_A: PositiveFloat | None = None
    """Least thickness of a principal layer in Å; where not given, the distance at which two orbitals end. Orbitals hardly overlap
    at their ends, so that thinner layers may do. A layer that couples beyond the next one by more than 10 meV is refused."""


class SislOptions(Options):
    eta_eV: PositiveFloat = Field(default=1e-10, le=1e-2)
    """Imaginary part of the energy in the leads, in eV (in t for grid wires); the scattering region has none."""


class KwantOptions(Options):
    cached_leads: PositiveInt = 64
    """Modes of leads, one set a lead, side and energy, that are kept for the next devices."""


class StoredBlocksOptions(Options):
    file: str
    """HDF5 file of blocks, written by `sharvin.crystals.block_files.write_blocks`."""

    tolerance_A: PositiveFloat = Field(default=1e-3, le=0.1)
    """Largest distance of an atom and of a cell vector from the stored ones for a structure to be the stored one."""

    def files(self) -> tuple[str, ...]:
        return (self.file,)
