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

Leads that several devices share are stored once and linked.
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
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from sharvin.atomic import atomically
from sharvin.device_checks import check_device
from sharvin.errors import InputError
from sharvin.layer_checks import check_layers
from sharvin.two_terminal import Lead, Sample, Supercell, TwoTerminal

FORMAT = "sharvin-two-terminal"
VERSION = 1
_LAYER_EV = 1e-8


@dataclass(frozen=True, eq=False)
class Device:
    """One device as a file holds it.

    Parameters
    ----------
    samples : sequence of (weight, TwoTerminal)
        Its transverse k-points; one of weight 1 where there is no sampling.
    atoms : ase.Atoms, optional
        Those that the devices' `atom` numbers, where they have it.
    """

    samples: Sequence[Sample]
    atoms: Atoms | None = None

    def __post_init__(self) -> None:
        weights = [weight for weight, _ in self.samples]
        if not weights or abs(sum(weights) - 1.0) > 1e-9:
            raise InputError(f"the weights of a device's k-points must sum to 1, not {sum(weights):g}.")
        atom = self.samples[0][1].atom
        if atom is not None and self.atoms is not None and np.max(atom) >= len(self.atoms):
            raise InputError(f"an orbital belongs to atom {np.max(atom)}, but the device has {len(self.atoms)} atoms.")


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
            for number, device in enumerate(devices):
                plain = Device([(1.0, device)]) if isinstance(device, TwoTerminal) else device
                _write_device(group.create_group(str(number)), plain, leads)

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
    """Whether a file is of this format."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return bool(file.attrs.get("format") == FORMAT)


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
            if file.attrs.get("format") != FORMAT or "devices" not in file:
                raise InputError(f'{path} is no file of H and S: it needs the attribute format = "{FORMAT}" and a group devices.')
            if file.attrs.get("version") != VERSION:
                raise InputError(f"{path} is of version {file.attrs.get('version')}; this sharvin reads version {VERSION}.")
            if file.attrs.get("units") != "eV":
                raise InputError(f'{path} must say units = "eV", not {file.attrs.get("units")!r}; convert its energies.')
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
        with self._opened() as file:
            return _read_atoms(file["devices"][str(number)])

    def device(self, number: int) -> Device:
        """One device.

        Raises
        ------
        InputError
            If something is missing or H and S are not those of a device.
        """
        with self._opened() as file:
            group = file["devices"][str(number)]
            try:
                atom = group["orbital_atom"][()].astype(np.int64) if "orbital_atom" in group else None
                if "k_points" in group:
                    points = [group["k_points"][str(k)] for k in range(len(group["k_points"]))]
                    samples = [(float(point.attrs["weight"]), self._system(point, atom)) for point in points]
                else:
                    samples = [(1.0, self._system(group, atom))]
                return Device(samples, _read_atoms(group))
            except InputError as error:
                raise InputError(f"{self.path}, device {number}: {error}") from None
            except KeyError as error:
                raise InputError(f"{self.path}, device {number}, is not complete: {error.args[0]}.") from None

    def _system(self, group: h5py.Group, atom: NDArray[np.int64] | None) -> TwoTerminal:
        H = _read_matrix(group["H"])
        S = _read_matrix(group["S"]) if "S" in group else csr_array(eye_array(H.shape[0], format="csr"))
        system = TwoTerminal(
            H, S, self._lead(group["left"]), self._lead(group["right"]), float(group.attrs["fermi_energy"]), atom
        )
        check_device(system)
        check_layers(system, _LAYER_EV)
        return system

    def _lead(self, group: h5py.Group) -> Lead:
        address = int(h5py.h5o.get_info(group.id).addr)
        if address not in self._leads:
            blocks = [group["H00"][()], group["H01"][()]]
            missing = [np.eye(len(blocks[0])), np.zeros(blocks[0].shape)]
            blocks += [group[name][()] if name in group else own for name, own in zip(("S00", "S01"), missing, strict=True)]
            if blocks[0].ndim != 2 or any(block.shape != (len(blocks[0]),) * 2 for block in blocks):
                raise InputError(f"the blocks of a lead must be square and of one size, not {[b.shape for b in blocks]}.")
            supercell = Supercell(group["supercell"][()].astype(np.int64)) if "supercell" in group else None
            self._leads[address] = Lead(blocks[0], blocks[1], blocks[2], blocks[3], supercell)
        return self._leads[address]

    @contextmanager
    def _opened(self) -> Iterator[h5py.File]:
        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except FileNotFoundError:
            raise InputError(f"there is no file {self.path}.") from None
        except (OSError, RuntimeError) as error:
            raise InputError(f"cannot read {self.path} as HDF5: {error}.") from None


def _write_device(group: h5py.Group, device: Device, leads: dict[str, h5py.Group]) -> None:
    if len(device.samples) == 1:
        _write_system(group, device.samples[0][1], leads)
    else:
        for k, (weight, system) in enumerate(device.samples):
            point = group.create_group(f"k_points/{k}")
            point.attrs["weight"] = weight
            _write_system(point, system, leads)
    atom = device.samples[0][1].atom
    if atom is not None:
        group["orbital_atom"] = np.asarray(atom, dtype=np.int64)
    if device.atoms is not None:
        atoms = group.create_group("atoms")
        atoms["numbers"] = device.atoms.numbers
        atoms["positions"] = device.atoms.positions
        atoms["cell"] = device.atoms.cell.array
        atoms["pbc"] = device.atoms.pbc


def _write_system(group: h5py.Group, system: TwoTerminal, leads: dict[str, h5py.Group]) -> None:
    group.attrs["fermi_energy"] = system.fermi_energy
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


def _read_matrix(node: h5py.Group | h5py.Dataset) -> csr_array:
    if isinstance(node, h5py.Dataset):
        dense: NDArray[Any] = node[()]
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise InputError(f"{node.name} must be a square matrix, not of shape {dense.shape}.")
        return csr_array(dense)
    n = len(node["indptr"]) - 1
    try:
        matrix = csr_array((node["data"][()], node["indices"][()], node["indptr"][()]), shape=(n, n))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"{node.name} is no CSR matrix of {n} rows and columns: {error}.") from None
    return matrix


def _read_atoms(group: h5py.Group) -> Atoms | None:
    if "atoms" not in group:
        return None
    node = group["atoms"]
    try:
        return Atoms(node["numbers"][()], positions=node["positions"][()], cell=node["cell"][()], pbc=node["pbc"][()])
    except (KeyError, ValueError) as error:
        raise InputError(f"{group.name}/atoms needs numbers, positions, cell and pbc: {error}.") from None
