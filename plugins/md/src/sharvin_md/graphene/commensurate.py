r"""Commensurate twists of two hexagonal lattices.

With the primitive vectors a1, a2 of the lower layer at 60°, and those of the upper layer turned by θ, whole numbers m, r ≥ 1
without a common divisor give a common lattice vector

.. math:: t_1 = m a_1 + (m + r) a_2 = (m + r) a_1' + m a_2', \qquad
          \cos\theta = \frac{3m^2 + 3mr + r^2/2}{3m^2 + 3mr + r^2},

and t2, which is t1 turned by 60°. Where 3 divides r, (t1 + t2)/3 is a common vector too. A cell of the bilayer has
4(3m² + 3mr + r²) atoms, and a third of that where 3 divides r
(J. M. B. Lopes dos Santos, N. M. R. Peres and A. H. Castro Neto, Phys. Rev. B 86, 155449 (2012)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import acos, ceil, degrees, gcd, radians, sin, sqrt, tan

Row = tuple[int, int]

AS_WRITTEN_DEG = 0.005
"""Angles that differ by less are the same with two decimals."""
MOST_ATOMS = 20_000
MOST_PERIODS = 4
"""Atoms, and periods of the moiré pattern, of a cell that is looked for by its angle. Larger ones are as near as one likes to
any angle."""


@dataclass(frozen=True)
class Twist:
    """A commensurate twist; ``Twist(30, 1)`` is that of 1.085° and 11 164 atoms."""

    m: int
    r: int

    @property
    def sites(self) -> int:
        """Primitive cells of a layer in the common cell."""
        whole = 3 * self.m**2 + 3 * self.m * self.r + self.r**2
        return whole // 3 if self.r % 3 == 0 else whole

    @property
    def atoms(self) -> int:
        """Atoms of a cell of the bilayer."""
        return 4 * self.sites

    @property
    def angle_deg(self) -> float:
        """Angle θ in degrees, between 0 and 60."""
        m, r = self.m, self.r
        return degrees(acos((3 * m**2 + 3 * m * r + r**2 / 2) / (3 * m**2 + 3 * m * r + r**2)))

    @property
    def moire_periods(self) -> int:
        """Periods of the moiré pattern in the cell: 1 for r = 1."""
        from_stacked = radians(min(self.angle_deg, 60.0 - self.angle_deg))
        return round(self.atoms * sin(from_stacked / 2.0) ** 2)

    def cells(self) -> tuple[tuple[Row, Row], tuple[Row, Row]]:
        """The two vectors of the common cell, 60° apart, in primitive vectors of the lower and of the upper layer."""
        m, r = self.m, self.r
        if r % 3 == 0:
            third = r // 3
            return ((m + third, third), (-third, m + 2 * third)), ((m + 2 * third, -third), (third, m + third))
        return ((m, m + r), (-m - r, 2 * m + r)), ((m + r, m), (-m, 2 * m + r))

    def __str__(self) -> str:
        return f"[{self.m}, {self.r}] of {self.angle_deg:.4f}° and {self.atoms:,} atoms"


def at_angle(angle_deg: float) -> Twist | None:
    """The smallest cell whose angle is the same with two decimals; None where there is none."""
    same = (twist for twist in _near(angle_deg) if abs(twist.angle_deg - angle_deg) <= AS_WRITTEN_DEG)
    return min(same, key=lambda twist: (twist.atoms, abs(twist.angle_deg - angle_deg)), default=None)


def nearest(angle_deg: float) -> Twist:
    """The cell whose angle is nearest; the smaller one of two at one distance."""
    return min(_near(angle_deg), key=lambda twist: (round(abs(twist.angle_deg - angle_deg), 9), twist.atoms))


def _near(angle_deg: float) -> Iterator[Twist]:
    """Cells within the limits: for each r, those with the m next to the angle, and the ones nearest to 0° and to 60°.

    tan(θ/2) = r / (√3 (2m + r)).
    """
    ratio = (1.0 / (sqrt(3.0) * tan(radians(angle_deg) / 2.0)) - 1.0) / 2.0
    for r in range(1, ceil(sqrt(3 * MOST_ATOMS)) + 1):
        for m in range(max(1, int(r * ratio)), int(r * ratio) + 2):
            twist = Twist(m, r)
            if gcd(m, r) == 1 and twist.atoms <= MOST_ATOMS and twist.moire_periods <= MOST_PERIODS:
                yield twist
    largest = 1
    while Twist(largest + 1, 1).atoms <= MOST_ATOMS:
        largest += 1
    yield Twist(largest, 1)
    yield Twist(1, 3 * largest)
