"""Radial functions of edges: Bessel functions under an envelope that ends them smoothly at the cutoff."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ENVELOPE_POWER = 6
"""Of the polynomial that takes the radial functions to zero."""


def bessel_functions(distances: Tensor, count: int, cutoff_A: float) -> Tensor:
    """Bessel functions of distances [..., 1] in Å, [..., count]; zero beyond the cutoff, where two derivatives vanish, too.

    Those of Gasteiger, Groß and Günnemann, ICLR 2020, with their polynomial envelope.
    """
    p = ENVELOPE_POWER
    x = distances / cutoff_A
    envelope = 1 - x**p * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x**2)
    orders = torch.arange(1, count + 1, dtype=distances.dtype, device=distances.device)
    bessel = math.sqrt(2.0) * torch.sin(orders * math.pi * x) / x
    return torch.where(x < 1.0, bessel * envelope, torch.zeros_like(bessel))
