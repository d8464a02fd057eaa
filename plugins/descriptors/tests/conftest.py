"""A small neural-network potential of gold, trained once for all tests."""

import numpy as np
import pytest
import sharvin
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.data import atomic_numbers
from sharvin.reference_data import ReferenceData, ReferenceStructure


def labelled_crystals(count, seed=0, symbols=("Au",)):
    """Strained and displaced fcc cells with energies and forces of effective-medium theory."""
    rng = np.random.default_rng(seed)
    result = []
    for k in range(count):
        atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat((2, 2, 2))
        atoms.numbers = rng.choice([atomic_numbers[symbol] for symbol in symbols], len(atoms))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0.0, 0.01, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0.0, 0.02 + 0.02 * (k % 5), atoms.positions.shape)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = None
        result.append(ReferenceStructure(atoms, energy, forces, f"group {k % 2}"))
    return ReferenceData(tuple(result))


def small_hdnnp(**options):
    """The potential with options for a fit of a few seconds."""
    return sharvin.create("potentials", "hdnnp", **{"table": "gold", "epochs": 4, "updates_per_epoch": 150} | options)


@pytest.fixture(scope="session")
def make_hdnnp():
    return small_hdnnp


@pytest.fixture(scope="session")
def crystals():
    return labelled_crystals


@pytest.fixture(scope="session")
def gold_data():
    return labelled_crystals(14), labelled_crystals(3, seed=1)


@pytest.fixture(scope="session")
def trained_gold(gold_data):
    part = small_hdnnp()
    return part, part.fit(*gold_data, np.random.default_rng(0))


@pytest.fixture(scope="session")
def gold_folder(tmp_path_factory, trained_gold):
    path = tmp_path_factory.mktemp("network")
    trained_gold[0].save(path)
    return path
