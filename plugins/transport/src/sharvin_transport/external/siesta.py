r"""The Hamiltonian `siesta`: H and S of a device and its electrodes from files of SIESTA (TSHS, HSX), read by sisl.

A file gives :math:`H_R = \langle 0|H|R\rangle` with R the cells of its lattice. Transverse cells are summed with Bloch phases,

.. math:: H(k) = \sum_{R_z = 0} e^{2\pi i k \cdot R} H_R, \quad H_{01}(k) = \sum_{R_z = 1} e^{2\pi i k \cdot R} H_R,

and a device's couplings along z into its own images are left out. The electrode's atoms are looked for at both ends of the
device, where each may lie in another transverse image *n*; its orbitals take the phase :math:`e^{2\pi i k \cdot n}`, and then
the outermost principal layers equal the electrodes' up to the convergence of the calculation. They take the electrode's blocks.

Energies in these files are read relative to their Fermi energy, so that electrodes and a device at open boundaries are aligned.
See Papior et al., Comput. Phys. Commun. 212, 8 (2017) for the files.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sisl
from ase import Atoms
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array
from sharvin.devices.brillouin import monkhorst_pack
from sharvin.devices.two_terminal_file import Device
from sharvin.errors import InputError
from sharvin.files.structure_files import read_structures
from sharvin.two_terminal import Lead, TwoTerminal

from sharvin_transport.external.configs import SiestaOptions
from sharvin_transport.external.file_hamiltonian import FileHamiltonian

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
POSITION_A = 0.05
"""Largest distance between an electrode's atom and the device's atom that it is."""
NEGLIGIBLE_EV, NEGLIGIBLE = 1e-5, 1e-6
"""Largest elements of H and S of an electrode beyond the next cell along z that are left out."""


class Siesta(FileHamiltonian):
    """H and S from files of SIESTA.

    Parameters
    ----------
    options : SiestaOptions
    """

    def __init__(self, options: SiestaOptions) -> None:
        self.options = options
        self.path, self.tolerance_A = options.file, options.tolerance_A
        self.k_points, self.k_weights = monkhorst_pack(*options.k_points)
        self._device = SiestaFile.read(options.file, options.fermi_energy_eV)
        self._left = SiestaFile.read(options.left, options.fermi_energy_eV)
        self._right = self._left if options.right is None else SiestaFile.read(options.right, options.fermi_energy_eV)

    @cached_property
    def _atoms(self) -> Atoms:
        atoms = self._device.atoms
        if self.options.structure is not None:
            named = next(read_structures(Path(self.options.structure), "0"))
            if len(named) != len(atoms) or np.abs(named.positions - atoms.positions).max() > POSITION_A:
                raise InputError(
                    f"{self.options.structure} has not the atoms of {self.path}, in its order, at the same positions."
                )
            atoms.numbers = named.numbers
        return atoms

    def stored_atoms(self) -> list[Atoms | None]:
        """Atoms of the device, in the order of its file."""
        return [self._atoms]

    def device(self, number: int) -> Device:
        """The device, at each k-point.

        Raises
        ------
        InputError
            If an electrode is not found at its end of the device, or differs there by more than `layer_tolerance_eV`.
        """
        if number != 0:
            raise InputError(f"{self.path} holds one device, not one with number {number}.")
        for axis, divisions in enumerate(self.options.k_points):
            if divisions > 1 and not self._device.atoms.pbc[axis]:
                raise InputError(
                    f"k_points {list(self.options.k_points)} divides the Brillouin zone along {'xy'[axis]}, where {self.path} "
                    "has no couplings between cells; use 1 there."
                )
        ends = [self._end(self._left, "left", -1), self._end(self._right, "right", 1)]
        at_k = [(float(weight), self._system(ends, k)) for k, weight in zip(self.k_points, self.k_weights, strict=True)]
        return Device(at_k, self._atoms)

    def _end(self, electrode: SiestaFile, side: str, sign: int) -> tuple[Integers, Integers]:
        """The electrode's atoms in the device, and the transverse cell that each lies in, int64[n, 2]."""
        cell = self._device.atoms.cell.array[:2]
        if np.abs(electrode.atoms.cell.array[:2] - cell).max() > POSITION_A:
            raise InputError(
                f"the {side} electrode has other transverse cell vectors than {self.path}; repeat it to the device's cell, "
                "because Bloch expansions of electrodes are not read."
            )
        found = _place(electrode.atoms.positions, self._device.atoms.positions, cell, sign)
        if found is None:
            raise InputError(
                f"the {side} electrode's {len(electrode.atoms)} atoms are not the outermost atoms of {self.path} at its {side} "
                f"end, within {POSITION_A} Å and up to a translation."
            )
        if not np.array_equal(np.diff(self._device.first)[found[0]], np.diff(electrode.first)):
            raise InputError(f"atoms of the {side} electrode have another number of orbitals than in {self.path}.")
        return found

    def _system(self, ends: list[tuple[Integers, Integers]], k: Floats) -> TwoTerminal:
        left, right = self._left.lead(k), self._right.lead(k)
        (at_left, cells_left), (at_right, cells_right) = ends
        atoms = self._device.atoms
        inside = np.setdiff1d(np.arange(len(atoms)), np.concatenate([at_left, at_right]))
        inside = inside[np.argsort(atoms.positions[inside, 2], kind="stable")]
        order = np.concatenate([at_left, inside, at_right])
        cells = np.concatenate([cells_left, np.zeros((len(inside), 2), dtype=np.int64), cells_right])
        orbitals = np.concatenate([np.arange(self._device.first[a], self._device.first[a + 1]) for a in order])
        count = np.diff(self._device.first)[order]
        H, S = (matrix[orbitals][:, orbitals] for matrix in self._device.at(k, 0))
        if k.any():
            phase = diags_array(np.repeat(np.exp(2j * np.pi * (cells @ k)), count))
            H, S = (csr_array(phase.conj() @ matrix @ phase) for matrix in (H, S))
        for side, lead, part in (("left", left, slice(0, left.size)), ("right", right, slice(len(orbitals) - right.size, None))):
            difference = float(np.abs(H[part][:, part].toarray() - lead.H00).max())
            if difference > self.options.layer_tolerance_eV:
                raise InputError(
                    f"H of the outermost {side} principal layer of {self.path} differs from the electrode's by "
                    f"{difference:.3f} eV, more than layer_tolerance_eV; "
                    "add layers to the device, or align the energies of the two calculations."
                )
        H, S = (_with_leads(m, a, b) for m, a, b in ((H, left.H00, right.H00), (S, left.S00, right.S00)))
        return TwoTerminal(H, S, left, right, 0.0, np.repeat(order, count))


@dataclass(frozen=True, eq=False)
class SiestaFile:
    """What a file holds.

    Parameters
    ----------
    path : str
    atoms : ase.Atoms
        Periodic in x and y where cells couple.
    first : int64[n_atoms + 1]
        First orbital of each atom, and the number of orbitals.
    cells : int64[n_R, 3]
    H, S : list of csr_array [n, n]
        ⟨0|·|R⟩ for each cell; H in eV from the Fermi energy.
    """

    path: str
    atoms: Atoms
    first: Integers
    cells: Integers
    H: list[csr_array]
    S: list[csr_array]

    @classmethod
    def read(cls, path: str, fermi_energy_eV: float | None) -> SiestaFile:
        """Read TSHS or HSX, known by the ending of the name.

        Raises
        ------
        InputError
            If it is missing, not readable, spin-polarised, or has no Fermi energy and none is given.
        """
        hamiltonian = _read(path, fermi_energy_eV is not None)
        if not hamiltonian.spin.is_unpolarized:
            raise InputError(f"{path} is spin-polarised; only files without spin are read.")
        geometry = hamiltonian.geometry
        cells = np.asarray(geometry.lattice.sc_off, dtype=np.int64)
        n = int(geometry.no)
        matrices = [csr_array(hamiltonian.tocsr(0))]
        if hamiltonian.orthogonal:
            matrices.append(
                csr_array(eye_array(n, n * len(cells), k=n * int(geometry.lattice.sc_index([0, 0, 0])), format="csr"))
            )
        else:
            matrices.append(csr_array(hamiltonian.tocsr(hamiltonian.S_idx)))
        H, S = ([csr_array(matrix[:, r * n : (r + 1) * n]) for r in range(len(cells))] for matrix in matrices)
        if fermi_energy_eV is not None:
            H = [csr_array(h - fermi_energy_eV * s) for h, s in zip(H, S, strict=True)]
        pbc = [bool(cells[:, 0].any()), bool(cells[:, 1].any()), False]
        atoms = Atoms(np.abs(geometry.atoms.Z), positions=geometry.xyz, cell=geometry.cell, pbc=pbc)
        first = np.append(geometry.firsto[: geometry.na], n).astype(np.int64)
        return cls(path, atoms, first, cells, H, S)

    def at(self, k: Floats, along: int) -> tuple[csr_array, csr_array]:
        """H and S between a cell and the one `along` further in z, at the transverse k-point."""
        sums: list[Any] = []
        for matrices in (self.H, self.S):
            total = csr_array(matrices[0].shape, dtype=np.complex128 if k.any() else np.float64)
            for cell, matrix in zip(self.cells, matrices, strict=True):
                if cell[2] == along and matrix.nnz:
                    total = total + (np.exp(2j * np.pi * (cell[:2] @ k)) * matrix if k.any() else matrix)
            sums.append(csr_array(total))
        return sums[0], sums[1]

    def lead(self, k: Floats) -> Lead:
        """The file as an electrode.

        Raises
        ------
        InputError
            If its cell couples beyond its neighbours along z by more than 1e-5 eV (or 1e-6 in S), or not at all.
        """
        beyond = [(h, s) for cell, h, s in zip(self.cells, self.H, self.S, strict=True) if abs(cell[2]) > 1]
        hopping, overlap = (max((_largest(pair[kind]) for pair in beyond), default=0.0) for kind in (0, 1))
        if hopping > NEGLIGIBLE_EV or overlap > NEGLIGIBLE:
            raise InputError(
                f"the cell of {self.path} couples beyond its neighbours along z: H by up to {hopping:.2g} eV and S by up to "
                f"{overlap:.2g}; use more layers as the electrode."
            )
        (h00, s00), (h01, s01) = self.at(k, 0), self.at(k, 1)
        if max(_largest(h01), _largest(s01)) <= NEGLIGIBLE_EV:
            raise InputError(f"the cell of {self.path} does not couple to the next one along z, so it is no electrode.")
        return Lead(h00.toarray(), h01.toarray(), s00.toarray(), s01.toarray())


def _largest(matrix: csr_array) -> float:
    """Largest absolute value of a matrix."""
    return float(np.abs(matrix.data).max(initial=0.0))


def _read(path: str, fermi_energy_known: bool) -> Any:
    file = Path(path).expanduser()
    if not file.is_file():
        raise InputError(f"there is no file {path}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sisl warns of what these files cannot say, such as the kind of each orbital
            warnings.simplefilter("ignore" if fermi_energy_known else "error", sisl.io.MissingFermiLevelWarning)
            return sisl.get_sile(str(file)).read_hamiltonian()
    except sisl.io.MissingFermiLevelWarning:
        raise InputError(f"{path} does not contain its Fermi energy; give fermi_energy_eV.") from None
    except Exception as error:  # sisl's readers raise anything on a malformed file
        raise InputError(f"cannot read H and S from {path}: {type(error).__name__}: {error}.") from None


def _place(electrode: Floats, device: Floats, cell: Floats, sign: int) -> tuple[Integers, Integers] | None:
    """The device's atoms at the electrode's places, and their transverse cells; None where they are not its outermost atoms."""
    outermost = int(np.argmax(sign * electrode[:, 2]))
    inverse = np.linalg.pinv(cell[:, :2])
    for candidate in np.flatnonzero(sign * device[:, 2] > (sign * device[:, 2]).max() - POSITION_A):
        places = electrode - electrode[outermost] + device[candidate]
        vectors = device[None] - places[:, None]
        fractions = np.round(vectors[..., :2] @ inverse)
        vectors[..., :2] -= fractions @ cell[:, :2]
        distance = np.linalg.norm(vectors, axis=-1)
        nearest = distance.argmin(axis=1)
        rows = np.arange(len(electrode))
        if distance[rows, nearest].max() < POSITION_A and np.unique(nearest).size == len(nearest):
            return nearest.astype(np.int64), fractions[rows, nearest].astype(np.int64)
    return None


def _with_leads(matrix: csr_array, left: NDArray[Any], right: NDArray[Any]) -> csr_array:
    """The matrix with the leads' blocks at its ends."""
    n, a, b = matrix.shape[0], len(left), len(right)
    row, column = matrix.nonzero()
    values = matrix[row, column]
    kept = ~(((row < a) & (column < a)) | ((row >= n - b) & (column >= n - b)))
    rows: list[Any] = [row[kept]]
    columns: list[Any] = [column[kept]]
    parts: list[Any] = [values[kept]]
    for block, offset in ((left, 0), (right, n - b)):
        i, j = block.nonzero()
        rows.append(i + offset)
        columns.append(j + offset)
        parts.append(block[i, j])
    return csr_array((np.concatenate(parts), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
