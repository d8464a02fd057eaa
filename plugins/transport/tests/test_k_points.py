"""k-points of a small cell are the states of a large one, and T averages over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from click.testing import CliRunner
from sharvin.cli import cli
from sharvin.devices.brillouin import averaged_transmission
from sharvin.devices.transmission_series import series_at_k
from sharvin.errors import InputError, PhysicsWarning
from sharvin.junction import Junction
from sharvin.protocols import SampledHamiltonian
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

RGF = RecursiveGreen(RecursiveGreenOptions())
ENERGIES = np.array([-0.7, 0.0, 0.4])


def hamiltonian(n1: int, n2: int, table: str = "ptbp", **options: float) -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions.model_validate({"table": table, "k_points": (n1, n2), **options}))


def junction(h: SlaterKoster, atoms: Atoms) -> Junction:
    return Junction.detect(atoms, h.range_A(atoms.numbers))


@pytest.mark.parametrize(("table", "n1", "n2"), [("ptbp", 3, 3), ("ptbp", 2, 2), ("nrl", 3, 3)])
def test_the_grid_of_a_cell_is_the_supercell_at_gamma(table: str, n1: int, n2: int, loosened: Callable[..., Atoms]) -> None:
    small, large = hamiltonian(n1, n2, table), hamiltonian(1, 1, table)
    at_k = small.two_terminals(junction(small, loosened()))
    system = large.two_terminal(junction(large, loosened(n1, n2)))
    assert at_k[0][1].fermi_energy_eV == pytest.approx(system.fermi_energy_eV, abs=1e-8)
    per_cell = averaged_transmission(RGF, at_k, ENERGIES)
    assert n1 * n2 * per_cell == pytest.approx(RGF.transmission([system], ENERGIES)[0], abs=1e-8)
    assert 0.1 < per_cell[1] < 0.95  # the moved layer scatters


def test_a_cell_of_another_shape_samples_the_same_zone(loosened: Callable[..., Atoms]) -> None:
    h = hamiltonian(1, 2)
    atoms = loosened(2, 1)
    at_k = h.two_terminals(junction(h, atoms))
    assert all(system.left.supercell is not None and system.left.supercell.repeats == (2, 1) for _, system in at_k)
    mixed = averaged_transmission(RGF, at_k, ENERGIES)
    small = hamiltonian(2, 2)
    plain = averaged_transmission(RGF, small.two_terminals(junction(small, loosened())), ENERGIES)
    assert mixed == pytest.approx(2 * plain, abs=1e-8)


def test_k_and_minus_k_transmit_equally_and_every_solver_agrees(loosened: Callable[..., Atoms]) -> None:
    h = hamiltonian(3, 3)
    _, system = h.two_terminals(junction(h, loosened()))[2]
    opposite = SlaterKoster(h.options)
    opposite._leads.k_points = -h.k_points
    _, other = opposite.two_terminals(junction(h, loosened()))[2]
    assert np.iscomplexobj(system.H.data) and np.abs(system.H.data.imag).max() > 0.1
    for matrix in (system.H.toarray(), system.S.toarray()):
        assert np.abs(matrix - matrix.conj().T).max() < 1e-12
    assert np.linalg.eigvalsh(system.S.toarray())[0] > 0
    T = RGF.transmission([system, other, system.reversed()], ENERGIES)
    assert T[1] == pytest.approx(T[0], abs=1e-8) and T[2] == pytest.approx(T[0], abs=1e-8)
    assert DenseGreen(DenseOptions()).transmission([system], ENERGIES)[0] == pytest.approx(T[0], abs=1e-8)


def test_the_image_in_which_an_atom_was_stored_does_not_matter(loosened: Callable[..., Atoms]) -> None:
    h = hamiltonian(3, 2)
    atoms = loosened()
    moved = atoms.copy()
    moved.positions[[1, 5, 9]] += moved.cell.array[0] - 2 * moved.cell.array[1]
    T = [averaged_transmission(RGF, h.two_terminals(junction(h, a)), ENERGIES) for a in (atoms, moved)]
    assert T[1] == pytest.approx(T[0], abs=1e-8)


def test_labels_and_the_command_line_average_over_k(tmp_path: Path, loosened: Callable[..., Atoms]) -> None:
    h = hamiltonian(2, 2)
    atoms = loosened()
    assert isinstance(h, SampledHamiltonian) and h.sampled and not hamiltonian(1, 1).sampled
    at_k = next(series_at_k(h, [junction(h, atoms)]))
    assert not isinstance(at_k, Exception) and sum(weight for weight, _ in at_k) == pytest.approx(1.0, abs=1e-15)
    ase.io.write(tmp_path / "wire.xyz", atoms)
    setting = ["--set", "hamiltonian.k_points=[2,2]", "--energies", "0.4"]
    with pytest.warns(PhysicsWarning, match="give --k-points 7x7"):
        done = CliRunner().invoke(cli, ["transmission", str(tmp_path / "wire.xyz"), *setting], catch_exceptions=False)
    assert done.exit_code == 0
    written = float((tmp_path / "wire-transmission.csv").read_text().split(",")[-1])
    assert written == pytest.approx(averaged_transmission(RGF, at_k, np.array([0.4]))[0], abs=1e-6)


def test_what_has_no_transverse_zone_is_refused(loosened: Callable[..., Atoms]) -> None:
    h = hamiltonian(1, 4)
    chain = Atoms("Au14", positions=[[0, 0, 2.9 * i] for i in range(14)])
    with pytest.raises(
        InputError, match=r"k_points \[1, 4\] divides the Brillouin zone along y, where the junction is not periodic"
    ):
        h.two_terminals(junction(h, chain))
    with pytest.raises(InputError, match="use two_terminals"):
        h.two_terminal(junction(h, loosened()))
