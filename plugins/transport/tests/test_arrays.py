"""H and S from a file transmit like the system they were written from, and belong to the junction that has their atoms."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms
from click.testing import CliRunner
from sharvin.cli import cli
from sharvin.devices.two_terminal_file import Device, write_two_terminal
from sharvin.errors import InputError, ItemError
from sharvin.junction import Junction
from sharvin.protocols import SampledHamiltonian, StoredHamiltonian
from sharvin.registry import create
from sharvin.testing import systems
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

HOPPING = SlaterKoster(SlaterKosterOptions())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Junction]]:
    """Chains of gold with one atom at two places, as `slater_koster` gives them."""
    path = tmp_path_factory.mktemp("arrays") / "chains.h5"
    junctions, devices = [], []
    for shift in (0.0, 1.2):
        atoms = Atoms("Au14", positions=[[0, 0, 2.9 * i] for i in range(14)])
        atoms.positions[7, 0] += shift
        junction = Junction.detect(atoms, HOPPING.range_A(atoms.numbers))
        system = HOPPING.two_terminal(junction)
        junctions.append(junction)
        devices.append(Device([(1.0, system)], atoms))
    write_two_terminal(path, devices)
    return path, junctions


@pytest.mark.parametrize("solver", ["rgf", "dense", "sisl"])
def test_a_stored_junction_transmits_like_the_one_it_was_written_from(stored: tuple[Path, list[Junction]], solver: str) -> None:
    path, junctions = stored
    hamiltonian = create("hamiltonians", "arrays", file=str(path))
    assert isinstance(hamiltonian, StoredHamiltonian) and isinstance(hamiltonian, SampledHamiltonian)
    energies = np.array([-0.1, 0.0])
    found = create("transport", solver).transmission([hamiltonian.two_terminal(j) for j in junctions], energies)
    expected = create("transport", solver).transmission([HOPPING.two_terminal(j) for j in junctions], energies)
    assert np.array_equal(found, expected) and found[0, 1] == pytest.approx(1.0, abs=1e-6) and found[1, 0] < 0.998


def test_a_junction_is_known_by_its_atoms_in_any_order(stored: tuple[Path, list[Junction]]) -> None:
    path, junctions = stored
    hamiltonian = create("hamiltonians", "arrays", file=str(path))
    junction = junctions[1]
    shuffled = junction.atoms[np.random.default_rng(1).permutation(14)]
    shuffled.positions += 0.004
    found = hamiltonian.two_terminal(Junction.detect(shuffled, hamiltonian.range_A(shuffled.numbers)))
    assert np.array_equal(found.H.toarray(), HOPPING.two_terminal(junction).H.toarray())
    assert 0 < HOPPING.range_A(np.array([79])) - hamiltonian.range_A(np.array([79])) < 2.9


def test_another_junction_is_refused(stored: tuple[Path, list[Junction]], tmp_path: Path) -> None:
    path, junctions = stored
    hamiltonian = create("hamiltonians", "arrays", file=str(path))
    moved = junctions[0].atoms.copy()
    moved.positions[6, 1] += 0.2
    with pytest.raises(ItemError, match=r"no device at these positions: .* device 0, lies 0\.20 Å away"):
        hamiltonian.two_terminal(junctions[0].with_positions(moved))
    silver = junctions[0].atoms.copy()
    silver.numbers[7] = 47
    with pytest.raises(InputError, match=r"no device for a junction of Au7AgAu6; its devices have Au14"):
        hamiltonian.two_terminal(Junction.detect(silver, 7.0))
    with pytest.raises(InputError, match="bands need another Hamiltonian"):
        hamiltonian.bloch(silver)
    write_two_terminal(tmp_path / "bare.h5", [systems.chain([0.5])])
    bare = create("hamiltonians", "arrays", file=str(tmp_path / "bare.h5"))
    with pytest.raises(InputError, match="it must name its atoms"):
        bare.range_A(silver.numbers)


def test_transmission_on_the_command_line_takes_the_file_alone(tmp_path: Path) -> None:
    written = [systems.chain([0.0, onsite, 0.0]) for onsite in (0.0, 0.8, 1.6)]
    file = tmp_path / "chains.h5"
    write_two_terminal(file, [*written, Device([(0.25, written[0]), (0.75, written[2])])])
    done = CliRunner().invoke(cli, ["transmission", str(file), "--energies", "-0.5,0.3", "--frames", "1:"])
    assert done.exit_code == 0, done.output
    with (tmp_path / "chains-transmission.csv").open() as stream:
        rows = np.array(list(csv.reader(stream))[1:], dtype=float)
    T = RecursiveGreen(RecursiveGreenOptions()).transmission(written, np.array([-0.5, 0.3]))
    assert np.allclose(rows[:, 1:].T, [T[1], T[2], 0.25 * T[0] + 0.75 * T[2]], rtol=0, atol=1e-14)
    refused = CliRunner().invoke(cli, ["transmission", str(file), "--frames", "9"])
    assert isinstance(refused.exception, InputError) and "has no frame 9: it has 4 frames, numbered 0 to 3" in str(
        refused.exception
    )


def test_what_is_wrong_in_a_file_is_said_once_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.h5"
    write_two_terminal(file, [systems.chain([0.5]), systems.chain([0.5])])
    with h5py.File(file, "r+") as opened:
        opened["devices/1/atoms/numbers"] = np.ones(3)
    done = CliRunner().invoke(cli, ["transmission", str(file)], catch_exceptions=False)
    assert done.exit_code == 0 and f"left out: frame 1: {file}, device 1: /devices/1/atoms has no positions" in done.output
    with h5py.File(file, "r+") as opened:
        opened.move("devices/0/left/S00", "devices/0/left/s00")
    refused = CliRunner().invoke(cli, ["transmission", str(file)]).exception
    assert isinstance(refused, InputError) and str(refused).startswith(f"{file}, device 0: /devices/0/left has 's00'")
    assert str(refused).count("mine.h5") == 1
    with h5py.File(file, "r+") as opened:
        del opened.attrs["format"]
    refused = CliRunner().invoke(cli, ["transmission", str(file)]).exception
    assert isinstance(refused, InputError) and 'format = "sharvin-two-terminal"' in str(refused)


def test_observables_need_a_device_whose_orbitals_have_atoms(stored: tuple[Path, list[Junction]], tmp_path: Path) -> None:
    prefix = ["--observables", "--out", str(tmp_path / "seen")]
    done = CliRunner().invoke(cli, ["transmission", str(stored[0]), *prefix], catch_exceptions=False)
    assert done.exit_code == 0 and len(list(tmp_path.glob("seen*"))) >= 3
    bare = [systems.chain([0.5]), Device([(0.5, systems.chain([0.5])), (0.5, systems.chain([0.1]))])]
    write_two_terminal(tmp_path / "bare.h5", bare)
    for number in (0, 1):
        refused = CliRunner().invoke(cli, ["transmission", str(tmp_path / "bare.h5"), "--frames", str(number), *prefix])
        assert isinstance(refused.exception, InputError) and "does not say which atoms" in str(refused.exception)


def test_a_contact_with_a_periodic_electrode_survives_the_file(contact: Callable[..., Atoms], tmp_path: Path) -> None:
    atoms = contact(seed=2)
    junction = Junction.detect(atoms, HOPPING.range_A(atoms.numbers))
    system = HOPPING.two_terminal(junction)
    write_two_terminal(tmp_path / "contact.h5", [Device([(1.0, system)], atoms)])
    read = create("hamiltonians", "arrays", file=str(tmp_path / "contact.h5")).two_terminal(junction)
    assert read.left.supercell is not None and read.left is read.right
    rgf = RecursiveGreen(RecursiveGreenOptions())
    matrices = replace(system, H=system.H, S=system.S)
    stored, own, by_pairs = (rgf.transmission([one], np.zeros(1)) for one in (read, matrices, system))
    assert np.array_equal(stored, own)
    assert np.allclose(by_pairs, own, rtol=0, atol=1e-10)  # pairs of atoms are put into blocks in another order than a matrix is
