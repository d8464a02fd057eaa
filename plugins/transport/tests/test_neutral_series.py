"""Neutral atoms along a series: what is taken over from a snapshot changes nothing, and a plain integration agrees."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from sharvin.junction import Junction
from sharvin.protocols import Reference
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.leads.transverse import fold
from sharvin_transport.neutrality.contour import Contour, LeadContour
from sharvin_transport.neutrality.model import Surroundings
from sharvin_transport.neutrality.open_device_real import RealOpenDevice
from sharvin_transport.neutrality.quasi_newton import QuasiNewton, Shifts
from sharvin_transport.neutrality.shift_changes import ShiftChanges
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

LOCAL = SlaterKosterOptions(charge_neutrality="local")
TOLERANCE = LOCAL.neutrality_tolerance
H = SlaterKoster(LOCAL)


def junction_of(atoms: Atoms, h: SlaterKoster = H) -> Junction:
    return Junction.detect(atoms, h.range_A(atoms.numbers))


def pulled(contact: Callable[..., Atoms], stretch: float, snapshots: int, **options: object) -> list[Junction]:
    """A contact whose chain is pulled, and whose electrodes move as blocks."""
    frames = [contact(bond=2.6 + stretch * k, **options) for k in range(snapshots)]
    first = junction_of(frames[0])
    return [first.with_positions(frame) for frame in frames]


def plain_populations(system: TwoTerminal, fermi_eV: float, bottom_eV: float, points: int) -> np.ndarray:
    """Mulliken populations of the orbitals between the principal layers, on a semicircle, with one dense inverse a node."""
    x, w = np.polynomial.legendre.leggauss(points)
    u = 0.5 * (x + 1)
    radius, lead = 0.5 * (fermi_eV - bottom_eV), system.left
    around = radius * np.exp(1j * np.pi * u**2)
    circle = Contour(bottom_eV + radius + around, 2j * w * u * around)
    assert lead.supercell is not None
    S, H_, left, inner = system.S.toarray(), system.H.toarray(), lead.size, system.size - lead.size
    total = np.zeros(system.size)
    for z, weight, *states in zip(circle.nodes, circle.weights, *LeadContour().surfaces(lead, circle), strict=True):
        ends = [fold(g, lead.supercell) for g in states]
        K, onward = z * S - H_, z * lead.S01 - lead.H01
        K[:left, :left] -= onward.T @ ends[0] @ onward
        K[inner:, inner:] -= onward @ ends[1] @ onward.T
        total += (weight * np.einsum("kl,lk->k", np.linalg.inv(K), S)).imag
    return total[left:inner]


@pytest.mark.parametrize("points", [4, 6, 10, 20])
def test_nodes_stand_for_a_step_that_is_the_sharper_the_more_there_are(points: int) -> None:
    contour = Contour.below(1.5, -14.5, points)
    assert contour.nodes.imag.min() > 0
    delta = 16 * np.exp(-1.84 * np.sqrt(points))
    beyond = np.geomspace(delta, 100, 4000)
    levels = 1.5 + np.concatenate([-beyond[beyond <= 16], beyond])
    held = (contour.weights / (contour.nodes - levels[:, None])).sum(axis=1).imag
    assert np.abs(held - 2 * (levels < 1.5)).max() < {4: 1e-2, 6: 1.2e-3, 10: 4e-5, 20: 1e-6}[points]
    near = delta * np.linspace(0.0, 1.0, 11)
    above, below = ((contour.weights / (contour.nodes - (1.5 + e)[:, None])).sum(axis=1).imag for e in (near, -near))
    assert above + below == pytest.approx(2.0, abs=0.15)  # what is missing below the Fermi energy is above it


def test_every_atom_is_neutral_by_a_plain_integration_on_a_dense_contour(contact: Callable[..., Atoms]) -> None:
    atoms = contact(bond=2.8, seed=4)
    junction = junction_of(atoms)
    found = next(iter(H.references([junction])))
    assert isinstance(found, Reference)
    many = SlaterKoster(SlaterKosterOptions(charge_neutrality="local", contour_points=12))
    fermi = many._device_of(junction)[0].fermi_energy_eV
    assert fermi == pytest.approx(found.system.fermi_energy_eV, abs=0.01)
    bottom = H._bottom([found.system.left], atoms.numbers)
    populations = plain_populations(found.system, fermi, bottom, 20)
    charged = np.sort(np.abs(populations.reshape(-1, 9).sum(axis=1) - 11.0))
    # six nodes see the levels of the three atoms of the chain less sharply than the bands of the others
    assert charged[:-3].max() < 1.5e-3 and charged[-1] < TOLERANCE + 8e-3


def test_rows_taken_over_from_a_snapshot_are_those_computed_anew(contact: Callable[..., Atoms]) -> None:
    opened: list[RealOpenDevice] = []
    junctions = pulled(contact, 0.12, 3)
    moved = junctions[2].atoms.copy()
    moved.positions[40] += [0.05, 0.0, 0.0]  # of the layer that touches the neck
    junctions[2] = junctions[2].with_positions(moved)
    shifts = None
    for junction in junctions:
        system, inside = H._device_of(junction)
        atom = H._shifted_atoms(system, junction, inside)[1]
        contour = Contour.below(system.fermi_energy_eV, H._bottom([system.left], junction.atoms.numbers), 6)
        surfaces = (H._neutrality._folded(system.left, "left", contour), H._neutrality._folded(system.right, "right", contour))
        opened.append(RealOpenDevice(system, atom, contour, surfaces, opened[-1] if opened else None))
        fresh = RealOpenDevice(system, atom, contour, surfaces)
        shifts = np.random.default_rng(0).normal(0, 0.3, fresh.atoms)
        assert opened[-1].populations(shifts) == pytest.approx(fresh.populations(shifts), abs=2e-5)
    rigid = [len(device.left.rigid.atom) for device in opened]
    assert 0 < rigid[2] <= rigid[1] <= rigid[0]
    assert len(opened[2].left.rigid.atom) + len(opened[2].right.rigid.atom) < rigid[1] + len(opened[1].right.rigid.atom)


def charges(h: SlaterKoster, junction: Junction, shifts: np.ndarray) -> np.ndarray:
    """Of the atoms between the leads, by the populations of a device of its own."""
    system, inside = h._device_of(junction)
    ordered, atom = h._shifted_atoms(system, junction, inside)
    numbers = junction.atoms.numbers
    contour = Contour.below(system.fermi_energy_eV, h._bottom([system.left], numbers), h.options.contour_points)
    device = h._neutrality._opened(system, atom, contour, None)
    return h._orbitals.electrons(numbers[ordered]) - device.populations(shifts)


def test_every_atom_of_every_snapshot_is_neutral_and_a_series_repeats_itself(contact: Callable[..., Atoms]) -> None:
    junctions = pulled(contact, 0.05, 5, seed=4)
    found, again = (list(SlaterKoster(LOCAL).references(junctions)) for _ in range(2))
    for junction, one, other in zip(junctions, found, again, strict=True):
        assert isinstance(one, Reference) and isinstance(other, Reference)
        assert np.array_equal(one.quantity, other.quantity)
        assert np.abs(charges(H, junction, one.quantity)).max() < TOLERANCE


def test_a_series_goes_on_from_zero_where_other_atoms_follow(contact: Callable[..., Atoms]) -> None:
    wires = [contact(bond=2.8), contact("Ag", 4.09, 2.8), contact(bond=2.8)]
    wires[0] = wires[0][[atom.index for atom in wires[0] if atom.index != 50]]  # one atom of the chain less
    series = list(SlaterKoster(LOCAL).references([junction_of(atoms) for atoms in wires]))
    for atoms, one in zip(wires, series, strict=True):
        (alone,) = SlaterKoster(LOCAL).references([junction_of(atoms)])
        assert isinstance(one, Reference) and isinstance(alone, Reference)
        assert np.array_equal(one.quantity, alone.quantity)


def silver_chain(contact: Callable[..., Atoms]) -> Atoms:
    atoms = contact(bond=2.8)
    atoms.numbers[49:52] = 47
    return atoms


def broken(contact: Callable[..., Atoms]) -> Atoms:
    atoms = contact(bond=2.8, seed=4)
    atoms.positions[51:, 2] += 3.5
    return atoms


def potassium(contact: Callable[..., Atoms]) -> Atoms:
    z = 4.6 * np.arange(12.0)
    z[6:] += 0.4
    return Atoms("K12", positions=np.column_stack([0 * z, 0 * z, z]))


@pytest.mark.parametrize("made", [silver_chain, broken, potassium, lambda contact: contact("Ag", 4.09, 2.8, seed=1)])
def test_other_metals_alloys_and_broken_chains_become_neutral(
    made: Callable[[Callable[..., Atoms]], Atoms], contact: Callable[..., Atoms]
) -> None:
    first = junction_of(made(contact))
    moved = first.atoms.copy()
    middle = len(moved) // 2
    moved.positions[middle] += [0.08, 0.02, 0.05]
    junctions = [first, first.with_positions(moved)]
    for junction, found in zip(junctions, H.references(junctions), strict=True):
        assert isinstance(found, Reference), found
        assert np.abs(charges(H, junction, found.quantity)).max() < TOLERANCE


def test_changes_of_shifts_that_follow_the_density_are_foreseen() -> None:
    rng = np.random.default_rng(0)
    positions = 2.9 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) + rng.normal(0, 0.1, (64, 3))
    n, chosen = 64, np.arange(64)

    def surroundings(moved: np.ndarray) -> Surroundings:
        return Surroundings(np.full(n, 79), moved, np.eye(3), np.zeros(3, dtype=bool), chosen)

    def density(moved: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(moved[:, None] - moved[None], axis=2) + 99 * np.eye(n)
        nearest = float(np.median(distance.min(axis=1)))
        return np.exp(-(distance / nearest - 1) / 0.3).sum(axis=1)

    frames = [positions + 0.03 * k * rng.normal(size=positions.shape) for k in range(6)]
    values = [-0.05 * density(frame) for frame in frames]
    series = ShiftChanges.first(surroundings(frames[0]), values[0])
    assert np.array_equal(series.expected(surroundings(frames[1])), values[0])  # nothing is known yet
    for frame, value in zip(frames[1:5], values[1:5], strict=True):
        series = series.following(surroundings(frame), value)
    expected = series.expected(surroundings(frames[5]))
    assert np.linalg.norm(expected - values[5]) < 0.6 * np.linalg.norm(values[4] - values[5])


class Linear:
    """Populations that fall linearly with the shifts."""

    def __init__(self, wanted: np.ndarray, matrix: np.ndarray) -> None:
        self.wanted, self.matrix, self.evaluations = wanted, matrix, 0

    def populations(self, shifts: np.ndarray) -> np.ndarray:
        self.evaluations += 1
        return 11.0 - self.matrix @ (shifts - self.wanted)

    def response(self, shifts: np.ndarray) -> np.ndarray:
        return -self.matrix


def test_a_step_is_left_unchecked_only_where_the_last_one_was_good() -> None:
    rng = np.random.default_rng(0)
    matrix = 0.3 * np.eye(8) + 0.02 * rng.normal(size=(8, 8))
    stale = np.linalg.inv(-matrix * 1.1)
    solver, electrons = QuasiNewton(1e-3, 30), np.full(8, 11.0)
    evaluations = []
    for first_step in (1.0, 0.1):
        device = Linear(np.full(8, 0.01), matrix)
        start = Shifts(np.zeros(8), stale, 3, first_step)
        found = solver.solve(device, ["Au"] * 8, electrons, start)
        assert np.abs(device.populations(found.values) - 11.0).max() < 1e-3
        evaluations.append(found.evaluations)
    assert evaluations == [2, 1]
    assert all(a > b for a, b in pairwise(evaluations))
