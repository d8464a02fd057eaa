"""Regressor ``fc_maxpool``: the network of :mod:`sharvin_models.atoms.atom_network`.

It is trained by :mod:`sharvin_models.training.training_loop`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_models.atoms.atom_network import AtomNetwork
from sharvin_models.atoms.atom_regressor import AtomRegressor
from sharvin_models.atoms.configs import FcMaxpoolOptions


class FcMaxpool(AtomRegressor[FcMaxpoolOptions]):
    """Fully connected layers on every atom, maximum over atoms, dense head; kind ``per_atom``.

    Parameters
    ----------
    options : FcMaxpoolOptions
    """

    name = "fc_maxpool"

    def _build(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64]) -> AtomNetwork:
        return AtomNetwork(mean, inverse_spread, self.options.atom_layers, self.options.head_layers)
