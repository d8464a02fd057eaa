"""Options of the learnt tight-binding Hamiltonian."""

from __future__ import annotations

from pydantic import Field

from sharvin_models.structures.configs import MessageOptions
from sharvin_models.training.configs import Width


class TightBindingOptions(MessageOptions):
    """One orbital per atom: `cutoff_A` must hold the range of the hopping."""

    hopping_width: Width = 32
    """Hidden width of the network that gives the hopping between two atoms."""

    decay: float = Field(default=2.0, gt=0.0, le=20.0)
    """Of the electrodes' hopping, −exp(−decay (r/d − 1)) with d their distance of nearest neighbours: 2 to 3 for s electrons."""

    reach: float = Field(default=1.4, ge=1.1, le=2.0)
    """Range of the hopping in distances d. 1.4 is the nearest neighbours of fcc metals; bcc ones, whose second neighbours are
    almost as near, take 1.55. The electrodes' principal layers must be as thick."""
