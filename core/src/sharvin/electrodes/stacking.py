"""The period of a wire's end: the shortest translation that maps its atoms onto one another, proved before it is believed.

A translation *t* is tried on the atoms, species by species. Counted from the end inwards, it *explains* all layers before the
first atom that it maps onto nothing, or that nothing is mapped onto; in these it is *seen* as often as they hold copies of its
length. It is proved if these layers hold two whole copies: one
repeated layer proves nothing, as the end of a chain Ag Ag Au Au Ag Ag Au Au … shows.

- Translations along z give the period directly. Where the wire is periodic in x or y, a step with a lateral part is tried too,
  such as A → B → C of fcc (111); it must be seen twice. The period is then the smallest number of steps whose lateral part is a
  translation of a layer, so four layers of fcc (111) are enough although no whole period repeats.
- Of several proved translations the one that explains most atoms is the period; of those that explain the same, the one with the
  shortest period along z. A longer one is not tried where a proved one already explains a whole copy of it: if it reaches
  further, it does so by the tolerance alone. Nor is one with a gap wider than the Hamiltonian's range: it repeats a broken wire.
- A long translation that is seen fewer than three times, and explains the whole wire, maps one electrode onto the other one: it
  gives way to a short one that is seen four times; one that ends inside the wire, to a short one that is seen five times.
- A long translation that repeats nothing but layers that a short one explains, which goes on behind it, gives way if that reaches
  the other end and at least three layers are images by the short one; otherwise this cannot be decided.
- Otherwise, a short translation that is seen four times or more, and more often than the one that reaches further, is an
  electrode in front of a neck that happens to repeat, or a part of a long cell. This cannot be decided, and the user is asked to.
- A short translation that explains fewer than four copies is refused where a longer one maps more layers, but not yet two
  copies: the end may be that of a longer cell of which too little is there. It is not refused where the longer one only maps
  this electrode onto a like one at the other end: then it repeats no layer that the short one does not explain.
- A translation is left aside if the wire is too short for two principal layers of it, and another one has enough.

Where all layers are within :data:`IDEAL_A` of their places over two copies and the principal layer, only those are taken as the
electrode. Otherwise the tolerance is raised in steps up to :data:`~sharvin.electrodes.wire_end.MATCH_TOLERANCE_A`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from sharvin.electrodes.stacking_refusals import begins_longer_cell, not_crystalline, too_thin, two_ways
from sharvin.electrodes.wire_end import EXACT_A, LAYER_TOLERANCE_A, MATCH_TOLERANCE_A, LayerRun, WireEnd
from sharvin.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

IDEAL_A = 1e-3
"""Atoms of an ideal electrode are this close to the images of one another."""
TOLERANCES_A = (IDEAL_A, 2e-3, 5e-3, 0.01, 0.02, MATCH_TOLERANCE_A)
ENOUGH_COPIES = 4
"""Copies of a short translation that are not given up for a long one that is seen fewer times."""
FEW_COPIES = 3
"""Fewer copies than this of a long translation may be the two electrodes of a wire."""
MOST_STEPS = 24
"""Largest number of lateral steps in a period along z."""
_PROBES = 12
_BOND = 3.0


@dataclass(frozen=True, eq=False)
class Stacking:
    """The period of a wire's end.

    Parameters
    ----------
    end : WireEnd
    run : LayerRun
        The translation and the layers that it explains.
    steps : int
        Translations in one period along z.
    repeats : (int, int)
        Primitive transverse cells of a layer along the two cell vectors.
    """

    end: WireEnd
    run: LayerRun
    steps: int
    repeats: tuple[int, int]

    @property
    def period_A(self) -> float:
        """The period along z in Å."""
        return self.steps * self.run.period_A

    @property
    def layers(self) -> int:
        """Atomic layers in a period."""
        return self.steps * self.end.layers_before(self.run.cell)

    @property
    def ideal_layers(self) -> int:
        """Atomic layers that the translation explains."""
        return self.end.layers_before(self.run.count)

    def periods(self, min_thickness_A: float) -> int:
        """Periods in a principal layer of at least this thickness."""
        return max(1, int(np.ceil((min_thickness_A - 1e-3) / self.period_A)))

    def fits_twice(self, min_thickness_A: float) -> bool:
        """Whether the wire is long enough for two such principal layers, one at each end."""
        return 2 * self.periods(min_thickness_A) * self.steps * self.run.cell <= len(self.end)

    def holds(self, min_thickness_A: float) -> bool:
        """Whether the layers that it explains hold a principal layer."""
        return self.periods(min_thickness_A) * self.steps * self.run.cell <= self.run.count


class UndecidedError(InputError):
    """Two periods are proved, and neither is a part of the other; which one is that of the lead has to be stated.

    Parameters
    ----------
    short, long : Stacking
        The two readings.
    min_thickness_A : float
        Thickness of a principal layer.
    """

    def __init__(self, short: Stacking, long: Stacking, min_thickness_A: float) -> None:
        possible = [one for one in (short, long) if one.holds(min_thickness_A) and one.fits_twice(min_thickness_A)]
        super().__init__(two_ways(short, long, possible))
        self.readings = short, long


def find_stacking(end: WireEnd, min_thickness_A: float) -> Stacking:
    """The stacking of a wire's end, with a principal layer of `min_thickness_A` among the layers that it explains.

    Raises
    ------
    InputError
        If no period is proved, or several are, or the layers explained are too few.
    """
    loose = proved_period(end, min_thickness_A)
    if not loose.holds(min_thickness_A):
        raise InputError(too_thin(loose, min_thickness_A))
    return tightened(loose, min_thickness_A)


def proved_period(end: WireEnd, min_thickness_A: float) -> Stacking:
    """The period that a wire's end proves, at the largest tolerance; the layers that it explains may still be too thin.

    Raises
    ------
    InputError
        If no period is proved, or several are.
    """
    found, unproved = _tried(end)
    reach = min_thickness_A or _BOND * float(covalent_radii[end.numbers].max())
    found = [stacking for stacking in found if _gap(end, stacking.run) <= reach] or found
    if not found:
        raise InputError(not_crystalline(end, unproved))
    fitting = [stacking for stacking in found if stacking.fits_twice(min_thickness_A)]
    if not any(stacking.holds(min_thickness_A) for stacking in fitting):
        fitting = found
    loose = _chosen(end, fitting, min_thickness_A)
    seen = max(1, end.seen(loose.run))
    if loose.run.copies < ENOUGH_COPIES:
        rivals = [run for run in unproved if end.seen(run) > seen and _gap(end, run) <= reach]
        rivals = [run for run in rivals if _reaches(end, loose, run) < len(end)]
        if rivals:
            raise InputError(begins_longer_cell(loose, max(rivals, key=end.seen)))
    return loose


def lateral_repeats(end: WireEnd, count: int, tolerance_A: float) -> tuple[int, int]:
    """Largest (N1, N2) such that the transverse cell vectors divided by them map the outermost `count` atoms onto themselves."""
    if len(end.lattice) < 2:
        return 1, 1
    key = count, tolerance_A
    if key not in end.repeats:
        end.repeats[key] = _divisions(end, count, tolerance_A, 0), _divisions(end, count, tolerance_A, 1)
    return end.repeats[key]


def _divisions(end: WireEnd, count: int, tolerance_A: float, axis: int) -> int:
    _, of_element = np.unique(end.numbers[:count], return_counts=True)
    in_layer = np.bincount(end.layer[:count])
    most = int(np.gcd.reduce(np.concatenate([of_element, in_layer])))
    divisors = np.array([n for n in range(most, 1, -1) if most % n == 0], dtype=np.int64)
    if not divisors.size:
        return 1
    shifts = np.column_stack([end.lattice[axis] / divisors[:, None], np.zeros(len(divisors))])
    for k in np.flatnonzero(_hits(end, end.places[0] + shifts, int(end.numbers[0]), tolerance_A)):
        partner, off = end.nearest(end.places[:count] + shifts[k])
        fits = (partner >= 0) & (partner < count) & (np.linalg.norm(off, axis=1) <= tolerance_A)
        if np.all(fits & (end.numbers[partner] == end.numbers[:count])):
            return int(divisors[k])
    return 1


def _hits(end: WireEnd, points: Floats, numbers: Integers | int, tolerance_A: float) -> NDArray[np.bool_]:
    """Whether there is an atom of these elements at each point."""
    partner, off = end.nearest(points)
    return np.asarray((partner >= 0) & (np.linalg.norm(off, axis=1) <= tolerance_A) & (end.numbers[partner] == numbers))


def _tried(end: WireEnd) -> tuple[list[Stacking], list[LayerRun]]:
    """All stackings that are proved, and the runs of translations that are not, shortest first."""
    found: list[Stacking] = []
    unproved: list[LayerRun] = []
    for shift in _candidates(end):
        if any(_explains(known, shift) for known in found):
            continue
        run = end.refined(end.run(shift, 2.0 * MATCH_TOLERANCE_A), MATCH_TOLERANCE_A)
        stacking = _stacking(end, run)
        if stacking is not None and _is_proved(stacking):
            found.append(stacking)
        else:
            unproved.append(run)
    return found, unproved


def _candidates(end: WireEnd) -> list[Floats]:
    """Translations of the outermost atom onto others that may be periods, shortest along z first."""
    half = np.flatnonzero(end.numbers == end.numbers[0])
    half = half[
        (end.depths[half] > LAYER_TOLERANCE_A)
        & (2 * np.searchsorted(end.depths, end.depths[half] - LAYER_TOLERANCE_A) <= len(end))
    ]
    if not half.size:
        return []
    shifts = end.places[half] - end.places[0]
    shifts[:, :2] -= np.round(shifts[:, :2] @ np.linalg.pinv(end.lattice)) @ end.lattice
    straight = np.linalg.norm(shifts[:, :2], axis=1) <= 2.0 * MATCH_TOLERANCE_A
    shifts[straight, :2] = 0.0
    chosen = shifts[straight]
    if len(end.lattice):
        outermost = int(np.searchsorted(end.layer, 1))
        vectors = end.lattice / np.array(lateral_repeats(end, outermost, MATCH_TOLERANCE_A))[: len(end.lattice), None]
        lateral = shifts[~straight]
        lateral[:, :2] -= np.round(lateral[:, :2] @ np.linalg.pinv(vectors)) @ vectors
        lateral = lateral[np.linalg.norm(lateral[:, :2], axis=1) > 2.0 * MATCH_TOLERANCE_A]
        _, first = np.unique(np.round(lateral / MATCH_TOLERANCE_A / [4, 4, 1]), axis=0, return_index=True)
        chosen = np.concatenate([chosen, lateral[np.sort(first)]])
    if not len(chosen):
        return []
    probes = np.arange(min(_PROBES, len(end)))
    points = (end.places[probes] + chosen[:, None]).reshape(-1, 3)
    hits = _hits(end, points, np.tile(end.numbers[probes], len(chosen)), 2.0 * MATCH_TOLERANCE_A)
    in_first = end.depths[probes] < chosen[:, 2:] - LAYER_TOLERANCE_A
    hits = hits.reshape(in_first.shape)
    of_layer = (hits | (end.layer[probes] > 0)).all(axis=1)
    chosen = chosen[of_layer & (2 * (hits & in_first).sum(axis=1) >= in_first.sum(axis=1))]
    return list(chosen[np.argsort(chosen[:, 2], kind="stable")])


def _explains(known: Stacking, shift: Floats) -> bool:
    """Whether a longer translation is no shorter period than a proved one, and can explain more only by the tolerance."""
    run = known.run
    if not shift[:2].any() and shift[2] < known.period_A - LAYER_TOLERANCE_A:
        return False
    if run.limit_A > shift[2] + run.period_A - LAYER_TOLERANCE_A:
        return True
    multiple = round(float(shift[2]) / run.period_A)
    off = abs(shift[2] - multiple * run.period_A)
    return bool(run.straight and off < 2.0 * MATCH_TOLERANCE_A and run.limit_A > shift[2] - LAYER_TOLERANCE_A)


def _stacking(end: WireEnd, run: LayerRun) -> Stacking | None:
    """The stacking of a translation; None if no number of steps is a translation along z."""
    if run.straight:
        return Stacking(end, run, 1, (1, 1))
    repeats = lateral_repeats(end, run.cell, run.tolerance_A)
    vectors = end.lattice / np.array(repeats)[: len(end.lattice), None]
    inverse = np.linalg.pinv(vectors)
    for steps in range(1, MOST_STEPS + 1):
        lateral = steps * run.shift[:2]
        if np.linalg.norm(lateral - np.round(lateral @ inverse) @ vectors) <= MATCH_TOLERANCE_A:
            return Stacking(end, run, steps, repeats)
    return None


def _is_proved(stacking: Stacking) -> bool:
    run = stacking.run
    if run.count < 2 * run.cell:
        return False
    return run.straight or (stacking.ideal_layers >= 3 and run.count >= stacking.steps * run.cell)


def _chosen(end: WireEnd, found: list[Stacking], min_thickness_A: float) -> Stacking:
    """The period among those that are proved."""
    winner = max(found, key=lambda s: (s.run.count, -round(s.period_A / LAYER_TOLERANCE_A), -s.run.period_A))
    others = [other for other in found if other.run.count < winner.run.count]
    most = max((other.run.copies for other in others), default=0.0)
    whole, few = not np.isfinite(winner.run.limit_A), winner.run.copies < FEW_COPIES
    if few and most >= (ENOUGH_COPIES if whole else ENOUGH_COPIES + 1):
        return _chosen(end, others, min_thickness_A)
    for other in sorted(others, key=lambda other: -end.seen(other.run)):
        if other.run.period_A > winner.run.period_A or end.seen(other.run) < 2 * whole:
            continue
        reached = _reaches(end, other, winner.run)
        if reached == len(end) and end.seen(other.run) >= ENOUGH_COPIES - 1:
            return _chosen(end, others, min_thickness_A)
        if reached > winner.run.count or (whole and reached):
            raise UndecidedError(other, winner, min_thickness_A)
    if most >= max(ENOUGH_COPIES, winner.run.copies) or (few and whole and most >= FEW_COPIES):
        raise UndecidedError(max(others, key=lambda other: other.run.copies), winner, min_thickness_A)
    return winner


def _reaches(end: WireEnd, short: Stacking, long: LayerRun) -> int:
    """How many atoms there are up to where a short translation stops that is taken up again behind a long one; 0 if it is not.

    It is where the long one repeats no layer but those that the short one explains. If the short one then goes further than the
    long one, up to the other end at best, the long one maps an electrode onto a like one, and is no period.
    """
    if end.seen(long) > short.ideal_layers:
        return 0
    run, start = short.run, long.period_A - LAYER_TOLERANCE_A
    image = end.depths + run.period_A
    missed = image[(run.partner < 0) & (end.depths >= start) & (image <= end.depths[-1] + MATCH_TOLERANCE_A)]
    met = np.zeros(len(end), dtype=bool)
    met[run.partner[run.partner >= 0]] = True
    foreign = end.depths[~met & (end.depths >= start + run.period_A)]
    stop = min(missed.min(initial=np.inf), foreign.min(initial=np.inf))
    return end.atoms_before(stop) if np.isfinite(stop) else len(end)


def _gap(end: WireEnd, run: LayerRun) -> float:
    """Longest way along z from an atom of the first copy to the next, in Å; of a repeated broken wire it is the gap."""
    return float(np.diff(end.depths[: run.cell], append=run.period_A).max())


def tightened(loose: Stacking, min_thickness_A: float) -> Stacking:
    """The same stacking at the smallest tolerance that still proves it; a multiple of it, if that is ideal and it is not."""
    end, unchecked = loose.end, loose.run.copies < 2
    multiples = sorted({1, 2, 3, 4, loose.steps, 2 * loose.steps})
    multiples = [m for m in multiples if m == 1 or (m % loose.steps == 0 and (2 * m - 1) * loose.run.cell <= loose.run.count)]
    tries = [(IDEAL_A, multiple) for multiple in multiples] + [(tolerance, 1) for tolerance in TOLERANCES_A[1:]]
    for tolerance, multiple in tries:
        found = _stacking(end, _outermost(end, loose.run, multiple, tolerance))
        if found is not None and found.holds(min_thickness_A) and (unchecked or _is_proved(found)):
            loose = found
            break
    return replace(loose, repeats=lateral_repeats(end, loose.run.cell, loose.run.tolerance_A))


def _outermost(end: WireEnd, run: LayerRun, multiple: int, tolerance_A: float) -> LayerRun:
    """The run of a multiple of a translation, first adjusted to the outermost copy, which is furthest from the neck."""
    shift = multiple * run.shift
    if multiple > 1:
        shift[:2] = 0.0
    first = max(1, end.atoms_before(shift[2]))
    partner, off = (part[:first] for part in end.moved(shift))
    near = (partner >= 0) & (np.linalg.norm(off, axis=1) <= 2.0 * MATCH_TOLERANCE_A)
    moved = off[near].mean(axis=0) if near.any() else np.zeros(3)
    if not shift[:2].any():
        moved[:2] = 0.0
    if np.abs(moved).max() > EXACT_A:
        shift = shift + moved
    return end.refined(end.run(shift, tolerance_A), tolerance_A)
