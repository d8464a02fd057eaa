"""Properties of an fcc element: the numbers of a well-known potential, relations that hold for any, and what cannot be had."""

from functools import cache

import numpy as np
import pytest
import sharvin
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from sharvin.errors import ItemError
from sharvin_studies.potential_study.properties import PROPERTIES, Material, compute
from sharvin_studies.potential_study.properties.phonons import POINTS, corner_places


@cache
def gold():
    return Material(lambda: sharvin.calculator("eam", file="Au_u3.eam"), "Au")


@cache
def found(name):
    """Each property is computed once."""
    return compute(gold(), name)


def test_the_lattice_elastic_constants_and_surfaces_are_those_of_the_potential():
    values = {name: value for key in ("crystal", "elastic_constants") for name, value in found(key).values.items()}
    assert values["lattice_A"] == pytest.approx(4.0800, abs=1e-4)
    assert values["cohesive_energy_eV_per_atom"] == pytest.approx(3.93, abs=2e-3)
    elastic = [values[name] for name in ("C11_GPa", "C12_GPa", "C44_GPa")]
    assert elastic == pytest.approx([183.2, 158.8, 44.7], abs=0.15)
    surfaces = [found(f"surface_{plane}").values[f"surface_{plane}_J_per_m2"] for plane in ("100", "110", "111")]
    assert surfaces[0] == pytest.approx(0.915, abs=2e-3) and surfaces[2] == pytest.approx(0.786, abs=2e-3)
    assert surfaces[2] < surfaces[0] < surfaces[1], "the close-packed surface costs least, the open one most"


def test_the_bulk_modulus_of_the_equation_of_state_is_that_of_the_elastic_constants():
    elastic = found("elastic_constants").values
    assert found("equation_of_state").values["bulk_modulus_GPa"] == pytest.approx(
        (elastic["C11_GPa"] + 2 * elastic["C12_GPa"]) / 3, rel=3e-3
    )
    curve = found("equation_of_state").curves
    assert curve["energy_eV_per_atom"].min() == pytest.approx(0, abs=2e-3)
    assert np.isfinite(curve["volume_A3_per_atom"]).all()


def test_a_vacancy_costs_less_than_the_bonds_it_breaks():
    assert 0.5 < found("vacancy").values["vacancy_energy_eV"] < found("crystal").values["cohesive_energy_eV_per_atom"]


def test_phonons_are_stable_and_their_slope_at_the_zone_centre_is_the_speed_of_sound():
    curves = found("phonons").curves
    frequencies = np.array([curves[f"branch_{k}_THz"] for k in (1, 2, 3)])
    assert frequencies.min() > -0.01 and np.abs(frequencies[:, 0]).max() < 1e-3
    path, first = curves["path"], 4
    c11 = found("elastic_constants").values["C11_GPa"] * 1e9
    density = 4 * 196.967 * 1.66054e-27 / (4.08e-10) ** 3
    slope = frequencies[:, first].max() * 1e12 / (path[first] * 1e10)  # of the longitudinal branch along [100]
    assert slope == pytest.approx(np.sqrt(c11 / density), rel=0.03)
    assert corner_places(path) == sorted(corner_places(path)) and len(path) == 4 * POINTS
    K, equivalent = 2 * POINTS - 1, POINTS
    assert np.allclose(np.sort(frequencies[:, POINTS - 1]), np.sort(frequencies[:, equivalent]), atol=1e-6), "X is X"
    assert np.ptp(frequencies[:, K]) > 0.1


def test_the_chain_breaks_where_its_force_is_largest():
    values, curves = found("chain").values, found("chain").curves
    assert values["chain_bond_A"] < 4.08 / np.sqrt(2), "fewer neighbours, shorter bonds"
    energies, bonds = curves["energy_eV_per_atom"], curves["bond_A"]
    slope = np.gradient(energies, bonds)
    beyond = bonds > values["chain_bond_A"]
    assert values["chain_breaking_force_nN"] == pytest.approx(1.602177 * slope[beyond].max(), rel=0.01)
    assert bonds[beyond][slope[beyond].argmax()] == pytest.approx(
        values["chain_bond_A"] * (1 + values["chain_breaking_strain"]), abs=0.05
    )


def test_dimers_of_pair_potentials_have_their_known_bond():
    argon = Material(lambda: LennardJones(sigma=3.4, epsilon=0.01, rc=12.0, smooth=False), "Ar", guess_A=5.3)
    values = compute(argon, "dimer").values
    assert values["dimer_bond_A"] == pytest.approx(2 ** (1 / 6) * 3.4, abs=1e-3)
    assert values["dimer_binding_energy_eV"] == pytest.approx(0.01, rel=1e-2)
    # nearest neighbours in the fcc crystal of Lennard-Jones atoms: 1.090 sigma (C. Kittel, Introduction to Solid State Physics)
    assert compute(argon, "crystal").values["lattice_A"] == pytest.approx(np.sqrt(2) * 1.0902 * 3.4, rel=2e-3)


def test_holes_at_distances_that_nobody_has_trained_are_no_bonds():
    class WithHole(LennardJones):
        """A pair potential with a deep second minimum at 2.2 Å."""

        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            distances = atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)]
            self.results["energy"] -= float(np.sum(40 * np.exp(-((distances - 2.2) ** 2) / 0.02)))

    hollow = Material(lambda: WithHole(sigma=3.0, epsilon=0.2, rc=12.0), "Ar", guess_A=4.8)
    assert compute(hollow, "dimer").values["dimer_bond_A"] == pytest.approx(2 ** (1 / 6) * 3.0, abs=0.01)


@pytest.mark.parametrize("name", ["crystal", "surface_111", "phonons", "dimer", "chain"])
def test_a_potential_without_a_minimum_says_so(name):
    repulsive = Material(lambda: LennardJones(sigma=8.0, epsilon=0.01, rc=9.0), "Ar", guess_A=4.0)
    with pytest.raises(ItemError, match="no minimum"):
        compute(repulsive, name)


def test_what_a_calculator_lacks_is_a_failure_of_that_property_alone():
    class WithoutStress(EMT):
        implemented_properties = ("energy", "forces")

    copper = Material(WithoutStress, "Cu")
    assert compute(copper, "crystal").values["lattice_A"] == pytest.approx(3.59, abs=0.01)
    with pytest.raises(ItemError, match="stress"):
        compute(copper, "elastic_constants")


def test_no_lattice_constant_is_guessed_where_none_is_known():
    with pytest.raises(ItemError, match="give a guess"):
        compute(Material(EMT, "Ga"), "crystal")
    assert Material(EMT, "K").expected_A == pytest.approx(5.23 * 2 ** (1 / 3), rel=0.01), "of the same volume per atom"


def test_every_property_can_be_named():
    assert all(compute.__doc__ and function.__doc__ for function in PROPERTIES.values())
