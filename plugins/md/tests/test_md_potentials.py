import numpy as np
import pytest
import sharvin
from ase.build import bulk, fcc100
from ase.units import GPa
from sharvin.errors import InputError
from sharvin.registry import registry


@pytest.fixture(scope="module")
def gold():
    return sharvin.calculator("eam", file="Au_u3.eam")


@pytest.fixture(scope="module")
def potassium():
    return sharvin.calculator("meam")


def energy(atoms, calculator):
    atoms.calc = calculator
    return atoms.get_potential_energy()


def disordered(element, a, crystal, rotate=True):
    atoms = bulk(element, crystal, a=a) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    if rotate:
        atoms.rotate(33, (1, 2, 3), rotate_cell=True)
    return atoms


def lattice_minimum(element, crystal, guess, calculator):
    constants = guess * np.linspace(0.998, 1.002, 5)
    energies = [energy(bulk(element, crystal, a=a), calculator) for a in constants]
    cubic = np.polynomial.Polynomial.fit(constants, energies, 3)
    roots = cubic.deriv().roots()
    a = float(roots[np.argmin(np.abs(roots - guess))].real)
    return a, float(cubic(a))


def test_gold_has_its_lattice_constant_and_cohesive_energy(gold):
    a, cohesive = lattice_minimum("Au", "fcc", 4.08, gold)
    assert a == pytest.approx(4.0800, abs=2e-4)
    assert cohesive == pytest.approx(-3.93, abs=1e-4)


def test_potassium_has_its_lattice_constant_and_cohesive_energy(potassium):
    a, cohesive = lattice_minimum("K", "bcc", 5.344, potassium)
    assert a == pytest.approx(5.344, abs=1e-3)
    assert cohesive == pytest.approx(-0.94, abs=1e-4)


def test_gold_has_its_elastic_constants(gold):
    def stress(strain):
        atoms = bulk("Au", a=4.08)
        atoms.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
        atoms.calc = gold
        return atoms.get_stress() / GPa

    uniaxial, shear = np.zeros((3, 3)), np.zeros((3, 3))
    uniaxial[0, 0] = 1e-5
    shear[1, 2] = shear[2, 1] = 0.5e-5
    along = (stress(uniaxial) - stress(-uniaxial)) / 2e-5
    sheared = (stress(shear) - stress(-shear)) / 2e-5
    assert (along[0], along[1], sheared[3]) == pytest.approx((183.2, 158.8, 44.7), abs=0.1)


@pytest.mark.parametrize(("element", "a", "crystal"), [("Au", 4.0, "fcc"), ("K", 5.3, "bcc")])
@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (0, 0, 0)])
def test_forces_are_minus_the_gradient_for_any_cell_and_periodicity(element, a, crystal, pbc, gold, potassium):
    calculator = gold if element == "Au" else potassium
    atoms = disordered(element, a, crystal)
    atoms.pbc = pbc
    atoms.calc = calculator
    forces, h = atoms.get_forces(), 1e-4
    assert np.abs(forces).max() > 0.05
    for axis in range(3):
        displaced = []
        for sign in (1, -1):
            copy = atoms.copy()
            copy.positions[3, axis] += sign * h
            displaced.append(energy(copy, calculator))
        assert -(displaced[0] - displaced[1]) / (2 * h) == pytest.approx(forces[3, axis], abs=1e-6)
    assert np.abs(forces.sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize(("element", "a", "crystal"), [("Au", 4.0, "fcc"), ("K", 5.3, "bcc")])
def test_stress_is_the_derivative_of_the_energy_by_strain(element, a, crystal, gold, potassium):
    calculator = gold if element == "Au" else potassium
    atoms = disordered(element, a, crystal)
    atoms.calc = calculator
    stress, h = atoms.get_stress(voigt=False), 1e-5
    for row, column in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strained = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += sign * h / 2
            strain[column, row] += sign * h / 2
            copy = atoms.copy()
            copy.set_cell(copy.cell @ strain, scale_atoms=True)
            strained.append(energy(copy, calculator))
        assert (strained[0] - strained[1]) / (2 * h) / atoms.get_volume() == pytest.approx(stress[row, column], abs=1e-8)


def test_energy_is_extensive_and_does_not_depend_on_the_cell_or_its_handedness(gold):
    atoms = disordered("Au", 4.0, "fcc")
    once = energy(atoms, gold)
    assert energy(atoms * (1, 2, 1), gold) == pytest.approx(2 * once, abs=1e-10)
    swapped = atoms.copy()
    swapped.set_cell(atoms.cell[[1, 0, 2]])
    assert energy(swapped, gold) == pytest.approx(once, abs=1e-10)
    outside = atoms.copy()
    outside.positions += 7 * atoms.cell[0] - 3 * atoms.cell[2]
    assert energy(outside, gold) == pytest.approx(once, abs=1e-9)


def test_alloys_mix_files_and_setfl_files_hold_several_elements():
    mixed = sharvin.calculator("eam", file=["Au_u3.eam", "Ag_u3.eam"])
    alloy = bulk("Au", a=4.08, cubic=True)
    alloy.symbols[0] = "Ag"
    assert -3.93 < energy(alloy, mixed) / 4 < -2.85
    copper = sharvin.calculator("eam", file="Cu_mishin1.eam.alloy")
    assert energy(bulk("Cu", a=3.615), copper) == pytest.approx(-3.54, abs=0.01)
    iron = sharvin.calculator("eam", file="Fe_mm.eam.fs")
    assert energy(bulk("Fe", a=2.8553), iron) == pytest.approx(-4.122, abs=0.01)


def test_elements_are_read_from_the_headers():
    def elements(name, **options):
        found = registry().find("potentials", name)
        return registry().options_model(found)(**options).elements()

    assert elements("eam", file="Au_u3.eam") == {"Au"}
    assert elements("eam", file="CuNi.eam.alloy") == {"Cu", "Ni"}
    assert elements("eam", file=["Au_u3.eam", "Ag_u3.eam"]) == {"Au", "Ag"}
    assert elements("meam", species=["K"], rc=8.0) == {"K"}
    assert elements("ase", calculator="ase.calculators.emt.EMT") is None


def test_a_large_atom_without_a_stated_cutoff_is_refused():
    with pytest.raises(InputError, match="cutoff"):
        sharvin.create("potentials", "meam", species=["Na"])
    with pytest.raises(InputError, match="not both"):
        sharvin.create("potentials", "meam", species=["Na"], parameters="Ni.meam", rc=4.0)


def test_wrong_files_are_named_with_the_nearest_right_one(tmp_path):
    with pytest.raises(InputError, match=r"Au_u3\.eam"):
        sharvin.create("potentials", "eam", file="Au_u4.eam")
    garbage = tmp_path / "garbage.eam.alloy"
    garbage.write_text("one\ntwo\nthree\nfour\n")
    with pytest.raises(InputError, match="setfl"):
        sharvin.create("potentials", "eam", file=str(garbage))
    with pytest.raises(InputError, match="does not tell its kind"):
        sharvin.create("potentials", "eam", file="library.meam")
    with pytest.raises(InputError, match="holds Au, not Ag"):
        sharvin.create("potentials", "eam", file="Au_u3.eam").lammps_commands(["Ag"])


def test_any_ase_calculator_is_a_potential_by_its_path():
    slab = fcc100("Au", (2, 2, 3), vacuum=5.0)
    assert np.isfinite(energy(slab, sharvin.calculator("ase", calculator="ase.calculators.emt.EMT")))
    with pytest.raises(InputError, match="has no Emt"):
        sharvin.create("potentials", "ase", calculator="ase.calculators.emt.Emt")
    with pytest.raises(InputError, match="cannot import"):
        sharvin.create("potentials", "ase", calculator="ase.calculators.nothing.EMT")
    with pytest.raises(InputError, match="rejects its options"):
        sharvin.calculator("ase", calculator="ase.calculators.singlepoint.SinglePointCalculator", options={"energies": 1})
    with pytest.raises(InputError, match="not an ASE calculator"):
        sharvin.calculator("ase", calculator="builtins.dict")
