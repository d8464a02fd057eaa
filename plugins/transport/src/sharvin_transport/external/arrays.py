"""The Hamiltonian `arrays`: H and S from an HDF5 file that any program can write (:mod:`sharvin.devices.two_terminal_file`)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ase import Atoms
from sharvin.devices.two_terminal_file import Device, TwoTerminalFile

from sharvin_transport.external.configs import ArraysOptions
from sharvin_transport.external.file_hamiltonian import FileHamiltonian


class Arrays(FileHamiltonian):
    """H and S of devices from an HDF5 file.

    Parameters
    ----------
    options : ArraysOptions
    """

    def __init__(self, options: ArraysOptions) -> None:
        self.options = options
        self.path = options.file
        self.tolerance_A = options.tolerance_A
        self.file = TwoTerminalFile(Path(options.file).expanduser())

    def __len__(self) -> int:
        """Number of devices in the file, whatever may be wrong with one of them."""
        return len(self.file)

    @cached_property
    def _atoms(self) -> list[Atoms | None]:
        return [self.file.atoms(number) for number in range(len(self.file))]

    def stored_atoms(self) -> list[Atoms | None]:
        """Atoms of each device, None where the file does not name them."""
        return self._atoms

    def device(self, number: int) -> Device:
        """One device; leads that devices share are one object."""
        return self.file.device(number)
