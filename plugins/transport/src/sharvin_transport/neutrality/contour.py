r"""Occupied states by a contour: quadrature nodes, and populations of an infinite lead on them.

With G analytic in the upper half plane and a real Hamiltonian, the density matrix at zero temperature, both spins, is

.. math:: P = -\frac{2}{\pi} \mathrm{Im} \int_C G(z)\, dz \approx \mathrm{Im} \sum_p w_p G(z_p),

where *C* goes from below the lowest band to the Fermi energy (R. Zeller, J. Deutz and P. H. Dederichs, Solid State Commun. 44,
993 (1982)). With n nodes the sum is a rational function of the level's energy ε that stands for the step 2 θ(E_F − ε). The best
one on two intervals is known: Zolotarev's, an odd function of t with elliptic sines (J. van den Eshof, A. Frommer, T. Lippert,
K. Schilling and H. A. van der Vorst, Comput. Phys. Commun. 146, 203 (2002)),

.. math:: \mathrm{sgn}\, t \approx D\, t\, \frac{\prod_{l<n} (t^2 + c_{2l})}{\prod_{l \le n} (t^2 + c_{2l-1})}, \quad
          c_l = \kappa^2\, \frac{\mathrm{sn}^2(l K / 2n)}{\mathrm{cn}^2(l K / 2n)},

for κ ≤ \|t\| ≤ 1. A Möbius map takes −1, −κ, κ, 1 to the bottom, E_F − δ, E_F + δ and infinity, so that the poles gather where G
has the structure of the bands. Within δ of E_F the step is smooth and odd: what it takes from below it puts above. δ shrinks with
the number of nodes as :math:`e^{-c \sqrt{n}}`, as fast as the rest of the error.

The Fermi energy that goes with a contour is the one at which the lead, integrated with as many nodes, is neutral
(:func:`neutral_fermi_energy`). It differs by some meV from that of Fermi functions; with it the ideal crystal needs no shifts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.special import ellipj, ellipkm1
from sharvin.devices.decimation import decimate
from sharvin.devices.transverse_states import Complexes, unfold
from sharvin.errors import InputError
from sharvin.runs.cache import ContentCache
from sharvin.two_terminal import Lead

Floats = NDArray[np.float64]
BELOW_BANDS_EV = 4.0
"""How far below the lowest level the contour begins; shifts lower no atom by more than a fraction of this."""
_SEARCH_EV = 0.5
_SHARPNESS = 1.84
_SHARPEST = 1e-4
MEMORY_BYTES = 200_000_000
"""What is kept of surface Green functions on contours."""


@dataclass(frozen=True, eq=False)
class Contour:
    """Nodes complex128[n] in eV, and weights: populations are Im Σ weights · G."""

    nodes: Complexes
    weights: Complexes

    @classmethod
    def below(cls, fermi_eV: float, bottom_eV: float, points: int) -> Contour:
        """Nodes for levels from `bottom_eV` on, occupied up to `fermi_eV`."""
        width = fermi_eV - bottom_eV
        delta = width * max(np.exp(-_SHARPNESS * np.sqrt(points)), _SHARPEST)
        # the cross-ratio of the four ends is that of −1, −κ, κ, 1
        half_ratio = 0.5 * (width + delta) / delta
        kappa = (np.sqrt(half_ratio) - np.sqrt(half_ratio - 1.0)) ** 2
        angles = np.arange(1, 2 * points) * ellipkm1(kappa**2) / (2 * points)
        sn, cn, _, _ = ellipj(angles, 1.0 - kappa**2)
        c = (kappa * sn / cn) ** 2
        poles, zeros = c[0::2], c[1::2]
        residues = np.array([np.prod((zeros - pole) / (np.delete(poles, i) - pole)) for i, pole in enumerate(poles)])
        # t = (a ε + b) / (ε + d) for energies ε from E_F
        ends, targets = np.array([-width, -delta, delta]), np.array([-1.0, -kappa, kappa])
        a, b, d = np.linalg.solve(np.column_stack([ends, np.ones(3), -targets]), targets * ends)
        # exact at infinity, where t is 1, and so without a term that is the same for all levels
        residues /= np.sum(residues / (1.0 + poles))
        t = 1j * np.sqrt(poles)
        nodes = (b - t * d) / (t - a)
        return cls(nodes + fermi_eV, 1j * residues * (nodes + d) / (a - t))

    @property
    def key(self) -> str:
        """Hash of nodes and weights."""
        return hashlib.blake2b(self.nodes.tobytes() + self.weights.tobytes(), digest_size=20).hexdigest()


def bloch_states(lead: Lead) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    """H00, H01, S00, S01 in all transverse Bloch states, complex128[n_k, m, m]."""
    blocks = (lead.H00, lead.H01, lead.S00, lead.S01)
    if lead.supercell is None:
        h00, h01, s00, s01 = (np.asarray(b, dtype=np.complex128)[None] for b in blocks)
    else:
        h00, h01, s00, s01 = (unfold(b, lead.supercell) for b in blocks)
    return h00, h01, s00, s01


def lowest_level(lead: Lead) -> float:
    """Lowest band energy of the lead in eV, at the edges and the middle of the zone along z."""
    h00, h01, s00, s01 = bloch_states(lead)
    lowest = np.inf
    for phase in (1.0, 1j, -1.0):
        for k in range(len(h00)):
            h, s = phase * h01[k], phase * s01[k]
            bands = (h00[k] + h + h.conj().T, s00[k] + s + s.conj().T)
            lowest = min(lowest, float(eigh(*bands, eigvals_only=True, subset_by_index=(0, 0))[0]))
    return lowest


class LeadContour:
    """Surface Green functions of leads on contours, in transverse Bloch states, cached on disk."""

    def __init__(self) -> None:
        self._cache = ContentCache("contour_surface_green", MEMORY_BYTES)

    def surfaces(self, lead: Lead, contour: Contour) -> tuple[Complexes, Complexes]:
        """Green functions of the surfaces of the left and right lead, complex128[n_points, n_k, m, m]."""
        folded = lead.supercell.orbitals.tobytes() if lead.supercell else b""
        content = f"1 {lead.key} {contour.key}".encode() + folded
        key = hashlib.blake2b(content, digest_size=20).hexdigest()
        arrays = self._cache.get_or_compute(key, lambda: _surfaces(lead, contour))
        return arrays["left"], arrays["right"]


def _surfaces(lead: Lead, contour: Contour) -> dict[str, NDArray[Any]]:
    h00, h01, s00, s01 = bloch_states(lead)
    h10, s10 = (b.conj().transpose(0, 2, 1) for b in (h01, s01))
    pairs = [decimate(z * s00 - h00, z * s01 - h01, z * s10 - h10) for z in contour.nodes]
    return {"left": np.array([left for left, _ in pairs]), "right": np.array([right for _, right in pairs])}


def lead_populations(lead: Lead, contour: Contour, left: Complexes, right: Complexes) -> Floats:
    """Mulliken populations of the orbitals of the infinite lead, float64[m], m orbitals of its primitive transverse cell.

    `left` and `right` are its surface Green functions on the contour. A complex lead stands for k and −k.
    """
    h00, h01, s00, s01 = bloch_states(lead)
    h10, s10 = (b.conj().transpose(0, 2, 1) for b in (h01, s01))
    total = np.zeros(h00.shape[1])
    one_of_a_pair = np.iscomplexobj(lead.H00)
    for z, weight, g_left, g_right in zip(contour.nodes, contour.weights, left, right, strict=True):
        k00, to_right, to_left = z * s00 - h00, z * s01 - h01, z * s10 - h10
        down, up = to_left @ g_left, to_right @ g_right
        green = np.linalg.inv(k00 - down @ to_right - up @ to_left)
        held = np.einsum("kab,kba->a", green, s00 - down @ s01 - up @ s10)
        if one_of_a_pair:
            overlap = s00 - s01 @ g_right @ to_left - s10 @ g_left @ to_right
            held = 0.5 * (held + np.einsum("kab,kba->a", overlap, green))
        total += (weight * held).imag
    return np.asarray(total / len(h00))


def sampled_populations(
    leads: Sequence[tuple[float, Lead]], contour: Contour, surfaces: Sequence[tuple[Complexes, Complexes]]
) -> Floats:
    """Mean over k-points (weight, lead at k) of :func:`lead_populations`, float64[n] of all orbitals of a principal layer."""
    mean = np.zeros(leads[0][1].size)
    for (weight, lead), (left, right) in zip(leads, surfaces, strict=True):
        populations = lead_populations(lead, contour, left, right)
        if lead.supercell is None:
            mean += weight * populations
        else:
            mean[lead.supercell.orbitals] += weight * populations
    return mean


def neutral_fermi_energy(
    leads: Sequence[tuple[float, Lead]], electrons: float, guess_eV: float, bottom_eV: float, points: int
) -> float:
    """Fermi energy in eV at which the infinite lead holds `electrons` a principal layer on the contour's own nodes.

    `leads` are its transverse k-points: (weight, lead at k), weights of sum 1.

    Raises
    ------
    InputError
        If there is none within 0.5 eV of the guess.
    """

    @lru_cache(maxsize=256)  # the search for a root asks for some values twice
    def excess(fermi: float) -> float:
        contour = Contour.below(fermi, bottom_eV, points)
        total = 0.0
        for weight, lead in leads:
            surfaces = _surfaces(lead, contour)
            cells = lead.supercell.repeats[0] * lead.supercell.repeats[1] if lead.supercell else 1
            total += weight * float(lead_populations(lead, contour, surfaces["left"], surfaces["right"]).sum() * cells)
        return total - electrons

    width = 0.02
    while excess(guess_eV - width) > 0 or excess(guess_eV + width) < 0:
        width *= 5
        if width > _SEARCH_EV:
            raise InputError(
                f"the lead is not neutral within {_SEARCH_EV} eV of its Fermi energy, {guess_eV:.3f} eV; raise contour_points."
            )
    return float(brentq(excess, guess_eV - width, guess_eV + width, xtol=1e-7))
