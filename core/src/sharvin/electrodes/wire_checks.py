"""Whether a structure can be a wire of atoms at all: neighbours at distances that atoms have, transport along z."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from scipy.spatial import cKDTree

from sharvin.errors import InputError
from sharvin.junction import Junction

CLOSEST, FARTHEST = 0.6, 1.8
"""Nearest-neighbour distances of matter, in units of the sum of the covalent radii; metals have 0.9 to 1.2."""
SAME_LAYER_A = 0.1
"""Atoms whose heights differ by less are in one layer."""
LEAD_LAYERS = re.compile(r"lead[-_]layers")
UNITS = ((10.0, "nm"), (0.01, "pm"), (0.529177, "Bohr radii"))
"""Factors to Å of units that structures are often written in by mistake."""


def check_distances(atoms: Atoms) -> None:
    """Refuse a structure whose atoms are nowhere near where atoms sit.

    Raises
    ------
    InputError
        If most atoms are much closer to their neighbours, or farther from them, than the sum of their radii.
    """
    if len(atoms) < 2 or not np.isfinite(atoms.positions).all():
        return
    radius = float(np.median(covalent_radii[atoms.numbers]))
    distances, _ = cKDTree(atoms.positions).query(atoms.positions, k=2)
    typical = float(np.median(np.asarray(distances)[:, 1]))
    if CLOSEST <= typical / (2 * radius) <= FARTHEST:
        return
    likely = [unit for factor, unit in UNITS if 0.85 <= typical * factor / (2 * radius) <= 1.25]
    hint = f"; lengths are in Å, these look like {likely[0]}" if likely else "; lengths are in Å"
    raise InputError(
        f"neighbouring atoms are {typical:.3g} Å apart, where about {2 * radius:.2f} Å is the length of a bond{hint}."
    )


def detect(atoms: Atoms, range_A: float) -> Junction:
    """The junction that a structure is, as :meth:`sharvin.junction.Junction.detect` finds it.

    Raises
    ------
    InputError
        If it is none; with the axis, if it would be one along x or y. What is advised are options of a study's structure.
    """
    try:
        return Junction.detect(atoms, range_A)
    except InputError as error:
        for axis in (0, 1):
            if _is_junction(_turned(atoms, axis), range_A):
                name = "xy"[axis]
                raise InputError(
                    f"the wire lies along {name}, and transport is along z: exchange {name} and z in positions, cell and pbc."
                ) from None
        raise InputError(_advice_for_a_study(str(error), atoms, range_A)) from None


def without_lead_layers(refusal: str) -> str:
    """Why an electrode is none, without the advice to state ``--lead-layers``, for commands that have no such option."""
    clauses = re.split(r"(?<=[;.])\s", refusal)
    kept = [clause for clause in clauses if not LEAD_LAYERS.search(clause)]
    return refusal if len(kept) in (0, len(clauses)) else f"{' '.join(kept).rstrip('.;')}."


def _advice_for_a_study(refusal: str, atoms: Atoms, range_A: float) -> str:
    """A refusal of an electrode without the options of ``sharvin transmission``, which a study has not: more layers instead."""
    reason = without_lead_layers(refusal)
    if reason == refusal:
        return refusal
    z = np.asarray(atoms.positions)[:, 2]
    depths = np.sort(z.max() - z if re.search(r"\bright (end|electrode)", refusal) else z - z.min())
    within = depths[depths < range_A]
    layers = 1 + int((np.diff(within) > SAME_LAYER_A).sum())
    return (
        f"{reason.rstrip('.')}; add layers to the electrode: it needs two ideal periods of its lattice, and at least "
        f"{layers} layers for a Hamiltonian that reaches {range_A:.2f} Å."
    )


def check_rigid(junction: Junction) -> None:
    """Refuse a wire whose dynamics would move atoms of its leads; one without rigid atoms is none that is held.

    Raises
    ------
    InputError
        If atoms of the outermost principal layers are not rigid: after a few steps they are no ideal lattice any more.
    """
    rigid = np.asarray(junction.atoms.arrays.get("rigid", np.zeros(len(junction.atoms))), dtype=bool)
    if not rigid.any():
        return
    for side, atoms, period in (
        ("left", junction.left, junction.left_period_A),
        ("right", junction.right, junction.right_period_A),
    ):
        heights = junction.atoms.positions[atoms, 2]
        if not rigid[atoms].all():
            layers = len(np.unique(heights.round(1)))
            held = len(np.unique(heights[rigid[atoms]].round(1)))
            raise InputError(
                f"the leads of the Hamiltonian take the {layers} outer layers ({period:.2f} Å) of the {side} electrode, of which "
                f"{held or 'none'} {'are' if held > 1 else 'is'} rigid; the others would leave the ideal lattice as soon as they "
                f"move: keep {layers} layers or more rigid at each end of the structure."
            )


def _turned(atoms: Atoms, axis: int) -> Atoms:
    """The structure with an axis and z exchanged."""
    order = [0, 1, 2]
    order[axis], order[2] = 2, axis
    turned: Atoms = atoms.copy()
    turned.set_cell(np.array(atoms.cell.array)[order][:, order])
    turned.positions = atoms.positions[:, order]
    turned.pbc = np.array(atoms.pbc)[order]
    return turned


def _is_junction(atoms: Atoms, range_A: float) -> bool:
    try:
        Junction.detect(atoms, range_A)
    except InputError:
        return False
    return True
