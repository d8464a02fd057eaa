"""Regressor ``transformer``: the network of :mod:`sharvin_models.atoms.atom_transformer`.

It is trained by :mod:`sharvin_models.training.training_loop`. Attention lets what an atom contributes depend on all others,
however far, or on those within a reach along the wire; the maximum of ``fc_maxpool`` knows surroundings within the cutoff of the
descriptor alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_models.atoms.atom_regressor import AtomRegressor
from sharvin_models.atoms.atom_transformer import AtomTransformer
from sharvin_models.atoms.configs import TransformerOptions


class Transformer(AtomRegressor[TransformerOptions]):
    """Transformer encoder over the atoms, pooling, dense head; kind ``per_atom``.

    Parameters
    ----------
    options : TransformerOptions
    """

    name = "transformer"

    @property
    def _asks_heights(self) -> bool:
        return self.options.attention_reach_A is not None

    def _build(self, mean: NDArray[np.float64], inverse_spread: NDArray[np.float64]) -> AtomTransformer:
        return AtomTransformer(mean, inverse_spread, self.options)
