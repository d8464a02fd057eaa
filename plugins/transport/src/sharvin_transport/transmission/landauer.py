r"""Current and conductance at finite temperature and bias from T(E), as Landauer's formulas give them.

.. math:: I(V) = \frac{2e}{h} \int T(E)\,[f(E - \mu_1) - f(E - \mu_2)]\,dE, \quad \mu_{1,2} = E_F \pm \tfrac{eV}{2}, \qquad
          \frac{G}{G_0} = \int T(E) \Big(-\frac{\partial f}{\partial E}\Big)\,dE

(Büttiker, Imry, Landauer and Pinhas, Phys. Rev. B 31, 6207 (1985); T(E) is that of zero bias). T(E) between the energies
given is the straight line through its neighbours, and that is integrated exactly, so a Fermi edge much narrower than
the grid does no harm. With :math:`x = E - \mu` and the integrals of the Fermi function

.. math:: F_1(x) = -kT \ln(1 + e^{-x/kT}), \quad F_2(x) = -(kT)^2\,\mathrm{Li}_2(-e^{-x/kT}), \quad F_2' = F_1,\ F_1' = f,

integration by parts leaves sums over the slopes of T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import spence
from sharvin.errors import InputError

Floats = NDArray[np.float64]

BOLTZMANN_EV_PER_K = 8.617333262e-5
CONDUCTANCE_QUANTUM_S = 7.748091729e-5
"""G0 = 2e²/h in siemens."""
WINDOW_KT = 15.0
"""Energies must reach this many kT beyond the chemical potentials: what is left has a weight of 3e-7 and is taken with the T of
the outermost energy."""


def conductance_G0(energies_eV: ArrayLike, transmission: ArrayLike, temperatures_K: ArrayLike) -> Floats:
    """Linear-response conductance in G0.

    Parameters
    ----------
    energies_eV : float[n_energies]
        Relative to the Fermi energy, in any order and of any spacing.
    transmission : float[..., n_energies]
    temperatures_K : float[n_temperatures]
        Of the electrons; 0 gives T(E_F).

    Returns
    -------
    float64[..., n_temperatures]

    Raises
    ------
    InputError
        If the energies do not cover the Fermi edge.
    """
    E, T = _grid(energies_eV, transmission)
    temperatures = _temperatures(temperatures_K)
    _check_window(E, 0.0, float(temperatures.max(initial=0.0)))
    slopes = np.diff(T) / np.diff(E)
    ramps = np.stack([np.diff(_first_integral(E, BOLTZMANN_EV_PER_K * t)) for t in temperatures], axis=-1)
    return np.asarray(T[..., :1] + slopes @ ramps)


def current_A(energies_eV: ArrayLike, transmission: ArrayLike, biases_V: ArrayLike, temperature_K: float) -> Floats:
    """Current in A.

    Parameters
    ----------
    energies_eV : float[n_energies]
        Relative to the Fermi energy, in any order and of any spacing.
    transmission : float[..., n_energies]
    biases_V : float[n_biases]
        Half of it raises one chemical potential, half lowers the other.
    temperature_K : float
        Of the electrons.

    Returns
    -------
    float64[..., n_biases]

    Raises
    ------
    InputError
        If the energies do not cover the window between the chemical potentials and both Fermi edges.
    """
    E, T = _grid(energies_eV, transmission)
    biases = np.atleast_1d(np.asarray(biases_V, dtype=np.float64))
    if not np.all(np.isfinite(biases)):
        raise InputError("a bias must be a finite number of volts.")
    temperature = float(_temperatures(temperature_K)[0])
    _check_window(E, 0.5 * float(np.abs(biases).max(initial=0.0)), temperature)
    kT = BOLTZMANN_EV_PER_K * temperature
    half = 0.5 * biases
    shifted = _second_integral(E[:, None] - half, kT) - _second_integral(E[:, None] + half, kT)
    slopes = np.diff(T) / np.diff(E)
    return np.asarray(CONDUCTANCE_QUANTUM_S * (T[..., :1] * biases - slopes @ np.diff(shifted, axis=0)))


def window_eV(temperature_K: float, bias_V: float = 0.0) -> float:
    """Distance from the Fermi energy to which T(E) must be known."""
    return 0.5 * abs(bias_V) + WINDOW_KT * BOLTZMANN_EV_PER_K * temperature_K


def _grid(energies_eV: ArrayLike, transmission: ArrayLike) -> tuple[Floats, Floats]:
    E, T = np.asarray(energies_eV, dtype=np.float64), np.asarray(transmission, dtype=np.float64)
    if E.ndim != 1 or T.shape[-1:] != E.shape:
        raise InputError(f"T(E) of shape {list(T.shape)} does not fit energies of shape {list(E.shape)}.")
    order = np.argsort(E, kind="stable")
    E, T = E[order], T[..., order]
    if not (np.all(np.isfinite(E)) and np.all(np.isfinite(T))):
        raise InputError("energies and transmissions must be finite numbers.")
    if len(E) < 2 or np.any(np.diff(E) <= 0):
        raise InputError("T(E) must be given at two different energies at least, and at each of them once.")
    return E, T


def _temperatures(temperatures_K: ArrayLike) -> Floats:
    temperatures = np.atleast_1d(np.asarray(temperatures_K, dtype=np.float64))
    if not np.all(np.isfinite(temperatures)) or np.any(temperatures < 0):
        raise InputError("a temperature must be a number of kelvin that is not negative.")
    return temperatures


def _check_window(E: Floats, half_bias_eV: float, temperature_K: float) -> None:
    needed = window_eV(temperature_K, 2 * half_bias_eV)
    if E[0] > -needed + 1e-9 or E[-1] < needed - 1e-9:
        raise InputError(
            f"T(E) is known from {E[0]:.3g} to {E[-1]:.3g} eV, but a temperature of {temperature_K:g} K and a bias of "
            f"{2 * half_bias_eV:g} V need it from {-needed:.3g} to {needed:.3g} eV; extend the energies."
        )


def _first_integral(x: Floats, kT: float) -> Floats:
    """F₁(x) = ∫ f, which vanishes far above the edge."""
    if kT == 0.0:
        return np.asarray(np.minimum(x, 0.0))
    return np.asarray(-kT * np.logaddexp(0.0, -x / kT))


def _second_integral(x: Floats, kT: float) -> Floats:
    """F₂(x) = ∫ F₁, which vanishes far above the edge."""
    if kT == 0.0:
        return np.asarray(0.5 * np.minimum(x, 0.0) ** 2)
    u = x / kT
    far = spence(1.0 + np.exp(-np.abs(u)))
    # Below the edge Li₂ is inverted: Li₂(−e^v) = −π²/6 − v²/2 − Li₂(−e^−v).
    return np.asarray(-(kT**2) * np.where(u >= 0, far, -(np.pi**2) / 6 - 0.5 * u**2 - far))
