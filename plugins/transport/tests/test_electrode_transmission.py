"""A clean wire transmits the channels of its leads, whatever its unit cell, its first layer, and the rounding of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, fcc100, fcc110, nanotube
from ase.io import write
from click.testing import CliRunner
from scipy.sparse import csr_array
from sharvin.cli import cli
from sharvin.devices.lead_channels import channels
from sharvin.junction import Junction
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

SOLVER = RecursiveGreen(RecursiveGreenOptions())
ALLOY = SlaterKoster(SlaterKosterOptions(table="ptbp", fermi_energy_eV=-5.0))
HYDROGEN = SlaterKoster(SlaterKosterOptions())
ENERGIES = np.array([-1.5, -0.8, -0.3, 0.013, 0.4, 1.1])
BOND = 1.6


def transmission(atoms: Atoms) -> np.ndarray:
    return SOLVER.transmission([ALLOY.two_terminal(Junction.detect(atoms, ALLOY.range_A(atoms.numbers)))], ENERGIES)[0]


def one_orbital(junction: Junction) -> TwoTerminal:
    """A junction with one s orbital per atom and a hopping of −1 eV between neighbours."""
    junction, left, right = junction.electrodes()

    def hopping(positions: np.ndarray, shift: float = 0.0) -> np.ndarray:
        r = np.linalg.norm(positions[None] + [0.0, 0.0, shift] - positions[:, None], axis=-1)
        return np.where((r < BOND) & (r > 1e-6), -1.0, 0.0)

    leads = [
        Lead(hopping(e.positions), hopping(e.positions, e.period_A), np.eye(n), np.zeros((n, n)))
        for e, n in ((left, len(left.numbers)), (right, len(right.numbers)))
    ]
    positions = junction.atoms.positions
    inside = np.setdiff1d(np.arange(len(positions)), np.concatenate([junction.left, junction.right]))
    inside = inside[np.argsort(positions[inside, 2])]
    placed = [left.place(positions[junction.left]), positions[inside], right.place(positions[junction.right])]
    H = hopping(np.concatenate(placed))
    return TwoTerminal(csr_array(H), csr_array(np.eye(len(H))), *leads)


@pytest.mark.parametrize("start", [0, 1, 2])
def test_an_alloy_chain_has_the_channels_of_its_whole_cell(start: int) -> None:
    chain = Atoms("AuAgAgAu" * 10, positions=[[20, 20, 2.7 * k] for k in range(40)])[start:]
    chain = chain[np.random.default_rng(start).permutation(len(chain))]
    assert transmission(chain) == pytest.approx([0, 1, 0, 1, 1, 0], abs=1e-9)


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_a_nanotube_has_the_channels_of_its_cell_from_whatever_ring_it_begins(start: int) -> None:
    tube = nanotube(6, 0, length=8)
    rings = np.unique(np.round(tube.positions[:, 2], 3))
    tube = tube[tube.positions[:, 2] > rings[start] - 0.01]
    tube.pbc = False
    system = one_orbital(Junction.detect(tube, BOND))
    energies = np.array([-0.5, 0.2, 0.7, 1.02])
    cell = nanotube(6, 0, length=1)
    r = [np.linalg.norm(cell.positions[None] + [0, 0, m * 4.26] - cell.positions[:, None], axis=-1) for m in (-1, 0, 1)]
    t = [np.where((d < BOND) & (d > 1e-6), -1.0, 0.0) for d in r]
    bands = np.array(
        [np.linalg.eigvalsh(t[1] + np.exp(1j * k) * t[2] + np.exp(-1j * k) * t[0]) for k in np.linspace(0, np.pi, 801)]
    )
    channels = [int((np.diff(np.sign(bands - energy), axis=0) != 0).sum()) for energy in energies]
    assert SOLVER.transmission([system], energies)[0] == pytest.approx(channels, abs=1e-8)
    assert channels[:3] == [2, 2, 2]


def test_rounded_coordinates_keep_the_mirror_symmetry_of_a_contact_and_move_its_transmission_by_little() -> None:
    chain = Atoms("AuAgAgAu" * 8, positions=[[20, 20, 2.70831 * k] for k in range(32)])
    chain.positions[14:18, 0] += [0.31, -0.27, 0.14, 0.22]
    rounded, mirrored = chain.copy(), chain.copy()
    rounded.positions = np.round(rounded.positions, 4)
    mirrored.positions = rounded.positions * [1.0, 1.0, -1.0]
    found = transmission(rounded)
    assert found == pytest.approx(transmission(mirrored), abs=1e-9)
    assert found == pytest.approx(transmission(chain), abs=1e-3)


CRYSTALS = {"bcc100": (bcc100, 18), "fcc110": (fcc110, 18), "fcc100": (fcc100, 12)}


@pytest.mark.filterwarnings("ignore::sharvin.errors.PhysicsWarning")  # of small cells
@pytest.mark.parametrize("crystal", CRYSTALS)
def test_layers_in_the_order_of_a_file_transmit_the_bands_of_the_crystal(crystal: str, tmp_path: Path) -> None:
    """H00 of two equal atoms is the same in both orders; the lead has one of them, the file another."""
    build, layers = CRYSTALS[crystal]
    slab = build("H", (1, 2, layers), a=2.6)
    atoms = Atoms(slab.symbols, positions=slab.positions, cell=[*slab.cell[:2], [0, 0, 120]], pbc=[True, True, False])
    write(tmp_path / "slab.extxyz", atoms)
    done = CliRunner().invoke(cli, ["transmission", str(tmp_path / "slab.extxyz")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    T = np.loadtxt(tmp_path / "slab-transmission.csv", delimiter=",", skiprows=1)[1]
    system = HYDROGEN.two_terminal(Junction.detect(atoms, HYDROGEN.range_A(atoms.numbers)))
    bands = channels(system.left, [system.fermi_energy_eV])[0]
    assert bands > 0 and pytest.approx(bands, abs=1e-5) == T
