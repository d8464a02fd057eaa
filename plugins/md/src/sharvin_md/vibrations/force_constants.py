"""Force constants by central finite differences of a potential's forces.

Φ_iα,jβ = −∂F_jβ/∂u_iα. Without rigid atoms phonopy (Togo, J. Phys. Soc. Jpn. 92, 012001 (2023)) chooses the displacements
that symmetry leaves; with them every mobile atom is moved along x, y and z, both ways.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import phonopy
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from phonopy import Phonopy
from sharvin.errors import ItemError
from sharvin.runs.cache import ContentCache

from sharvin_md.vibrations.crystal_cell import Array, Repeats, phonopy_of

ALGORITHM = 1
LARGEST_DEVIATION = 0.2
"""Part of the forces of a random displacement that the force constants may miss."""

_CACHE = ContentCache("force_constants", memory_bytes=200_000_000)


class FiniteDifferences:
    """Displacements of the mobile atoms of a structure at rest, and the force constants that follow from their forces.

    Parameters
    ----------
    atoms : Atoms
        At rest.
    mobile : bool[n_atoms]
    repeats : "auto" or three ints
        Of the primitive cell; where atoms are rigid, the primitive cell is the whole one.
    displacement_A, tolerance_A : float

    Attributes
    ----------
    crystal : Phonopy
        The mobile atoms; it has the force constants after :meth:`force_constants`.
    """

    def __init__(
        self, atoms: Atoms, mobile: NDArray[np.bool_], repeats: Repeats, displacement_A: float, tolerance_A: float
    ) -> None:
        self.atoms, self.mobile, self.displacement_A = atoms, mobile, displacement_A
        self.free = bool(mobile.all())
        self.crystal: Phonopy = phonopy_of(atoms[mobile], repeats if self.free else "auto", tolerance_A, symmetric=self.free)
        self._tolerance_A = tolerance_A
        self.displacements = self._displacements()

    def force_constants(self, calculator: Calculator) -> Array:
        """Φ float64[3 n_mobile, 3 n_mobile] in eV/Å², symmetric; where nothing is rigid, rows sum up to zero.

        They are cached by the structure and by the potential's forces there and at a random displacement.

        Raises
        ------
        ItemError
            If forces are not finite, or do not follow the force constants at a random displacement of all atoms.
        """
        rest = self._forces(calculator, [])
        shift = self._probe()
        probe = self._forces(calculator, list(enumerate(shift)))
        stored = _CACHE.get_or_compute(self._key(rest, probe), lambda: {"phi": self._computed(calculator, rest)})
        phi: Array = stored["phi"]
        self._require_linear(phi, rest - probe, shift)
        count = int(self.mobile.sum())
        self.crystal.force_constants = phi.reshape(count, 3, count, 3).transpose(0, 2, 1, 3).copy()
        return phi

    def one_evaluation(self, calculator: Calculator) -> None:
        """Compute the forces of the first displacement, for its time."""
        self._forces(calculator, self.displacements[:1])

    def _displacements(self) -> list[tuple[int, Array]]:
        """Mobile atom and displacement in Å of each evaluation of the forces."""
        if not self.free:
            count, step = int(self.mobile.sum()), self.displacement_A
            return [(atom, sign * step * np.eye(3)[axis]) for atom in range(count) for axis in range(3) for sign in (1, -1)]
        self.crystal.generate_displacements(distance=self.displacement_A)
        dataset: Any = self.crystal.dataset
        return [(int(moved["number"]), np.asarray(moved["displacement"])) for moved in dataset["first_atoms"]]

    def _forces(self, calculator: Calculator, moves: list[tuple[int, Array]]) -> Array:
        """Forces on the mobile atoms, some of which are displaced."""
        moved = self.atoms.copy()
        places = np.flatnonzero(self.mobile)
        for atom, displacement in moves:
            moved.positions[places[atom]] += displacement
        moved.calc = calculator
        forces = np.asarray(moved.get_forces(apply_constraint=False), dtype=np.float64)[self.mobile]
        if not np.isfinite(forces).all():
            raise ItemError("the potential gives forces that are not finite numbers; check the structure and the potential.")
        return forces

    def _computed(self, calculator: Calculator, rest: Array) -> Array:
        found = np.array([self._forces(calculator, [move]) - rest for move in self.displacements])
        count = int(self.mobile.sum())
        if self.free:
            self.crystal.forces = found
            self.crystal.produce_force_constants(calculate_full_force_constants=True)
            phi = np.asarray(self.crystal.force_constants).transpose(0, 2, 1, 3).reshape(3 * count, 3 * count)
        else:
            pairs = found.reshape(3 * count, 2, 3 * count)
            phi = -(pairs[:, 0] - pairs[:, 1]) / (2 * self.displacement_A)
        phi = (phi + phi.T) / 2
        return _without_drift(phi) if self.free else np.asarray(phi)

    def _probe(self) -> Array:
        """A displacement of every mobile atom, the same for equal numbers of atoms, as long as those of the differences."""
        directions = np.random.default_rng(0).standard_normal((int(self.mobile.sum()), 3))
        return np.asarray(self.displacement_A * directions / np.linalg.norm(directions, axis=1, keepdims=True))

    def _require_linear(self, phi: Array, lost: Array, shift: Array) -> None:
        expected = (phi @ shift.ravel()).reshape(-1, 3)
        size = float(np.linalg.norm(expected))
        missed = float(np.linalg.norm(lost - expected))
        if missed > LARGEST_DEVIATION * max(size, 1e-12):
            raise ItemError(
                f"forces do not follow the force constants: at a random displacement of {self.displacement_A:g} Å they miss "
                f"{missed / max(size, 1e-12):.0%} of the forces; take another displacement_A, or check that the potential is "
                "smooth at this structure and has its symmetry."
            )

    def _key(self, rest: Array, probe: Array) -> str:
        atoms = self.atoms
        text = f"{ALGORITHM} {phonopy.__version__} {self.displacement_A!r} {self._tolerance_A!r} {len(self.displacements)}"
        primitive = np.asarray(self.crystal.primitive_matrix)
        arrays = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, self.mobile, primitive, rest, probe)
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        return hashlib.blake2b(text.encode() + content, digest_size=20).hexdigest()


def _without_drift(phi: Array) -> Array:
    """The nearest symmetric matrix that gives no forces for uniform translations (acoustic sum rule)."""
    blocks = phi.reshape(len(phi) // 3, 3, -1, 3)
    rows = blocks.mean(axis=0, keepdims=True)
    columns = blocks.mean(axis=2, keepdims=True)
    return np.asarray((blocks - rows - columns + blocks.mean(axis=(0, 2), keepdims=True)).reshape(phi.shape))
