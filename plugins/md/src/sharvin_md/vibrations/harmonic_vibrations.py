"""The vibrations of a structure: dispersion, normal modes, and what the shifts of whole layers contribute."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
from sharvin.errors import ItemError

from sharvin_md.vibrations.crystal_cell import Array
from sharvin_md.vibrations.normal_modes import (
    NormalModes,
    Statistics,
    free_motions,
    mean_squares,
    normal_modes,
)
from sharvin_md.vibrations.rigid_layers import rigid_layer_modes

MOSTLY = 0.9
"""Part of a mode's square amplitude along one direction that makes it a mode along this direction."""


class HarmonicVibrations:
    """Vibrations of the mobile atoms of a structure at rest; a :class:`sharvin.protocols.HarmonicCrystal`.

    Parameters
    ----------
    atoms : Atoms
        At rest.
    mobile : bool[n_atoms]
    crystal : Phonopy
        The mobile atoms with their force constants.
    force_constants : float64[3 n_mobile, 3 n_mobile]
        In eV/Å².
    fix_layers : bool
        Take the shifts of layers against each other out of :attr:`modes`.
    lowest_THz : float
        Frequency below which a mode counts as unstable.

    Attributes
    ----------
    atoms : Atoms
        The structure at rest.
    modes : NormalModes
        Of the mobile atoms in the whole cell, at Γ, without free translations and rotations; unstable ones are among them.
    removed : dict of str to int
        How many motions are not among the modes: ``translations and rotations``, ``rigid layers``.
    rigid_layers : RigidLayerModes or None
        None where no whole layers shift against each other.

    Raises
    ------
    InputError
        If layers are to be fixed where there are none.
    """

    def __init__(
        self,
        atoms: Atoms,
        mobile: NDArray[np.bool_],
        crystal: Phonopy,
        force_constants: Array,
        fix_layers: bool,
        lowest_THz: float,
    ) -> None:
        self.atoms, self.mobile, self.lowest_THz = atoms, mobile, lowest_THz
        self._crystal = crystal
        moving = atoms[mobile]
        masses = moving.get_masses()
        free = free_motions(moving) if mobile.all() else np.zeros((3 * len(moving), 0))
        without = [free]
        self.removed = {"translations and rotations": free.shape[1]}
        self.rigid_layers = rigid_layer_modes(atoms, mobile, force_constants, free, fix_layers)
        if self.rigid_layers is not None and fix_layers:
            without.append(self.rigid_layers.vectors)
            self.removed["rigid layers"] = self.rigid_layers.vectors.shape[1]
        self.modes = normal_modes(force_constants, masses, np.hstack(without))

    @property
    def cell(self) -> Array:
        """Cell vectors in Å of the primitive cell, or of the whole cell where none was found or atoms are rigid.

        Along directions that are not periodic they are at right angles to the others and beyond all atoms.
        """
        return np.array(self._crystal.primitive.cell, dtype=np.float64)

    def frequencies_THz(self, q: Array) -> Array:
        """Frequencies float64[n_q, 3 n_atoms] in THz at wave vectors float64[n_q, 3], of the primitive cell's mobile atoms.

        They are those of the force constants; nothing is taken out.
        """
        self._crystal.run_qpoints(np.asarray(q, dtype=np.float64))
        found = self._crystal.qpoints
        assert found is not None
        return np.array(found.frequencies, dtype=np.float64)

    @property
    def stable_modes(self) -> NormalModes:
        """The modes whose frequency is not below the lowest allowed."""
        return self.modes.above(self.lowest_THz)

    @property
    def unstable_modes(self) -> int:
        """How many are."""
        return int((self.modes.frequencies_THz < self.lowest_THz).sum())

    def describe_unstable_modes(self) -> str:
        """How many there are, the lowest frequency, where in the Brillouin zone and along which direction, in words."""
        count, lowest = self.unstable_modes, float(self.modes.frequencies_THz[0])
        number = "1 mode is" if count == 1 else f"{count} modes are"
        value = f"{-lowest:.3g}i THz" if lowest < 0 else f"{lowest:.2g} THz, below {self.lowest_THz:g} THz"
        q = ", ".join(f"{part:.3g}" for part in self.wave_vector(0))
        where = f", with wave vector ({q}) of the primitive cell" if self.atoms.pbc.any() else ""
        along = (self.modes.vectors[:, 0].reshape(-1, 3) ** 2).sum(axis=0)
        direction = f", along {'xyz'[int(along.argmax())]}" if along.max() > MOSTLY else ""
        return f"{number} unstable, the lowest at {value}{where}{direction}"

    def shifts_layers(self, mode: int) -> bool:
        """Whether a mode is mostly a shift of whole layers against each other."""
        if self.rigid_layers is None or self.rigid_layers.fixed:
            return False
        return float(((self.rigid_layers.vectors.T @ self.modes.vectors[:, mode]) ** 2).sum()) > 0.5

    def wave_vector(self, mode: int) -> Array:
        """The wave vector of the primitive cell that a mode mostly has, in fractions of the reciprocal vectors, in (−½, ½]."""
        primitive, supercell = self._crystal.primitive, self._crystal.supercell
        repeats = np.rint(np.linalg.inv(np.asarray(primitive.primitive_matrix))).astype(np.int64)
        points = get_commensurate_points(repeats)
        owners = np.array([primitive.p2p_map[i] for i in primitive.s2p_map])
        away = supercell.scaled_positions - supercell.scaled_positions[primitive.s2p_map]
        cells = away @ np.linalg.inv(np.asarray(primitive.primitive_matrix)).T
        moved = self.modes.vectors[:, mode].reshape(-1, 3)
        waves = np.zeros((len(points), len(primitive), 3), dtype=complex)
        for atom, owner in enumerate(owners):
            waves[:, owner] += np.exp(-2j * np.pi * points @ np.rint(cells[atom]))[:, None] * moved[atom]
        strongest = points[np.argmax(np.round((np.abs(waves) ** 2).sum(axis=(1, 2)), 6))]
        return np.asarray(0.5 - (0.5 - strongest) % 1.0)

    def mean_square_displacements_A2(self, temperature_K: float, statistics: Statistics = "quantum") -> Array:
        """⟨u²⟩ float64[n_atoms, 3] in Å² of x, y and z; 0 for rigid atoms.

        Raises
        ------
        ItemError
            If modes are unstable.
        """
        if self.unstable_modes:
            raise ItemError(f"mean square displacements need stable modes: {self.describe_unstable_modes()}.")
        found = np.zeros((len(self.atoms), 3))
        squares = mean_squares(self.modes.eigenvalues, temperature_K, statistics)
        found[self.mobile] = self.modes.mean_square_displacements(squares)
        return found
