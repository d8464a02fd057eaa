"""Elements whose metals are magnetic, which a Hamiltonian without spin cannot be."""

from __future__ import annotations

import warnings

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import PhysicsWarning

MAGNETIC = frozenset({"Cr", "Mn", "Fe", "Co", "Ni", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm"})
"""Elements whose crystals order magnetically."""


def warn_of_magnetism(numbers: NDArray[np.int64], hamiltonian: str) -> None:
    """Say once that a Hamiltonian without spin treats these atomic numbers as non-magnetic, if one of them is magnetic."""
    found = [chemical_symbols[z] for z in np.unique(numbers) if chemical_symbols[z] in MAGNETIC]
    if found:
        warnings.warn(
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} magnetic, and {hamiltonian} has no spin: "
            "T(E) is that of the non-magnetic metal, with equal channels for both spins.",
            PhysicsWarning,
            stacklevel=2,
        )
