"""Energies, temperatures and biases as the command line takes them, and whether the energies cover what is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError

from sharvin_transport.transmission.landauer import window_eV

Floats = NDArray[np.float64]

MAX_NUMBERS = 100_000


@dataclass(frozen=True, eq=False)
class Conditions:
    """Temperatures in K and biases in V at which conductance and current are wanted; none of either if not."""

    temperatures_K: Floats
    biases_V: Floats

    @classmethod
    def parse(cls, temperature: str | None, bias: str | None, grid: Floats) -> Conditions:
        """Temperatures and biases as the user wrote them, None for none of them.

        Raises
        ------
        InputError
            If they are no numbers, or the energies do not cover the window in which the Fermi functions differ.
        """
        temperatures = np.zeros(0) if temperature is None else parse_numbers("--temperature", temperature, "K")
        biases = np.zeros(0) if bias is None else parse_numbers("--bias", bias, "V")
        if np.any(temperatures < 0):
            raise InputError(f"--temperature must not be negative, as in {temperature!r}.")
        if len(temperatures) or len(biases):
            needed = window_eV(temperatures.max(initial=0.0), np.abs(biases).max(initial=0.0))
            if len(grid) < 2 or grid.min() > -needed + 1e-9 or grid.max() < needed - 1e-9:
                edge = np.ceil(needed * 20 - 1e-9) / 20
                raise InputError(
                    f"these temperatures and biases need T(E) at least from {-needed:.3g} to {needed:.3g} eV: "
                    f"give --energies {-edge:g}:{edge:g}:0.02 or wider."
                )
        return cls(temperatures, biases)


def parse_energies(text: str) -> Floats:
    """Energies in eV from ``a:b:step`` (both ends included) or a comma-separated list."""
    return parse_numbers("--energies", text, "eV")


def parse_numbers(option: str, text: str, unit: str) -> Floats:
    """Numbers from ``a:b:step`` (both ends included) or a comma-separated list."""
    try:
        if ":" in text:
            start, stop, step = (float(part) for part in text.split(":"))
            if step <= 0 or stop < start or (stop - start) / step > MAX_NUMBERS:
                raise ValueError
            numbers = start + step * np.arange(int(np.floor((stop - start) / step + 1e-9)) + 1)
        else:
            numbers = np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise InputError(f"{option} wants A:B:STEP in {unit} with A ≤ B and STEP > 0, or a list A,B,…; not {text!r}.") from None
    if not np.isfinite(numbers).all():
        raise InputError(f"{option} must be finite numbers, not {text!r}.")
    return np.where(np.abs(numbers) < 1e-12, 0.0, numbers)
