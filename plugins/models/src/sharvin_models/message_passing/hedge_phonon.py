"""Potential ``hedge_phonon``: messages in which relations of pairs, within and between layers, have modules of their own."""

from __future__ import annotations

from typing import ClassVar

from sharvin_models.message_passing.configs import HedgePhononOptions
from sharvin_models.message_passing.potential import MessagePassingPotential

FINITE_DIFFERENCE_A = {"float64": 0.01, "float32": 0.03}


class HedgePhonon(MessagePassingPotential[HedgePhononOptions]):
    """Many-body messages between atoms of several relations, each with its own module and cutoff, for vibrations of layers.

    See :mod:`~sharvin_models.message_passing.network`.
    """

    name = "hedge_phonon"
    checks_labels: ClassVar[bool] = True

    @property
    def finite_difference_A(self) -> float:
        """Displacement in Å for derivatives of forces.

        The network is smooth: in double precision second differences err by the cubic terms of the energy alone. In single
        precision forces of a few eV/Å have noise of about 1e-6 of that, which only larger displacements bury.
        """
        return FINITE_DIFFERENCE_A[self.options.dtype]
