import numpy as np
import pytest
from ase.build import bulk
from sharvin import Frames, create
from sharvin.errors import InputError, ItemError
from sharvin.options import ConditionedOptions
from sharvin_md.lammps_system import LammpsSystem
from sharvin_md.neck_width import NeckWidth

GOLD = {"lattice_constant_A": 4.08, "neck": [2, 2, 4], "electrode": [4, 4, 4], "rigid_layers": 3}
FAST = {"speed_m_per_s": 200, "equilibration_ps": 0.5, "snapshot_every_A": 0.5}


def wire(**options):
    return create("structures", "nanowire", **{**GOLD, **options}).build(np.random.default_rng(0))


def gold():
    return create("potentials", "eam", file="Au_u3.eam")


def pull(atoms, potential=None, seed=3, **options):
    return Frames(create("dynamics", "lammps_pull", **{**FAST, **options}).run(atoms, potential or gold(), seed))


@pytest.fixture(scope="module")
def broken():
    return pull(wire())


def chain_of_sections(sections):
    """Layers of the given numbers of atoms, each bonded to all of the next; the ends are the electrodes."""
    positions, ends = [], []
    for layer, count in enumerate(sections):
        angles = 2 * np.pi * np.arange(count) / count
        positions += [[0.1 * np.cos(a), 0.1 * np.sin(a), float(layer)] for a in angles]
        ends += [layer] * count
    ends = np.array(ends)
    return np.array(positions), ends == 0, ends == len(sections) - 1


@pytest.mark.parametrize("sections", [(3, 4, 2, 5, 3), (3, 1, 3), (4, 3, 3, 4), (2, 5, 2), (1, 1, 1)])
def test_neck_width_is_the_smallest_section_between_the_electrodes(sections):
    positions, left, right = chain_of_sections(sections)
    width = NeckWidth(left, right, 1.3)
    assert width(positions, np.eye(3) * 50, np.zeros(3, dtype=bool)) == min(sections[1:-1])


def test_neck_width_counts_atoms_and_not_bonds_and_is_zero_for_a_gap():
    positions, left, right = chain_of_sections((2, 1, 6, 1, 2))
    cell, pbc = np.eye(3) * 50, np.zeros(3, dtype=bool)
    width = NeckWidth(left, right, 1.3)
    assert width(positions, cell, pbc) == 1
    positions[~left & (positions[:, 2] > 1.5), 2] += 5
    assert width(positions, cell, pbc) == 0
    positions[~left & (positions[:, 2] > 1.5), 2] -= 5
    assert width(positions, cell, pbc) == 1


def test_two_chains_side_by_side_have_width_two_also_across_the_cell_boundary():
    z = np.arange(6.0)
    positions = np.concatenate([np.stack([0 * z + x, 0 * z, z], axis=1) for x in (0.2, 9.8)])
    left, right = positions[:, 2] == 0, positions[:, 2] == 5
    width = NeckWidth(left, right, 1.2)
    cell = np.diag([10.0, 10.0, 20.0])
    assert width(positions, cell, np.array([True, True, False])) == 2
    positions[[2, 3], 0] += 5.0
    assert width(positions, cell, np.array([True, True, False])) == 1


def test_a_pulled_gold_wire_thins_and_breaks(broken):
    width, elongation = broken.scalar("neck_width"), broken.scalar("elongation_A")
    assert width[0] == 4
    assert width[-1] == 0
    assert 0 < width[len(width) // 2] <= 4
    assert elongation[np.flatnonzero(width > 0)[-1]] < elongation[-1] - FAST["snapshot_every_A"] / 2
    assert np.diff(elongation) == pytest.approx(0.5)
    assert broken.scalar("force_nN")[width > 0].mean() > 1.0


def test_the_electrodes_move_apart_at_the_speed_of_the_config_and_stay_rigid(broken):
    atoms = wire()
    rigid, side = atoms.arrays["rigid"], atoms.arrays["electrode"]
    first, last = broken[0], broken[-1]
    apart = (last.positions - first.positions)[rigid & (side > 0)] - (last.positions - first.positions)[rigid & (side < 0)]
    expected = 200 * last.scalars["time_ps"] / 100
    assert apart == pytest.approx(np.broadcast_to([0, 0, expected], apart.shape), abs=1e-9)
    assert last.scalars["elongation_A"] == pytest.approx(expected)
    assert first.positions[rigid] == pytest.approx(atoms.positions[rigid], abs=1e-12)
    assert last.positions[rigid & (side < 0)] == pytest.approx(atoms.positions[rigid & (side < 0)], abs=1e-9)
    assert last.cell[2, 2] == pytest.approx(atoms.cell[2, 2] + expected)


def test_equal_seeds_give_equal_pulls_bit_for_bit_and_others_do_not(broken):
    again, other = pull(wire()), pull(wire(), seed=4, max_elongation_A=1.0)
    assert len(again) == len(broken)
    for one, two in zip(broken, again, strict=True):
        assert np.array_equal(one.positions, two.positions)
        assert one.scalars == two.scalars
    assert not np.array_equal(other[1].positions, broken[1].positions)


def test_a_broken_wire_is_recorded_for_the_margin(broken):
    longer = pull(wire(), rupture_margin_A=3.0)
    assert longer[-1].scalars["elongation_A"] == pytest.approx(broken[-1].scalars["elongation_A"] + 2.5)


@pytest.mark.parametrize("thermostat", ["langevin", "nvt"])
def test_the_same_pull_runs_with_any_ase_calculator(thermostat):
    emt = create("potentials", "ase", calculator="ase.calculators.emt.EMT")
    small = wire(neck=[1, 1, 3], electrode=[2, 2, 3], rigid_layers=2)
    frames = pull(small, emt, equilibration_ps=0.05, speed_m_per_s=2000, max_elongation_A=2.0, thermostat=thermostat)
    last = frames[-1].to_atoms()
    last.calc = emt.calculator()
    assert last.get_potential_energy() == pytest.approx(frames[-1].scalars["potential_energy_eV"], abs=1e-8)
    assert frames.scalar("elongation_A")[-1] == pytest.approx(2.0)


def test_what_is_no_wire_is_refused():
    gap = wire()
    gap = gap[gap.positions[:, 2].argsort()]
    z = gap.positions[:, 2]
    with pytest.raises(InputError, match="broken before the pull"):
        pull(gap[(z < np.median(z) - 3) | (z > np.median(z) + 3)])
    with pytest.raises(InputError, match="periodic along z"):
        periodic = wire()
        periodic.pbc = True
        pull(periodic)
    with pytest.raises(InputError, match="electrodes marked"):
        unmarked = wire()
        del unmarked.arrays["electrode"]
        pull(unmarked)
    with pytest.raises(InputError, match="holds Au, not Ag"):
        pull(wire(element="Ag"))
    with pytest.raises(InputError, match="smaller time step"):
        create("dynamics", "lammps_pull", speed_m_per_s=1e5)


def test_the_length_of_a_run_is_known_before_it(broken):
    """Of a pull about, as it ends when the wire breaks."""
    pulling = create("dynamics", "lammps_pull", **FAST).foresee(wire(), gold(), measure=True)
    assert 0.5 < pulling.frames / len(broken) < 2 and pulling.seconds > 0
    heating = create("dynamics", "lammps_nvt", equilibration_ps=0.02, duration_ps=0.1, snapshot_every_ps=0.03)
    length = heating.foresee(wire(), gold(), measure=False)
    assert (length.frames, length.steps) == (len(list(heating.run(wire(), gold(), 1))), 10 + 3 * 15)


def test_a_time_step_far_too_large_is_an_error_of_this_pull():
    with pytest.raises(ItemError):
        pull(wire(), timestep_fs=200, damping_fs=1e5, temperature_K=300, speed_m_per_s=10)


def test_nve_conserves_the_energy_at_the_default_time_step():
    atoms = bulk("Au", a=4.08, cubic=True) * (3, 3, 3)
    with LammpsSystem(atoms, gold(), 10.0) as system:
        system.setup("thermo_style custom step pe", "fix integrate all nve", "timestep 0.005")
        system.setup("compute kinetic all ke", "velocity all create 9.0 11 mom yes")
        totals = []
        for _ in range(21):
            system.potential.command("run 100 post no")
            totals.append(system.energy_eV() + system.lmp.extract_compute("kinetic", 0, 0))
    assert np.ptp(totals) / len(atoms) < 1e-6
    assert abs(np.polyfit(np.arange(21) * 0.5, totals, 1)[0]) / len(atoms) < 2e-8


def test_relaxing_a_rattled_crystal_gives_the_crystal_back():
    atoms = bulk("Au", a=4.08, cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=5)
    (frame,) = create("dynamics", "lammps_relax").run(atoms, gold(), 1)
    assert frame.scalars["potential_energy_eV"] / len(atoms) == pytest.approx(-3.93, abs=1e-6)
    assert frame.scalars["max_force_eV_per_A"] <= 0.001
    with pytest.raises(ItemError, match="relaxing stopped"):
        next(create("dynamics", "lammps_relax", fmax=1e-9, max_steps=2).run(atoms, gold(), 1))


def test_rigid_atoms_stay_while_the_others_relax():
    atoms = wire()
    (frame,) = create("dynamics", "lammps_relax", fmax=0.01).run(atoms, gold(), 1)
    moved = np.abs(frame.positions - atoms.positions).max(axis=1)
    assert moved[atoms.arrays["rigid"]].max() < 1e-12
    assert moved[~atoms.arrays["rigid"]].max() > 0.02


@pytest.mark.parametrize("thermostat", ["langevin", "nvt"])
def test_the_thermostat_holds_its_temperature_and_the_crystal_does_not_drift(thermostat):
    atoms = bulk("Au", a=4.08, cubic=True) * (3, 3, 3)
    options = {"temperature_K": 300, "timestep_fs": 4, "duration_ps": 8, "snapshot_every_ps": 0.1, "thermostat": thermostat}
    frames = Frames(create("dynamics", "lammps_nvt", **options).run(atoms, gold(), 2))
    assert len(frames) == 81
    assert frames.scalar("time_ps")[-1] == pytest.approx(8.0)
    assert frames.scalar("temperature_K").mean() == pytest.approx(300, rel=0.05)
    drift = frames[-1].positions.mean(axis=0) - atoms.positions.mean(axis=0)
    assert np.abs(drift).max() < 1e-9


@pytest.mark.parametrize(
    ("name", "units"),
    [("lammps_pull", {"speed_m_per_s": "m/s", "temperature_K": "K"}), ("lammps_nvt", {"temperature_K": "K"})],
)
def test_conditions_are_options_that_hold_numbers_in_the_stated_unit(name, units):
    options = create("dynamics", name).options
    assert isinstance(options, ConditionedOptions)
    assert {one.option: one.unit for one in options.conditions()} == units
    for one in options.conditions():
        assert isinstance(getattr(options, one.option), float) and one.option.endswith(one.unit.replace("/", "_per_"))
        assert one.name in one.title
