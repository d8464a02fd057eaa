r"""Two-terminal systems in a localised basis: :class:`TwoTerminal`, its :class:`Lead` s, and :class:`BlochHamiltonian`.

Conventions. Transport is along z. A principal layer of a lead couples to its two neighbours only. In *both* leads ``H01``
couples a principal layer to the next one in +z direction, ``H01 = <layer n|H|layer n+1>``. The first ``left.size`` orbitals of
the device are the outermost left principal layer and equal the lead's, the last ``right.size`` the right one. With
``g`` the retarded surface Green function of the semi-infinite lead,

.. math:: \Sigma_L = (E S_{01} - H_{01})^\dagger g_L (E S_{01} - H_{01}), \qquad
          \Sigma_R = (E S_{01} - H_{01}) g_R (E S_{01} - H_{01})^\dagger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from sharvin.devices.device_checks import CHECKED_ORBITALS, check_hermitian, check_overlap
from sharvin.errors import InputError
from sharvin.words.displayed import Displayed, Fact, counted

Matrix = NDArray[np.float64] | NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Supercell:
    """Transverse translational symmetry of a lead that repeats a primitive cell.

    ``orbitals`` int64[N1, N2, m]: index of orbital µ of the primitive cell (i, j). All lead blocks are invariant under cyclic
    shifts of (i, j), so they are block-diagonal in the N1·N2 transverse Bloch states.
    """

    orbitals: NDArray[np.int64]

    @property
    def repeats(self) -> tuple[int, int]:
        """(N1, N2)."""
        return int(self.orbitals.shape[0]), int(self.orbitals.shape[1])


@dataclass(frozen=True, eq=False, repr=False)
class Lead(Displayed):
    """Principal-layer blocks of a semi-infinite lead, [m, m] each, in eV; ``supercell`` where it repeats transversally."""

    H00: Matrix
    H01: Matrix
    S00: Matrix
    S01: Matrix
    supercell: Supercell | None = None

    def __post_init__(self) -> None:
        shapes = [np.shape(block) for block in (self.H00, self.H01, self.S00, self.S01)]
        if len(set(shapes)) > 1 or shapes[0] != (len(self.H00),) * 2:
            raise InputError(
                f"H00, H01, S00 and S01 of a lead must be square and of one size, not {', '.join(map(str, shapes))}."
            )

    @property
    def size(self) -> int:
        """Orbitals in a principal layer."""
        return int(self.H00.shape[0])

    def _facts(self) -> Sequence[Fact]:
        supercell = "none" if self.supercell is None else " × ".join(map(str, self.supercell.repeats))
        return [
            ("principal layer", counted(self.size, "orbital")),
            ("numbers", "complex" if np.iscomplexobj(self.H00) or np.iscomplexobj(self.H01) else "real"),
            ("transverse repeats", supercell),
        ]

    def shifted(self, energy_eV: float) -> Lead:
        """The same lead with all energies moved: H + energy S."""
        return Lead(self.H00 + energy_eV * self.S00, self.H01 + energy_eV * self.S01, self.S00, self.S01, self.supercell)

    def reversed(self) -> Lead:
        """The same lead seen along −z."""
        H10: Matrix = np.asarray(np.conj(self.H01.T), order="C")
        S10: Matrix = np.asarray(np.conj(self.S01.T), order="C")
        return Lead(self.H00, H10, self.S00, S10, self.supercell)

    @cached_property
    def key(self) -> str:
        """Hash of the blocks, for caches shared by all devices with this lead."""
        digest = hashlib.blake2b(digest_size=20)
        for block in (self.H00, self.H01, self.S00, self.S01):
            digest.update(str(block.dtype).encode())
            digest.update(np.ascontiguousarray(block).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False, repr=False)
class TwoTerminal(Displayed):
    """Device between two leads.

    H and S of a small one are checked when it is made; :func:`sharvin.devices.device_checks.check_device` checks all of any size.

    Parameters
    ----------
    H, S : scipy.sparse.csr_array [n, n]
        Hamiltonian (eV) and overlap of the device, orbitals ordered along z up to the width of a principal layer.
    left, right : Lead
    fermi_energy_eV : float
        Fermi energy, on the scale of H.
    atom : int64[n], optional
        Which atom of the structure each orbital belongs to; what is resolved by atoms counts every orbital as one without it.
    """

    H: csr_array
    S: csr_array
    left: Lead
    right: Lead
    fermi_energy_eV: float = 0.0
    atom: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = self.H.shape[0]
        if self.H.shape != (n, n) or self.S.shape != (n, n):
            raise InputError(f"H and S of a device must be square and of one size, not {self.H.shape} and {self.S.shape}.")
        if self.left.size + self.right.size > n:
            raise InputError(
                f"a device of {n} orbitals cannot hold principal layers of {self.left.size} and {self.right.size} orbitals."
            )
        if self.atom is not None and (np.shape(self.atom) != (n,) or np.min(self.atom) < 0):
            raise InputError(f"a device of {n} orbitals needs the number of an atom for each of them, or none at all.")
        if n <= CHECKED_ORBITALS:
            check_hermitian(self)
            check_overlap(self)

    @property
    def fermi_energy(self) -> float:
        """Former name of ``fermi_energy_eV``."""
        return self.fermi_energy_eV

    @property
    def size(self) -> int:
        """Number of orbitals."""
        return int(self.H.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of H and S."""
        return np.result_type(self.H.dtype, self.S.dtype)

    @property
    def nbytes(self) -> int:
        """Memory of the elements of H and S."""
        return int(self.H.nnz * self.H.dtype.itemsize + self.S.nnz * self.S.dtype.itemsize)

    @property
    def is_mirrored(self) -> bool:
        """Whether H and S are made with their mirror images and of finite numbers, so that nobody need look whether they are."""
        return False

    def _facts(self) -> Sequence[Fact]:
        atoms = "" if self.atom is None else f" of {counted(len(np.unique(self.atom)), 'atom')}"
        numbers = "complex" if np.iscomplexobj(self.H) else "real"
        return [
            ("device", f"{counted(self.size, 'orbital')}{atoms}"),
            ("left", f"{counted(self.left.size, 'orbital')} per principal layer"),
            ("right", f"{counted(self.right.size, 'orbital')} per principal layer"),
            ("Fermi energy", f"{self.fermi_energy_eV:.4g} eV"),
            ("H", f"{numbers}, {self.H.nnz:,} elements ({100 * self.H.nnz / self.size**2:.3g} %)"),
            ("basis", "orthogonal" if _is_identity(self.S) else "not orthogonal"),
        ]

    @cached_property
    def connected(self) -> bool:
        """Whether a chain of non-zero elements of H or S leads from the left principal layer to the right one."""
        pattern = csr_array(abs(self.H) + abs(self.S))
        pattern.eliminate_zeros()
        part = connected_components(pattern, directed=False)[1]
        return bool(np.intersect1d(part[: self.left.size], part[self.size - self.right.size :]).size)

    def shifted(self, energy_eV: float) -> TwoTerminal:
        """The same system with all energies moved: H + energy S, Fermi energy included."""
        return TwoTerminal(
            H=csr_array(self.H + energy_eV * self.S),
            S=self.S,
            left=self.left.shifted(energy_eV),
            right=self.right.shifted(energy_eV),
            fermi_energy_eV=self.fermi_energy_eV + energy_eV,
            atom=self.atom,
        )

    def reversed(self) -> TwoTerminal:
        """The same system seen along −z: left and right exchanged."""
        n, left, right = self.size, self.left.size, self.right.size
        order = np.concatenate([np.arange(n - right, n), np.arange(left, n - right)[::-1], np.arange(left)])
        return TwoTerminal(
            H=csr_array(self.H[order][:, order]),
            S=csr_array(self.S[order][:, order]),
            left=self.right.reversed(),
            right=self.left.reversed(),
            fermi_energy_eV=self.fermi_energy_eV,
            atom=None if self.atom is None else self.atom[order],
        )


def _is_identity(S: csr_array) -> bool:
    """Whether a sparse matrix is the identity, element by element."""
    return bool(np.count_nonzero(S.data) == S.shape[0] and np.all(S.diagonal() == 1.0))


WeightedDevice = tuple[float, TwoTerminal]
"""Weight and device of one transverse k-point; the weights of all k-points sum to 1."""


@dataclass(frozen=True, eq=False, repr=False)
class BlochHamiltonian(Displayed):
    """H(k) = Σ_R exp(2πi k·R) H_R of a crystal, with lattice vectors R in units of the cell and k in fractions of it.

    ``translations`` int64[n_R, 3]; ``H_R``, ``S_R`` [n_R, n, n], ⟨0|H|R⟩ in eV; ``electrons`` per cell.
    """

    translations: NDArray[np.int64]
    H_R: Matrix
    S_R: Matrix
    electrons: float

    def _facts(self) -> Sequence[Fact]:
        return [
            ("cell", f"{counted(self.H_R.shape[1], 'orbital')} and {self.electrons:.4g} electrons per cell"),
            ("couplings", f"to {counted(len(self.translations), 'cell')}, its own among them"),
        ]

    def at(self, k: NDArray[np.float64]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """H(k) and S(k), complex128 [n, n] each."""
        phases = np.exp(2j * np.pi * (self.translations @ np.asarray(k)))
        return np.tensordot(phases, self.H_R, 1), np.tensordot(phases, self.S_R, 1)
