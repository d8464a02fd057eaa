r"""Which way to the surface Green functions of a lead costs least, from the sizes of its blocks alone.

With m orbitals in a layer, or in its primitive transverse cell, *a* of them on its interface, and k transverse Bloch states, one
energy takes about, in seconds on one core that multiplies matrices at 25 GFlop/s,

.. math:: t_{dec} = 0.004 + 38 \cdot 50\,k m^3 / 25 \cdot 10^9, \quad
          t_{int} = k\,\big(0.015 + (24 m^3 + 16 m^2 a + 90 a^3) / 25 \cdot 10^9\big), \quad
          t_{QZ} = k\,\big(0.002 + 1.3 \cdot 10^{-6} m^3\big),

38 doublings at η = 1e-10 eV for decimation; a cell, its doublings and two inverses for the waves on interfaces
(:mod:`sharvin.devices.interface_waves`); the QZ of both sides for the waves of whole layers
(:mod:`~sharvin_transport.leads.modes`). The numbers are fixed, so a lead is treated in the same way on every machine.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from sharvin.devices.transverse_states import kept_states
from sharvin.two_terminal import Lead

Treatment = Literal["decimation", "eigenmodes", "interfaces"]
_FLOPS = 25e9
_DOUBLINGS = 38


def treatment(lead: Lead, method: str) -> Treatment:
    """How to treat a lead.

    Parameters
    ----------
    lead : Lead
    method : {"auto", "decimation", "eigenmodes"}
        With "auto" the cheaper of decimation and the waves on interfaces; with "eigenmodes" the cheaper of the two ways to waves.
    """
    if method == "decimation":
        return "decimation"
    seconds = surface_seconds(lead)
    other: Treatment = "decimation" if method == "auto" else "eigenmodes"
    return "interfaces" if seconds["interfaces"] < seconds[other] else other


def surface_seconds(lead: Lead) -> dict[Treatment, float]:
    """About how long the surface Green functions of both sides take at one energy, in seconds, by treatment."""
    states = len(kept_states(lead)[0])
    m = float(lead.size if lead.supercell is None else lead.supercell.orbitals.shape[2])
    coupled = (np.asarray(lead.H01) != 0.0) | (np.asarray(lead.S01) != 0.0)
    # a primitive cell has its share of the rows that touch
    share = min(np.count_nonzero(coupled.any(axis=0)), np.count_nonzero(coupled.any(axis=1))) / lead.size
    a = float(share * m)
    return {
        "decimation": 0.004 + _DOUBLINGS * 50 * states * m**3 / _FLOPS,
        "interfaces": states * (0.015 + (24 * m**3 + 16 * m**2 * a + 90 * a**3) / _FLOPS),
        "eigenmodes": states * (0.002 + 1.3e-6 * m**3),
    }
