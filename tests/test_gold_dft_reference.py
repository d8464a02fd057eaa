"""The reference set of gold in examples/gold_dft_reference is consistent: units, forces, energies and properties."""

import json
import runpy
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from ase import units
from ase.io import read
from sharvin.reference_data import ReferenceData
from small_study import ROOT

FOLDER = ROOT / "examples" / "gold_dft_reference"
FILE = FOLDER / "gold_pbe.extxyz"
# eV per atom relative to a free atom without spin: bulk is bound by 3 eV, a dimer by 1.2, and thin slabs lie between.
ENERGIES = {
    "fcc": (-3.2, -1.5),
    "bcc": (-3.2, -2.0),
    "fcc100": (-3.1, -2.0),
    "fcc111": (-3.1, -2.0),
    "chain": (-2.4, -0.5),
    "dimer": (-1.4, 0.5),
    "cluster": (-2.2, -0.5),
    "neck": (-3.1, -2.0),
}


@cache
def frames():
    return read(FILE, ":")


def of_group(group):
    return [atoms for atoms in frames() if atoms.info["group"] == group]


def module(name):
    """What a script of the folder defines."""
    return SimpleNamespace(**runpy.run_path(str(FOLDER / f"{name}.py")))


def told():
    return json.loads((FOLDER / "properties.json").read_text())


def test_every_group_is_there_and_names_are_unique():
    names = [atoms.info["name"] for atoms in frames()]
    assert len(set(names)) == len(names)
    assert {atoms.info["group"] for atoms in frames()} == set(ENERGIES)
    assert all(1 <= len(atoms) <= 16 and set(atoms.numbers) == {79} for atoms in frames())


def test_it_is_read_as_reference_data():
    data = ReferenceData.from_atoms(frames())
    assert len(data) == len(frames())
    assert set(data.groups) == set(ENERGIES)
    assert data.where(["dimer"])[0].energy_eV == of_group("dimer")[0].get_potential_energy()


@pytest.mark.parametrize("group", ENERGIES)
def test_energies_are_those_of_gold_in_eV(group):
    low, high = ENERGIES[group]
    energies = np.array([atoms.get_potential_energy() / len(atoms) for atoms in of_group(group)])
    assert len(energies) >= 4
    assert (energies > low).all() and (energies < high).all(), (energies.min(), energies.max())
    extrapolated = np.array([atoms.info["energy_extrapolated_eV"] / len(atoms) for atoms in of_group(group)])
    assert (extrapolated >= energies - 1e-9).all()  # the entropy of the electrons lowers the free energy ...
    assert (extrapolated - energies < 0.08).all()  # ... by less than kT ln 2


def test_forces_balance():
    for atoms in frames():
        forces = atoms.get_forces()
        assert np.abs(forces.sum(axis=0)).max() < 0.02, atoms.info["name"]
        assert np.abs(forces).max() < 20, atoms.info["name"]


def test_forces_are_the_slopes_of_energies():
    dimers = sorted(of_group("dimer"), key=lambda atoms: atoms.get_distance(0, 1))
    near = [atoms for atoms in dimers if 2.35 < atoms.get_distance(0, 1) < 2.85]
    bonds = np.array([atoms.get_distance(0, 1) for atoms in near])
    energies = np.array([atoms.get_potential_energy() for atoms in near])
    pulls = np.array([atoms.get_forces()[1] @ (atoms.positions[1] - atoms.positions[0]) for atoms in near]) / bonds
    slope = np.polynomial.Polynomial.fit(bonds, energies, 4).deriv()
    assert pulls[1:-1] == pytest.approx(-slope(bonds[1:-1]), abs=0.05)


def test_stresses_are_the_slopes_of_energies():
    cubic = [a for a in of_group("fcc") if is_fcc(a) and 16.2 < a.get_volume() < 20]
    volumes, energies = np.array([[a.get_volume(), a.get_potential_energy()] for a in cubic]).T
    pressures = np.array([-a.get_stress()[:3].mean() for a in cubic])
    slope = np.polynomial.Polynomial.fit(volumes, energies, 3).deriv()
    # Stresses are those at a fixed number of plane waves, energies those at a fixed cutoff: they differ by the Pulay stress.
    assert len(cubic) >= 5
    assert pressures == pytest.approx(-slope(volumes), abs=1 * units.GPa)


def test_only_crystals_and_necks_have_stresses():
    for atoms in frames():
        assert ("stress" in atoms.calc.results) == bool(atoms.pbc.all()), atoms.info["name"]


def test_the_equation_of_state_gives_the_lattice_constant_told():
    near = [a for a in of_group("fcc") if is_fcc(a) and 16.2 < a.get_volume() < 20]
    assert len(near) >= 5
    x = np.array([a.get_volume() ** (-2 / 3) for a in near])
    energy = np.polynomial.Polynomial.fit(x, [a.get_potential_energy() for a in near], 3)  # Birch-Murnaghan: a cubic in V^(-2/3)
    real = [root.real for root in energy.deriv().roots() if abs(root.imag) < 1e-9]
    minima = [root for root in real if energy.deriv(2)(root) > 0 and x.min() < root < x.max()]
    assert len(minima) == 1
    assert (4 * minima[0] ** -1.5) ** (1 / 3) == pytest.approx(told()["fcc"]["lattice_constant_A"], rel=0.002)


def is_fcc(atoms):
    return len(atoms) == 1 and np.allclose(atoms.cell.angles(), 60) and np.ptp(atoms.cell.lengths()) < 1e-9


def test_the_properties_told_follow_from_the_file():
    atom = json.loads((FOLDER / "gold_pbe.atom.json").read_text())
    found = module("properties").properties(FILE, atom)
    assert set(found) == set(told())
    for name, values in told().items():
        assert found[name] == pytest.approx(values, rel=1e-4, abs=1e-4), name


def test_the_properties_are_those_of_gold():
    gold = told()
    assert gold["fcc"]["lattice_constant_A"] == pytest.approx(4.16, abs=0.02)  # published PBE: 4.15-4.17 Å
    assert gold["fcc"]["bulk_modulus_GPa"] == pytest.approx(140, abs=15)
    assert gold["fcc_strained"]["C11_GPa"] > gold["fcc_strained"]["C12_GPa"] > gold["fcc_strained"]["C44_GPa"] > 0
    assert 0 < gold["bcc"]["energy_above_fcc_eV_per_atom"] < 0.05
    assert 0.5 < gold["fcc111"]["surface_energy_relaxed_J_per_m2"] < gold["fcc100"]["surface_energy_relaxed_J_per_m2"] < 1.1
    for surface in ("fcc100", "fcc111"):
        assert gold[surface]["surface_energy_relaxed_J_per_m2"] <= gold[surface]["surface_energy_unrelaxed_J_per_m2"]
    assert (
        2.45 < gold["dimer"]["bond_length_A"] < gold["chain"]["bond_length_A"] < 2.7 < gold["fcc"]["lattice_constant_A"] / 2**0.5
    )


def test_the_structures_are_those_of_the_script():
    jobs = {job.name: job for job in module("structures").all_jobs()}
    for atoms in frames():
        name = atoms.info["name"].partition("_step_")[0]
        job = jobs[name]
        assert job.group == atoms.info["group"]
        if not job.relax:
            assert np.allclose(atoms.positions, job.atoms.positions, atol=1e-6), name
            assert np.allclose(atoms.cell.array, job.atoms.cell.array, atol=1e-6), name
