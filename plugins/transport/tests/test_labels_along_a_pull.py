"""Labels of similar snapshots: what is kept changes no bit, and blocks between atoms say the same as the sparse H and S."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from numpy.typing import NDArray
from sharvin.junction import Junction
from sharvin.numerics.neighbour_pairs import NeighbourPairs, neighbour_pairs
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.block_tridiagonal.elimination import Lapack
from sharvin_transport.neutrality.power_spectrum import power_spectrum
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.pair_blocks import PairBlocks
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.device_order import DeviceOrder
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster
from sharvin_transport.slater_koster.near_pairs import near_pairs
from sharvin_transport.slater_koster.pair_device import PairDevice

ELECTRODE = 2 * 2 * 5
FERMI = np.zeros(1)


def hamiltonian(**options: object) -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions(**{"table": "ptbp", "tail_eV": 0.01, **options}))


def wire(a: float = 4.18, layers: int = 5, neck: int = 5, species: str = "Au") -> Atoms:
    """Layers 2×2 of fcc (100), a neck of single atoms between them."""
    d, xyz, z = a / np.sqrt(2), [], 0.0
    for k in range(2 * layers + neck):
        if layers <= k < layers + neck:
            xyz.append(np.array([[0.9 * d, 0.8 * d, z]]))
        else:
            x, y = np.meshgrid(*[(np.arange(2) + 0.5 * (k % 2)) * d] * 2, indexing="ij")
            xyz.append(np.column_stack([x.ravel(), y.ravel(), np.full(4, z)]))
        z += a / 2 + (0.4 if neck and layers - 1 <= k < layers + neck else 0.0)
    positions = np.concatenate(xyz)
    return Atoms(f"{species}{len(positions)}", positions, cell=[2 * d, 2 * d, z + 10], pbc=[True, True, False])


def moved(atoms: Atoms, seed: int, pulled_A: float = 0.0, loose: bool = False) -> Atoms:
    """The neck displaced, with `loose` the inner layers of the electrodes too, and everything behind the neck pulled away."""
    out, rng = atoms.copy(), np.random.default_rng(seed)
    first = ELECTRODE - (4 if loose else 0)
    out.positions[first : len(out) - first] += rng.normal(0, 0.06, (len(out) - 2 * first, 3))
    out.positions[len(out) - ELECTRODE :, 2] += pulled_A
    return out


def plain(system: TwoTerminal) -> TwoTerminal:
    return TwoTerminal(system.H, system.S, system.left, system.right, system.fermi_energy_eV, system.atom)


def transmission(solver: RecursiveGreen, system: TwoTerminal) -> float:
    return float(solver.transmission([system], FERMI)[0, 0])


def detected(h: SlaterKoster, atoms: Atoms) -> Junction:
    return Junction.detect(atoms, h.range_A(atoms.numbers))


def rigid(h: SlaterKoster) -> Junction:
    return detected(h, wire()).with_positions(moved(wire(), 1, 0.3))


def loose(h: SlaterKoster) -> Junction:
    return detected(h, wire()).with_positions(moved(wire(), 2, loose=True))


def broken(h: SlaterKoster) -> Junction:
    return detected(h, wire()).with_positions(moved(wire(), 3, 15.0))


def foreign(h: SlaterKoster) -> Junction:
    atoms = wire()
    junction = detected(h, atoms)
    atoms.numbers[[22, 23]] = 47, 6
    return Junction(atoms, junction.left, junction.right, junction.left_period_A, junction.right_period_A)


def whole(h: SlaterKoster) -> Junction:
    return detected(h, wire(neck=0, layers=9))


def short(h: SlaterKoster) -> Junction:
    return detected(h, wire(neck=1))


@pytest.mark.parametrize("table", ["ptbp", "nrl"])
@pytest.mark.parametrize("case", [rigid, loose, broken, foreign, whole, short])
def test_blocks_between_atoms_say_what_the_sparse_matrices_say(case: Callable[[SlaterKoster], Junction], table: str) -> None:
    if table == "nrl" and case is foreign:
        pytest.skip("that table has no pairs of different elements")
    h = hamiltonian(table=table)
    junction = case(h)
    rng = np.random.default_rng(4)
    inside = len(junction.atoms) - len(junction.left) - len(junction.right)
    for shifts in (None, rng.normal(0, 0.3, inside)):
        device = h.two_terminal(junction) if shifts is None else h.shifted_device(junction, shifts)[0]
        assert isinstance(device, PairDevice) and "H" not in device.__dict__
        value = transmission(RecursiveGreen(RecursiveGreenOptions()), device)
        reference = transmission(RecursiveGreen(RecursiveGreenOptions()), plain(device))
        assert value == pytest.approx(reference, abs=1e-9, rel=1e-9)
        assert abs(device.H - device.H.T).max() < 1e-12 and device.size == device.H.shape[0]
        if case is broken:
            assert value < 1e-6
        if case is whole and shifts is None:
            assert value == pytest.approx(round(value), abs=1e-5)


def test_blocks_with_transverse_k_points() -> None:
    h = hamiltonian(k_points=(2, 3))
    for _, device in h.two_terminals(rigid(h)):
        assert isinstance(device, PairDevice) and device.pairs is not None and device.pairs.ends is not None
        value = transmission(RecursiveGreen(RecursiveGreenOptions()), device)
        assert value == pytest.approx(transmission(RecursiveGreen(RecursiveGreenOptions()), plain(device)), abs=1e-9)
    assert any(np.iscomplexobj(device.H) for _, device in h.two_terminals(rigid(h)))


@pytest.mark.parametrize("case", [rigid, loose])
def test_heads_leave_the_matrices_as_they_are(case: Callable[[SlaterKoster], Junction], monkeypatch: pytest.MonkeyPatch) -> None:
    h = hamiltonian()
    with_heads = h.two_terminal(case(h))
    original = DeviceOrder.of
    monkeypatch.setattr(DeviceOrder, "of", lambda junction, left, right, reach_A: original(junction, left, right, np.inf))
    without = h.two_terminal(case(h))
    assert isinstance(without, PairDevice) and without.pairs is not None and without.pairs.ends is None
    before, after = (np.argsort(system.atom, kind="stable") for system in (with_heads, without))
    for a, b in ((with_heads.H, without.H), (with_heads.S, without.S)):
        assert np.array_equal(a.toarray()[before][:, before], b.toarray()[after][:, after])
    assert transmission(RecursiveGreen(RecursiveGreenOptions()), without) == pytest.approx(
        transmission(RecursiveGreen(RecursiveGreenOptions()), with_heads), abs=1e-9
    )


def series(h: SlaterKoster) -> list[Junction]:
    """Snapshots of a pull, wires of other electrodes and of other elements among them, some twice."""
    atoms, wide, silver = wire(), wire(4.08), wire(species="Ag")
    first, second, third = detected(h, atoms), detected(h, wide), detected(h, silver)
    mixed = moved(atoms, 1)
    mixed.numbers[ELECTRODE + 1] = 47
    other = Junction(mixed, first.left, first.right, first.left_period_A, first.right_period_A)
    lifted = moved(atoms, 1, 0.168)
    lifted.positions += [0.3, -0.2, 7.7]
    return [
        first.with_positions(moved(atoms, 1)),
        first.with_positions(moved(atoms, 2, 0.168)),
        second.with_positions(moved(wide, 1)),
        first.with_positions(moved(atoms, 3, 0.336, loose=True)),
        other,
        third.with_positions(moved(silver, 5)),
        first.with_positions(lifted),
        first.with_positions(moved(atoms, 4, 12.0)),
        first.with_positions(moved(atoms, 1)),
    ]


@pytest.mark.parametrize("options", [{}, {"table": "ptbp", "k_points": (1, 2)}])
def test_a_snapshot_has_the_bits_it_has_alone(options: dict[str, object]) -> None:
    h, solver = hamiltonian(**options), RecursiveGreen(RecursiveGreenOptions())
    rng = np.random.default_rng(7)
    for junction in series(h):
        inside = len(junction.atoms) - len(junction.left) - len(junction.right)
        for shifts in (None, rng.normal(0, 0.2, inside)) if not options else (None,):
            found = []
            for one, its in ((h, solver), (hamiltonian(**options), RecursiveGreen(RecursiveGreenOptions()))):
                devices = (
                    [d for _, d in one.two_terminals(junction)] if shifts is None else [one.shifted_device(junction, shifts)[0]]
                )
                found.append(([transmission(its, device) for device in devices], devices[0].H.data, devices[0].S.data))
            assert found[0][0] == found[1][0]
            assert np.array_equal(found[0][1], found[1][1]) and np.array_equal(found[0][2], found[1][2])


def test_rigid_layers_are_computed_once_wherever_they_are_moved_to() -> None:
    h = hamiltonian()
    junction = detected(h, wire())
    devices = [h.two_terminal(junction.with_positions(moved(wire(), n, 0.168 * n))) for n in range(4)]
    ends = [device.pairs.ends for device in devices]  # type: ignore[attr-defined]
    assert all(one[0] is ends[0][0] and one[1] is ends[0][1] for one in ends)
    loose_ends = h.two_terminal(loose(h)).pairs.ends  # type: ignore[attr-defined]
    assert loose_ends[0].key is None and loose_ends[1].key is None


def test_a_changed_head_is_another_one() -> None:
    h, solver = hamiltonian(), RecursiveGreen(RecursiveGreenOptions())
    junction = detected(h, wire())
    atoms = moved(wire(), 1)
    before = transmission(solver, h.two_terminal(junction.with_positions(atoms)))
    atoms.positions[ELECTRODE - 1] += 5e-4
    after = transmission(solver, h.two_terminal(junction.with_positions(atoms)))
    assert before != after
    assert after == transmission(
        RecursiveGreen(RecursiveGreenOptions()), hamiltonian().two_terminal(junction.with_positions(atoms))
    )


def test_ends_that_see_each_other_are_left_to_the_sparse_matrices() -> None:
    h = hamiltonian()
    atoms = wire(neck=1)
    junction = detected(h, atoms)
    atoms.positions[ELECTRODE + 1 :, 2] -= 1.0
    device = h.two_terminal(junction.with_positions(atoms))
    assert isinstance(device, PairDevice) and device.pairs is not None
    blocks = PairBlocks.of(device.pairs, 0.0)
    assert device.pairs.ends is None or blocks is not None
    assert transmission(RecursiveGreen(RecursiveGreenOptions()), device) == pytest.approx(
        transmission(RecursiveGreen(RecursiveGreenOptions()), plain(device)), abs=1e-9
    )


def as_set(pairs: NeighbourPairs) -> set[tuple[int, int, tuple[int, ...]]]:
    found = set()
    for i, j, image in zip(pairs.first.tolist(), pairs.second.tolist(), map(tuple, pairs.image.tolist()), strict=True):
        turned = i > j or (i == j and image < (0, 0, 0))
        found.add((j, i, tuple(-n for n in image)) if turned else (i, j, image))
    return found


@pytest.mark.parametrize(
    "atoms",
    [wire(), bulk("Au"), bulk("Mg") * (2, 1, 1), Atoms("Au2", [[0, 0, 0], [30.0, 0.1, 2.0]], cell=[3, 9, 0], pbc=[1, 0, 0])],
)
def test_pairs_are_those_of_the_neighbour_list(atoms: Atoms) -> None:
    atoms = atoms.copy()
    atoms.rattle(0.05, seed=1)
    atoms.positions[0] += 2 * atoms.cell[0] if atoms.pbc[0] else 0.0
    found = near_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 7.1)
    expected = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 7.1, full=False)
    assert as_set(found) == as_set(expected) and len(found) == len(expected)
    order = found.first * len(atoms) + found.second
    assert np.all(np.diff(order) >= 0) and np.all(found.first <= found.second)
    vector = atoms.positions[found.second] - atoms.positions[found.first] + found.image @ atoms.cell.array
    assert np.abs(vector - found.vector).max() < 1e-12


def test_power_spectra_are_sums_over_pairs_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(7, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    radial, kind = rng.random((7, 2)), np.array([0, 0, 1, 0, 1, 1, 0])
    moments, power = power_spectrum(np.zeros(7, dtype=np.int64), kind, radial, unit, 1, 2)
    f: NDArray[np.float64] = np.zeros((7, 4))
    for p in range(7):
        f[p, 2 * kind[p] : 2 * kind[p] + 2] = radial[p]
    assert np.allclose(moments[0], f.sum(axis=0))
    for order in range(5):
        legendre = np.polynomial.legendre.legval(unit @ unit.T, np.eye(5)[order])
        assert np.allclose(power[0, order], (f.T @ legendre @ f)[np.triu_indices(4)], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize(("n", "columns"), [(30, 200), (97, 96), (200, 130)])
def test_solutions_of_many_columns(n: int, columns: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    block, right = (
        rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype is np.complex128 else 0)
        for shape in ((n, n), (n, columns))
    )
    solved = Lapack().solve(block.copy(), right.copy())
    assert np.abs(block @ solved - right).max() < 1e-9
