"""Vibrations and thermal displacements: the oscillator, statistics, sum rules, phonopy's own results, layers, unstable modes."""

from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, graphene
from ase.calculators.harmonic import SpringCalculator
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from sharvin import Frames, create
from sharvin.errors import InputError, ItemError, PhysicsWarning
from sharvin.protocols import FiniteDifferencePotential, HarmonicCrystal, HarmonicDynamics
from sharvin.testing import DynamicsTests
from sharvin_md.vibrations.normal_modes import HBAR
from sharvin_md.vibrations.rigid_layers import layers_found

AB = {"stacking": "AB", "lattice_constant_A": 2.4594, "distance_A": 3.369}
ALLOY_A = 3.80


class GoldWire(DynamicsTests):
    name = "thermal_displacements"

    @pytest.fixture
    def atoms(self):
        wire = {"element": "Au", "lattice_constant_A": 4.08, "neck": [1, 1, 3], "electrode": [2, 2, 3]}
        return create("structures", "nanowire", **wire).build(np.random.default_rng(1))

    @pytest.fixture
    def potential(self):
        return create("potentials", "eam", file="Au_u3.eam")


class TestSamples(GoldWire):
    options: ClassVar = {"relax": True, "samples": 3}


class TestSpecialDisplacement(GoldWire):
    options: ClassVar = {"relax": True, "special_displacement": True}
    seed_matters = False


class Springs:
    """Each atom on a spring of its own."""

    def __init__(self, atoms, k):
        self._rest, self._k = atoms.positions.copy(), k

    def calculator(self):
        return SpringCalculator(self._rest, self._k)


def dynamics(**options):
    return create("dynamics", "thermal_displacements", **options)


def emt():
    return create("potentials", "ase", calculator="ase.calculators.emt.EMT")


def alloy(repeats=2):
    """Cu3Au: unequal masses, and of copper displacements that are not isotropic."""
    places = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    return Atoms("AuCu3", scaled_positions=places, cell=[ALLOY_A] * 3, pbc=True).repeat(repeats)


def bilayer(supercell=1, **options):
    part = create("structures", "bilayer_graphene", supercell=[supercell, supercell], **{**AB, **options})
    return part.build(np.random.default_rng(0))


def displacements(atoms, seed=1, **options):
    frames = Frames(dynamics(**options).run(atoms, emt(), seed))
    return np.array([frame.positions for frame in frames]) - atoms.positions


@pytest.fixture(scope="module")
def crystal():
    return dynamics().vibrations(alloy(), emt())


@pytest.fixture(scope="module")
def by_phonopy():
    """The same crystal by phonopy, from its unit cell."""
    unit = alloy(1)
    cell = PhonopyAtoms(symbols=unit.get_chemical_symbols(), cell=unit.cell.array, positions=unit.positions)
    phonons = Phonopy(cell, supercell_matrix=2 * np.eye(3, dtype=int), primitive_matrix=np.eye(3), log_level=0)
    phonons.generate_displacements(distance=0.01)
    forces = []
    for one in phonons.supercells_with_displacements:
        moved = Atoms(one.symbols, positions=one.positions, cell=one.cell, pbc=True, calculator=emt().calculator())
        forces.append(moved.get_forces())
    phonons.forces = np.array(forces)
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    return phonons


@pytest.mark.parametrize("temperature_K", [0.0, 1.0, 80.0, 2000.0])
def test_one_oscillator_has_its_mean_square(temperature_K):
    """⟨u²⟩ = ħ/(2Mω) coth(ħω/2kT) along each direction; ħ/(2Mω) at 0 K, and kT/k well above ħω/k_B."""
    k, mass = 5.0, 63.546
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [3, 0, 0]])
    atoms.set_array("rigid", np.array([True, False]))
    found = dynamics().vibrations(atoms, Springs(atoms, k))
    omega = np.sqrt(k * units._e * 1e20 / (mass * units._amu))  # in 1/s
    assert found.modes.frequencies_THz == pytest.approx([omega / 2e12 / np.pi] * 3, rel=1e-6)
    ground = units._hbar / (2 * mass * units._amu * omega) * 1e20
    thermal = units._hbar * omega / (2 * units._k * temperature_K) if temperature_K else np.inf
    squares = found.mean_square_displacements_A2(temperature_K)
    assert squares[0] == pytest.approx(0)
    assert squares[1] == pytest.approx(ground / np.tanh(thermal), rel=1e-6)
    if temperature_K <= 1:
        assert squares[1] == pytest.approx(ground, rel=1e-6)
    if temperature_K == 2000:
        assert squares[1] == pytest.approx(units.kB * temperature_K / k, rel=1e-3)
        assert found.mean_square_displacements_A2(temperature_K, "classical")[1] == pytest.approx(units.kB * temperature_K / k)


def test_a_free_dimer_has_one_mode_that_leaves_its_centre_at_rest():
    atoms = Atoms("CuAu", positions=[[0, 0, 0], [0, 0, 2.3]])
    options = {"relax": True, "relax_fmax": 1e-4, "temperature_K": 500, "samples": 4000}
    found = dynamics(**options).vibrations(atoms, emt())
    assert found.removed == {"translations and rotations": 5}
    assert len(found.modes.eigenvalues) == 1
    masses = atoms.get_masses()
    reduced = 1 / (1 / masses).sum()
    omega = float(np.sqrt(found.modes.eigenvalues[0]))
    expected = HBAR / (2 * reduced * omega) / np.tanh(HBAR * omega / (2 * units.kB * 500))
    moved = np.array([f.positions - found.atoms.positions for f in dynamics(**options).run(atoms, emt(), 1)])
    assert np.abs(np.einsum("i,sic->sc", masses, moved)).max() < 1e-9
    assert np.abs(moved[:, :, :2]).max() < 1e-9
    assert (moved[:, 1, 2] - moved[:, 0, 2]).var() == pytest.approx(expected, rel=0.08)


def test_a_crystal_has_the_frequencies_and_mean_squares_of_phonopy(crystal, by_phonopy):
    """Frequencies anywhere; mean squares at the mesh of wave vectors that the supercell holds."""
    assert isinstance(crystal, HarmonicCrystal)
    assert isinstance(dynamics(), HarmonicDynamics)
    assert crystal.cell == pytest.approx(np.eye(3) * ALLOY_A)
    q = np.array([[0, 0, 0], [0.5, 0, 0], [0.13, 0.37, -0.21], [0.25, 0.25, 0.25]])
    by_phonopy.run_qpoints(q)
    assert crystal.frequencies_THz(q) == pytest.approx(by_phonopy.qpoints.frequencies, abs=2e-3)
    by_phonopy.run_mesh([2, 2, 2], with_eigenvectors=True, is_mesh_symmetry=False, is_gamma_center=True)
    for temperature in (0, 300):
        by_phonopy.run_thermal_displacements(temperatures=[temperature], freq_min=0.1)
        expected = by_phonopy.thermal_displacements.thermal_displacements.reshape(4, 3)
        found = crystal.mean_square_displacements_A2(temperature)
        assert np.abs(np.diff(found.reshape(8, 4, 3), axis=0)).max() < 1e-9, "equal atoms move equally"
        assert found[:4] == pytest.approx(expected, rel=2e-3)


def test_uniform_shifts_cost_nothing(crystal):
    """The acoustic sum rule."""
    assert np.abs(crystal.frequencies_THz(np.zeros((1, 3)))[0, :3]).max() < 1e-4
    assert crystal.removed == {"translations and rotations": 3}
    assert len(crystal.modes.eigenvalues) == 3 * 32 - 3
    roots = np.sqrt(crystal.atoms.get_masses())
    assert np.abs(np.einsum("i,icm->cm", roots, crystal.modes.vectors.reshape(32, 3, -1))).max() < 1e-9


def test_classical_motion_has_half_kt_in_each_mode_and_quantum_motion_more():
    classical = Frames(dynamics(statistics="classical", samples=400).run(alloy(), emt(), 1)).scalar("harmonic_energy_eV")
    assert classical.mean() == pytest.approx(93 * units.kB * 300 / 2, rel=4 * np.sqrt(2 / 93 / 400))
    for temperature, lowest, highest in ((300, 1.005, 1.1), (3000, 1.00001, 1.001)):
        found = dynamics().vibrations(alloy(), emt())
        ratio = found.mean_square_displacements_A2(temperature) / found.mean_square_displacements_A2(temperature, "classical")
        assert (ratio > lowest).all()
        assert (ratio < highest).all()
    still = dynamics(temperature_K=0, samples=1).run(alloy(), emt(), 1)
    assert next(still).scalars["harmonic_energy_eV"] > 0


def test_the_harmonic_energy_is_that_of_the_potential_for_small_displacements():
    atoms = alloy()
    (frame,) = dynamics(temperature_K=3, statistics="classical", samples=1).run(atoms, emt(), 1)
    moved = frame.to_atoms()
    moved.calc, atoms.calc = emt().calculator(), emt().calculator()
    assert moved.get_potential_energy() - atoms.get_potential_energy() == pytest.approx(
        frame.scalars["harmonic_energy_eV"], rel=0.03
    )


def test_samples_have_the_exact_covariance(crystal):
    """Classically ⟨u u⟩ = kT M^(−1/2) D⁺ M^(−1/2), with the pseudo-inverse of the dynamical matrix."""
    samples = 4000
    moved = displacements(alloy(), statistics="classical", samples=samples).reshape(samples, -1)
    roots = np.sqrt(np.repeat(alloy().get_masses(), 3))
    dynamical = (crystal.modes.vectors * crystal.modes.eigenvalues) @ crystal.modes.vectors.T
    exact = units.kB * 300 * np.linalg.pinv(dynamical, rcond=1e-9, hermitian=True) / roots[:, None] / roots
    found = moved.T @ moved / samples
    error = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / samples)
    off = (found - exact) / error
    assert np.abs(off).max() < 6
    assert off.std() == pytest.approx(1.0, abs=0.15)
    assert np.diag(exact).reshape(-1, 3) == pytest.approx(crystal.mean_square_displacements_A2(300, "classical"))


@pytest.mark.parametrize("temperature_K", [0, 300])
def test_the_special_displacement_has_the_exact_mean_square(crystal, temperature_K):
    moved, mirrored = displacements(alloy(), special_displacement=True, antithetic=True, temperature_K=temperature_K)
    masses = alloy().get_masses()[:, None]
    expected = (masses * crystal.mean_square_displacements_A2(temperature_K)).sum()
    assert (masses * moved**2).sum() == pytest.approx(expected, rel=1e-9)
    assert mirrored == pytest.approx(-moved, abs=1e-12)


def test_a_sample_is_known_by_its_number_and_the_seed():
    few, many = displacements(alloy(), samples=2, seed=4), displacements(alloy(), samples=5, seed=4)
    assert np.array_equal(few, many[:2])
    assert np.abs(many[0] - many[1]).max() > 0.01
    assert not np.array_equal(few, displacements(alloy(), samples=2, seed=5))
    pairs = displacements(alloy(), samples=4, antithetic=True, seed=4)
    assert pairs[::2] == pytest.approx(many[:2], abs=1e-12)
    assert pairs[1::2] == pytest.approx(-pairs[::2], abs=1e-12)


@pytest.mark.parametrize(("antithetic", "draws"), [(False, [0, 1, 2, 3]), (True, [0, 0, 1, 1])])
def test_frames_say_which_of_them_are_of_one_draw(antithetic, draws):
    frames = dynamics(samples=4, antithetic=antithetic).run(alloy(), emt(), 1)
    assert [frame.scalars["draw"] for frame in frames] == draws


def test_samples_change_little_with_the_force_constants_however_modes_of_equal_frequency_are_chosen():
    one, other = (displacements(alloy(), samples=5, displacement_A=step) for step in (0.01, 0.03))
    assert np.abs(one - other).max() < 0.01 * np.abs(one).max()


def test_displacements_are_as_small_as_the_potential_asks():
    carbon = create("potentials", "layered_carbon")
    assert isinstance(carbon, FiniteDifferencePotential)
    for options, expected in (({}, 1e-3), ({"displacement_A": 5e-4}, 5e-4)):
        steps = dynamics(**options)._differences(bilayer(), carbon).displacements
        assert np.linalg.norm([step for _, step in steps], axis=1) == pytest.approx(expected)
    assert np.linalg.norm(dynamics()._differences(alloy(1), emt()).displacements[0][1]) == pytest.approx(0.01)


def test_a_bilayer_of_graphene_has_its_known_modes():
    """Shear, breathing, out of plane and stretching: 0.76, 2.42, 28.9 and 50.0 THz."""
    found = dynamics(relax=True).vibrations(bilayer(), create("potentials", "layered_carbon"))
    gamma = found.frequencies_THz(np.zeros((1, 3)))[0]
    assert np.abs(gamma[:3]).max() < 1e-3
    assert gamma[3:6] == pytest.approx([0.76, 0.76, 2.42], abs=0.01)
    assert gamma[[6, 7, 8, 11]] == pytest.approx([28.9, 28.97, 49.97, 49.99], abs=0.05)
    assert found.rigid_layers.frequencies_THz == pytest.approx(gamma[3:6], rel=0.005)
    unmarked = found.atoms.copy()
    del unmarked.arrays["layer"]
    layers = layers_found(unmarked)
    assert len(set(layers)) == 2
    assert all(len(set(layers[found.atoms.arrays["layer"] == one])) == 1 for one in (0, 1))


def test_shifts_of_layers_are_kept_and_reported_or_fixed():
    """Their mean square is one over the number of atoms; all else depends little on the cell."""
    carbon = create("potentials", "layered_carbon", within="tersoff")
    shifts = {}
    for repeats in (1, 2):
        atoms = bilayer(repeats, lattice_constant_A=2.491)
        for choice in ("keep", "fix"):
            options = {"relax": True, "rigid_layer_modes": choice, "samples": 2, "statistics": "classical"}
            found = dynamics(**options).vibrations(atoms, carbon)
            frames = Frames(dynamics(**options).run(atoms, carbon, 1))
            upper = atoms.arrays["layer"] == 1
            moved = np.array([frame.positions for frame in frames]) - found.atoms.positions
            apart = np.abs(moved[:, upper].mean(axis=1) - moved[:, ~upper].mean(axis=1)).max()
            assert (apart < 1e-9) == (choice == "fix")
            exact = found.rigid_layers.mean_square_displacements_A2(300, "classical")
            assert frames.scalar("rigid_layer_u2_A2") == pytest.approx([exact.sum() if choice == "keep" else 0] * 2)
            shifts[repeats] = exact
            if choice == "keep":
                whole = found.mean_square_displacements_A2(300, "classical").mean(axis=0)
            else:
                without = found.mean_square_displacements_A2(300, "classical").mean(axis=0)
                assert found.removed["rigid layers"] == 3
        assert whole - without == pytest.approx(exact, rel=0.01)
    assert shifts[1] == pytest.approx(4 * shifts[2], rel=1e-3)


def test_layers_are_told_by_marks_or_else_by_bonds_that_make_sheets():
    assert layers_found(bulk("Cu", cubic=True)) is None
    assert layers_found(Atoms("Cu2", positions=[[0, 0, 0], [9, 0, 0]])) is None
    assert layers_found(graphene(vacuum=5.0)) is None
    sheets = graphene(size=(2, 2, 1), vacuum=5.0)
    upper = sheets.copy()
    upper.positions[:, 2] += 3.4
    both = sheets + upper
    both.pbc = [True, True, False]
    assert np.array_equal(layers_found(both), [0] * 8 + [1] * 8)
    both.set_array("layer", np.array([3] * 16))
    assert (layers_found(both) == 3).all()


def test_layers_that_rigid_atoms_hold_do_not_shift():
    atoms, carbon = bilayer(2), create("potentials", "layered_carbon")
    atoms.set_array("rigid", np.arange(len(atoms)) == np.flatnonzero(atoms.arrays["layer"] == 0)[0])
    one_held = dynamics(relax=True).vibrations(atoms, carbon)
    assert len(one_held.rigid_layers.eigenvalues) == 3
    upper = atoms.arrays["layer"][one_held.mobile] == 1
    assert np.abs(one_held.rigid_layers.vectors.reshape(len(upper), 3, 3)[~upper]).max() == 0
    atoms.arrays["rigid"][np.flatnonzero(atoms.arrays["layer"] == 1)[0]] = True
    assert dynamics(relax=True).vibrations(atoms, carbon).rigid_layers is None
    with pytest.raises(InputError, match="held by rigid atoms"):
        dynamics(relax=True, rigid_layer_modes="fix").vibrations(atoms, carbon)


def test_a_monolayer_of_any_supercell_refers_to_its_primitive_cell():
    carbon = create("potentials", "layered_carbon", within="tersoff")
    atoms = bilayer(3, stacking="monolayer", distance_A=3.35, lattice_constant_A=2.491)
    one, other = (dynamics(primitive=primitive).vibrations(atoms, carbon) for primitive in ("auto", [3, 3, 1]))
    assert one.cell[:2] == pytest.approx(atoms.cell.array[:2] / 3, abs=1e-6)
    q = np.array([[1 / 3, 1 / 3, 0], [0.2, 0.1, 0]])
    assert one.frequencies_THz(q) == pytest.approx(other.frequencies_THz(q), abs=1e-6)
    assert one.frequencies_THz(q).shape == (2, 6)
    with pytest.raises(InputError, match="does not repeat itself 2 times along cell vector 1"):
        dynamics(primitive=[2, 2, 1]).vibrations(atoms, carbon)


def unstable():
    """bcc copper, which EMT does not hold."""
    return bulk("Cu", "bcc", a=2.85, cubic=True).repeat(2)


def test_unstable_modes_are_refused_with_what_they_are_and_what_to_do():
    with pytest.raises(ItemError) as caught:
        next(dynamics().run(unstable(), emt(), 1))
    message = str(caught.value)
    found = dynamics().vibrations(unstable(), emt())
    assert message.startswith(
        f"{found.unstable_modes} modes are unstable, the lowest at {-found.modes.frequencies_THz[0]:.3g}i THz"
    )
    assert "with wave vector (" in message and "of the primitive cell" in message
    for remedy in ("lattice constant of the potential", "strain", "imaginary_modes: follow", "imaginary_modes: freeze"):
        assert remedy in message
    q = found.wave_vector(0)
    assert found.frequencies_THz(q[None])[0].min() == pytest.approx(found.modes.frequencies_THz[0], abs=1e-4)
    with pytest.raises(ItemError, match="need stable modes"):
        found.mean_square_displacements_A2(300)


def test_frozen_modes_do_not_move_and_are_counted():
    with pytest.warns(PhysicsWarning, match=r"unstable.*left out"):
        frames = Frames(dynamics(imaginary_modes="freeze", samples=2).run(unstable(), emt(), 1))
    found = dynamics().vibrations(unstable(), emt())
    assert (frames.scalar("frozen_modes") == found.unstable_modes).all()
    moved = (frames[0].positions - unstable().positions).ravel() * np.sqrt(np.repeat(unstable().get_masses(), 3))
    along = found.modes.vectors.T @ moved
    assert np.abs(along[: found.unstable_modes]).max() < 1e-9
    assert np.abs(along[found.unstable_modes :]).min() > 0


def test_a_ribbon_under_pressure_says_so_and_buckles_where_asked():
    ribbon = create("structures", "graphene_ribbon", width=6, length=4, electrode=2, lattice_constant_A=2.46)
    atoms, carbon = ribbon.build(np.random.default_rng(1)), create("potentials", "layered_carbon", within="tersoff")
    with pytest.raises(ItemError, match=r"unstable, the lowest at .*i THz, along y: .*larger lattice constant.*follow"):
        next(dynamics(relax=True).run(atoms, carbon, 1))
    found = dynamics(relax=True, imaginary_modes="follow").vibrations(atoms, carbon)
    assert found.unstable_modes == 0
    assert np.ptp(found.atoms.positions[:, 1]) > 0.2
    assert np.array_equal(found.atoms.positions[~found.mobile], atoms.positions[~found.mobile])


def test_layers_that_slide_without_force_are_named():
    """Springs between neighbours in the layer, none between layers."""
    carbon = create("potentials", "layered_carbon", within="tersoff")
    far = bilayer(2, distance_A=25.0, height_A=80.0, lattice_constant_A=2.491)
    with pytest.raises(ItemError, match=r"whole layers shift.*rigid_layer_modes: fix"):
        next(dynamics(relax=True).run(far, carbon, 1))
    frames = list(dynamics(relax=True, rigid_layer_modes="fix", samples=2).run(far, carbon, 1))
    assert frames[0].scalars["rigid_layer_u2_A2"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"antithetic": True, "samples": 3}, "must be even"),
        ({"special_displacement": True, "samples": 3}, "leave out samples"),
        ({"statistics": "classical", "temperature_K": 0}, "classical atoms rest"),
        ({"imaginary_modes": "follow"}, "needs relax: true"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        dynamics(**options)


def test_structures_that_cannot_vibrate_are_refused():
    rattled = alloy()
    rattled.rattle(0.05, seed=1)
    with pytest.raises(InputError, match=r"not at rest: the largest force is .* relax"):
        dynamics().vibrations(rattled, emt())
    assert dynamics(relax=True).vibrations(rattled, emt()).unstable_modes == 0
    with pytest.raises(ItemError, match="relaxing stopped after 2 steps"):
        dynamics(relax=True, relax_steps=2).vibrations(rattled, emt())
    stiff = alloy()
    stiff.set_array("rigid", np.ones(len(stiff), dtype=bool))
    with pytest.raises(InputError, match="all atoms are rigid"):
        dynamics().vibrations(stiff, emt())
    with pytest.raises(InputError, match="at least two layers"):
        dynamics(rigid_layer_modes="fix").vibrations(alloy(), emt())
    with pytest.raises(InputError, match="at least two layers"):
        dynamics(rigid_layer_modes="fix").foresee(alloy(), emt(), measure=False)
    with pytest.raises(InputError, match=r"10,648 atoms that are not rigid would need .* GB"):
        dynamics().vibrations(bulk("Cu").repeat(22), emt())


def test_the_length_of_a_run_is_known_before_it():
    length = dynamics(samples=7).foresee(alloy(), emt(), measure=True)
    assert length.frames == 7 and length.seconds > 0
    assert length.steps == len(dynamics()._differences(alloy(), emt()).displacements) + 2
