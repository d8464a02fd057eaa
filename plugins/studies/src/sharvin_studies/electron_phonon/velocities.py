r"""Fermi velocity of a vibrating crystal, from the Green's function averaged over displaced structures.

Of each sample, H is that of a supercell. Between Bloch waves of the crystal at rest at one wave vector, its Green's function is a
small matrix (:mod:`sharvin_studies.bands.unfolding`), whose mean over the samples is that of the vibrating crystal in the adiabatic
approximation. The renormalised energies at wave vectors in a window around K follow from it, and the velocity from these as for
any crystal (:mod:`sharvin_studies.bands.dirac`). First and second order of the coupling are in it alike, and all higher ones.

The mean is nonlinear in nothing but the last step, so that its standard error is that of a jackknife over groups of samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.context import Context
from sharvin.errors import InputError, ItemError, RunError
from sharvin.executors.threads import one_thread
from sharvin.store import read_table, write_table

from sharvin_studies.bands.dirac import ConePoints, DiracCone, cone_points
from sharvin_studies.bands.unfolding import Unfolding, quasi_particle_energies
from sharvin_studies.electron_phonon.block_training import HamiltonianSource
from sharvin_studies.electron_phonon.configs import VelocityOptions
from sharvin_studies.potential_study.labelling import digest_of_atoms
from sharvin_studies.thermal_samples.series import Samples, Vibrations

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
CHUNK = 10
"""Samples that are one item; their Green's functions are kept as one sum. Even, so that opposite samples are in one."""
