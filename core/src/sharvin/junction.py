"""Two-terminal geometry along z: :class:`Junction`, and how its ideal electrodes are found in a wire.

An electrode is found by geometry alone. :mod:`sharvin.electrodes.stacking` proves the period of each end of the wire, and
:mod:`sharvin.electrodes.ideal_layer` takes the mean over its copies. A principal layer is the smallest number of periods that
is at least as thick as the Hamiltonian's range, so that it couples to its two neighbours only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.electrodes.electrode import Electrode
from sharvin.electrodes.ideal_layer import IdealLayer, layer_as_given, matched, mean_layer
from sharvin.electrodes.junction_checks import OVERLAP, check_cell, check_coupled, check_overlap, overlap_message
from sharvin.electrodes.stacking import IDEAL_A, Stacking, find_stacking
from sharvin.electrodes.stated_period import stated_stacking
from sharvin.electrodes.wire_cut import Cut, find_cut, in_reach_of, widest_gap
from sharvin.electrodes.wire_end import LAYER_TOLERANCE_A, MATCH_TOLERANCE_A, NO_IMAGE_A, WireEnd
from sharvin.errors import InputError
from sharvin.words.displayed import Displayed, Fact, composition, counted, periodicity

__all__ = [
    "IDEAL_A",
    "LAYER_TOLERANCE_A",
    "MATCH_TOLERANCE_A",
    "NO_IMAGE_A",
    "OVERLAP",
    "Electrode",
    "Junction",
    "overlap_message",
]

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Junction(Displayed):
    """A wire between two crystalline electrodes.

    Parameters
    ----------
    atoms : ase.Atoms
        The whole wire; electrodes at both ends in z, periodic in x and y where they fill the cell.
    left, right : int64[n]
        Indices of the atoms of the outermost ideal principal layers.
    left_period_A, right_period_A : float
        Thickness of a principal layer: the lead repeats `left` with this period along z.
    left_electrode, right_electrode : Electrode, optional
        The ideal principal layers, atoms in the order of `left` and `right`; taken from the atoms as they are if not given.
    joined : bool
        Whether atoms were moved by the third cell vector, because the wire was cut along z.
    """

    atoms: Atoms
    left: Integers
    right: Integers
    left_period_A: float
    right_period_A: float
    left_electrode: Electrode | None = None
    right_electrode: Electrode | None = None
    joined: bool = False

    def _facts(self) -> Sequence[Fact]:
        off = [e.deviation_A for e in (self.left_electrode, self.right_electrode) if e is not None]
        return [
            ("atoms", composition(self.atoms.numbers)),
            ("left", _layer_in_words(len(self.left), self.left_period_A, self.left_electrode)),
            ("right", _layer_in_words(len(self.right), self.right_period_A, self.right_electrode)),
            ("across", periodicity(self.atoms.pbc)),
            *([("electrodes", f"atoms at most {max(off):.3f} Å off ideal places")] if off else []),
            *([("wire", "was cut along z and is joined")] if self.joined else []),
        ]

    def with_positions(self, atoms: Atoms) -> Junction:
        """The same junction with moved atoms (same order); no detection again."""
        if len(atoms) != len(self.atoms) or np.any(atoms.numbers != self.atoms.numbers):
            raise InputError("the atoms given are not those of the junction: their number, species or order differs.")
        return replace(self, atoms=in_reach_of(atoms, self.atoms) if self.joined else atoms)

    def electrodes(self) -> tuple[Junction, Electrode, Electrode]:
        """The junction with `left` and `right` in canonical order, and its ideal principal layers."""
        if self.left_electrode is not None and self.right_electrode is not None:
            return self, self.left_electrode, self.right_electrode
        left = layer_as_given(self.atoms, self.left, self.left_period_A)
        right = layer_as_given(self.atoms, self.right, self.right_period_A)
        return self._between(self.atoms, left, right, self.joined)

    def as_given(self) -> Junction:
        """The same junction with leads that repeat the outermost principal layers with the atoms where they are, not at the mean.

        Where T of both differs, the electrodes are not ideal enough.
        """
        return replace(self, left_electrode=None, right_electrode=None).electrodes()[0]

    @property
    def deviation_A(self) -> float:
        """Largest distance of an atom of the electrodes from its ideal place, in Å."""
        _, left, right = self.electrodes()
        return max(left.deviation_A, right.deviation_A)

    def imperfection(self) -> str | None:
        """One sentence about electrodes whose atoms are more than 1e-3 Å from ideal ones; None if they are not."""
        _, left, right = self.electrodes()
        off = [f"{side} {e.deviation_A:.3f} Å" for side, e in (("left", left), ("right", right)) if e.deviation_A > IDEAL_A]
        if not off:
            return None
        return (
            f"the electrodes are not ideal: atoms deviate from a periodic lead (worst: {', '.join(off)}); the lead is their "
            "mean, and T depends on that choice. Build the electrodes from ideal layers."
        )

    @classmethod
    def detect(cls, atoms: Atoms, min_thickness_A: float, lead_layers: int | None = None) -> Junction:
        """Find the crystalline electrodes; principal layers at least `min_thickness_A` thick (the Hamiltonian's range).

        Parameters
        ----------
        atoms : ase.Atoms
            Transport is along z. A wire that its file folded into the cell along z is made whole, where that is unambiguous.
        min_thickness_A : float
            Range of the Hamiltonian in Å; 0 where there is none, and then layers need not couple.
        lead_layers : int, optional
            Atomic layers in one period of both leads. Without it the period is searched for, and two whole periods are needed at
            each end. With it one is enough, and what there is of a second one must agree with it.

        Raises
        ------
        InputError
            One sentence that says why it is not a junction: too thin for the range, not periodic, overlapping atoms …
        """
        check_cell(atoms)
        check_overlap(atoms)
        cut = find_cut(atoms, min_thickness_A) if min_thickness_A > 0 else None
        try:
            found = cls._found(atoms, min_thickness_A, lead_layers)
        except InputError as refusal:
            if cut is None:
                raise _advised(refusal, atoms, min_thickness_A, lead_layers) from None
            return cls._joined(atoms, cut, min_thickness_A, lead_layers, refusal)
        if cut is not None and cut.gap_A and cls._is_found(cut.joined(atoms), min_thickness_A, lead_layers):
            raise InputError(
                f"{cut}, and is whole across the cell boundary; it has electrodes either way. Move its two parts together, or, "
                "if the gap is meant, lengthen the third cell vector."
            )
        return found

    @classmethod
    def _joined(cls, atoms: Atoms, cut: Cut, min_thickness_A: float, lead_layers: int | None, refusal: InputError) -> Junction:
        """The junction that a cut wire is when made whole; `refusal` says why it is none as it stands."""
        whole = cut.joined(atoms)
        try:
            check_overlap(whole)
            return replace(cls._found(whole, min_thickness_A, lead_layers), joined=True)
        except InputError as error:
            if cut.gap_A:
                raise InputError(f"{cut}; made whole across the cell boundary it is no junction either: {error}") from None
            raise _advised(refusal, atoms, min_thickness_A, lead_layers) from None

    @classmethod
    def _is_found(cls, atoms: Atoms, min_thickness_A: float, lead_layers: int | None) -> bool:
        """Whether a wire, its atoms where they are, has two electrodes."""
        try:
            cls._found(atoms, min_thickness_A, lead_layers)
        except InputError:
            return False
        return True

    @classmethod
    def _found(cls, atoms: Atoms, min_thickness_A: float, lead_layers: int | None) -> Junction:
        """The junction of a wire whose atoms stay where they are; InputError if it has no two electrodes."""
        stackings = []
        for side in ("left", "right"):
            end = WireEnd(atoms, side)
            if lead_layers is None:
                stackings.append(find_stacking(end, min_thickness_A))
            else:
                stackings.append(stated_stacking(end, min_thickness_A, lead_layers))
        left, right = (mean_layer(stacking, min_thickness_A) for stacking in stackings)
        _check_periodic(left, "left")
        _check_periodic(right, "right")
        if np.intersect1d(left.atoms, right.atoms).size:
            raise InputError(_too_short(atoms, stackings, min_thickness_A))
        junction, at_left, at_right = cls._between(atoms, left, right)
        if min_thickness_A > 0:
            check_coupled(at_left, min_thickness_A, "left")
            check_coupled(at_right, min_thickness_A, "right")
        return junction

    @classmethod
    def _between(
        cls, atoms: Atoms, left: IdealLayer, right: IdealLayer, joined: bool = False
    ) -> tuple[Junction, Electrode, Electrode]:
        """The junction between two ideal layers, which share their mean where they are the same crystal."""
        left, right = matched(left, right)
        (at_left, order_left), (at_right, order_right) = left.electrode(), right.electrode()
        periods = at_left.period_A, at_right.period_A
        return cls(atoms, order_left, order_right, *periods, at_left, at_right, joined), at_left, at_right


def _layer_in_words(atoms: int, period_A: float, electrode: Electrode | None) -> str:
    """A principal layer: ``"3 layers of 18 atoms, period 7.07 Å"``."""
    layers = 1 if electrode is None else electrode.layers
    inside = counted(atoms, "atom")
    if layers > 1:
        inside = f"{layers} layers of {atoms // layers} atoms" if atoms % layers == 0 else f"{inside} in {layers} layers"
    return f"{inside}, period {period_A:.2f} Å"


def _too_short(atoms: Atoms, stackings: list[Stacking], min_thickness_A: float) -> str:
    length = float(np.ptp(atoms.positions[:, 2]))
    left, right = (stacking.periods(min_thickness_A) * stacking.period_A for stacking in stackings)
    electrodes = f"{left:.2f} Å and {right:.2f} Å"
    return f"the wire is {length:.2f} Å long, too short for two electrodes of {electrodes}; add layers to its ends."


def _check_periodic(layer: IdealLayer, side: str) -> None:
    """Refuse an electrode whose atoms are not where the mean of its periods has them."""
    off = layer.shape.deviation_A
    if off > MATCH_TOLERANCE_A:
        raise InputError(
            f"the {side} electrode is not periodic: an atom is {off:.2f} Å off its place in the mean of its periods "
            f"(accepted: {MATCH_TOLERANCE_A} Å); build it from ideal layers."
        )


def _advised(refusal: InputError, atoms: Atoms, min_thickness_A: float, lead_layers: int | None) -> InputError:
    """Why a structure is no junction, or a better reason: the wire is cut along z, or runs along another axis."""
    gap = widest_gap(atoms, max(min_thickness_A, NO_IMAGE_A))
    if gap is not None:
        return InputError(
            f"{refusal} There is a gap of {gap[1]:.1f} Å above z = {gap[0]:.1f} Å: if the file has the wire cut along z, move "
            "the atoms beyond the gap to the other end."
        )
    for axis in (0, 1):
        if _runs_along(axis, atoms, min_thickness_A, lead_layers):
            return InputError(f"the wire runs along {'xy'[axis]}; turn it so that the transport direction is z.")
    return refusal


def _runs_along(axis: int, atoms: Atoms, min_thickness_A: float, lead_layers: int | None) -> bool:
    """Whether a structure would be a junction if its `axis` were z."""
    axes = np.roll([0, 1, 2], 2 - axis)
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array[axes][:, axes])
    turned.positions = atoms.positions[:, axes]
    turned.pbc = [*atoms.pbc[axes][:2], False]
    try:
        check_cell(turned)
        Junction._found(turned, min_thickness_A, lead_layers)
    except InputError:
        return False
    return True
