"""About how long a snapshot's Hamiltonian and conductance take, by its size.

Elimination slice by slice costs N b² for N orbitals and principal layers of b. The factors are those of wires of gold with 102
and 304 atoms, nine orbitals each, on one core of a 2023 server.
"""

from __future__ import annotations

from sharvin.junction import Junction

ORBITALS_PER_ATOM = 9
FIXED_SECONDS = 0.003
SECONDS_PER_ELIMINATION = 1.3e-11
"""Of N b²: H, S and one transmission."""
NEUTRALITY = 25
"""How many times as much a snapshot costs whose atoms are made neutral: two iterations or so at six nodes of the contour."""


def label_seconds(junction: Junction, k_points: int, neutral: bool) -> float:
    """Seconds of one snapshot on one core.

    Parameters
    ----------
    junction : Junction
    k_points : int
    neutral : bool
        Whether its on-site shifts are solved.
    """
    orbitals = ORBITALS_PER_ATOM * len(junction.atoms)
    layer = ORBITALS_PER_ATOM * max(len(junction.left), len(junction.right))
    once = FIXED_SECONDS + SECONDS_PER_ELIMINATION * orbitals * layer**2
    return k_points * once * (NEUTRALITY if neutral else 1)
