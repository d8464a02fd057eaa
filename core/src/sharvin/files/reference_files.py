"""Files of structures with reference energies and forces: extended xyz and whatever else ASE reads with both.

Units cannot be known from a file. What is read is taken to be in eV and Å, and refused where it cannot be.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import ase.io
import numpy as np
from ase.io.formats import UnknownFileTypeError

from sharvin.errors import InputError
from sharvin.files.input_data import Units, is_input_data, read_input_data
from sharvin.files.opened_files import reading, require_file
from sharvin.reference_data import ReferenceData

if TYPE_CHECKING:
    from ase import Atoms

LARGEST_SPREAD_EV_PER_ATOM = 100.0
"""Energies per atom of one composition differ by less, unless they are in several units or from several references."""
LARGEST_FORCE_EV_PER_A = 1000.0
"""No atom of a structure that a potential is trained on feels more."""
SAME_EV_PER_ATOM = 0.001
"""Energies of one structure that occurs twice differ by less."""


def read_reference_data(path: Path, units: Units = "metal") -> ReferenceData:
    """Structures with energies (eV) and forces (eV/Å) from a file.

    The group of a structure is ``group``, or else ``config_type``, of its comment line.

    Parameters
    ----------
    path : Path
        Extended xyz, a trajectory of ASE or another file that ASE reads with energies and forces; or n2p2's ``input.data``.
    units : "metal" or "atomic"
        Of an ``input.data``, which does not say them: eV and Å, or Hartree and Bohr.

    Raises
    ------
    InputError
        If the file cannot be read; a structure has no energy or no forces; energies per atom of equal compositions lie so far
        apart, or forces are so large, that units must be mixed; or one structure occurs with two energies.
    """
    path = Path(path).expanduser()
    require_file(path)
    if units != "metal" and not is_input_data(path):
        raise InputError(f"{path} is read in eV and Å; units {units} are for a file input.data only.")
    data = read_input_data(path, units) if is_input_data(path) else _read_by_ase(path)
    if not len(data):
        raise InputError(f"{path} holds no structure.")
    _check_energies(data, path)
    _check_forces(data, path)
    _check_twins(data, path)
    return data


def _read_by_ase(path: Path) -> ReferenceData:
    try:
        with reading(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers warn of what they ignore
            read = ase.io.read(path, index=":", do_not_split_by_at_sign=True)
    except UnknownFileTypeError:
        raise InputError(f"the format of {path} is not known; an extended xyz file ends in .extxyz or .xyz.") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"cannot read {path} ({type(error).__name__}: {reason}); is it whole?") from None
    structures: list[Atoms] = read if isinstance(read, list) else [read]
    for number, atoms in enumerate(structures):
        if not len(atoms):
            raise InputError(f"frame {number} of {path} has no atoms.")
        if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
            raise InputError(f"frame {number} of {path} has positions or a cell that are not finite numbers.")
        results = {} if atoms.calc is None else atoms.calc.results
        for name in ("energy", "forces"):
            if results.get(name) is not None and not np.isfinite(results[name]).all():
                raise InputError(f"frame {number} of {path} has {name} that are no finite numbers.")
    return ReferenceData.from_atoms(structures, f"{path}: frame")


def _check_energies(data: ReferenceData, path: Path) -> None:
    """Energies per atom of structures with the same shares of elements lie close to each other."""
    of_composition: dict[tuple[tuple[int, float], ...], list[int]] = {}
    for number, structure in enumerate(data):
        elements, counts = np.unique(structure.atoms.numbers, return_counts=True)
        shares = tuple((int(z), round(float(n) / len(structure), 6)) for z, n in zip(elements, counts, strict=True))
        of_composition.setdefault(shares, []).append(number)
    for members in of_composition.values():
        energies = np.array([data[number].energy_eV_per_atom for number in members])
        low, high = int(energies.argmin()), int(energies.argmax())
        if energies[high] - energies[low] > LARGEST_SPREAD_EV_PER_ATOM:
            raise InputError(
                f"{path}: frames {members[low]} and {members[high]} have the same composition and energies of "
                f"{energies[low]:.6g} and {energies[high]:.6g} eV per atom, {energies[high] - energies[low]:.3g} eV apart; units "
                "or zeros of energy are mixed. Give all energies of whole structures in eV, from one method."
            )


def _check_forces(data: ReferenceData, path: Path) -> None:
    largest = np.array([np.abs(structure.forces_eV_per_A).max() for structure in data])
    worst = int(largest.argmax())
    if largest[worst] > LARGEST_FORCE_EV_PER_A:
        raise InputError(
            f"{path}: frame {worst} has a force of {largest[worst]:.4g} eV/Å, which no structure of a training set has; give "
            "forces in eV/Å, or leave the frame out."
        )
    energies = np.array([structure.energy_eV_per_atom for structure in data])
    if len(data) > 1 and not largest.any() and np.ptp(energies) > SAME_EV_PER_ATOM:
        raise InputError(f"{path}: all forces are zero although the energies differ; the file does not hold the forces.")


def _check_twins(data: ReferenceData, path: Path) -> None:
    """A structure that occurs twice has one energy and one set of forces."""
    seen: dict[bytes, int] = {}
    for number, structure in enumerate(data):
        atoms = structure.atoms
        key = b"".join(a.tobytes() for a in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc))
        first = seen.setdefault(key, number)
        other = data[first]
        apart = abs(structure.energy_eV_per_atom - other.energy_eV_per_atom)
        if apart > SAME_EV_PER_ATOM or not np.allclose(structure.forces_eV_per_A, other.forces_eV_per_A, atol=0.01):
            raise InputError(
                f"{path}: frames {first} and {number} are the same structure with different energies or forces "
                f"({other.energy_eV:.8g} and {structure.energy_eV:.8g} eV); keep the one that is right."
            )
