"""Surface Green functions of a lead from the waves on its interfaces, in each of its transverse Bloch states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.devices.interface_waves import IndistinctWaves, surfaces_of_waves
from sharvin.devices.transverse_states import bloch_blocks
from sharvin.errors import RunError
from sharvin.two_terminal import Lead

from sharvin_transport.leads.modes import flat_band
from sharvin_transport.leads.transverse import Transverse


def interface_surfaces(lead: Lead, side: str, energy_eV: float) -> dict[str, NDArray[Any]]:
    """Surface Green functions at an absolute energy, without broadening.

    Parameters
    ----------
    lead : Lead
    side : {"left", "right"}
        For messages: the arrays are of both.
    energy_eV : float

    Returns
    -------
    dict
        ``left`` and ``right`` complex128[n_k, m, m] in 1/eV in the kept transverse Bloch states, ``channels`` int64[n_k] open in
        each, ``w_left`` and ``w_right`` [n_k, m, most channels], factors of the spectral parts in their first columns.

    Raises
    ------
    RunError
        If the energy is on a band edge of the lead, or in a flat band.
    """
    transverse = Transverse(lead)
    h00, h01, s00, s01, _ = bloch_blocks(lead)
    found = []
    for k in range(len(h00)):
        blocks = [energy_eV * s00[k] - h00[k], energy_eV * s01[k] - h01[k], s00[k], s01[k]]
        if transverse.is_own_opposite(k):
            blocks = [block.real for block in blocks]
        try:
            found.append(surfaces_of_waves(*blocks))
        except IndistinctWaves:
            raise RunError(
                f"the {side} lead has a band edge at about {energy_eV:.9g} eV, where its waves cannot be told apart; move the "
                "energy by 1e-6 eV."
            ) from None
        except np.linalg.LinAlgError:
            raise flat_band(side, energy_eV) from None
    channels = np.array([one.w_left.shape[1] for one in found], dtype=np.int64)
    padded = [
        np.stack([np.pad(w, ((0, 0), (0, channels.max() - w.shape[1]))) for w in factors])
        for factors in ([one.w_left for one in found], [one.w_right for one in found])
    ]
    return {
        "left": np.stack([one.left for one in found]),
        "right": np.stack([one.right for one in found]),
        "channels": channels,
        "w_left": padded[0],
        "w_right": padded[1],
    }
