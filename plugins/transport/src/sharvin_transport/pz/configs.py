"""Options of the Hamiltonian `slater_koster_pz`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator
from sharvin.options import Options


class SlaterKosterPzOptions(Options):
    V_pi_eV: float = -2.7
    """Hopping V_ppπ between orbitals side by side, at `pi_bond_A`."""

    V_sigma_eV: float = 0.48
    """Hopping V_ppσ between orbitals on top of each other, at `interlayer_A`."""

    pi_bond_A: PositiveFloat = 1.42
    """Distance at which V_ppπ is `V_pi_eV`. Atoms of a layer closer than about 1.3 times it count as bonded, where normals are
    sought."""

    interlayer_A: PositiveFloat = 3.35
    """Distance at which V_ppσ is `V_sigma_eV`."""

    decay_A: PositiveFloat = 0.453
    """Length over which both fall by a factor e."""

    cutoff_A: PositiveFloat = Field(default=8.0, ge=1.5)
    """Pairs farther apart do not couple. The hopping ends abruptly there, as in the published model; at 8 Å it is below 2 µeV in
    a layer and 20 µeV between layers, at 5 Å 1 meV and 13 meV."""

    normals: Literal["layer", "local"] = "layer"
    """Direction of the orbitals. `layer`: the array `normal` of the structure, or else one axis for all atoms: z, or the axis
    across the layers where these contain z, as those of a ribbon along z do. `local`: perpendicular to the plane through the
    three neighbours of each atom in its own layer, for corrugated layers and tubes."""

    fermi_energy_eV: float | None = None
    """Fermi energy of a junction; by default one electron per atom in the bands of its leads gives it."""

    smearing_K: PositiveFloat = 300.0
    """Temperature of the Fermi function that fills the lead's bands."""

    @model_validator(mode="after")
    def _reaches_neighbours(self) -> Self:
        if self.cutoff_A <= self.pi_bond_A:
            raise ValueError(
                f"cutoff_A {self.cutoff_A:g} is not longer than pi_bond_A {self.pi_bond_A:g}, so that no atoms couple; raise it"
            )
        return self
