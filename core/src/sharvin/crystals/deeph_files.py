r"""Folders in the layout of DeepH-pack's processed data sets, as :class:`~sharvin.crystals.blocks.HamiltonianBlocks`.

A folder holds one structure: ``lat.dat`` (cell vectors in Å, one per column), ``rlat.dat`` (reciprocal ones with the factor
2π, likewise), ``site_positions.dat`` (Å, one atom per column), ``element.dat`` (atomic numbers), ``orbital_types.dat`` (for each
atom a line of the l of its shells), ``info.json``, ``R_list.dat`` (translations), and ``hamiltonians.h5`` in eV and
``overlaps.h5`` with one dataset for each pair of atoms in either direction, named ``[R1, R2, R3, i, j]``: ⟨i in the cell 0|H|j in
the cell R⟩, atoms counted from 1.

DeepH-pack's interfaces to density-functional programs bring the orbitals of a shell into the order of OpenMX: s; x, y, z;
3z²−r², x²−y², xy, xz, yz, with the signs of these polynomials. This is assumed of a folder that is read, and made in one that is
written; here the order is that of :mod:`~sharvin.crystals.orbital_basis`. Folders without spin are treated only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError
from sharvin.runs.atomic import atomically

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
HAMILTONIANS, OVERLAPS = "hamiltonians.h5", "overlaps.h5"
OPENMX_ORDER = ([0], [2, 0, 1], [2, 4, 0, 3, 1])
"""For s, p and d: of each orbital in OpenMX's order, its place in the order from m = −l to l."""


def write_deeph(folder: Path, blocks: HamiltonianBlocks, fermi_energy_eV: float = 0.0) -> None:
    """Write the blocks of a structure into a new folder.

    DeepH-pack takes every structure for periodic along its three cell vectors: along open directions let the cell be longer than
    the structure by more than the longest pair.

    Parameters
    ----------
    folder : Path
        Must be empty or not there.
    blocks : HamiltonianBlocks
    fermi_energy_eV : float
        Is noted in ``info.json``.

    Raises
    ------
    InputError
        If the folder has files, the structure lacks a cell vector, or its orbitals lie along axes of their own.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already; name a new folder for the blocks.")
    if blocks.basis.along_axes:
        raise InputError("orbitals along axes of atoms have no place in DeepH-pack's layout, whose shells are complete.")
    cell = blocks.atoms.cell.array
    if np.linalg.matrix_rank(cell) < 3:
        raise InputError("DeepH-pack's layout needs three cell vectors; give the structure one along each open direction.")

    def write(temporary: Path) -> None:
        temporary.mkdir()
        types = [blocks.basis.shells[int(number)] for number in blocks.atoms.numbers]
        np.savetxt(temporary / "lat.dat", cell.T)
        np.savetxt(temporary / "rlat.dat", 2 * np.pi * np.linalg.inv(cell))
        np.savetxt(temporary / "site_positions.dat", blocks.atoms.positions.T)
        np.savetxt(temporary / "element.dat", blocks.atoms.numbers, fmt="%d")
        np.savetxt(temporary / "R_list.dat", blocks.sparse_bloch().translations, fmt="%d")
        lines = "".join(" ".join(map(str, own)) + "\n" for own in types)
        (temporary / "orbital_types.dat").write_text(lines, encoding="utf-8")
        info = {
            "nsites": len(types),
            "isorthogonal": blocks.S is None,
            "isspinful": False,
            "norbits": int(blocks.count.sum()),
            "fermi_level": fermi_energy_eV,
        }
        (temporary / "info.json").write_text(json.dumps(info, indent=4) + "\n", encoding="utf-8")
        orders = [openmx_order(own) for own in types]
        _write_pairs(temporary / HAMILTONIANS, blocks, orders, blocks.H_onsite, blocks.H)
        if blocks.S is not None and blocks.S_onsite is not None:
            _write_pairs(temporary / OVERLAPS, blocks, orders, blocks.S_onsite, blocks.S)

    atomically(folder, write)


def read_deeph(
    folder: Path, electrons: Mapping[int, float], pbc: Sequence[bool] = (True, True, True), hamiltonians: str = HAMILTONIANS
) -> HamiltonianBlocks:
    """The blocks of a folder. Of a pair in both directions the mean is taken, so that what is made of it is Hermitian.

    Parameters
    ----------
    folder : Path
    electrons : mapping of int to float
        Valence electrons of a neutral atom by atomic number, which the folder does not tell.
    pbc : bool[3]
        Along which cell vectors the structure is periodic; the folder may have no pairs across the others.
    hamiltonians : str
        File with H: ``hamiltonians_pred.h5`` of a prediction.

    Returns
    -------
    HamiltonianBlocks
        The structure's info has the Fermi energy of ``info.json`` as ``fermi_energy_eV``, if it is there.

    Raises
    ------
    InputError
        If files are missing or do not fit each other, or H has a spin.
    """
    try:
        atoms, basis = _structure(folder, electrons, pbc)
        found = {HAMILTONIANS: _Pairs.read(folder / hamiltonians, atoms, basis)}
        if (folder / OVERLAPS).exists():
            found[OVERLAPS] = _Pairs.read(folder / OVERLAPS, atoms, basis)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} is not a complete folder in DeepH-pack's layout: {error}.") from None
    keys = sorted(set().union(*(one.hopping for one in found.values())))
    places = np.array(keys, dtype=np.int64).reshape(-1, 5)
    if (across := np.abs(places[:, 2:]).max(axis=0, initial=0) * ~np.asarray(atoms.pbc)).any():
        axis = int(np.flatnonzero(across)[0])
        raise InputError(f"{folder} has pairs of atoms across cell vector {axis + 1}; say that the structure is periodic there.")
    m = basis.largest
    H = found[HAMILTONIANS].filled(keys, m)
    S = found[OVERLAPS].filled(keys, m) if OVERLAPS in found else (None, None)
    return HamiltonianBlocks(atoms, basis, places[:, 0], places[:, 1], places[:, 2:], H[0], H[1], S[0], S[1])


def openmx_order(shells: Sequence[int]) -> Integers:
    """Places of an atom's orbitals in the order from m = −l to l, in OpenMX's order, int64[n]."""
    starts = np.cumsum([0, *(2 * order + 1 for order in shells)])
    return np.concatenate([start + np.array(OPENMX_ORDER[order]) for start, order in zip(starts[:-1], shells, strict=True)])


def _write_pairs(path: Path, blocks: HamiltonianBlocks, orders: Sequence[Integers], onsite: Floats, hopping: Floats) -> None:
    with h5py.File(path, "w") as file:
        for atom, order in enumerate(orders):
            file[f"[0, 0, 0, {atom + 1}, {atom + 1}]"] = onsite[atom][np.ix_(order, order)]
        for i, j, R, block in zip(blocks.first, blocks.second, blocks.image, hopping, strict=True):
            one = block[np.ix_(orders[i], orders[j])]
            file[f"[{R[0]}, {R[1]}, {R[2]}, {i + 1}, {j + 1}]"] = one
            file[f"[{-R[0]}, {-R[1]}, {-R[2]}, {j + 1}, {i + 1}]"] = one.T


def _structure(folder: Path, electrons: Mapping[int, float], pbc: Sequence[bool]) -> tuple[Atoms, OrbitalBasis]:
    """The structure of a folder and its basis."""
    info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    if info.get("isspinful", False):
        raise InputError(f"{folder} holds a Hamiltonian with spin; only those without are treated.")
    numbers = np.loadtxt(folder / "element.dat", dtype=np.int64, ndmin=1)
    positions = np.loadtxt(folder / "site_positions.dat", ndmin=2).T
    lines = (folder / "orbital_types.dat").read_text(encoding="utf-8").splitlines()
    types = [tuple(int(order) for order in line.split()) for line in lines if line.strip()]
    if not len(numbers) == len(positions) == len(types):
        raise InputError(
            f"{folder} has {len(numbers)} elements, {len(positions)} positions, orbitals of {len(types)} atoms; each atom must "
            "have one of all."
        )
    shells: dict[int, tuple[int, ...]] = {}
    for number, own in zip(numbers.tolist(), types, strict=True):
        if shells.setdefault(number, own) != own:
            raise InputError(f"{folder} has atoms of element {number} with different orbitals, {shells[number]} and {own}.")
    atoms = Atoms(numbers, positions=positions, cell=np.loadtxt(folder / "lat.dat").T, pbc=pbc)
    if "fermi_level" in info:
        atoms.info["fermi_energy_eV"] = float(info["fermi_level"])
    return atoms, OrbitalBasis(shells, {number: electrons[number] for number in shells if number in electrons})


class _Pairs:
    """Blocks of a file: on-site ones, and those of pairs (first, second, R) of which each stands once."""

    def __init__(self, onsite: dict[int, Floats], hopping: dict[tuple[int, ...], Floats]) -> None:
        self.onsite, self.hopping = onsite, hopping

    @classmethod
    def read(cls, path: Path, atoms: Atoms, basis: OrbitalBasis) -> _Pairs:
        """Both directions joined, orbitals from m = −l to l."""
        back = [np.argsort(openmx_order(basis.shells[int(number)])) for number in atoms.numbers]
        directed: dict[tuple[int, ...], list[Floats]] = {}
        with h5py.File(path, "r") as file:
            for name, dataset in file.items():
                *R, i, j = json.loads(name)
                block = dataset[()]
                expected = (len(back[i - 1]), len(back[j - 1]))
                if block.shape != expected or block.dtype.kind != "f":
                    raise InputError(f"the block {name} of {path} must hold {expected} real numbers, not {block.shape}.")
                block = block.astype(np.float64)[np.ix_(back[i - 1], back[j - 1])]
                ahead, behind = (i - 1, j - 1, *R), (j - 1, i - 1, *(-one for one in R))
                directed.setdefault(min(ahead, behind), []).append(block if ahead <= behind else block.T)
        onsite, hopping = {}, {}
        for key, directions in directed.items():
            mean = np.mean(directions, axis=0)
            if key[0] == key[1] and not any(key[2:]):
                onsite[key[0]] = 0.5 * (mean + mean.T)
            else:
                hopping[key] = mean
        if missing := set(range(len(atoms))) - onsite.keys():
            raise InputError(f"{path} lacks the block of atom {min(missing) + 1} with itself.")
        return cls(onsite, hopping)

    def filled(self, keys: Sequence[tuple[int, ...]], m: int) -> tuple[Floats, Floats]:
        """On-site blocks, and those of these pairs, zero where there is none, m × m each."""
        onsite, hopping = np.zeros((len(self.onsite), m, m)), np.zeros((len(keys), m, m))
        for atom, block in self.onsite.items():
            onsite[atom, : block.shape[0], : block.shape[1]] = block
        for place, key in enumerate(keys):
            if (found := self.hopping.get(key)) is not None:
                hopping[place, : found.shape[0], : found.shape[1]] = found
        return onsite, hopping
