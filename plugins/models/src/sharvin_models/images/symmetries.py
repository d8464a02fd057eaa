r"""Transformations of a grid of on-site energies that leave the conductance of a wire between clean leads as it is.

With ε(x, y) on L×W sites:

- ``reflect_length``, ε(L−1−x, y): the wire seen from its other end; T_RL = T_LR by time reversal.
- ``reflect_width``, ε(x, W−1−y): clean leads are their own mirror images.
- ``negate``, −ε(x, y): the square lattice is bipartite, and an opposite sign of the wave function on one sublattice takes H(ε) to
  −H(−ε). So T(E, ε) = T(−E, −ε): a symmetry at E = 0, and of averages over energies symmetric about it.

Transposition is none, even of a square: the leads stay where they are. The generators commute and are their own inverses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

_GENERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "reflect_length": lambda images: images.flip(-2),
    "reflect_width": lambda images: images.flip(-1),
    "negate": torch.neg,
}


def combinations_of(symmetries: Sequence[str]) -> list[tuple[str, ...]]:
    """All elements of the group that these generators span, the identity first."""
    return [chosen for size in range(len(symmetries) + 1) for chosen in combinations(symmetries, size)]


def transform(images: Tensor, symmetries: Sequence[str]) -> Tensor:
    """Images [..., L, W] with each of these transformations applied."""
    for symmetry in symmetries:
        images = _GENERATORS[symmetry](images)
    return images


def transform_at_random(images: Tensor, symmetries: Sequence[str], rng: np.random.Generator) -> Tensor:
    """Images [n, L, W], each transformed by a group element of its own, all equally likely."""
    for symmetry in symmetries:
        chosen = torch.from_numpy(rng.random(len(images)) < 0.5).to(images.device)
        images = torch.where(chosen[:, None, None], _GENERATORS[symmetry](images), images)
    return images
