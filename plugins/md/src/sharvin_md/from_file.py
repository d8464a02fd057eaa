"""Structures from files: one, with electrodes marked by its layers, or a set of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.electrodes.wire_checks import check_distances
from sharvin.errors import InputError
from sharvin.files.structure_files import read_structures

from sharvin_md.configs import FromFileOptions, SetFromFileOptions


class FromFile:
    """Structure ``from_file``.

    Parameters
    ----------
    options : FromFileOptions
    """

    def __init__(self, options: FromFileOptions) -> None:
        self.options = options

    def build(self, rng: np.random.Generator) -> Atoms:
        """The structure, the same for any generator.

        Raises
        ------
        InputError
            If the file cannot be read, does not say its elements, or does not have the layers asked for.
        """
        atoms = self._read()
        options = self.options
        if options.electrode_layers is None:
            atoms.set_array("electrode", _array(atoms, "electrode", np.int8))
            atoms.set_array("rigid", _array(atoms, "rigid", np.bool_))
            return atoms
        marked = [name for name in ("electrode", "rigid") if name in atoms.arrays]
        if marked:
            raise InputError(f"{options.path} already has an array {marked[0]!r}; remove it or electrode_layers.")
        check_distances(atoms)
        layer = layers_along_z(atoms.positions[:, 2], options.layer_tolerance_A)
        count, wanted = int(layer.max()) + 1, options.electrode_layers
        if 2 * wanted > count:
            across = [int(layers_along_z(atoms.positions[:, axis], options.layer_tolerance_A).max()) + 1 for axis in (0, 1)]
            axis = int(np.argmax(across))
            name, few = "xy"[axis], f"{count} layers" if count > 1 else "1 layer"
            turn = f"; the wire seems to lie along {name} ({across[axis]} layers): exchange {name} and z in the file"
            raise InputError(
                f"{options.path} has {few} along z, too few for two electrodes of {wanted} layers"
                f"{turn if across[axis] >= 2 * wanted else ''}."
            )
        rigid = options.rigid_layers if options.rigid_layers is not None else max(1, wanted - 1)
        sides = np.where(layer < wanted, -1, np.where(layer >= count - wanted, 1, 0)).astype(np.int8)
        atoms.set_array("electrode", sides)
        atoms.set_array("rigid", np.minimum(layer, count - 1 - layer) < rigid)
        return atoms

    def _read(self) -> Atoms:
        options = self.options
        path = Path(options.path).expanduser()
        atoms = next(read_structures(path, str(options.index), options.species or (), options.format))
        if options.pbc is not None:
            atoms.pbc = options.pbc
        return atoms


class SetFromFile:
    """Structure set ``set_from_file``: the frames of a file, in their order, for training.

    Parameters
    ----------
    options : SetFromFileOptions
    """

    def __init__(self, options: SetFromFileOptions) -> None:
        self.options = options

    def build(self, rng: np.random.Generator) -> Atoms:
        """The first of them."""
        return self.build_all(rng)[0]

    def build_all(self, rng: np.random.Generator) -> list[Atoms]:
        """All frames, the same for any generator, with their arrays; those that name no group are of one named after the file.

        Raises
        ------
        InputError
            If the file cannot be read, has no such frame, or does not say its elements.
        """
        options = self.options
        path = Path(options.path).expanduser()
        found = list(read_structures(path, options.index, options.species or (), options.format))
        if not found:
            raise InputError(f"{path} has no frame {options.index}.")
        for atoms in found:
            atoms.set_array("electrode", _array(atoms, "electrode", np.int8))
            atoms.set_array("rigid", _array(atoms, "rigid", np.bool_))
            atoms.info["group"] = str(atoms.info.get("group", path.stem))
        return found


def layers_along_z(z: NDArray[np.float64], tolerance_A: float) -> NDArray[np.int64]:
    """Layer of each atom, counted from low z; a gap above the tolerance begins a new layer."""
    order = np.argsort(z, kind="stable")
    layer = np.empty(len(z), dtype=np.int64)
    layer[order] = np.concatenate([[0], np.cumsum(np.diff(z[order]) > tolerance_A)])
    return layer


def _array(atoms: Atoms, name: str, kind: type) -> NDArray[np.generic]:
    if name not in atoms.arrays:
        return np.zeros(len(atoms), dtype=kind)
    values = atoms.arrays.pop(name)
    allowed = (-1, 0, 1) if name == "electrode" else (0, 1)
    if values.ndim != 1 or not np.isin(values, allowed).all():
        raise InputError(f"the array {name!r} of a structure file must hold one of {allowed} an atom.")
    return np.asarray(values.astype(kind))
