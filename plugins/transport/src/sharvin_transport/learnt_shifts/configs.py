"""Options of the regressor `learnt_shifts`."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from sharvin_transport.slater_koster.configs import TableOptions


class LearntShiftsOptions(TableOptions):
    """Slater–Koster Hamiltonian whose on-site shifts are learnt from conductances."""

    centres: PositiveInt = 1000
    """Surroundings whose weights are learnt, chosen from the structures to learn from; a step takes 8 centres² bytes."""

    noise_G0: PositiveFloat = 0.05
    """What the shifts cannot explain of a conductance; larger values give smoother shifts."""

    shift_spread_eV: PositiveFloat = 0.3
    """Spread of the shifts that is expected."""

    steps: PositiveInt = 5
    """Gauss–Newton steps; that with the least validation error is kept."""

    coarse_steps: NonNegativeInt = 2
    """So many of them, the first ones, learn from `coarse_structures` only."""

    coarse_structures: PositiveInt = 800
    """Structures of a coarse step, drawn anew for each; all, where there are fewer."""
