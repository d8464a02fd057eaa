r"""Definitions of symmetry functions: which sums over neighbours and pairs of neighbours they are, and in which order they stand.

With a profile :math:`g` and an angular factor :math:`a`, see :mod:`sharvin_descriptors.symmetry_functions.radial`,

.. math:: G_i = \sum_j g(r_{ij}), \qquad
          G_i = \sum_{j<k} a(\theta_{jik})\, g(r_{ij})\, g(r_{ik}), \qquad
          G_i = \sum_{j<k} a(\theta_{jik})\, g(r_{ij})\, g(r_{ik})\, g(r_{jk}),

radial, wide angular and narrow angular. A function counts neighbours of given elements, or all of them weighted with their atomic
numbers. Types have n2p2's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

RADIAL = frozenset({2, 12, 20, 23})
NARROW = frozenset({3, 13, 21, 24})
WIDE = frozenset({9, 22, 25})
WEIGHTED = frozenset({12, 13, 23, 24, 25})
COMPACT_TYPES = frozenset({20, 21, 22, 23, 24, 25})
TYPES = RADIAL | NARROW | WIDE
SUBTYPES = ("p1", "p2", "p3", "p4", "p1a", "p2a", "p3a", "p4a", "e")


@dataclass(frozen=True)
class AtomFunction:
    """One symmetry function of atoms of one element.

    Parameters
    ----------
    type : int
        2, 3, 9: Gaussians; 12, 13: weighted ones; 20, 21, 22: compact; 23, 24, 25: weighted compact.
    centre : int
        Atomic number of the atom that it describes.
    neighbours : tuple of int
        Atomic numbers, ascending: one, two, or none of a weighted function.
    cutoff_A : float
        Also the right end of a compact function.
    eta_per_A2, shift_A : float
        η and r_s of the Gaussian.
    lam, zeta : float
        λ and ζ of the angular factor.
    inner_A : float
        Left end of a compact function, in Å; may be negative.
    angles_deg : (float, float)
        Ends of a compact angular factor.
    subtype : str
        Of a compact function: p1 … p4, p1a … p4a (asymmetric), e.
    cutoff_type, cutoff_alpha : int, float
        Cutoff function of a Gaussian.
    """

    type: int
    centre: int
    neighbours: tuple[int, ...]
    cutoff_A: float
    eta_per_A2: float = 0.0
    shift_A: float = 0.0
    lam: float = 0.0
    zeta: float = 1.0
    inner_A: float = 0.0
    angles_deg: tuple[float, float] = (0.0, 180.0)
    subtype: str = ""
    cutoff_type: int = 6
    cutoff_alpha: float = 0.0

    @property
    def radial(self) -> bool:
        """Whether it is a sum over neighbours, not over pairs of them."""
        return self.type in RADIAL

    def sorting_key(self) -> tuple[object, ...]:
        """Place among the functions of all elements in n2p2's order, which the rows of scaling and weights follow."""
        head = (self.centre, self.type)
        if self.type in COMPACT_TYPES:
            angles = () if self.radial else self.angles_deg
            return (*head, self.subtype, *self.neighbours, self.cutoff_A, self.inner_A, *angles)
        angular = () if self.radial else (self.zeta, self.lam)
        cut = (self.cutoff_type, self.cutoff_alpha, self.cutoff_A)
        return (*head, *cut, self.eta_per_A2, self.shift_A, *angular, *self.neighbours)
