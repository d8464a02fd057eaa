"""Two-terminal systems with closed-form transmissions: chains and square-lattice wires as plain arrays.

The chain H = Σ ε_n |n⟩⟨n| + τ Σ (|n⟩⟨n+1| + h.c.) with overlap s = ⟨n|n+1⟩ has, at energy E, the wave vector

    cos k = (E − ε_lead) / (2 (τ − E s)),

because E S − H is then that of an orthogonal chain with hopping τ − E s at energy E − ε_lead. A wire of width W on the square
lattice is W such chains with on-site energies 2τ cos(mπ/(W + 1)), m = 1…W (Datta, *Electronic Transport in Mesoscopic
Systems*, 1995, ch. 3).
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, eye_array

from sharvin.junction import Junction
from sharvin.two_terminal import Lead, Matrix, TwoTerminal


def square_lattice_wire(onsite_eV: ArrayLike, hopping_eV: complex = -1.0, clean: tuple[int, int] = (1, 1)) -> TwoTerminal:
    """Wire on the square lattice between clean leads with on-site energy 0.

    Parameters
    ----------
    onsite_eV : float[L, W]
        On-site energies of the scattering region.
    hopping_eV : float or complex
        Hopping to the next column along +z; between rows its absolute value with the sign of its real part.
    clean : (int, int)
        Clean columns on either side that belong to the device; at least one each, the outermost principal layers.
    """
    onsite = np.atleast_2d(np.asarray(onsite_eV, dtype=np.float64))
    width = onsite.shape[1]
    onsite = np.concatenate([np.zeros((clean[0], width)), onsite, np.zeros((clean[1], width))])
    length = len(onsite)
    transverse = np.sign(np.real(hopping_eV)) * np.abs(hopping_eV) * (np.eye(width, k=1) + np.eye(width, k=-1))
    forward = np.kron(np.eye(length, k=1), hopping_eV * np.eye(width))
    H = cast("Matrix", np.kron(np.eye(length), transverse) + np.diag(onsite.ravel()) + forward + forward.conj().T)
    H01 = cast("Matrix", hopping_eV * np.eye(width))
    lead = Lead(H00=transverse.astype(H.dtype), H01=H01, S00=np.eye(width), S01=np.zeros((width, width)))
    return TwoTerminal(csr_array(H), csr_array(eye_array(len(H), format="csr")), lead, lead)


def chain(
    onsite_eV: ArrayLike,
    *,
    left_eV: float = 0.0,
    right_eV: float = 0.0,
    hopping_eV: float = -1.0,
    overlap: float = 0.0,
) -> TwoTerminal:
    """Chain with one orbital per site; leads with on-site energies `left_eV` and `right_eV`.

    Parameters
    ----------
    onsite_eV : float[n]
        On-site energies between the two outermost principal layers, which are added.
    left_eV, right_eV : float
    hopping_eV : float
    overlap : float
        Overlap ⟨n|n+1⟩ of neighbouring orbitals, in the leads too.
    """
    onsite = np.concatenate([[left_eV], np.asarray(onsite_eV, dtype=np.float64).ravel(), [right_eV]])
    neighbours = np.eye(len(onsite), k=1) + np.eye(len(onsite), k=-1)

    def lead(energy: float) -> Lead:
        return Lead(np.array([[energy]]), np.array([[hopping_eV]]), np.eye(1), np.array([[overlap]]))

    H = np.diag(onsite) + hopping_eV * neighbours
    S = np.eye(len(onsite)) + overlap * neighbours
    return TwoTerminal(csr_array(H), csr_array(S), lead(left_eV), lead(right_eV))


def with_orbital_signs(system: TwoTerminal, signs: NDArray[np.float64]) -> TwoTerminal:
    """The same device in a basis whose orbitals are multiplied by ±1, alike in every principal layer.

    Parameters
    ----------
    system : TwoTerminal
        With equal leads, and a whole number of principal layers in the device.
    signs : float64[m]
        Signs of the orbitals of a principal layer.
    """
    layer = np.diag(signs)

    def turn(lead: Lead) -> Lead:
        H00, H01, S00, S01 = (layer @ block @ layer for block in (lead.H00, lead.H01, lead.S00, lead.S01))
        return Lead(H00, H01, S00, S01)

    all_signs = np.tile(signs, system.size // len(signs))
    outer = np.outer(all_signs, all_signs)
    H, S = csr_array(system.H.toarray() * outer), csr_array(system.S.toarray() * outer)
    return TwoTerminal(H, S, turn(system.left), turn(system.right), system.fermi_energy_eV)


def open_channels(width: int, energies_eV: NDArray[np.float64], hopping_eV: float = -1.0) -> NDArray[np.float64]:
    """Number of propagating modes of a clean wire of the square lattice, float64[n_energies]."""
    modes = 2 * hopping_eV * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    inside = np.abs(energies_eV[:, None] - modes) < 2 * abs(hopping_eV)
    return np.asarray(inside.sum(axis=1), dtype=np.float64)


def in_band(energies_eV: ArrayLike, hopping_eV: float = -1.0, overlap: float = 0.0) -> NDArray[np.bool_]:
    """Whether a chain with on-site energy 0 has a propagating mode, bool[n_energies]."""
    energies = np.asarray(energies_eV, dtype=np.float64)
    return np.abs(energies) < 2 * np.abs(hopping_eV - overlap * energies)


def wave_vector(energies_eV: ArrayLike, hopping_eV: float = -1.0, overlap: float = 0.0) -> NDArray[np.float64]:
    """Wave vector k in (0, π) of a chain with on-site energy 0; π/2 outside the band, where there is none."""
    energies = np.asarray(energies_eV, dtype=np.float64)
    cosine = energies / (2 * (hopping_eV - overlap * energies))
    return np.arccos(np.where(in_band(energies, hopping_eV, overlap), cosine, 0.0))


def impurity_transmission(
    energies_eV: NDArray[np.float64], impurity_eV: float, hopping_eV: float = -1.0, overlap: float = 0.0
) -> NDArray[np.float64]:
    """T = 1/(1 + (ε/(2τ sin k))²) of one impurity ε in a chain, with τ − E s in place of τ if orbitals overlap."""
    k = wave_vector(energies_eV, hopping_eV, overlap)
    hopping = hopping_eV - overlap * energies_eV
    return in_band(energies_eV, hopping_eV, overlap) / (1 + (impurity_eV / (2 * hopping * np.sin(k))) ** 2)


def double_barrier_transmission(
    energies_eV: NDArray[np.float64], barrier_eV: float, distance: int, hopping_eV: float = -1.0
) -> NDArray[np.float64]:
    """T = |t²/(1 − r² e^{2ikd})|² of two equal impurities `distance` sites apart (Fabry–Pérot)."""
    k = wave_vector(energies_eV, hopping_eV)
    scattering = 1j * barrier_eV / (2 * abs(hopping_eV) * np.sin(k))
    t, r = 1 / (1 + scattering), -scattering / (1 + scattering)
    propagation = np.exp(2j * distance * (k if hopping_eV < 0 else np.pi - k))
    return np.asarray(in_band(energies_eV, hopping_eV) * np.abs(t**2 / (1 - r**2 * propagation)) ** 2, dtype=np.float64)


def barrier_transmission(
    energies_eV: NDArray[np.float64], barrier_eV: float, sites: int, hopping_eV: float = -1.0
) -> NDArray[np.float64]:
    """T = (2τ sin k)² τ^(2N−2)/|d_N − 2Σ d_(N−1) + Σ² d_(N−2)|² of N equal sites in a chain, through which waves tunnel.

    Here Σ = τ e^{ik} is the self-energy of a lead and d_n the determinant of E − H of n sites of the barrier without leads,
    d_n = (E − ε) d_(n−1) − τ² d_(n−2).
    """
    shape, k = np.shape(energies_eV), wave_vector(energies_eV, hopping_eV)
    before, last = np.zeros(shape), np.ones(shape)  # of −1 and of no sites
    determinants = [before, last]
    for _ in range(sites):
        before, last = last, (energies_eV - barrier_eV) * last - hopping_eV**2 * before
        determinants.append(last)
    sigma = hopping_eV * np.exp(1j * k if hopping_eV < 0 else -1j * k)
    whole = determinants[-1] - 2 * sigma * determinants[-2] + sigma**2 * determinants[-3]
    numerator = (2 * sigma.imag) ** 2 * float(hopping_eV) ** (2 * sites - 2)
    return np.asarray(in_band(energies_eV, hopping_eV) * numerator / np.abs(whole) ** 2, dtype=np.float64)


def step_transmission(energies_eV: NDArray[np.float64], left_eV: float, right_eV: float) -> NDArray[np.float64]:
    """T = sin k_L sin k_R / sin²((k_L + k_R)/2) of an abrupt step between two half-infinite chains."""
    k_left, k_right = wave_vector(energies_eV - left_eV), wave_vector(energies_eV - right_eV)
    both = in_band(energies_eV - left_eV) & in_band(energies_eV - right_eV)
    return np.asarray(both * np.sin(k_left) * np.sin(k_right) / np.sin((k_left + k_right) / 2) ** 2, dtype=np.float64)


def shuffled(junction: Junction) -> Junction:
    """The same junction with its atoms in another order."""
    order = np.random.default_rng(1).permutation(len(junction.atoms))
    place = np.argsort(order)
    return Junction(
        junction.atoms[order], place[junction.left], place[junction.right], junction.left_period_A, junction.right_period_A
    )
