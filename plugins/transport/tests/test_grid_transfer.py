"""Square-lattice wires: closed forms, symmetries and deep localisation of the transfer-matrix solver."""

from __future__ import annotations

import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from sharvin import GridWire, create
from sharvin.errors import InputError, RunError
from sharvin.testing import systems
from sharvin_transport.dense.configs import DenseOptions
from sharvin_transport.dense.dense_green import DenseGreen
from sharvin_transport.lattice import grid_transfer
from sharvin_transport.lattice.configs import GridTransferOptions, SquareLatticeOptions
from sharvin_transport.lattice.grid_transfer import GridTransfer
from sharvin_transport.lattice.square_lattice import SquareLattice
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen

SOLVER = GridTransfer(GridTransferOptions())
ENERGIES = np.array([-3.3, -1.1, 0.0, 0.3, 0.77, 2.1])


def transmission(onsite: np.ndarray, energies: np.ndarray = ENERGIES, t: float = 1.0) -> np.ndarray:
    return SOLVER.transmission(GridWire(np.asarray(onsite, dtype=np.float64), t), energies)


def disordered(model: str, length: int, width: int, count: int = 2, seed: int = 0) -> np.ndarray:
    ensemble = SquareLattice(SquareLatticeOptions(length=length, width=width, disorder=model))
    return ensemble.sample(count, np.random.default_rng(seed)).wires.onsite


def barrier_transmission(energy: float, height: float, length: int, digits: int = 60) -> float:
    """A barrier of `length` equal sites in a chain: T = |2 sin k/(U_L − 2λ U_{L−1} + λ² U_{L−2})|² with λ = e^{ik}.

    U are the Chebyshev polynomials of the second kind at (height − E)/2, the powers of the barrier's transfer matrix.
    """
    if abs(energy) > 2:
        return 0.0
    with mpmath.workdps(digits):
        x = (mpmath.mpf(height) - mpmath.mpf(energy)) / 2
        phase = mpmath.expj(mpmath.acos(-mpmath.mpf(energy) / 2))
        u = [mpmath.chebyu(length - lag, x) if length >= lag else 0 for lag in range(3)]
        return float((2 * phase.imag / abs(u[0] - 2 * phase * u[1] + phase**2 * u[2])) ** 2)


@pytest.mark.parametrize("width", [1, 2, 3, 8, 25, 40])
def test_a_clean_wire_transmits_its_open_channels(width: int) -> None:
    found = transmission(np.zeros((1, 17, width)))[0]
    np.testing.assert_allclose(found, systems.open_channels(width, ENERGIES), rtol=1e-10)


@pytest.mark.parametrize("t", [1.0, 2.5])
def test_energies_are_in_the_unit_of_the_hopping(t: float) -> None:
    onsite = disordered("III", 6, 4)
    np.testing.assert_allclose(transmission(t * onsite, t * ENERGIES, t), transmission(onsite), rtol=1e-9)


def test_no_channel_no_transmission() -> None:
    assert np.all(transmission(disordered("I", 4, 3), np.array([5.0, -9.0])) == 0.0)


def test_a_uniform_barrier_adds_up_its_modes() -> None:
    width, length, height, energy = 5, 7, 1.9, 0.3
    modes = -2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    expected = sum(barrier_transmission(energy - mode, height, length) for mode in modes)
    assert transmission(np.full((1, length, width), height), np.array([energy]))[0, 0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("length", "height"), [(12, 5.0), (40, 5.0), (60, 4.5), (3, 1e4)])
@pytest.mark.parametrize("width", [1, 6, 30])
def test_a_thick_barrier_keeps_its_relative_accuracy(length: int, height: float, width: int) -> None:
    energy = 0.3
    modes = -2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    expected = sum(barrier_transmission(energy - mode, height, length) for mode in modes)
    assert expected < 1e-7
    assert transmission(np.full((1, length, width), height), np.array([energy]))[0, 0] == pytest.approx(expected, rel=1e-8)


def exact(onsite: np.ndarray, energy: float, digits: int = 50) -> float:
    """T by the transfer matrix without restabilisation, in many digits."""
    length, width = onsite.shape
    with mpmath.workdps(digits):
        m = range(1, width + 1)
        modes = mpmath.matrix(width, width)
        for i in m:
            for j in m:
                modes[i - 1, j - 1] = mpmath.sqrt(mpmath.mpf(2) / (width + 1)) * mpmath.sin(mpmath.pi * i * j / (width + 1))
        cosines = [(-2 * mpmath.cos(mpmath.pi * j / (width + 1)) - mpmath.mpf(energy)) / 2 for j in m]
        wave = [mpmath.expj(mpmath.acos(x)) if abs(x) < 1 else x - mpmath.sign(x) * mpmath.sqrt(x * x - 1) for x in cosines]
        factors = mpmath.diag(wave)
        here, after = modes, modes * factors
        for n in range(length - 1, -1, -1):
            levels = mpmath.diag([mpmath.mpf(float(e)) - mpmath.mpf(energy) for e in onsite[n]])
            for i in range(width - 1):
                levels[i, i + 1] = levels[i + 1, i] = -1
            here, after = levels * here - after, here
        inverse = (modes * here - factors * modes * after) ** -1
        sines = [mpmath.im(x) for x in wave]
        return float(4 * mpmath.fsum(sines[a] * sines[b] * abs(inverse[a, b]) ** 2 for a in range(width) for b in range(width)))


@pytest.mark.parametrize(("length", "width", "seed"), [(40, 3, 1), (30, 6, 2), (60, 2, 3), (25, 8, 4)])
def test_localised_wires_are_right_to_many_digits(length: int, width: int, seed: int) -> None:
    onsite = np.where(np.random.default_rng(seed).random((length, width)) < 0.85, 5.0, 0.0)
    expected = exact(onsite, 0.1)
    assert 0 < expected < 1e-10
    assert transmission(onsite[None], np.array([0.1]))[0, 0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("model", ["I", "II", "III", "IV"])
@pytest.mark.parametrize(("length", "width"), [(1, 1), (1, 5), (6, 1), (3, 3), (7, 4), (4, 9), (20, 20), (9, 26)])
def test_three_solvers_agree(model: str, length: int, width: int) -> None:
    wires = GridWire(disordered(model, length, width))
    energies = ENERGIES[1:4]
    found = SOLVER.transmission(wires, energies)
    np.testing.assert_allclose(RecursiveGreen(RecursiveGreenOptions()).transmission(wires, energies), found, rtol=0, atol=2e-9)
    if length * width <= 40:
        np.testing.assert_allclose(DenseGreen(DenseOptions()).transmission(wires, energies), found, rtol=0, atol=2e-9)


@pytest.mark.parametrize("shape", [(5, 3), (12, 12), (33, 40)])
def test_ends_and_edges_may_be_exchanged(shape: tuple[int, int]) -> None:
    onsite = disordered("II", *shape, count=4, seed=1)
    found = transmission(onsite)
    np.testing.assert_allclose(transmission(onsite[:, ::-1]), found, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(transmission(onsite[:, :, ::-1]), found, rtol=1e-6, atol=1e-9)
    assert np.all(found >= 0) and np.all(found <= systems.open_channels(shape[1], ENERGIES) * (1 + 1e-10))


def test_particles_and_holes_transmit_alike() -> None:
    """The lattice is bipartite: ε → −ε and E → −E change nothing."""
    onsite = disordered("IV", 9, 7)
    np.testing.assert_allclose(transmission(-onsite, -ENERGIES), transmission(onsite), rtol=1e-7)


def test_a_wire_knows_nothing_of_its_batch() -> None:
    onsite = disordered("II", 21, 6, count=6)
    together = transmission(onsite)
    folded = SOLVER.transmission(GridWire(onsite.reshape(2, 3, 21, 6)), ENERGIES)
    listed = SOLVER.transmission([GridWire(onsite[:2]), GridWire(onsite[2]), GridWire(onsite[3:])], ENERGIES)
    alone = np.array([[transmission(one[None], np.array([e]))[0, 0] for e in ENERGIES] for one in onsite])
    for other in (folded, listed, alone):
        np.testing.assert_array_equal(other, together)


def test_threads_change_nothing() -> None:
    wires = GridWire(disordered("II", 30, 10, count=7))
    two = GridTransfer(GridTransferOptions(threads=2)).transmission(wires, ENERGIES)
    np.testing.assert_array_equal(two, SOLVER.transmission(wires, ENERGIES))


def test_an_empty_batch_has_no_rows() -> None:
    assert SOLVER.transmission([], ENERGIES).shape == (0, len(ENERGIES))
    assert SOLVER.transmission(GridWire(np.zeros((0, 3, 3))), ENERGIES).shape == (0, len(ENERGIES))


def test_band_edges_are_refused_and_their_neighbourhood_is_not() -> None:
    with pytest.raises(InputError, match="band edge"):
        transmission(np.zeros((1, 3, 1)), np.array([2.0]))
    near = np.array([2 - 2e-6, -2 + 2e-6])
    expected = systems.impurity_transmission(near, 1e-3)
    np.testing.assert_allclose(transmission([[[0.0], [1e-3]]], near)[0], expected, rtol=1e-8)


def test_a_looser_tolerance_moves_the_result_within_it() -> None:
    onsite = disordered("I", 40, 30, count=3)
    loose, strict = (GridTransfer(GridTransferOptions(tolerance=x)) for x in (1e-6, 1e-12))
    found, best = (solver.transmission(GridWire(onsite), ENERGIES) for solver in (loose, strict))
    np.testing.assert_allclose(found, best, rtol=1e-5)
    assert np.any(found != best)


def test_lost_accuracy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strong scatterers make T so small that it is computed twice; here no difference at all is allowed."""
    monkeypatch.setattr(grid_transfer, "RELATIVE_ERROR", 0.0)
    onsite = np.where(np.random.default_rng(0).random((40, 60, 8)) < 0.6, 200.0, 0.0)
    with pytest.raises(RunError, match="estimated relative error"):
        transmission(onsite)


def test_atoms_are_not_for_this_solver() -> None:
    with pytest.raises(InputError, match="GridWire"):
        SOLVER.transmission([GridWire(np.zeros((3, 2))).two_terminal()], ENERGIES)


def test_solvers_of_both_kinds_take_them_mixed() -> None:
    wires = GridWire(disordered("I", 3, 2))
    for name in ("dense", "rgf", "sisl"):
        found = create("transport", name).transmission([wires, wires.two_terminal(1)], ENERGIES[1:2])
        assert found.shape == (3, 1) and found[1] == found[2]


COMPILED = """
import sys
import numpy as np
import sharvin
for width, disorder in ((5, "I"), (10, "II"), (20, "III")):
    options = {"length": width, "width": width, "disorder": disorder}
    wires = sharvin.create("hamiltonians", "square_lattice", **options).sample(20, np.random.default_rng(1)).wires
    sys.stdout.write(sharvin.create("transport", "grid_transfer").transmission(wires, np.array([0.1, -0.2])).tobytes().hex())
"""


@pytest.mark.slow
def test_a_process_that_compiles_gives_the_bits_of_those_that_find_the_code_compiled(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.run([sys.executable, "-c", COMPILED], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert list(tmp_path.rglob("*.nbi")), "nothing was compiled"
    assert len(both[0]) == 2 * 8 * 3 * 40 and both[0] == both[1]
