"""Files of SIESTA give back the system that was written into them: its open channels, its scattering, its k-points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sisl
from click.testing import CliRunner
from sharvin.cli import cli
from sharvin.devices.brillouin import averaged_observables, averaged_transmission
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.protocols import StoredHamiltonian
from sharvin.registry import create
from sharvin.testing import systems
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen

pytestmark = pytest.mark.filterwarnings("ignore::sisl.SislWarning")
RGF = RecursiveGreen(RecursiveGreenOptions())
ENERGIES = np.array([-1.1, 0.0, 0.7])
BOND = 2.0


def model(
    n_z: int, width: int = 1, overlap: float = 0.0, periodic_z: bool = True, order: np.ndarray | None = None
) -> sisl.Hamiltonian:
    """A simple cubic lattice, `width` atoms a layer along x, hopping −1 eV, periodic in x and y."""
    xyz = np.array([[BOND * i, 0.0, BOND * k] for k in range(n_z) for i in range(width)])
    xyz = xyz if order is None else xyz[order]
    lattice = sisl.Lattice([BOND * width, BOND, BOND * n_z + (0 if periodic_z else 20)], nsc=[3, 3, 3 if periodic_z else 1])
    geometry = sisl.Geometry(xyz, sisl.Atom(79, R=BOND + 0.1), lattice)
    H = sisl.Hamiltonian(geometry, orthogonal=overlap == 0.0)
    if overlap == 0.0:
        H.construct([[0.1, BOND + 0.1], [0.0, -1.0]])
    else:
        H.construct([[0.1, BOND + 0.1], [[0.0, 1.0], [-1.0, overlap]]])
    return H


def write(
    folder: Path, ending: str, width: int = 1, overlap: float = 0.0, impurity: float = 0.0, order: np.ndarray | None = None
) -> dict:
    """A wire of seven layers with an impurity in each cell, and its electrode of one layer."""
    device = model(7, width, overlap, periodic_z=False, order=order)
    for atom in np.flatnonzero(np.abs(device.geometry.xyz[:, 2] - 3 * BOND) < 0.1):
        device[atom, atom] = (impurity, 1.0) if overlap else impurity
    device.write(folder / f"device.{ending}")
    model(1, width, overlap).write(folder / f"lead.{ending}")
    return {"file": str(folder / f"device.{ending}"), "left": str(folder / f"lead.{ending}")}


def chain(k: np.ndarray, impurity: float, overlap: float, energies: np.ndarray) -> np.ndarray:
    """T of the chain along z that a transverse k-point is: hoppings to the sides move its energies."""
    side = 2 * np.cos(2 * np.pi * k).sum()
    h00, s00 = -side, 1.0 + overlap * side
    out = []
    for energy in energies:  # (E s − h) of a chain with overlap is that of one without, with these two numbers
        level, hopping = energy * s00 - h00, energy * overlap + 1.0
        x = level / (2 * hopping)
        out.append(0.0 if abs(x) >= 1 else 1 / (1 + (impurity / (2 * hopping * np.sqrt(1 - x * x))) ** 2))
    return np.array(out)


@pytest.mark.parametrize("ending", ["TSHS", "HSX"])
@pytest.mark.parametrize("overlap", [0.0, 0.06])
@pytest.mark.parametrize("impurity", [0.0, 0.9])
def test_each_k_point_is_a_chain(tmp_path: Path, ending: str, overlap: float, impurity: float) -> None:
    options = write(tmp_path, ending, overlap=overlap, impurity=impurity)
    hamiltonian = create("hamiltonians", "siesta", **options, k_points=[3, 2])
    assert isinstance(hamiltonian, StoredHamiltonian) and len(hamiltonian) == 1
    at_k = hamiltonian.device(0).at_k
    T = RGF.transmission([system for _, system in at_k], ENERGIES)
    expected = [chain(k, impurity, overlap, ENERGIES) for k in hamiltonian.k_points]
    assert np.allclose(T, expected, rtol=0, atol=1e-8)
    assert np.any(T > 0.5) and len(at_k) == 4


def test_the_wire_along_z_is_the_kit_s_chain(tmp_path: Path) -> None:
    options = write(tmp_path, "TSHS", impurity=0.9)
    ((weight, system),) = create("hamiltonians", "siesta", **options).device(0).at_k
    directly = systems.chain([0.0, 0.9, 0.0])
    energies = ENERGIES + 4.0  # at Γ the four neighbours in the plane lower all levels by 4 eV
    assert weight == 1.0
    assert RGF.transmission([system], energies - 8.0)[0] == pytest.approx(
        RGF.transmission([directly], energies - 4.0)[0], abs=1e-8
    )


def test_the_order_of_atoms_and_their_images_do_not_matter(tmp_path: Path) -> None:
    order = np.random.default_rng(4).permutation(14)
    energies = np.array([-2.1, -0.4])
    plain, shuffled = tmp_path / "plain", tmp_path / "shuffled"
    plain.mkdir()
    shuffled.mkdir()
    one = create("hamiltonians", "siesta", **write(plain, "TSHS", width=2, overlap=0.05, impurity=0.5), k_points=[2, 3])
    options = write(shuffled, "TSHS", width=2, overlap=0.05, impurity=0.5, order=order)
    device = sisl.get_sile(options["file"]).read_hamiltonian()
    moved = device.geometry.copy()
    cells = np.array([[(3 * a) % 5 - 2, a % 3 - 1, 0] for a in range(14)])
    moved.xyz[:] += cells @ moved.cell
    moved.lattice.set_nsc([13, 9, 1])
    carried = sisl.Hamiltonian(moved, orthogonal=False)
    for i, j in zip(*device.tocsr(1).nonzero(), strict=True):
        a, R = int(j % 14), device.geometry.lattice.sc_off[int(j // 14)]
        target = moved.lattice.sc_index(R + cells[i] - cells[a])
        carried[int(i), a + 14 * int(target)] = (device.tocsr(0)[i, j], device.tocsr(1)[i, j])
    carried.write(options["file"])
    other = create("hamiltonians", "siesta", **options, k_points=[2, 3])
    T = [averaged_transmission(RGF, h.device(0).at_k, energies) for h in (one, other)]
    assert T[1] == pytest.approx(T[0], abs=1e-8) and T[0].max() > 0.3
    system = other.device(0).at_k[-1][1]
    assert DenseGreen(DenseOptions()).transmission([system], energies) == pytest.approx(
        RGF.transmission([system], energies), abs=1e-8
    )


def test_a_wider_cell_at_gamma_is_the_k_points_of_a_narrow_one(tmp_path: Path) -> None:
    energies = np.array([-2.2, 0.3])
    wide, narrow = tmp_path / "wide", tmp_path / "narrow"
    wide.mkdir()
    narrow.mkdir()
    both = [
        create("hamiltonians", "siesta", **write(folder, "TSHS", width=width, impurity=0.6), k_points=k)
        for folder, width, k in ((wide, 3, [1, 4]), (narrow, 1, [3, 4]))
    ]
    T = [averaged_transmission(RGF, h.device(0).at_k, energies) for h in both]
    assert T[0] == pytest.approx(3 * T[1], abs=1e-8)
    seen = [averaged_observables(RGF, h.device(0).at_k, energies) for h in both]
    assert seen[0].fano == pytest.approx(seen[1].fano, abs=1e-8)
    assert seen[0].dos_per_eV == pytest.approx(3 * seen[1].dos_per_eV, abs=1e-8)


def test_the_command_line_and_a_junction_take_the_file(tmp_path: Path) -> None:
    options = write(tmp_path, "HSX", impurity=0.5)
    settings = [f"--set=hamiltonian.left={options['left']}", "--set=hamiltonian.k_points=[2,2]", "--energies=0.3"]
    done = CliRunner().invoke(cli, ["transmission", options["file"], "--hamiltonian=siesta", *settings], catch_exceptions=False)
    assert done.exit_code == 0
    hamiltonian = create("hamiltonians", "siesta", **options, k_points=[2, 2])
    expected = averaged_transmission(RGF, hamiltonian.device(0).at_k, np.array([0.3]))[0]
    written = (tmp_path / "device-transmission.csv").read_text()
    assert float(written.split(",")[-1]) == pytest.approx(expected, abs=1e-6)
    atoms = hamiltonian.stored_atoms()[0]
    assert set(atoms.numbers) == {79} and hamiltonian.range_A(np.array([79])) == pytest.approx(BOND, abs=1e-6)
    found = hamiltonian.two_terminals(Junction.detect(atoms, BOND))
    assert averaged_transmission(RGF, found, np.array([0.3]))[0] == expected


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    options = write(tmp_path, "TSHS", impurity=0.5)
    wide = tmp_path / "wide.TSHS"
    model(1, 2).write(wide)
    with pytest.raises(InputError, match="other transverse cell vectors"):
        create("hamiltonians", "siesta", file=options["file"], left=str(wide)).device(0)
    shifted = model(1)
    shifted.shift(0.3)
    shifted.write(tmp_path / "shifted.TSHS")
    with pytest.raises(InputError, match=r"right principal layer .* differs from the electrode's by 0\.300 eV"):
        create("hamiltonians", "siesta", **options, right=str(tmp_path / "shifted.TSHS")).device(0)
    with pytest.raises(InputError, match="are not the outermost atoms"):
        stretched = model(2)
        stretched.geometry.xyz[1, 2] += 0.4
        stretched.write(tmp_path / "stretched.TSHS")
        create("hamiltonians", "siesta", file=options["file"], left=str(tmp_path / "stretched.TSHS")).device(0)
    with pytest.raises(InputError, match="there is no file"):
        create("hamiltonians", "siesta", file=options["file"], left="nowhere.TSHS")
    (tmp_path / "text.TSHS").write_text("hello")
    with pytest.raises(InputError, match="cannot read H and S"):
        create("hamiltonians", "siesta", file=str(tmp_path / "text.TSHS"), left=options["left"])


@pytest.mark.parametrize("overlap", [0.0, 0.06])
def test_an_electrode_may_reach_beyond_the_next_cell_by_nothing_that_counts(tmp_path: Path, overlap: float) -> None:
    options = write(tmp_path, "TSHS", overlap=overlap, impurity=0.5)
    expected = RGF.transmission([create("hamiltonians", "siesta", **options).device(0).at_k[0][1]], ENERGIES)
    for size in (0.0, 1e-6, 3e-3):
        far = model(1, overlap=overlap)
        far.set_nsc([3, 3, 5])
        for z in (2, -2):
            far[0, 0, (0, 0, z)] = (size, 0.0) if overlap else size
        far.write(tmp_path / "far.TSHS")
        hamiltonian = create("hamiltonians", "siesta", file=options["file"], left=str(tmp_path / "far.TSHS"))
        if size > 1e-5:
            with pytest.raises(InputError, match=r"beyond its neighbours along z: H by up to 0\.003 eV and S by up to 0;"):
                hamiltonian.device(0)
            continue
        assert sum(abs(h).nnz for cell, h in zip(hamiltonian._left.cells, hamiltonian._left.H, strict=True) if abs(cell[2]) == 2)
        assert RGF.transmission([hamiltonian.device(0).at_k[0][1]], ENERGIES) == pytest.approx(expected, abs=1e-9)
