"""H and S of devices in an HDF5 file that any program can write: :func:`write_two_terminal`, :class:`TwoTerminalFile`.

Layout, in eV and Å, conventions of :mod:`sharvin.two_terminal`::

    /                     attributes  format = "sharvin-two-terminal", version = 1, units = "eV"
    /devices/0, 1, …      attribute   fermi_energy
        H, S              dense dataset [n, n], or group with the CSR arrays data, indices, indptr; without S orthogonal
        left, right       groups      H00, H01, S00, S01: dense datasets [m, m]; without S00 and S01 orthogonal
            supercell     optional    int [N1, N2, m/(N1 N2)], see :class:`~sharvin.two_terminal.Supercell`
        k_points/0, 1, …  instead of the above: groups of the same content, each with an attribute weight; weights sum to 1
        atoms             optional    group of numbers [a], positions [a, 3], cell [3, 3], pbc [3]
        orbital_atom      optional    int [n]: the atom of each orbital

Leads that several devices share are stored once and linked. Other names in these groups are refused, because a misspelt S would
be an orthogonal basis; what a program wants to add stands in attributes, or beside ``devices``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from sharvin.devices.device_checks import check_device
from sharvin.devices.layer_checks import check_couplings, check_layers, check_supercell
from sharvin.errors import InputError
from sharvin.files.hdf5_values import attribute, finite_number, integers, real_or_complex, sparse_matrix, square_matrix
from sharvin.runs.atomic import atomically
from sharvin.two_terminal import Lead, Supercell, TwoTerminal, WeightedDevice
from sharvin.words.suggestions import did_you_mean

FORMAT = "sharvin-two-terminal"
VERSION = 1
_LAYER_EV = 1e-8
_MATRICES = ("H", "S", "left", "right")
_WHOLE = ("atoms", "orbital_atom")
_LEAD = ("H00", "H01", "S00", "S01", "supercell")
_ATOMS = ("numbers", "positions", "cell", "pbc")


@dataclass(frozen=True, eq=False)
class Device:
    """One device as a file holds it.

    Parameters
    ----------
    at_k : sequence of (weight, TwoTerminal)
        Its transverse k-points; one of weight 1 where there is no sampling.
    atoms : ase.Atoms, optional
        Those that the devices' `atom` numbers, where they have it.
    """

    at_k: Sequence[WeightedDevice]
    atoms: Atoms | None = None

    def __post_init__(self) -> None:
        weights = [weight for weight, _ in self.at_k]
        if not weights or min(weights) < 0 or not abs(sum(weights) - 1.0) <= 1e-9:
            raise InputError(f"the weights of a device's k-points must be positive and must sum to 1, not {sum(weights):g}.")
        atom = self.at_k[0][1].atom
        if atom is not None and self.atoms is not None and np.max(atom) >= len(self.atoms):
            raise InputError(
                f"an orbital belongs to atom {np.max(atom)}, but the device has {len(self.atoms)} atoms, counted from 0."
            )


def write_two_terminal(path: Path, devices: Iterable[TwoTerminal | Device]) -> None:
    """Write devices, bit for bit, into one file, which is replaced as a whole.

    Parameters
    ----------
    path : Path
    devices : iterable of TwoTerminal or Device
    """

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file:
            file.attrs.update({"format": FORMAT, "version": VERSION, "units": "eV"})
            group = file.create_group("devices")
            leads: dict[str, h5py.Group] = {}
            for index, device in enumerate(devices):
                plain = Device([(1.0, device)]) if isinstance(device, TwoTerminal) else device
                _write_device(group.create_group(str(index)), plain, leads)

    atomically(Path(path), write)


def read_two_terminal(path: Path) -> list[Device]:
    """All devices of a file; :class:`TwoTerminalFile` reads them one by one.

    Raises
    ------
    InputError
        If the file is missing, unreadable or not of the documented layout, or H and S are not those of a device: which
        device, and what is wrong.
    """
    return list(TwoTerminalFile(path))


def is_two_terminal_file(path: Path) -> bool:
    """Whether a file is of this format.

    Raises
    ------
    InputError
        If it is an HDF5 file that cannot be opened, because it was cut off for example.
    """
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return bool(attribute(file, "format") == FORMAT)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} is a damaged or incomplete HDF5 file: {error}.") from None


class TwoTerminalFile:
    """Devices of a file, read when they are asked for; a lead that devices share is one object.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If the file is missing, unreadable or not of the documented layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._leads: dict[int, Lead] = {}
        with self._opened() as file:
            if attribute(file, "format") != FORMAT or not isinstance(file.get("devices"), h5py.Group):
                raise InputError(f'{path} is no file of H and S: it needs the attribute format = "{FORMAT}" and a group devices.')
            if (version := attribute(file, "version")) not in (VERSION, str(VERSION)):
                raise InputError(f"{path} is of version {version}; this sharvin reads version {VERSION}.")
            if (units := attribute(file, "units")) != "eV":
                raise InputError(f'{path} must say units = "eV", not {units!r}; convert its energies.')
            names = list(file["devices"])
            if not names or set(names) != {str(number) for number in range(len(names))}:
                raise InputError(f"the devices of {path} must be numbered 0, 1, …; it has {', '.join(sorted(names)) or 'none'}.")
            self._count = len(names)

    def __len__(self) -> int:
        """Number of devices."""
        return self._count

    def __iter__(self) -> Iterator[Device]:
        """All devices in order."""
        return (self.device(number) for number in range(len(self)))

    def atoms(self, number: int) -> Atoms | None:
        """Atoms of a device, or None where the file has none."""
        with self._opened() as file, self._named(number):
            return _read_atoms(_group(file["devices"], str(number)))

    def device(self, number: int) -> Device:
        """One device.

        Raises
        ------
        InputError
            If something is missing or H and S are not those of a device.
        """
        with self._opened() as file, self._named(number):
            group = _group(file["devices"], str(number))
            atom = integers(group["orbital_atom"]).astype(np.int64) if "orbital_atom" in group else None
            if "k_points" in group:
                _refuse_others(group, ("k_points", *_WHOLE), "a device with k_points")
                points = _group(group, "k_points")
                if set(points) != {str(k) for k in range(len(points))}:
                    raise InputError(f"{points.name} must be numbered 0, 1, …; it has {', '.join(sorted(points))}.")
                at_k = []
                for k in range(len(points)):
                    point = _group(points, str(k))
                    _refuse_others(point, _MATRICES, "a k-point")
                    at_k.append((finite_number(point, "weight"), self._system(point, atom)))
            else:
                _refuse_others(group, (*_MATRICES, *_WHOLE, "k_points"), "a device")
                at_k = [(1.0, self._system(group, atom))]
            return Device(at_k, _read_atoms(group))

    def _system(self, group: h5py.Group, atom: NDArray[np.int64] | None) -> TwoTerminal:
        H = sparse_matrix(_member(group, "H"))
        S = sparse_matrix(group["S"]) if "S" in group else csr_array(eye_array(H.shape[0], format="csr"))
        left, right = self._lead(_group(group, "left")), self._lead(_group(group, "right"))
        system = TwoTerminal(H, S, left, right, finite_number(group, "fermi_energy"), atom)
        _check_overlaps_are_there(group, system)
        check_device(system)
        check_layers(system, _LAYER_EV)
        check_couplings(system)
        for lead in {id(lead): lead for lead in (left, right)}.values():
            check_supercell(lead)
        return system

    def _lead(self, group: h5py.Group) -> Lead:
        address = int(h5py.h5o.get_info(group.id).addr)
        if address not in self._leads:
            _refuse_others(group, _LEAD, "a lead")
            H00, H01 = (square_matrix(_member(group, name)) for name in ("H00", "H01"))
            if ("S00" in group) != ("S01" in group):
                there, missing = ("S00", "S01") if "S00" in group else ("S01", "S00")
                raise InputError(f"{group.name} has {there} and no {missing}; give both, or neither for an orthogonal basis.")
            S00 = square_matrix(group["S00"]) if "S00" in group else np.eye(len(H00))
            S01 = square_matrix(group["S01"]) if "S01" in group else np.zeros(H00.shape)
            if any(block.shape != H00.shape for block in (H01, S00, S01)):
                shapes = [block.shape for block in (H00, H01, S00, S01)]
                raise InputError(f"the blocks of a lead must be square and of one size, not {shapes}.")
            supercell = Supercell(integers(group["supercell"]).astype(np.int64)) if "supercell" in group else None
            self._leads[address] = Lead(H00, H01, S00, S01, supercell)
        return self._leads[address]

    @contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """A context in which what is wrong with a device is said with the file's name and the device's number."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.path}, device {number}: {error}") from None
        except KeyError as error:
            raise InputError(f"{self.path}, device {number}, is not complete: {error.args[0]}.") from None

    @contextmanager
    def _opened(self) -> Iterator[h5py.File]:
        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except FileNotFoundError:
            raise InputError(f"there is no file {self.path}.") from None
        except (OSError, RuntimeError) as error:
            raise InputError(f"cannot read {self.path} as HDF5: {error}.") from None


def _member(group: h5py.Group, name: str) -> Any:
    if name not in group:
        raise KeyError(f"{group.name} has no {name}")
    return group[name]


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    found = _member(parent, name)
    if not isinstance(found, h5py.Group):
        raise InputError(f"{found.name} must be a group.")
    return found


def _refuse_others(group: h5py.Group, known: Sequence[str], what: str) -> None:
    """Names that are not read may be misspelt ones, and a file without S is one of an orthogonal basis."""
    for name in group:
        if name not in known:
            raise InputError(
                f"{group.name} has {name!r}{did_you_mean(name, known)}, which is not read; {what} may have {', '.join(known)}, "
                "and any attributes."
            )


def _check_overlaps_are_there(group: h5py.Group, system: TwoTerminal) -> None:
    """Overlaps that only the device has, or only a lead, are missing at the other."""
    for side, lead in (("left", system.left), ("right", system.right)):
        m, n = lead.size, system.size
        if "S00" not in group[side]:
            rows = slice(0, m) if side == "left" else slice(n - m, n)
            beyond = np.abs((system.S - eye_array(n, format="csr"))[rows].toarray()).max()
            if beyond > _LAYER_EV:
                raise InputError(
                    f"the {side} lead has no S00 and S01, but S of the device's outermost {side} principal layer differs from "
                    f"that of an orthogonal basis by up to {beyond:.2g}; give S00 and S01."
                )
        elif "S" not in group:
            beyond = max(np.abs(lead.S00 - np.eye(m)).max(), np.abs(lead.S01).max())
            if beyond > _LAYER_EV:
                raise InputError(
                    f"the device has no S, but its {side} lead has an overlap of up to {beyond:.2g} besides that of an "
                    "orthogonal basis; give the device's S."
                )


def _write_device(group: h5py.Group, device: Device, leads: dict[str, h5py.Group]) -> None:
    if len(device.at_k) == 1:
        _write_system(group, device.at_k[0][1], leads)
    else:
        for k, (weight, system) in enumerate(device.at_k):
            point = group.create_group(f"k_points/{k}")
            point.attrs["weight"] = weight
            _write_system(point, system, leads)
    atom = device.at_k[0][1].atom
    if atom is not None:
        group["orbital_atom"] = np.asarray(atom, dtype=np.int64)
    if device.atoms is not None:
        atoms = group.create_group("atoms")
        atoms["numbers"] = device.atoms.numbers
        atoms["positions"] = device.atoms.positions
        atoms["cell"] = device.atoms.cell.array
        atoms["pbc"] = device.atoms.pbc


def _write_system(group: h5py.Group, system: TwoTerminal, leads: dict[str, h5py.Group]) -> None:
    group.attrs["fermi_energy"] = system.fermi_energy_eV
    for name, matrix in (("H", system.H), ("S", system.S)):
        part = group.create_group(name)
        for array in ("data", "indices", "indptr"):
            part[array] = getattr(matrix, array)
    for side, lead in (("left", system.left), ("right", system.right)):
        symmetry = (
            b"" if lead.supercell is None else repr(lead.supercell.orbitals.shape).encode() + lead.supercell.orbitals.tobytes()
        )
        key = lead.key + symmetry.hex()
        if key not in leads:
            leads[key] = group.create_group(side)
            for name in ("H00", "H01", "S00", "S01"):
                leads[key][name] = getattr(lead, name)
            if lead.supercell is not None:
                leads[key]["supercell"] = lead.supercell.orbitals
        else:
            group[side] = leads[key]


def _read_atoms(group: h5py.Group) -> Atoms | None:
    if "atoms" not in group:
        return None
    node = _group(group, "atoms")
    if missing := [name for name in _ATOMS if name not in node]:
        raise InputError(f"{node.name} has no {' and no '.join(missing)}; it needs {', '.join(_ATOMS[:3])} and {_ATOMS[3]}.")
    numbers, positions = integers(node["numbers"]), real_or_complex(node["positions"])
    if not np.isfinite(positions).all() or np.any(numbers < 0) or np.any(numbers >= len(atomic_numbers)):
        raise InputError(f"{node.name} has positions that are not finite, or numbers that are those of no element.")
    try:
        return Atoms(numbers, positions=positions, cell=real_or_complex(node["cell"]), pbc=integers(node["pbc"]).astype(bool))
    except (ValueError, TypeError) as error:
        raise InputError(f"{node.name} needs {', '.join(_ATOMS[:3])} and {_ATOMS[3]}: {error}.") from None
