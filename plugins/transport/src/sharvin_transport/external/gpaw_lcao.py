r"""The Hamiltonian `gpaw`: H and S of density-functional theory in GPAW's atomic orbitals (LCAO).

Each lead is a calculation of its own, of the ideal principal layer as a crystal with :math:`N_z` k-points along z,

.. math:: H_R = \frac{1}{N_z} \sum_k e^{-2\pi i k R} H(k),

and the device one of the junction at Γ, repeated along its axis such that its two electrodes go on as one crystal: there is no
surface, and all layers of the electrodes screen what the contact does (Larsen et al., Phys. Rev. B 80, 195112 (2009)). The
device's energies are moved such that the mean on-site energy of the outer halves of its outermost principal layers is the
lead's. At either end one more principal layer of the lead is added.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import dataclass
from typing import Any

import gpaw
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.units import Bohr
from cachetools import LRUCache
from gpaw.basis_data import Basis
from gpaw.lcao.tools import get_lcao_hamiltonian
from gpaw.setup_data import SetupData
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array
from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError, ItemError
from sharvin.junction import Electrode, Junction
from sharvin.runs.cache import ContentCache
from sharvin.two_terminal import BlochHamiltonian, Lead, TwoTerminal

from sharvin_transport.external.configs import GpawOptions
from sharvin_transport.external.gpaw_blocks import NEGLIGIBLE_EV, block_arrays, blocks_of, shells_of
from sharvin_transport.spin import warn_of_magnetism

Floats = NDArray[np.float64]
NEXT_NEIGHBOUR_EV = 1e-2
"""Largest hopping from a principal layer beyond the next one."""
MIXER = {"backend": "pulay", "beta": 0.15, "nmaxold": 8, "weight": 50}
"""Pulay mixing that damps long waves: slabs of metal between two vacua converge in half the iterations of GPAW's default."""
_KEPT_ELECTRODES = 16


class GpawLcao:
    """H and S from GPAW in LCAO mode.

    Parameters
    ----------
    options : GpawOptions
    """

    def __init__(self, options: GpawOptions) -> None:
        self.options = options
        self._cache = ContentCache("gpaw_crystal")
        self._leads: LRUCache[bytes, tuple[Lead, float]] = LRUCache(_KEPT_ELECTRODES)

    def range_A(self, numbers: NDArray[np.int64]) -> float:
        """Least thickness in Å of principal layers: that of the options, or the distance at which orbitals no longer overlap."""
        return self.options.lead_reach_A or self._overlap_A(numbers)

    def _overlap_A(self, numbers: NDArray[np.int64]) -> float:
        """Distance in Å beyond which no two orbitals of these atomic numbers overlap."""
        return 2.0 * max(self._radius_A(int(z)) for z in np.unique(numbers))

    def _radius_A(self, z: int) -> float:
        return float(max(function.rc for function in self._basis_of(z).bf_j)) * float(Bohr)

    def _basis_of(self, z: int) -> Basis:
        symbol = chemical_symbols[z]
        try:
            return Basis.find(symbol, self.options.basis)
        except (FileNotFoundError, ValueError) as error:
            raise InputError(f"GPAW has no basis {self.options.basis!r} for {symbol}: {error}.") from None

    def two_terminal(self, junction: Junction) -> TwoTerminal:
        """Device and leads of a junction.

        The device has a principal layer more at either end than the junction; its orbitals count as those of the electrode's
        atoms.

        Raises
        ------
        InputError
            Principal layers that couple beyond their neighbours, leads of different crystals, a junction that is shorter than
            twice the range of the orbitals, or an element without basis.
        ItemError
            If the density of this snapshot does not converge.
        """
        junction, left, right = junction.electrodes()
        if left.key != right.key:
            raise InputError("GPAW's leads must be the same crystal at both ends; the contact potential is not computed.")
        warn_of_magnetism(junction.atoms.numbers, "gpaw_lcao")
        lead, fermi = self._lead(left)
        repeated, order = self._repeated(junction, left, right)
        found = self._solve(repeated, (1, 1, 1))
        H, S = found.H[0].real, found.S[0].real
        heights = np.repeat(repeated.positions[:, 2], found.count)
        apart = np.abs(heights[:, None] - heights) > 0.5 * repeated.cell.array[2, 2]
        H = np.where(apart, 0.0, H + _alignment(np.diag(H), heights, lead) * S)
        S = np.where(apart, 0.0, S)
        atom, m = np.repeat(order, found.count), lead.size
        atom = np.concatenate([atom[:m], atom, atom[-m:]])
        return TwoTerminal(_between(H, lead.H00, lead.H01), _between(S, lead.S00, lead.S01), lead, lead, fermi, atom)

    def _repeated(self, junction: Junction, left: Electrode, right: Electrode) -> tuple[Atoms, NDArray[np.int64]]:
        """The junction in a cell whose images join its electrodes to one crystal, and its atoms' numbers in the structure."""
        atoms = junction.atoms
        inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
        inside = inside[np.argsort(atoms.positions[inside, 2], kind="stable")]
        order = np.concatenate([junction.left, inside, junction.right])
        ends = left.origin(atoms.positions[junction.left], "left"), right.origin(atoms.positions[junction.right], "right")
        along = ends[1] - ends[0] + [0.0, 0.0, right.period_A]
        across = atoms.cell.complete().array[:2]
        along -= (np.rint(np.linalg.solve(across[:, :2].T, along[:2])) * atoms.pbc[:2]) @ across
        reach = self._overlap_A(atoms.numbers)
        if along[2] < 2.0 * reach:
            raise InputError(
                f"the junction and its images are {along[2]:.2f} Å apart, and GPAW's orbitals reach {reach:.2f} Å; it must be "
                "twice as long as that: add layers to the electrodes."
            )
        placed = atoms.positions[order]
        placed[: len(junction.left)] = left.positions + ends[0]
        placed[-len(junction.right) :] = right.positions + ends[1]
        # GPAW wraps atoms into the cell; none may lie on its boundary, or rounding would decide in which cell it is.
        placed[:, 2] += 0.5 * (left.period_A - np.ptp(left.positions[:, 2])) - placed[:, 2].min()
        pbc = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), True)
        return Atoms(atoms.numbers[order], positions=placed, cell=[*atoms.cell.array[:2], along], pbc=pbc), order

    def bloch(self, atoms: Atoms) -> BlochHamiltonian:
        """H(k) and S(k) of a periodic structure, for bands."""
        return self._crystal(atoms, self._overlap_A(atoms.numbers))[0]

    def blocks(self, atoms: Atoms) -> HamiltonianBlocks:
        """H and S of a structure, periodic along any of its directions or none, as blocks between atoms.

        Pairs whose orbitals do not overlap are there where they couple by more than 10 neV through projectors. Along open
        directions there is vacuum as the options say. Where there is one, energies are relative to it; those of structures that
        are periodic along all directions have no common zero.

        Raises
        ------
        InputError
            Elements without basis, or with orbitals beyond d.
        ItemError
            If the density does not converge.
        """
        warn_of_magnetism(atoms.numbers, "gpaw_lcao")
        elements = [int(z) for z in np.unique(atoms.numbers)]
        shells = {z: shells_of(self._basis_of(z)) for z in elements}
        OrbitalBasis(shells, dict.fromkeys(elements, 0.0))  # before anything is computed, whether its orbitals are known
        overlapping = self._overlap_A(atoms.numbers)
        reach = overlapping + 2.0 * max(_projector_radius_A(chemical_symbols[z], self.options.xc) for z in elements)
        grid = _grid(atoms, reach)

        def compute() -> dict[str, NDArray[Any]]:
            solved = self._solve(atoms, grid)
            matrices = (solved.k, solved.weight, solved.H, solved.S)
            found = block_arrays(atoms, *matrices, solved.count, solved.folded, overlapping, reach)
            return {**found, "valence": solved.valence}

        stored = self._cache.get_or_compute(self._key(atoms, f"blocks {reach:.6f} {NEGLIGIBLE_EV} {grid}"), compute)
        electrons = {int(z): float(n) for z, n in zip(atoms.numbers, stored["valence"], strict=True)}
        return blocks_of(atoms, OrbitalBasis(shells, electrons), stored)

    def _lead(self, electrode: Electrode) -> tuple[Lead, float]:
        if electrode.key not in self._leads:
            crystal = electrode.crystal()
            # GPAW wraps atoms into the cell; none may lie on its boundary, or rounding would decide in which cell it is.
            crystal.positions[:, 2] += 0.5 * (electrode.period_A - np.ptp(crystal.positions[:, 2]))
            bloch, fermi = self._crystal(crystal, 0.0, (1, 1, 5))
            along = bloch.translations[:, 2]
            beyond = float(np.abs(bloch.H_R[along == 2]).max())
            if beyond > NEXT_NEIGHBOUR_EV:
                raise InputError(
                    f"a principal layer of {electrode.period_A:.2f} Å couples beyond its neighbours by {beyond:.1e} eV; "
                    "detect the junction with a larger thickness."
                )
            h00, h01, s00, s01 = (matrix[along == r][0] for matrix in (bloch.H_R, bloch.S_R) for r in (0, 1))
            self._leads[electrode.key] = (Lead(h00, h01, s00, s01), fermi)
        return self._leads[electrode.key]

    def _crystal(self, atoms: Atoms, reach_A: float, grid: tuple[int, int, int] | None = None) -> tuple[BlochHamiltonian, float]:
        """H_R and S_R of a crystal and its Fermi energy, from the cache if it has been computed before."""
        grid = _grid(atoms, reach_A) if grid is None else grid

        def compute() -> dict[str, NDArray[Any]]:
            solved = self._solve(atoms, grid)
            R = np.stack(np.meshgrid(*(np.arange(-(g // 2), g // 2 + 1) for g in grid), indexing="ij"), axis=-1).reshape(-1, 3)
            phase = solved.weight * np.exp(-2j * np.pi * (R @ solved.k.T))
            return {
                "R": R,
                "H": np.tensordot(phase, solved.H, 1).real,
                "S": np.tensordot(phase, solved.S, 1).real,
                "numbers": np.array([solved.electrons, solved.fermi_energy]),
            }

        stored = self._cache.get_or_compute(self._key(atoms, str(grid)), compute)
        electrons, fermi = map(float, stored["numbers"])
        return BlochHamiltonian(stored["R"], stored["H"], stored["S"], electrons), fermi

    def _key(self, atoms: Atoms, what: str) -> str:
        """Of the cached results of a structure."""
        content = b"".join(
            np.ascontiguousarray(a).tobytes() for a in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc)
        )
        text = f"2 {gpaw.__version__} {self.options.model_dump_json()} {what}"
        return hashlib.blake2b(text.encode() + content, digest_size=20).hexdigest()

    def _solve(self, atoms: Atoms, grid: tuple[int, int, int]) -> _Solved:
        """Converge the density and take H and S at all k-points of the grid, of k and −k one."""
        options = self.options
        boxed = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        for axis in np.flatnonzero(~boxed.pbc):
            boxed.center(vacuum=options.vacuum_A, axis=int(axis))
        calculator = gpaw.GPAW(
            mode="lcao",
            basis=options.basis,
            xc=options.xc,
            h=options.grid_spacing_A,
            kpts={"size": grid, "gamma": True},
            occupations={"name": "fermi-dirac", "width": options.smearing_eV},
            symmetry={"point_group": False, "time_reversal": True},
            mixer=MIXER,
            convergence={"density": options.density_tolerance},
            maxiter=options.max_iterations,
            txt=None,
        )
        boxed.calc = calculator
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                boxed.get_potential_energy()
        except gpaw.KohnShamConvergenceError as error:
            raise ItemError(f"GPAW did not converge the density in {options.max_iterations} iterations: {error}.") from None
        H, S = get_lcao_hamiltonian(calculator)
        if len(H) != 1:
            raise InputError("spin-polarised structures are not treated; remove the magnetic moments.")
        descriptor = calculator.wfs.kd
        count = np.array([setup.nao for setup in calculator.wfs.setups], dtype=np.int64)
        return _Solved(
            H[0],
            S,
            np.asarray(descriptor.ibzk_kc),
            np.asarray(descriptor.weight_k),
            count,
            float(calculator.get_number_of_electrons()),
            float(calculator.get_fermi_level()),
            np.array([setup.Nv for setup in calculator.wfs.setups], dtype=np.float64),
            np.rint(boxed.get_scaled_positions(wrap=False) - calculator.spos_ac).astype(np.int64),
        )


@dataclass(frozen=True, eq=False)
class _Solved:
    """H (eV) and S at k-points with weights, [n_k, n, n]; orbitals of each atom; valence electrons; Fermi energy in eV.

    Then the valence electrons of each atom, and by how many cell vectors it lies outside the cell.
    """

    H: NDArray[Any]
    S: NDArray[Any]
    k: Floats
    weight: Floats
    count: NDArray[np.int64]
    electrons: float
    fermi_energy: float
    valence: Floats
    folded: NDArray[np.int64]


def _grid(atoms: Atoms, reach_A: float) -> tuple[int, int, int]:
    """As many k-points along each periodic direction as there are translations of pairs up to `reach_A`."""
    completed = atoms.cell.complete().array
    heights = 1.0 / np.linalg.norm(np.linalg.inv(completed), axis=0)
    found = [2 * int(np.ceil(reach_A / h)) + 1 if p else 1 for h, p in zip(heights, atoms.pbc, strict=True)]
    return found[0], found[1], found[2]


def _projector_radius_A(symbol: str, xc: str) -> float:
    """Largest radius of an element's projectors."""
    data = SetupData(symbol, xc)
    return float(max(data.rcut_j)) * float(Bohr)


def _between(device: Floats, onsite: Floats, hopping: Floats) -> csr_array:
    """H or S of a device with a principal layer of its leads at either end."""
    n, m = len(device), len(onsite)
    first, last = np.zeros((m, n)), np.zeros((n, m))
    first[:, :m], last[n - m :] = hopping, hopping
    return csr_array(block_array([[onsite, first, None], [first.T, device, last], [None, last.T, onsite]], format="csr"))


def _alignment(diagonal: Floats, heights: Floats, lead: Lead) -> float:
    """Energy in eV that moves the device's on-site energies onto the lead's, from the outer halves of both principal layers."""
    m, n = lead.size, len(diagonal)
    ideal = np.diag(lead.H00)
    moves = []
    for part, sign in ((slice(0, m), -1), (slice(n - m, n), 1)):
        z = sign * heights[part]
        outer = z > 0.5 * (z.min() + z.max())
        moves.append((ideal - diagonal[part])[outer])
    return float(np.concatenate(moves).mean())
