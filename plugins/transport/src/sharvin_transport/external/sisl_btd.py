"""The solver `sisl`: the same transmission from sisl's recursive self-energies and block-tridiagonal Green functions.

An independent implementation to compare with. Orbitals are passed as single-orbital atoms of a lattice along z; positions
have no meaning beyond their order. See Papior et al., Comput. Phys. Commun. 212, 8 (2017) for the method.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import sisl
from cachetools import LRUCache
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, hstack
from sharvin.errors import InputError, RunError
from sharvin.grid_wire import Systems, number_of_systems, two_terminals
from sharvin.runs.cache import ContentCache
from sharvin.two_terminal import Lead, TwoTerminal
from sisl_toolbox.btd import BlochElectrode, DeviceGreen

from sharvin_transport.broken_devices import zero_if_broken
from sharvin_transport.external.configs import SislOptions
from sharvin_transport.leads.surface_green import needs_broadening, no_surface

_CHECKED = 4096  # self-energies of which it is known that they are sound
_LEVEL = 1e-3
"""A level of a lead that no layer shares with the next has a surface Green function of about 1/η."""


class SislTransport:
    """Elastic transmission by sisl.

    Parameters
    ----------
    options : SislOptions
    """

    def __init__(self, options: SislOptions) -> None:
        self.options = options
        self._cache = ContentCache("sisl_self_energy")
        self._checked: LRUCache[tuple[str, str, float], bool] = LRUCache(_CHECKED)

    def transmission(self, systems: Systems, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
        """T(E), float64[n_systems, n_energies]; energies are relative to each system's Fermi energy.

        Raises
        ------
        InputError
            If a Hamiltonian is complex.
        RunError
            If a self-energy does not fulfil its Dyson equation: where the energy meets a level of a chain of 1, 3, 7 … layers,
            sisl's recursion loses its digits. Or if E is on a band edge of a lead, or in a flat band, or if a block of sisl's
            partition of the device has a level there.
        """
        energies = np.atleast_1d(np.asarray(energies_eV, dtype=np.float64))
        out = np.empty((number_of_systems(systems), len(energies)))
        for row, system in enumerate(two_terminals(systems)):
            green = self._green(system)
            for column, energy in enumerate(energies):
                absolute = float(energy + system.fermi_energy_eV)
                for lead, direction, electrode in zip((system.left, system.right), "-+", green.elecs, strict=True):
                    if (lead.key, direction, absolute) not in self._checked:
                        _check_self_energy(lead, direction, electrode, absolute, self.options.eta_eV)
                        self._checked[lead.key, direction, absolute] = True
                try:
                    out[row, column] = np.real(green.transmission(absolute, "left", "right"))
                except np.linalg.LinAlgError:
                    reason = (
                        f"sisl meets a singular block of the device at {absolute:.6f} eV; move the energy by 1e-4 eV or use rgf."
                    )
                    out[row, column] = zero_if_broken(system, absolute, reason)
        return out

    def _green(self, system: TwoTerminal) -> DeviceGreen:
        n, eta = system.size, self.options.eta_eV
        left = BlochElectrode(_CachedSelfEnergy(system.left, "-C", eta, self._cache), name="left")
        right = BlochElectrode(_CachedSelfEnergy(system.right, "+C", eta, self._cache), name="right")
        device = sisl.Hamiltonian.fromsp(_lattice(n, 1), _real(system.H), _real(system.S))
        places = [np.arange(system.left.size), np.arange(n - system.right.size, n)]
        return DeviceGreen(device, [(left, places[0]), (right, places[1])], eta=0.0)


class _CachedSelfEnergy(sisl.RecursiveSI):
    """sisl's recursive self-energy of a lead, computed once for all devices with that lead."""

    def __init__(self, lead: Lead, direction: str, eta: float, cache: ContentCache) -> None:
        super().__init__(_lead(lead), direction, eta=eta)
        self._identity = f"{sisl.__version__} {lead.key} {direction} {eta!r}"
        self._cache = cache

    def self_energy(self, E: complex, *args: Any, **kwargs: Any) -> NDArray[np.complex128]:
        """Self-energy at Γ; see sisl's RecursiveSI."""
        key = hashlib.blake2b(f"{self._identity} {E!r} {args!r} {kwargs!r}".encode(), digest_size=20).hexdigest()
        compute = super().self_energy
        return self._cache.get_or_compute(key, lambda: {"sigma": compute(E, *args, **kwargs)})["sigma"]


def _check_self_energy(lead: Lead, direction: str, electrode: Any, energy_eV: float, eta_eV: float) -> None:
    """Refuse a self-energy that does not fulfil its Dyson equation, or is that of a band edge or of a flat band."""

    def surface(eta_eV: float, sigma: NDArray[np.complex128]) -> NDArray[np.complex128]:
        z = energy_eV + 1j * eta_eV
        k00, k01 = z * lead.S00 - lead.H00, z * lead.S01 - lead.H01
        k10 = z * lead.S01.conj().T - lead.H01.conj().T
        outward, inward = (k10, k01) if direction == "-" else (k01, k10)
        green = np.linalg.inv(k00 - sigma)
        error = np.abs(outward @ green @ inward - sigma).max() / max(1.0, np.abs(sigma).max())
        if not error < 1e-6:
            raise RunError(
                f"sisl's self-energy has an error of {error:.1e} at {z.real:.6f} eV; move the energy by 1e-4 eV or use rgf."
            )
        return np.asarray(green[None])

    side = "left" if direction == "-" else "right"
    try:
        green = surface(eta_eV, electrode.self_energy(energy_eV))
        quarter = 0.25 * eta_eV
        edge = needs_broadening(green, lambda: surface(quarter, electrode.self_energy(energy_eV + 1j * quarter)), eta_eV)
    except np.linalg.LinAlgError:
        raise no_surface(side, energy_eV) from None
    if edge or np.abs(green).max() > _LEVEL / eta_eV:
        raise no_surface(side, energy_eV)


def _real(matrix: csr_array) -> csr_matrix:
    if np.iscomplexobj(matrix.data):
        raise InputError("the sisl solver takes real Hamiltonians only; use rgf for complex ones.")
    return csr_matrix(matrix)


def _lattice(n: int, images: int) -> sisl.Geometry:
    heights = np.column_stack([np.zeros(n), np.zeros(n), np.arange(n, dtype=np.float64)])
    atom = sisl.Atom(1, R=float(n) + 0.5)
    return sisl.Geometry(heights, atom, lattice=sisl.Lattice([1.0, 1.0, float(n)], nsc=[1, 1, images]))


def _lead(lead: Lead) -> sisl.Hamiltonian:
    """A lead with its couplings to both neighbours, in sisl's order of supercells (0, +1, −1)."""
    geometry = _lattice(lead.size, 3)
    matrices = []
    for own, coupling in ((lead.H00, lead.H01), (lead.S00, lead.S01)):
        blocks = {(0, 0, 0): own, (0, 0, 1): coupling, (0, 0, -1): coupling.conj().T}
        order = sorted(blocks, key=lambda cell: int(geometry.lattice.sc_index(cell)))
        matrices.append(_real(csr_array(hstack([csr_array(blocks[cell]) for cell in order]))))
    return sisl.Hamiltonian.fromsp(geometry, matrices[0], matrices[1])
