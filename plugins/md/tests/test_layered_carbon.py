"""Potentials of layered carbon: lattice and modes of bilayers, layers as molecules, relaxed moiré cells, what is refused."""

from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from ase import units
from ase.data import atomic_masses
from scipy.optimize import minimize_scalar
from sharvin import create
from sharvin.errors import InputError
from sharvin.lammps import attach
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.protocols import FiniteDifferencePotential
from sharvin.testing import PotentialTests
from sharvin_md.lammps_system import molecule_ids, open_lammps

WITHIN, BETWEEN = ("rebo", "airebo", "tersoff"), ("ilp", "kolmogorov_crespi", "drip")
REBO_A, REBO_DISTANCE_A = 2.4594, 3.369
THZ = 1e-12 * np.sqrt(units._e * 1e20 / units._amu) / (2 * np.pi)
"""Frequency in THz of one root of eV/Å²/u."""


def bilayer(seed=2, **options):
    return create("structures", "bilayer_graphene", **options).build(np.random.default_rng(seed))


def potential(**options):
    return create("potentials", "layered_carbon", **options)


def bonds(atoms):
    found = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, 1.98, full=True)
    return np.bincount(found.first, minlength=len(atoms))


def with_calculator(atoms, **options):
    atoms.calc = potential(**options).calculator()
    return atoms


def relaxed(atoms, fmax=1e-3, **options):
    (frame,) = create("dynamics", "lammps_relax", fmax=fmax).run(atoms, potential(**options), 1)
    after = atoms.copy()
    after.positions = frame.positions
    return after, frame


class LayeredTests(PotentialTests):
    name = "layered_carbon"
    symbol = "C"
    step_A = 5e-5

    @pytest.fixture
    def atoms(self, component):
        atoms = bilayer(supercell=[3, 3], displacement_A=0.03, shift=[-0.05, -0.08])
        atoms.pbc = True
        atoms.calc = component.calculator()
        return atoms

    @pytest.fixture
    def cluster(self, component, atoms):
        """Without atoms of a single bond, whose normal LAMMPS takes along z in any orientation."""
        cluster = atoms.copy()
        cluster.pbc = False
        cluster.center(vacuum=12.0)
        while (bonds(cluster) < 2).any():
            cluster = cluster[bonds(cluster) >= 2]
        assert len(cluster) > 20
        cluster.calc = component.calculator()
        return cluster


class TestReboWithIlp(LayeredTests):
    pass


class TestTersoffWithKolmogorovCrespi(LayeredTests):
    options: ClassVar = {"within": "tersoff", "between": "kolmogorov_crespi"}


class TestAireboWithDrip(LayeredTests):
    options: ClassVar = {"within": "airebo", "between": "drip"}


@pytest.mark.parametrize(("within", "between"), list(product(WITHIN, BETWEEN)))
def test_every_pair_of_potentials_has_the_forces_and_stress_of_its_energy(within, between):
    atoms = with_calculator(bilayer(supercell=[2, 2], displacement_A=0.03, shift=[0.13, 0.21]), within=within, between=between)
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    along = np.random.default_rng(4).normal(size=forces.shape)
    strain = np.array([[0.3, 0.2, 0.0], [0.2, -0.4, 0.0], [0.0, 0.0, 0.0]])
    step, energies, strained_energies = 2e-5, [], []
    for sign in (1, -1):
        moved, strained = atoms.copy(), atoms.copy()
        moved.positions += sign * step * along
        strained.set_cell(atoms.cell.array @ (np.eye(3) + sign * step * strain), scale_atoms=True)
        for structure, into in ((moved, energies), (strained, strained_energies)):
            structure.calc = atoms.calc
            into.append(structure.get_potential_energy())
    assert (energies[0] - energies[1]) / (2 * step) == pytest.approx(-(forces * along).sum(), abs=2e-6)
    work = (strained_energies[0] - strained_energies[1]) / (2 * step)
    assert work == pytest.approx((stress * strain).sum() * atoms.get_volume(), abs=1e-5)


def test_ab_graphene_has_its_lattice_and_its_modes_by_rebo_and_ilp():
    """The two atoms of a layer are not alike in AB, so it buckles, by 1e-3 Å."""

    def energy(lattice_constant_A):
        return relaxed(bilayer(lattice_constant_A=lattice_constant_A), fmax=1e-5)[1].scalars["potential_energy_eV"]

    found = minimize_scalar(energy, bounds=(2.43, 2.49), method="bounded", options={"xatol": 1e-5})
    assert found.x == pytest.approx(REBO_A, abs=1e-4)
    atoms = with_calculator(relaxed(bilayer(lattice_constant_A=REBO_A), fmax=1e-5)[0])
    z, layer = atoms.positions[:, 2], atoms.arrays["layer"]
    assert z[layer == 1].mean() - z[layer == 0].mean() == pytest.approx(REBO_DISTANCE_A, abs=5e-4)
    assert 1e-4 < np.ptp(z[layer == 0]) < 3e-3
    step, start = potential().finite_difference_A, atoms.positions.copy()
    constants = np.empty((12, 12))
    for row in range(12):
        forces = []
        for sign in (1, -1):
            atoms.positions = start
            atoms.positions[row // 3, row % 3] += sign * step
            forces.append(atoms.get_forces().ravel())
        constants[row] = (forces[1] - forces[0]) / (2 * step)
    squares = np.linalg.eigvalsh((constants + constants.T) / 2) / atomic_masses[6]
    modes = np.sqrt(np.abs(squares)) * THZ
    assert modes[:3] == pytest.approx(0.0, abs=0.05)
    assert modes[[3, 4, 5]] == pytest.approx([0.76, 0.76, 2.42], abs=0.02)
    assert modes[[6, 7]] == pytest.approx(28.9, abs=0.1)
    assert modes[8:] == pytest.approx(50.0, abs=0.15)


@pytest.mark.parametrize("between", BETWEEN)
def test_ab_is_lower_than_aa_and_layers_bind(between):
    energy = {
        (stacking, distance): with_calculator(
            bilayer(stacking=stacking, distance_A=distance), between=between
        ).get_potential_energy()
        for stacking in ("AA", "AB")
        for distance in (3.4, 20.0)
    }
    one = with_calculator(bilayer(stacking="monolayer"), between=between).get_potential_energy()
    assert energy["AA", 20.0] == pytest.approx(2 * one, abs=1e-6)
    assert 0.003 < (energy["AA", 3.4] - energy["AB", 3.4]) / 4 < 0.02
    assert 0.01 < (2 * one - energy["AB", 3.4]) / 4 < 0.04


def test_what_acts_between_layers_acts_between_marks():
    """Marked as one layer, a bilayer has no attraction; what number a layer has is of no matter."""
    atoms = with_calculator(bilayer(supercell=[2, 2]))
    marked = atoms.get_potential_energy()
    atoms.arrays["layer"] = np.where(atoms.arrays["layer"] == 0, 7, -3)
    assert atoms.get_potential_energy() == pytest.approx(marked, abs=1e-9)
    atoms.arrays["layer"] = np.zeros(len(atoms), dtype=int)
    one = with_calculator(bilayer(supercell=[2, 2], stacking="monolayer")).get_potential_energy()
    assert atoms.get_potential_energy() == pytest.approx(2 * one, abs=1e-6)
    assert marked < 2 * one - 0.1
    assert molecule_ids(bilayer(), "layer").tolist() == [1, 1, 2, 2]


def test_the_optimised_variant_is_the_same_potential():
    atoms = bilayer(supercell=[4, 4], displacement_A=0.05, shift=[0.1, 0.2])
    plain, fast = with_calculator(atoms.copy()), with_calculator(atoms.copy(), accelerated=True)
    assert fast.get_potential_energy() == pytest.approx(plain.get_potential_energy(), abs=1e-8)
    assert fast.get_forces() == pytest.approx(plain.get_forces(), abs=1e-9)
    assert fast.get_stress() == pytest.approx(plain.get_stress(), abs=1e-12)
    ribbon = create("structures", "graphene_ribbon", stacking="AB").build(np.random.default_rng(1))
    with pytest.raises(InputError, match=r"has 1 bond\(s\) in its layer, and the potential needs 2 of every atom"):
        with_calculator(ribbon, accelerated=True).get_forces()


@pytest.mark.parametrize("between", BETWEEN)
def test_the_ends_of_a_ribbon_have_the_forces_of_their_energy(between):
    """Some atoms there have one bond, which the optimised variant of ILP gets wrong."""
    ribbon = create("structures", "graphene_ribbon", stacking="AB", width=4, length=1, electrode=1).build(
        np.random.default_rng(1)
    )
    ribbon.rattle(0.02, seed=1)
    with_calculator(ribbon, within="tersoff", between=between)
    forces = ribbon.get_forces()
    assert np.abs(forces.sum(axis=0)).max() < 1e-9
    single = int(np.flatnonzero(bonds(ribbon) == 1)[0])
    near = np.flatnonzero(ribbon.get_distances(single, range(len(ribbon))) < 2.0)
    for atom, axis in product(near, range(3)):
        energies = []
        for sign in (1, -1):
            moved = ribbon.copy()
            moved.positions[atom, axis] += sign * 1e-4
            moved.calc = ribbon.calc
            energies.append(moved.get_potential_energy())
        assert (energies[1] - energies[0]) / 2e-4 == pytest.approx(forces[atom, axis], abs=2e-6)


def test_a_step_is_smaller_where_forces_have_kinks():
    assert isinstance(potential(), FiniteDifferencePotential)
    assert potential().finite_difference_A == potential(within="airebo").finite_difference_A == 1e-3
    assert potential(within="tersoff").finite_difference_A == 1e-2


def distance_at(atoms, fraction, count=6):
    """Distance of the layers about a place of the cell."""
    heights = []
    for layer in (0, 1):
        members = np.flatnonzero(atoms.arrays["layer"] == layer)
        apart = atoms.get_scaled_positions(wrap=False)[members, :2] - fraction
        apart -= np.round(apart)
        nearest = np.argsort(np.linalg.norm(apart @ atoms.cell.array[:2, :2], axis=1))[:count]
        heights.append(atoms.positions[members[nearest], 2].mean())
    return heights[1] - heights[0]


def test_a_relaxed_moire_cell_is_corrugated():
    """At 5.1° the layers are too stiff to follow each stacking; they do in part, and alike at AB and BA."""
    atoms = bilayer(twist=[6, 1], lattice_constant_A=REBO_A, distance_A=3.4)
    after, frame = relaxed(atoms, accelerated=True)
    assert frame.scalars["max_force_eV_per_A"] <= 1e-3
    assert frame.scalars["potential_energy_eV"] < with_calculator(atoms.copy()).get_potential_energy()
    aa, ab, ba = (distance_at(after, fraction) for fraction in (0.0, 1 / 3, 2 / 3))
    assert ab == pytest.approx(ba, abs=2e-3)
    assert 3.36 < ab < aa < 3.65
    assert aa - ab > 0.05


@pytest.mark.slow
def test_the_moire_cell_of_the_magic_angle_relaxes():
    atoms = bilayer(twist=[30, 1], lattice_constant_A=REBO_A, distance_A=3.4)
    after, _ = relaxed(atoms, accelerated=True)
    assert distance_at(after, 0.0, 24) == pytest.approx(3.61, abs=0.01)
    assert distance_at(after, 1 / 3, 24) == pytest.approx(REBO_DISTANCE_A, abs=0.005)


def test_a_bilayer_ribbon_relaxes_between_its_rigid_ends():
    ribbon = create("structures", "graphene_ribbon", stacking="AB", width=4, length=2, lattice_constant_A=REBO_A).build(
        np.random.default_rng(1)
    )
    after, frame = relaxed(ribbon, fmax=0.02)
    rigid = ribbon.arrays["rigid"]
    assert after.positions[rigid] == pytest.approx(ribbon.positions[rigid], abs=1e-12)
    assert np.abs(after.positions - ribbon.positions)[~rigid].max() > 1e-3
    assert frame.scalars["max_force_eV_per_A"] <= 0.02


def test_a_bilayer_moves_at_a_temperature():
    dynamics = create("dynamics", "lammps_nvt", temperature_K=300, equilibration_ps=0.05, duration_ps=0.1, snapshot_every_ps=0.05)
    atoms = bilayer(supercell=[3, 3], lattice_constant_A=REBO_A)
    frames = [list(dynamics.run(atoms, potential(), 3)) for _ in range(2)]
    assert len(frames[0]) >= 2
    assert np.array_equal(frames[0][-1].positions, frames[1][-1].positions)
    after = atoms.copy()
    after.positions = frames[0][-1].positions
    assert molecule_ids(after, "layer").tolist() == molecule_ids(atoms, "layer").tolist()


def swapped(atoms):
    atoms.arrays["layer"][0] = 1
    return atoms


def unmarked(atoms):
    del atoms.arrays["layer"]
    return atoms


def half_marked(atoms):
    atoms.arrays["layer"] = atoms.arrays["layer"] + 0.5
    return atoms


def with_atom_outside(atoms):
    atoms.positions[3] -= [0.0, 0.0, 3.0]
    return atoms


def hydrogenated(atoms):
    atoms.symbols[0] = "H"
    return atoms


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unmarked, r"does not say to which layer its atoms belong; mark each with a whole number, atoms\.set_array\('layer'"),
        (half_marked, "array layer of a structure must hold one whole number for each atom"),
        (swapped, r"no layer fits atom 0: it is marked as of layer 1 and bonded to atom \d+ of layer 0, 1\.42 Å away"),
        (with_atom_outside, r"no layer fits atom 3: it is marked as of layer 0 and has no neighbour there within 1\.98 Å"),
        (hydrogenated, "the layered_carbon potential knows carbon, not H"),
    ],
)
def test_structures_that_it_cannot_take_are_refused(change, message):
    atoms = change(bilayer(supercell=[3, 3]))
    with pytest.raises(InputError, match=message):
        with_calculator(atoms).get_potential_energy()
    with pytest.raises(InputError, match=message):
        list(create("dynamics", "lammps_relax").run(atoms, potential(), 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kolmogorov_crespi_parameters": "CH.KC"}, "kolmogorov_crespi_parameters would be ignored: between is ilp"),
        ({"between": "drip", "cutoff_A": 12.0}, "cutoff_A would be ignored"),
        ({"between": "drip", "accelerated": True}, "accelerated would be ignored: only ilp has an optimised variant"),
        ({"within": "lcbop"}, "within"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        potential(**options)


@pytest.mark.parametrize(
    ("style", "message"), [("atomic", "create them with atom_style molecular"), ("molecular", "have the id 0")]
)
def test_an_instance_without_molecules_is_refused(style, message):
    lmp = open_lammps()
    try:
        for command in (
            "units metal",
            f"atom_style {style}",
            "region box block 0 10 0 10 0 10",
            "create_box 1 box",
            "create_atoms 1 single 5 5 5",
            "mass 1 12.0",
        ):
            lmp.command(command)
        with pytest.raises(InputError, match=message):
            attach(lmp, potential(), ["C"])
    finally:
        lmp.close()
