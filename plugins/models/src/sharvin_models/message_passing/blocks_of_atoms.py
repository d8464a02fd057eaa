"""Functions of tensors with one row for each atom, evaluated for some atoms after the others where there are many.

What is computed for an atom of a large structure is not kept until the derivatives are taken, but computed again then
(``torch.utils.checkpoint``). Memory then grows with the features of the atoms alone and not with their pairs, whose tensors are
hundreds of times larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode
from torch.utils.checkpoint import checkpoint

BLOCK = 512
"""Atoms of a block."""
LARGE = 1024
"""Atoms up to which everything is computed at once."""


def by_blocks(
    function: Callable[..., tuple[Tensor, ...]], tensors: Sequence[Tensor], dims: Sequence[int], out_dims: Sequence[int]
) -> tuple[Tensor, ...]:
    """Results of a function that treats every atom by itself.

    Parameters
    ----------
    function : callable
        Takes the tensors, or a block of each, and gives one or more.
    tensors : sequence of Tensor
    dims, out_dims : sequence of int
        Dimension of each tensor, and of each result, along which the atoms are.
    """
    n = tensors[0].shape[dims[0]]
    if n <= LARGE or get_proxy_mode() is not None:  # what is being compiled is written down whole
        return function(*tensors)
    parts = []
    for begin in range(0, n, BLOCK):
        count = min(BLOCK, n - begin)
        block = [tensor.narrow(dim, begin, count) for tensor, dim in zip(tensors, dims, strict=True)]
        parts.append(checkpoint(function, *block, use_reentrant=False, preserve_rng_state=False))
    return tuple(torch.cat(pieces, dim) for pieces, dim in zip(zip(*parts, strict=True), out_dims, strict=True))
