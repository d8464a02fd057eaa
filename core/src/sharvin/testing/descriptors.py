"""Conformance of descriptors: invariance, locality, continuity at the cutoff, independence of the cell, derivatives."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.protocols import DifferentiableDescriptor
from sharvin.registry import registry
from sharvin.testing.applicability import applies_where, gives, has_method
from sharvin.testing.component import ComponentTests


def _rows_of_atoms(tests: type[Any]) -> bool:
    return gives(tests, "per_atom")


def _has_cutoff(tests: type[Any]) -> bool:
    return tests.cutoff_A is not None


def _has_derivatives(tests: type[Any]) -> bool:
    return has_method(tests, "derivatives")


def _check_derivatives(component: Any) -> None:
    if not isinstance(component, DifferentiableDescriptor):
        pytest.skip("this is not the descriptor that the record names")


class DescriptorTests(ComponentTests):
    """Features of structures, of kind ``per_atom`` or ``per_structure``.

    Attributes
    ----------
    symbol : str
        Element of the test structures.
    other_symbol : str
        Another one, which takes the place of some atoms; a descriptor may refuse it with an ``InputError``.
    spacing_A : float
        Typical distance between its atoms.
    cutoff_A : float or None
        Distance at which neighbours stop counting; None for a descriptor without one; tests that need it are not collected.
    tolerance : float
        Largest difference of features that should be equal, relative to the largest feature.
    continuity : float
        Largest change, relative likewise, as an atom moves by 1e-5 Å across the cutoff.
    derivative_step_A, derivative_tolerance : float
        Step of the finite differences that derivatives are held against, and the largest difference, relative to the largest
        derivative. They matter to a :class:`~sharvin.protocols.DifferentiableDescriptor` only.
    """

    kind = "descriptors"
    symbol: ClassVar[str] = "Au"
    other_symbol: ClassVar[str] = "Ag"
    spacing_A: ClassVar[float] = 2.88
    cutoff_A: ClassVar[float | None] = None
    tolerance: ClassVar[float] = 1e-10
    continuity: ClassVar[float] = 1e-4
    derivative_step_A: ClassVar[float] = 1e-3
    derivative_tolerance: ClassVar[float] = 1e-6
    accepted: ClassVar[dict[str, tuple[float, float]]] = {
        "tolerance": (0.0, 1e-4),
        "continuity": (0.0, 1e-2),
        "derivative_step_A": (1e-6, 0.1),
        "derivative_tolerance": (0.0, 1e-2),
    }

    @pytest.fixture
    def structure(self) -> Atoms:
        """A cluster of 12 atoms without symmetry, not periodic."""
        return self.small_cluster()

    def small_cluster(self) -> Atoms:
        """A cluster of 12 atoms without symmetry, not periodic."""
        rng = np.random.default_rng(1)
        lattice = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)], dtype=float)
        positions = self.spacing_A * (lattice + rng.uniform(-0.15, 0.15, lattice.shape))
        return Atoms([self.symbol] * 12, positions=positions, cell=np.full(3, 30.0), pbc=False)

    def rows(self, component: Any, *structures: Atoms) -> list[NDArray[np.floating]]:
        """Rows of each structure, [n_atoms or 1, size]."""
        features = component.describe(Frames.from_atoms(structures))
        return [features.rows(i) for i in range(len(structures))]

    def expect_equal(self, found: NDArray[np.floating], expected: NDArray[np.floating], what: str = "") -> None:
        """Assert that two sets of features are the same within the tolerance; `what` says of what they should be."""
        assert found.shape == expected.shape
        off, largest = np.abs(found - expected).max(), np.abs(expected).max()
        assert off <= self.tolerance * largest, (
            f"features {what} differ by {off:.3g}, where the largest is {largest:.3g}".replace("  ", " ")
        )

    def test_size_is_the_length_of_a_row(self, component: Any, structure: Atoms) -> None:
        """Finite features, `size` of them, a row per atom or per structure as the record says."""
        features = component.describe(Frames.from_atoms([structure, structure[:5]]))
        assert len(features) == 2
        assert features.size == component.size
        assert np.all(np.isfinite(features.values))
        assert features.kind == registry().find(self.kind, self.name).component.gives
        if features.kind == "per_atom":
            assert [len(features.rows(i)) for i in range(2)] == [12, 5]

    def test_rotation_changes_nothing(self, component: Any, structure: Atoms) -> None:
        """Features know no directions, neither in free space nor in a crystal or a slab that is turned with its cell."""
        for name, atoms in (("a cluster", structure), ("a crystal", self._rattled_crystal()), ("a slab", self._slab())):
            turned = atoms.copy()
            turned.rotate(37.0, (1.0, -2.0, 0.5) if name != "a slab" else (0.0, 0.0, 1.0), rotate_cell=name != "a cluster")
            found, expected = self.rows(component, turned, atoms)
            self.expect_equal(found, expected, f"of {name} that was rotated")

    def test_translation_changes_nothing(self, component: Any, structure: Atoms) -> None:
        """Features know no origin, neither in free space nor in a crystal or a slab."""
        for name, atoms in (("a cluster", structure), ("a crystal", self._rattled_crystal()), ("a slab", self._slab())):
            moved = atoms.copy()
            moved.translate([3.1, -0.7, 12.3])
            found, expected = self.rows(component, moved, atoms)
            self.expect_equal(found, expected, f"of {name} that was moved")

    def test_atoms_are_interchangeable(self, component: Any, structure: Atoms) -> None:
        """Rows follow the order of atoms; a structure's single row does not see it."""
        order = np.random.default_rng(2).permutation(len(structure))
        found, expected = self.rows(component, structure[order], structure)
        self.expect_equal(found, expected[order] if len(expected) > 1 else expected)

    def test_features_tell_structures_apart(self, component: Any, structure: Atoms) -> None:
        """An atom that moves by 0.3 Å changes its features."""
        moved = structure.copy()
        moved.positions[0, 2] -= 0.3
        found, before = self.rows(component, moved, structure)
        assert np.abs(found - before).max() > 1e-6 * np.abs(before).max()

    def test_frames_keep_their_order_and_do_not_mix(self, component: Any, structure: Atoms) -> None:
        """A frame's features are the same alone and among others, whatever their sizes."""
        others = [structure[:7], structure, structure[3:]]
        together = self.rows(component, *others)
        for atoms, rows in zip(others, together, strict=True):
            self.expect_equal(rows, self.rows(component, atoms)[0], "of a frame among others and alone")

    def test_equal_calls_give_equal_bits(self, component: Any, structure: Atoms) -> None:
        """Features depend on the frames alone: not on those that were described before, nor on how often."""
        first = self.rows(component, structure)[0].copy()
        self.rows(component, structure[3:], self._rattled_crystal())
        drift = np.abs(self.rows(component, structure)[0] - first).max()
        assert drift == 0.0, f"features of the same frame differ by {drift:.1e} from call to call; they must be the same bits"

    def test_several_elements_are_described_or_refused(self, component: Any, structure: Atoms) -> None:
        """An alloy has features of its own, one row for each atom, or is refused with an ``InputError``: never zeros."""
        alloy = structure.copy()
        alloy.symbols[::3] = self.other_symbol
        try:
            (rows,) = self.rows(component, alloy)
        except InputError:
            return
        assert np.all(np.isfinite(rows))
        assert np.all(np.abs(rows).max(axis=1) > 0.0), f"of an alloy of {alloy.symbols}, some rows are zero"
        moved = alloy.copy()
        moved.positions[0, 2] -= 0.3
        changed = np.abs(self.rows(component, moved)[0] - rows).max()
        assert changed > 1e-6 * np.abs(rows).max(), "the features of an alloy do not tell where its atoms are"
        order = np.random.default_rng(2).permutation(len(alloy))
        (found,) = self.rows(component, alloy[order])
        self.expect_equal(found, rows[order] if len(rows) > 1 else rows, "of an alloy with its atoms in another order")

    def test_periodic_images_are_the_same_atom(self, component: Any) -> None:
        """An atom moved by a lattice vector has not moved."""
        crystal = self._rattled_crystal()
        moved = crystal.copy()
        moved.positions[1] += crystal.cell.array[0] - 2 * crystal.cell.array[2]
        found, expected = self.rows(component, moved, crystal)
        self.expect_equal(found, expected)

    @applies_where(_rows_of_atoms)
    def test_features_do_not_depend_on_the_cell(self, component: Any) -> None:
        """A crystal described in a repeated cell has the same rows, repeated."""
        crystal = self._rattled_crystal()
        found, expected = self.rows(component, crystal.repeat((1, 2, 1)), crystal)
        self.expect_equal(found, np.tile(expected, (2, 1)))

    @applies_where(_rows_of_atoms)
    def test_primitive_and_cubic_cell_agree(self, component: Any) -> None:
        """Every atom of a perfect fcc crystal has one and the same row, in either cell."""
        a = self.spacing_A * np.sqrt(2)
        cubic, primitive = (bulk(self.symbol, "fcc", a=a, cubic=cubic) for cubic in (True, False))
        found, expected = self.rows(component, cubic, primitive)
        self.expect_equal(found, np.tile(expected, (4, 1)))

    @applies_where(_has_cutoff)
    def test_an_atom_fades_in_at_the_cutoff(self, component: Any) -> None:
        """No jump as a neighbour crosses the cutoff, and no trace of it beyond."""
        assert self.cutoff_A is not None
        cutoff = self.cutoff_A
        shift = 5e-6
        rows = [self._pair(component, distance) for distance in (cutoff - shift, cutoff + shift, cutoff + 2.0, 0.7 * cutoff)]
        inside, outside, far, near = rows
        scale = np.abs(near).max()
        assert np.abs(inside - outside).max() <= self.continuity * scale
        assert np.abs(outside - far).max() <= self.tolerance * scale
        assert np.abs(near - far).max() > 1e-6 * scale

    @applies_where(lambda tests: _rows_of_atoms(tests) and _has_cutoff(tests))
    def test_distant_parts_do_not_see_each_other(self, component: Any, structure: Atoms) -> None:
        """Atoms beyond the cutoff leave a row as it is."""
        assert self.cutoff_A is not None
        other = structure[4:]
        other.positions *= 1.07
        other.translate([0.0, 0.0, np.ptp(structure.positions[:, 2]) + 1.5 * self.cutoff_A + 2.0])
        found, one, two = self.rows(component, structure + other, structure, other)
        self.expect_equal(found, np.concatenate([one, two]), "of two clusters beyond each other's reach")

    @applies_where(_has_derivatives)
    def test_derivatives_equal_finite_differences(self, component: Any) -> None:
        """Every row changes with every atom as its derivative says, and not at all with an atom that it has no derivative for."""
        for atoms in (self._rattled_crystal(), self._slab()):
            found = self._dense_derivatives(component, atoms)
            tolerance = self.derivative_tolerance * np.abs(found).max()
            assert tolerance > 0.0
            for atom, direction in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
                rows = []
                for steps in (-2, -1, 1, 2):
                    moved = atoms.copy()
                    moved.positions[atom, direction] += steps * self.derivative_step_A
                    rows.append(self.rows(component, moved)[0].astype(np.float64))
                expected = (rows[0] - 8.0 * rows[1] + 8.0 * rows[2] - rows[3]) / (12.0 * self.derivative_step_A)
                assert np.abs(found[:, atom, direction] - expected).max() <= tolerance

    @applies_where(_has_derivatives)
    def test_derivatives_know_no_origin(self, component: Any, structure: Atoms) -> None:
        """Moving all atoms together changes nothing, so the derivatives of a row add up to zero."""
        for atoms in (structure, self._slab()):
            found = self._dense_derivatives(component, atoms)
            assert np.abs(found.sum(axis=1)).max() <= self.derivative_tolerance * np.abs(found).max()

    @applies_where(_has_derivatives)
    def test_derivatives_come_a_frame_at_a_time(self, component: Any, structure: Atoms) -> None:
        """One set a frame, in order, each the same as alone, with no pair of row and atom twice."""
        _check_derivatives(component)
        both = [structure, structure[:5]]
        together = list(component.derivatives(Frames.from_atoms(both)))
        assert len(together) == 2
        for atoms, found in zip(both, together, strict=True):
            (alone,) = component.derivatives(Frames.from_atoms([atoms]))
            assert found.values.shape == (len(found.rows), 3, component.size)
            assert len({*zip(found.rows.tolist(), found.atoms.tolist(), strict=True)}) == len(found.rows)
            assert np.array_equal(found.rows, alone.rows)
            assert np.array_equal(found.atoms, alone.atoms)
            assert np.array_equal(found.values, alone.values)

    def _dense_derivatives(self, component: Any, atoms: Atoms) -> NDArray[np.float64]:
        """Derivatives of all rows with respect to all atoms, float64[n_rows, n_atoms, 3, size]."""
        _check_derivatives(component)
        (found,) = component.derivatives(Frames.from_atoms([atoms]))
        dense = np.zeros((len(self.rows(component, atoms)[0]), len(atoms), 3, component.size))
        dense[found.rows, found.atoms] = found.values
        return dense

    def _slab(self) -> Atoms:
        """Two rough layers, periodic in x and y, with atoms near enough to their own images to be their own neighbours."""
        grid = np.array([[i, j, k] for k in range(2) for i in range(2) for j in range(1)], dtype=float)
        positions = self.spacing_A * (grid + np.random.default_rng(5).uniform(-0.1, 0.1, grid.shape))
        cell = np.array([[2.0, 0.1, 0.0], [0.0, 1.1, 0.0], [0.0, 0.0, 0.0]]) * self.spacing_A
        return Atoms([self.symbol] * len(grid), positions=positions, cell=cell, pbc=(True, True, False))

    def _pair(self, component: Any, distance_A: float) -> NDArray[np.floating]:
        third = np.array([self.spacing_A, 0.1, 0.0])  # so that three-body terms take part
        positions = [np.zeros(3), third, [0.0, 0.0, distance_A]]
        atoms = Atoms([self.symbol] * 3, positions=positions, cell=np.full(3, 40.0), pbc=False)
        return self.rows(component, atoms)[0][:1]

    def _rattled_crystal(self) -> Atoms:
        crystal = bulk(self.symbol, "fcc", a=self.spacing_A * np.sqrt(2), cubic=True)
        crystal.rattle(0.1, seed=3)
        return crystal
