"""What cannot be a wire is said to be none: lengths in another unit, transport across z, leads that would move."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from sharvin.electrodes.wire_checks import check_distances, check_rigid, detect
from sharvin.errors import InputError
from sharvin.junction import Junction


def chain(length=24):
    return Atoms("Au" * length, positions=[[10.0, 10.0, 2.7 * k] for k in range(length)], cell=[20, 20, 80], pbc=False)


@pytest.mark.parametrize(("factor", "unit"), [(0.1, "nm"), (100.0, "pm"), (1 / 0.529177, "Bohr radii")])
def test_lengths_in_another_unit_are_recognised(factor, unit):
    atoms = bulk("Au", cubic=True) * (2, 2, 2)
    atoms.set_cell(atoms.cell.array * factor, scale_atoms=True)
    with pytest.raises(InputError, match=f"lengths are in Å, these look like {unit}"):
        check_distances(atoms)


@pytest.mark.parametrize(
    "atoms", [bulk("K", cubic=True) * 3, bulk("Au") * 3, chain(), molecule("H2"), molecule("C60"), Atoms("Au")]
)
def test_matter_is_at_distances_that_matter_has(atoms):
    check_distances(atoms)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_wire_across_z_is_told_from_one_that_has_no_electrodes(axis):
    turned = chain()
    order = [2, 1, 0] if axis == 0 else [0, 2, 1]
    turned.positions = turned.positions[:, order]
    with pytest.raises(InputError, match=f"the wire lies along {'xy'[axis]}, and transport is along z"):
        detect(turned, 5.0)
    assert isinstance(detect(chain(), 5.0), Junction)
    crooked = chain()
    crooked.positions += np.random.default_rng(0).normal(0, 0.5, (len(crooked), 3))
    with pytest.raises(InputError, match="electrode") as caught:
        detect(crooked, 5.0)
    assert "lies along" not in str(caught.value)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_thin_electrode_of_a_study_needs_more_layers_and_no_option_of_another_command(side):
    layer = np.array([[x, y, 0.0] for x in range(3) for y in range(3)])
    thick = [2.6 * (layer + np.array([0, 0, k])) for k in range(6)]
    thin = [2.6 * (layer[:4] + np.array([0.3, 0.2, 6 + k + 0.07 * k * k])) for k in range(3)] + [
        2.6 * (layer + np.array([0, 0, 10]))
    ]
    atoms = Atoms("Au" * 75, positions=np.concatenate(thick + thin), cell=[30, 30, 60], pbc=False)
    if side == "left":
        atoms.positions[:, 2] *= -1
    with pytest.raises(InputError, match=f"the {side} end .*--lead-layers"):
        Junction.detect(atoms, 5.0)
    with pytest.raises(InputError, match=f"the {side} end .* add layers to the electrode: .* at least 2 layers") as caught:
        detect(atoms, 5.0)
    assert "lead_layers" not in str(caught.value).replace("-", "_")


def test_atoms_of_the_leads_must_be_rigid():
    from_the_end = np.minimum(np.arange(24), np.arange(24)[::-1])
    for rigid_layers in (0, 2, 4):
        wire = chain()
        wire.set_array("rigid", from_the_end < rigid_layers)
        check_rigid(detect(wire, 5.0))
    wire.set_array("rigid", from_the_end < 1)
    with pytest.raises(InputError, match=r"take the 2 outer layers \(5.40 Å\) of the left electrode, of which 1 is rigid"):
        check_rigid(detect(wire, 5.0))
