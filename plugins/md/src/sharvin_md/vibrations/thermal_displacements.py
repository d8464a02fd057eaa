"""Structures displaced by the thermal and zero-point motion of harmonic vibrations.

Random samples are Gaussian in the normal modes, with the mean squares of a quantum or a classical oscillator. The special
displacement is u = M^(−1/2) Σ_ν (−1)^(ν−1) e_ν ⟨Q_ν²⟩^(1/2) with the modes of the cell given in order of frequency: Zacharias
and Giustino, Phys. Rev. B 94, 075125 (2016), Phys. Rev. Res. 2, 013357 (2020). What it gives for an observable converges with
the size of the cell to the thermal average up to second order; in a small cell products of two modes are left over, to which
the sign of each mode (its first large component is positive here) and the choice among modes of equal frequency contribute.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from sharvin.errors import ItemError, PhysicsWarning
from sharvin.frames import Frame
from sharvin.protocols import FiniteDifferencePotential, Potential
from sharvin.study_plan import RunLength

from sharvin_md.vibrations.configs import ThermalDisplacementsOptions
from sharvin_md.vibrations.crystal_cell import Array
from sharvin_md.vibrations.force_constants import FiniteDifferences
from sharvin_md.vibrations.harmonic_vibrations import HarmonicVibrations
from sharvin_md.vibrations.normal_modes import mean_squares, require_memory
from sharvin_md.vibrations.rest import mobile_atoms, relaxed, require_rest
from sharvin_md.vibrations.rigid_layers import shifting_layers

DEFAULT_DISPLACEMENT_A = 0.01
RELAXING_STEPS = 50
"""Evaluations of the forces that relaxing takes, about."""
DISTORTION_A = 0.1
"""Largest displacement of an atom along an unstable mode that is followed; with far less, relaxing stops at the saddle."""
MOST_DISTORTIONS = 10
"""Unstable modes that are followed, one after the other."""


class ThermalDisplacements:
    """Dynamics ``thermal_displacements``.

    Parameters
    ----------
    options : ThermalDisplacementsOptions
    """

    def __init__(self, options: ThermalDisplacementsOptions) -> None:
        self.options = options

    def foresee(self, atoms: Atoms, potential: Potential, measure: bool) -> RunLength:
        """How many frames a run has and how many evaluations of the forces its force constants take.

        Raises
        ------
        InputError
            If all atoms are rigid, there are too many, there are no layers to be fixed, the structure does not have the primitive
            cell that is stated, or, where it is measured, it is not at rest.
        """
        differences = self._differences(atoms, potential)
        shifting_layers(atoms, differences.mobile, self.options.rigid_layer_modes == "fix")
        steps = len(differences.displacements) + 2 + (RELAXING_STEPS if self.options.relax else 0)
        seconds = None
        if measure:
            calculator = potential.calculator()
            if not self.options.relax:
                require_rest(atoms, calculator, self.options.largest_force_eV_per_A)  # what is loaded once does not count
            started = time.perf_counter()
            differences.one_evaluation(calculator)
            seconds = steps * (time.perf_counter() - started)
        return RunLength(self.options.frames(), steps, seconds)

    def vibrations(self, atoms: Atoms, potential: Potential) -> HarmonicVibrations:
        """Vibrations of a structure, with the force constants that :meth:`run` uses; unstable modes are among them.

        Raises
        ------
        InputError
            If the structure is not at rest, all atoms are rigid or there are too many, or there are no layers to be fixed.
        ItemError
            If it cannot be relaxed, or forces are not finite or do not grow linearly with the displacement.
        """
        options, calculator = self.options, potential.calculator()
        mobile = mobile_atoms(atoms)
        require_memory(int(mobile.sum()))
        rest = relaxed(atoms, calculator, options.relax_fmax, options.relax_steps) if options.relax else atoms.copy()
        if not options.relax:
            require_rest(rest, calculator, options.largest_force_eV_per_A)
        found = self._vibrations_about(rest, mobile, potential, calculator)
        for _ in range(MOST_DISTORTIONS if options.imaginary_modes == "follow" else 0):
            if not found.unstable_modes:
                break
            lowest = found.modes.displacements(np.eye(1, found.modes.vectors.shape[1])[0])
            distorted = found.atoms.copy()
            distorted.positions[mobile] += DISTORTION_A * lowest / np.abs(lowest).max()
            rest = relaxed(distorted, calculator, options.relax_fmax, options.relax_steps)
            found = self._vibrations_about(rest, mobile, potential, calculator)
        return found

    def _vibrations_about(
        self, rest: Atoms, mobile: NDArray[np.bool_], potential: Potential, calculator: Calculator
    ) -> HarmonicVibrations:
        differences = self._differences(rest, potential)
        phi = differences.force_constants(calculator)
        fix = self.options.rigid_layer_modes == "fix"
        return HarmonicVibrations(rest, mobile, differences.crystal, phi, fix, self.options.lowest_THz)

    def run(self, atoms: Atoms, potential: Potential, seed: int) -> Iterator[Frame]:
        """Displaced structures, each drawn from a stream of its own.

        Scalars: ``sample``, its number; ``draw``, that of its random draw, which antithetic samples share;
        ``temperature_K``; ``harmonic_energy_eV``, the potential energy above that of the structure at rest, ½ Σ ω² Q²; with
        layers, ``rigid_layer_u2_A2``, the ⟨u²⟩ = ⟨x² + y² + z²⟩ that shifts of whole layers contribute, the mean over the
        mobile atoms (0 where they are fixed); where unstable modes are frozen, ``frozen_modes``, how many.

        Raises
        ------
        InputError
            See :meth:`vibrations`.
        ItemError
            See :meth:`vibrations`; also if modes are unstable.
        """
        options = self.options
        vibrations = self.vibrations(atoms, potential)
        self._treat_unstable(vibrations)
        modes = vibrations.stable_modes
        squares = mean_squares(modes.eigenvalues, options.temperature_K, options.statistics)
        amplitudes, scalars = np.sqrt(squares), self._scalars(vibrations)
        current = vibrations.atoms.copy()
        for sample in range(options.frames()):
            coordinates = amplitudes * self._signs_or_normals(sample, seed, modes.vectors)
            current.positions[:] = vibrations.atoms.positions
            current.positions[vibrations.mobile] += modes.displacements(coordinates)
            energy = 0.5 * float(modes.eigenvalues @ coordinates**2)
            draw, _ = self._draw_of(sample)
            yield Frame.from_atoms(current, sample=float(sample), draw=float(draw), harmonic_energy_eV=energy, **scalars)

    def _draw_of(self, sample: int) -> tuple[int, float]:
        """The random draw that a sample is made from, and its sign."""
        if not self.options.antithetic:
            return sample, 1.0
        return sample // 2, -1.0 if sample % 2 else 1.0

    def _signs_or_normals(self, sample: int, seed: int, vectors: Array) -> Array:
        """Normal coordinates of a sample in units of their root mean squares.

        Random ones are projections of one normal number for each atom and direction. So the displacement is the symmetric root
        of the covariance times these numbers: it depends neither on the signs of the modes nor on which ones stand for those of
        equal frequency, and changes but little where the force constants do.
        """
        draw, sign = self._draw_of(sample)
        if self.options.special_displacement:
            return np.asarray(sign * (1.0 - 2.0 * (np.arange(vectors.shape[1]) % 2)))
        stream = np.random.SeedSequence(seed, spawn_key=(draw,))
        return np.asarray(sign * (np.random.default_rng(stream).standard_normal(len(vectors)) @ vectors))

    def _treat_unstable(self, vibrations: HarmonicVibrations) -> None:
        if not vibrations.unstable_modes:
            return
        what = vibrations.describe_unstable_modes()
        if self.options.imaginary_modes != "freeze":
            raise ItemError(f"{what}: {self._remedy(vibrations)}.")
        warnings.warn(f"{what}; they are left out of the thermal displacements.", PhysicsWarning, stacklevel=3)

    def _remedy(self, vibrations: HarmonicVibrations) -> str:
        """What to do against unstable modes, in words."""
        leave_out = "or leave these modes out with imaginary_modes: freeze"
        if vibrations.shifts_layers(0):
            return f"whole layers shift; choose a stable stacking, take rigid_layer_modes: fix, {leave_out}"
        if vibrations.mobile.all():
            cell = "relax does not change the cell; give it the lattice constant of the potential, or strain it"
        else:
            cell = "relax keeps cell and rigid atoms, which may press the others; give the structure a larger lattice constant"
        if self.options.imaginary_modes == "follow":
            return f"following {MOST_DISTORTIONS} of them led to no minimum, and {cell}, {leave_out}"
        return f"{cell}, let the atoms buckle with relax: true and imaginary_modes: follow, {leave_out}"

    def _scalars(self, vibrations: HarmonicVibrations) -> dict[str, float]:
        """What is the same for all samples."""
        options, layers = self.options, vibrations.rigid_layers
        same = {"temperature_K": options.temperature_K}
        if options.imaginary_modes == "freeze":
            same["frozen_modes"] = float(vibrations.unstable_modes)
        if layers is not None:
            found = None if layers.fixed else layers.mean_square_displacements_A2(options.temperature_K, options.statistics)
            same["rigid_layer_u2_A2"] = 0.0 if found is None else float(found.sum())
        return same

    def _differences(self, atoms: Atoms, potential: Potential) -> FiniteDifferences:
        options, mobile = self.options, mobile_atoms(atoms)
        require_memory(int(mobile.sum()))
        asked = potential.finite_difference_A if isinstance(potential, FiniteDifferencePotential) else DEFAULT_DISPLACEMENT_A
        step = asked if options.displacement_A is None else options.displacement_A
        return FiniteDifferences(atoms, mobile, options.primitive, step, options.symmetry_tolerance_A)
