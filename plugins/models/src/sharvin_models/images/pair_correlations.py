r"""Pair correlations of the disorder in a wire.

With :math:`\delta = \epsilon - \bar\epsilon` the fluctuation about the wire's own mean and σ² its variance,

.. math:: C(\Delta x, \Delta y) = \frac{1}{\sigma^2 \sqrt{N}} \sum \delta(x, y)\, \delta(x + \Delta x, y \pm \Delta y)

over the N pairs of sites of a wire Δx apart along it and Δy across: of order one, zero on average where sites are independent. To
second order in the disorder, the Born approximation, its scattering probability is linear in C: C is the Fourier transform of its
power spectrum. It is therefore the first thing to know of a wire beyond the mean and variance of its energies, and it has the
wire's mirror symmetries.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST_VARIANCE = 1e-3
"""Added to a wire's variance in standardised units, so that nearly clean wires have finite correlations."""

CONSTANT = 1e-5
"""A feature whose spread is below this does not vary."""

LARGEST = 6.0
"""C is cut off here: beyond lie the few pairs of nearly clean wires, and they would rule the first layer."""


class PairCorrelations(nn.Module):
    """C for Δx, Δy < `reach` of each of the given powers of the energies, and the mean of each power.

    Parameters
    ----------
    shape : tuple of int
        L, W of the images.
    reach : int
        Correlations reach `reach` − 1 sites, and no farther than the wire.
    powers : tuple of int
        Of the energies; 2 tells impurities of different strength apart.
    """

    pairs: Tensor
    centre: Tensor
    inverse_spread: Tensor

    def __init__(self, shape: tuple[int, int], reach: int, powers: tuple[int, ...]) -> None:
        super().__init__()
        self.powers = powers
        self.reach = (min(reach, shape[0]), min(reach, shape[1]))
        self.padded = (shape[0] + self.reach[0] - 1, shape[1] + self.reach[1] - 1)
        along, across = ((size - torch.arange(reach)).float() for size, reach in zip(shape, self.reach, strict=True))
        pairs = along[:, None] * across
        pairs[1:, 1:] *= 2
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("centre", torch.zeros(self.size))
        self.register_buffer("inverse_spread", torch.ones(self.size))

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self.powers) * self.reach[0] * self.reach[1]

    def forward(self, images: Tensor) -> Tensor:
        """Standardised features float32[n, size] of standardised images float32[n, L, W]."""
        return (self._features(images) - self.centre) * self.inverse_spread

    @torch.no_grad()
    def standardise(self, images: Tensor) -> None:
        """Give every feature mean 0 and spread 1 over these images; one that does not vary stays 0."""
        features = self._features(images)
        spread = features.std(dim=0, correction=0)
        self.centre.copy_(features.mean(dim=0))
        self.inverse_spread.copy_(torch.where(spread > CONSTANT, 1.0 / spread, torch.zeros_like(spread)))

    def _features(self, images: Tensor) -> Tensor:
        """The place of C(0, 0), which is always N^½, has the mean."""
        return torch.cat([self._of(images**power) for power in self.powers], dim=1)

    def _of(self, values: Tensor) -> Tensor:
        mean = values.mean((1, 2), keepdim=True)
        fluctuation = values - mean
        spectrum = torch.fft.rfft2(fluctuation, s=self.padded)
        correlation = torch.fft.irfft2(spectrum.real.square() + spectrum.imag.square(), s=self.padded)
        along, across = self.reach
        result = correlation[:, :along, :across].clone()
        # Displacements (Δx, −Δy) lie at the far end of the periodic axis.
        result[:, 1:, 1:] += correlation[:, 1:along].flip(-1)[:, :, : across - 1]
        variance = fluctuation.square().mean((1, 2), keepdim=True) + SMALLEST_VARIANCE
        result = (result / (variance * self.pairs.sqrt())).clamp(-LARGEST, LARGEST)
        result[:, 0, 0] = mean[:, 0, 0]
        return result.flatten(1)  # type: ignore[no-any-return]
