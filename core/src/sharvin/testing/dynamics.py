"""Conformance of dynamics: reproducible trajectories, rigid electrodes that move as asked, time that runs forward."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms

from sharvin.frames import Frame
from sharvin.protocols import Potential
from sharvin.testing.applicability import applies_where
from sharvin.testing.component import ComponentTests


class DynamicsTests(ComponentTests):
    """What moves atoms. Subclasses give the fixtures `atoms` and `potential`.

    Attributes
    ----------
    seed_matters : bool
        False for deterministic dynamics such as a relaxation; then another seed must give the same frames.
    elongation_A_per_ps : float or None
        Slope of the scalar ``elongation_A`` over ``time_ps`` that the options ask for (10 m/s = 0.1 Å/ps).
    """

    kind = "dynamics"
    seed_matters: ClassVar[bool] = True
    elongation_A_per_ps: ClassVar[float | None] = None

    @pytest.fixture
    def atoms(self) -> Atoms:
        """A structure with the arrays ``electrode`` and ``rigid``."""
        raise NotImplementedError("give your subclass a fixture 'atoms' that returns a small marked structure")

    @pytest.fixture
    def potential(self) -> Potential:
        """The potential that moves it."""
        raise NotImplementedError("give your subclass a fixture 'potential'")

    @pytest.fixture
    def frames(self, component: Any, atoms: Atoms, potential: Potential) -> list[Frame]:
        """A trajectory, computed once for all tests."""
        found: list[Frame] = self.once("frames", lambda: list(component.run(atoms, potential, seed=1)))
        return found

    def test_equal_seeds_give_equal_trajectories(
        self, component: Any, atoms: Atoms, potential: Potential, frames: list[Frame]
    ) -> None:
        """Bit for bit, also with a component made anew as in another process; the caller's atoms are not moved."""
        before = atoms.copy()
        again = list(component.run(atoms, potential, seed=1))
        assert len(again) == len(frames)
        for first, second in zip(frames, again, strict=True):
            assert np.array_equal(first.positions, second.positions)
            assert first.scalars == second.scalars
        assert np.array_equal(before.positions, atoms.positions), "the atoms that were handed in have moved"
        assert np.array_equal(before.cell.array, atoms.cell.array), "the cell that was handed in has changed"

    def test_the_seed_decides_the_thermal_motion(
        self, component: Any, atoms: Atoms, potential: Potential, frames: list[Frame]
    ) -> None:
        """Another seed, another trajectory; unless the dynamics is deterministic."""
        last = list(component.run(atoms, potential, seed=2))[-1].positions
        same = last.shape == frames[-1].positions.shape and np.array_equal(last, frames[-1].positions)
        assert same is not self.seed_matters

    def test_atoms_move_and_keep_their_order(self, atoms: Atoms, frames: list[Frame]) -> None:
        """Every frame has all atoms, in the structure's order, at finite places, and they do not stand still."""
        assert frames
        assert len(frames) < 2 or not np.shares_memory(frames[0].positions, frames[-1].positions), "frames share their positions"
        for frame in frames:
            assert np.array_equal(frame.numbers, atoms.numbers)
            assert np.all(np.isfinite(frame.positions))
        free = ~atoms.arrays["rigid"]
        assert np.abs(frames[-1].positions - atoms.positions)[free].max() > 1e-6

    def test_rigid_atoms_move_as_blocks(self, atoms: Atoms, frames: list[Frame]) -> None:
        """Distances among the rigid atoms of one electrode never change."""
        for side in (-1, 1):
            block = (atoms.arrays["electrode"] == side) & atoms.arrays["rigid"]
            assert block.any()
            for frame in frames:
                moved = frame.positions[block] - atoms.positions[block]
                np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-8)

    def test_the_electrodes_part_by_the_elongation(self, atoms: Atoms, frames: list[Frame]) -> None:
        """The rigid ends move apart along z by ``elongation_A``, not at all in frames that state none, and never sideways."""
        left, right = (np.flatnonzero((atoms.arrays["electrode"] == side) & atoms.arrays["rigid"])[0] for side in (-1, 1))
        before = frames[0].positions[right] - frames[0].positions[left]
        for number, frame in enumerate(frames):
            parted = frame.positions[right] - frame.positions[left] - before
            stated = frame.scalars.get("elongation_A", 0.0) - frames[0].scalars.get("elongation_A", 0.0)
            off = np.abs(parted - [0.0, 0.0, stated]).max()
            assert off < 1e-6, (
                f"in frame {number} the rigid ends have parted by {np.array2string(parted, precision=4)} Å, where an elongation "
                f"of {stated:.4f} Å along z is stated"
            )

    def test_the_energy_stated_is_that_of_the_potential(self, potential: Potential, frames: list[Frame]) -> None:
        """``potential_energy_eV`` belongs to the positions of its frame, where a frame states it."""
        for number in (0, len(frames) - 1):
            stated = frames[number].scalars.get("potential_energy_eV")
            if stated is not None:
                atoms = frames[number].to_atoms()
                atoms.calc = potential.calculator()
                expected = atoms.get_potential_energy()
                assert stated == pytest.approx(expected, abs=1e-6 * len(atoms)), (
                    f"frame {number} states a potential energy of {stated:.6f} eV, the potential gives {expected:.6f} eV"
                )

    def test_time_runs_forward(self, frames: list[Frame]) -> None:
        """Frames are in order of time where they state it."""
        times = [frame.scalars["time_ps"] for frame in frames if "time_ps" in frame.scalars]
        assert times == sorted(times)
        assert len(set(times)) == len(times)

    def test_scalars_are_finite_numbers(self, frames: list[Frame]) -> None:
        """Every frame has the same scalars, all of them finite."""
        for frame in frames:
            assert frame.scalars.keys() == frames[0].scalars.keys()
            assert np.all(np.isfinite(list(frame.scalars.values())))

    @applies_where(lambda tests: tests.elongation_A_per_ps is not None)
    def test_the_wire_is_pulled_at_the_speed_asked_for(self, frames: list[Frame]) -> None:
        """Elongation grows by speed × time."""
        first, last = frames[0].scalars, frames[-1].scalars
        slope = (last["elongation_A"] - first["elongation_A"]) / (last["time_ps"] - first["time_ps"])
        assert slope == pytest.approx(self.elongation_A_per_ps, rel=1e-6)
