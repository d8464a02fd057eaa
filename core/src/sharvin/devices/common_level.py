"""The one Fermi energy of a device between two leads."""

from __future__ import annotations

import warnings

from sharvin.errors import InputError, PhysicsWarning

ALIGNMENT_EV = 0.02
"""Fermi energies of two leads closer than this are taken for one, their mean."""


def common_fermi_energy(left_eV: float, right_eV: float, given_eV: float | None, neutral: bool) -> float:
    """The Fermi energy in eV that the leads share, from those at which each of them is filled.

    Parameters
    ----------
    left_eV, right_eV : float
    given_eV : float or None
        What the user set for both.
    neutral : bool
        Whether the atoms are kept neutral, where a Fermi energy that is given would charge no lead.

    Raises
    ------
    InputError
        If the two differ and none is given: the contact potential of different crystals is not computed.
    """
    apart = abs(left_eV - right_eV)
    if apart <= ALIGNMENT_EV:
        return 0.5 * (left_eV + right_eV) if given_eV is None else given_eV
    if given_eV is None:
        otherwise = ""
        if not neutral:
            otherwise = (
                "; fermi_energy_eV sets one Fermi energy for both and ignores the contact potential, so that at least one "
                "lead is charged"
            )
        raise InputError(
            f"the Fermi energies of the two leads, {left_eV:.3f} and {right_eV:.3f} eV, differ; the contact potential of "
            f"different crystals is not computed, so both electrodes must be the same crystal{otherwise}."
        )
    warnings.warn(
        f"the leads are filled at {left_eV:.3f} eV (left) and {right_eV:.3f} eV (right) on its scale; fermi_energy_eV "
        f"{given_eV:g} ignores the contact potential of {apart:.3f} eV between them, by which the bands of "
        "one lead are off against the other's.",
        PhysicsWarning,
        stacklevel=2,
    )
    return given_eV
