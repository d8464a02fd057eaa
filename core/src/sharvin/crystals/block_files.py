"""Files of blocks: :class:`~sharvin.crystals.blocks.HamiltonianBlocks` of any number of structures in one HDF5 file.

The file has the attribute ``format = "sharvin-blocks"`` and one group for each structure, ``0``, ``1``, … In a group are

- ``first``, ``second``, ``image``, ``H_onsite``, ``H`` and, where the blocks have them, ``S_onsite``, ``S`` and ``axes``, with
  the shapes and units of the class; H and S may be float32, and are float64 once read;
- ``atoms``: ``cell`` float64[3, 3] in Å, ``pbc`` bool[3], and in ``arrays`` all arrays of the structure, ``numbers`` and
  ``positions`` among them;
- the attributes ``basis``, JSON of :meth:`~sharvin.crystals.orbital_basis.OrbitalBasis.description`, and ``info``, JSON of what
  the structure's info holds of texts, numbers and truth values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms

from sharvin.crystals.blocks import HamiltonianBlocks
from sharvin.crystals.orbital_basis import OrbitalBasis
from sharvin.errors import InputError
from sharvin.files.h5md import COMPRESSION
from sharvin.files.hdf5_texts import text
from sharvin.runs.atomic import atomically
from sharvin.store import opened

FORMAT = "sharvin-blocks"
_PLACES = ("first", "second", "image")
_ELEMENTS = ("H_onsite", "H", "S_onsite", "S")


def write_blocks(path: Path, blocks: Sequence[HamiltonianBlocks], single_precision: bool = False) -> None:
    """Write the blocks of structures, in their order; a file of that name is replaced once the new one is whole.

    Parameters
    ----------
    path : Path
    blocks : sequence of HamiltonianBlocks
    single_precision : bool
        Store H and S as float32, in half the space; an H of 10 eV is then rounded by up to 0.5 µeV.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    precision = np.float32 if single_precision else np.float64

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            for number, one in enumerate(blocks):
                _write_one(file.create_group(str(number)), one, precision)

    atomically(path, write)


def read_blocks(path: Path) -> list[HamiltonianBlocks]:
    """All blocks of a file, in their order.

    Raises
    ------
    InputError
        If it is an HDF5 file of something else.
    StoreError
        If the file is missing or damaged.
    """
    with opened(path) as file:
        if text(file.attrs.get("format", "")) != FORMAT:
            raise InputError(f"{path} holds no blocks of Hamiltonians; such files are written by sharvin.crystals.block_files.")
        return [_read_one(file[str(number)]) for number in range(len(file))]


def _write_one(group: h5py.Group, blocks: HamiltonianBlocks, precision: type[np.floating[Any]]) -> None:
    group.attrs["basis"] = json.dumps(blocks.basis.description())
    plain = {name: _plain(value) for name, value in blocks.atoms.info.items()}
    group.attrs["info"] = json.dumps({name: value for name, value in plain.items() if value is not None})
    atoms = group.create_group("atoms")
    _write_array(atoms, "cell", blocks.atoms.cell.array)
    _write_array(atoms, "pbc", blocks.atoms.pbc)
    arrays = atoms.create_group("arrays")
    for name, values in blocks.atoms.arrays.items():
        _write_array(arrays, name, values)
    for name in _PLACES:
        _write_array(group, name, getattr(blocks, name))
    for name in _ELEMENTS:
        if (values := getattr(blocks, name)) is not None:
            _write_array(group, name, values.astype(precision))
    if blocks.axes is not None:
        _write_array(group, "axes", blocks.axes)


def _read_one(group: h5py.Group) -> HamiltonianBlocks:
    stored = group["atoms"]
    arrays = {name: _read_array(dataset) for name, dataset in stored["arrays"].items()}
    atoms = Atoms(arrays.pop("numbers"), arrays.pop("positions"), cell=stored["cell"][()], pbc=stored["pbc"][()])
    for name, values in arrays.items():
        atoms.set_array(name, values)
    atoms.info.update(json.loads(text(group.attrs["info"])))
    basis = OrbitalBasis.described(json.loads(text(group.attrs["basis"])))
    first, second, image = (group[name][()].astype(np.int64) for name in _PLACES)
    H_onsite, H = (group[name][()].astype(np.float64) for name in ("H_onsite", "H"))
    S_onsite, S, axes = (group[name][()].astype(np.float64) if name in group else None for name in ("S_onsite", "S", "axes"))
    return HamiltonianBlocks(atoms, basis, first, second, image, H_onsite, H, S_onsite, S, axes)


def _write_array(group: h5py.Group, name: str, values: Any) -> None:
    """A dataset; texts, of which HDF5 has none of fixed width in Unicode, as UTF-8."""
    array = np.asarray(values)
    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
    group.create_dataset(name, data=array, **(COMPRESSION if array.size > 64 else {}))


def _read_array(dataset: h5py.Dataset) -> Any:
    array = dataset[()]
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


def _plain(value: Any) -> str | float | bool | None:
    """A value that JSON holds as it is, or None."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float | bool) else None
