"""Conformance of starting structures: reproducible, marked, without overlapping atoms, electrodes at the ends."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from sharvin.registry import registry
from sharvin.testing.applicability import applies_where, has_method
from sharvin.testing.component import ComponentTests


class StructureTests(ComponentTests):
    """A structure with two electrodes, transport along z, or a set of structures, which may have none.

    Attributes
    ----------
    min_distance_A : float
        Atoms closer than this overlap.
    connected : bool
        False for structures that begin with a gap between their electrodes.
    two_electrodes : bool
        False for structures without electrodes, such as the crystals of a set that a potential is trained on.
    """

    kind = "structures"
    min_distance_A: ClassVar[float] = 1.5
    accepted: ClassVar[dict[str, tuple[float, float]]] = {"min_distance_A": (0.5, 10.0)}
    connected: ClassVar[bool] = True
    two_electrodes: ClassVar[bool] = True

    @pytest.fixture
    def atoms(self, component: Any) -> Atoms:
        """One structure."""
        atoms: Atoms = component.build(np.random.default_rng(1))
        return atoms

    def test_equal_seeds_give_equal_structures(self, component: Any) -> None:
        """Randomness comes from the generator alone, bit for bit."""
        first, second = (component.build(np.random.default_rng(7)) for _ in range(2))
        _same_bits(first, second)

    @applies_where(lambda tests: has_method(tests, "build_all"))
    def test_a_set_is_reproducible_and_begins_with_build(self, component: Any) -> None:
        """Equal seeds give the same structures in the same order, and `build` gives the first of them."""
        first, second = (component.build_all(np.random.default_rng(7)) for _ in range(2))
        assert len(first) > 0, "the set has no structures"
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            _same_bits(one, other)
        _same_bits(component.build(np.random.default_rng(7)), first[0])
        assert len({id(one) for one in first}) == len(first), "one structure stands in the set twice"

    @applies_where(lambda tests: has_method(tests, "build_all"))
    def test_structures_of_a_set_name_their_group_and_have_no_overlaps(self, component: Any) -> None:
        """``info["group"]`` is a text; no two atoms are closer than `min_distance_A`."""
        for number, one in enumerate(component.build_all(np.random.default_rng(1))):
            group = one.info.get("group")
            assert isinstance(group, str), f"structure {number} of the set names no group: info['group'] is {group!r}"
            assert group, f"structure {number} of the set names no group"
            assert np.all(np.isfinite(one.positions))
            distances = neighbor_list("d", one, self.min_distance_A)
            assert len(distances) == 0, f"atoms of structure {number} of the set ({group}) are {distances.min():.2f} Å apart"

    @applies_where(lambda tests: tests.two_electrodes)
    def test_electrodes_and_rigid_atoms_are_marked(self, atoms: Atoms) -> None:
        """``electrode`` is −1, 0 or +1 with both electrodes present; ``rigid`` is boolean and lies within the electrodes."""
        electrode, rigid = atoms.arrays["electrode"], atoms.arrays["rigid"]
        assert electrode.dtype == np.int8
        assert rigid.dtype == np.bool_
        assert set(np.unique(electrode)) >= {-1, 1}
        assert set(np.unique(electrode)) <= {-1, 0, 1}
        assert np.all(electrode[rigid] != 0)

    @applies_where(lambda tests: tests.two_electrodes)
    def test_electrodes_are_the_ends_of_the_wire(self, atoms: Atoms) -> None:
        """Along z: left electrode, neck, right electrode; rigid atoms are the outermost of each electrode."""
        z, electrode, rigid = atoms.positions[:, 2], atoms.arrays["electrode"], atoms.arrays["rigid"]
        left, neck, right = (z[electrode == side] for side in (-1, 0, 1))
        assert left.max() < right.min()
        if len(neck):
            assert left.max() < neck.min() + 1e-6
            assert neck.max() < right.min() + 1e-6
        for side in (-1, 1):
            own = electrode == side
            if np.any(rigid & own) and np.any(~rigid & own):
                assert np.max(-side * z[rigid & own]) < np.min(-side * z[~rigid & own]) + 1e-6

    def test_atoms_do_not_overlap(self, atoms: Atoms) -> None:
        """No two atoms, periodic images included, are closer than `min_distance_A`."""
        assert len(atoms) > 1
        assert np.all(np.isfinite(atoms.positions))
        assert len(neighbor_list("d", atoms, self.min_distance_A)) == 0

    @applies_where(lambda tests: tests.two_electrodes)
    def test_transport_is_along_z(self, atoms: Atoms) -> None:
        """The wire ends in z, where the leads begin."""
        assert not atoms.pbc[2], "the structure is periodic along z, the transport direction"

    @applies_where(lambda tests: tests.connected and tests.two_electrodes)
    def test_the_wire_is_whole(self, atoms: Atoms) -> None:
        """A chain of neighbours, no further apart than 1.4 times their covalent radii, leads from one electrode to the other."""
        first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=1.4))
        bonds = csr_array((np.ones(len(first)), (first, second)), shape=(len(atoms), len(atoms)))
        part = connected_components(bonds, directed=False)[1]
        ends = [set(part[atoms.arrays["electrode"] == side]) for side in (-1, 1)]
        assert ends[0] & ends[1], "no chain of neighbours leads from the left electrode to the right one: the wire is broken"

    def test_elements_are_those_that_the_options_announce(self, component_options: dict[str, Any], atoms: Atoms) -> None:
        """``sharvin check`` trusts `Options.elements`."""
        model = registry().options_model(registry().find(self.kind, self.name))
        announced = model.model_validate(component_options).elements()
        assert announced is None or set(atoms.get_chemical_symbols()) == announced


def _same_bits(one: Atoms, other: Atoms) -> None:
    assert set(one.arrays) == set(other.arrays)
    for name, values in one.arrays.items():
        assert np.array_equal(values, other.arrays[name]), f"{name} differ between two structures of one seed"
    assert np.array_equal(one.cell.array, other.cell.array)
    assert np.array_equal(one.pbc, other.pbc)
    assert one.info.get("group") == other.info.get("group")
