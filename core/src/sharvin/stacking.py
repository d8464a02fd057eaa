"""The period of a wire's end: the shortest translation that maps its atoms onto one another, proved before it is believed.

A translation *t* is tried on the atoms, species by species. Counted from the end inwards, it *explains* all layers before the
first atom that it maps onto nothing, or that nothing is mapped onto. It is proved if these layers hold two whole copies: one
repeated layer proves nothing, as the end of a chain Ag Ag Au Au Ag Ag Au Au … shows.

- Translations along z give the period directly. Where the wire is periodic in x or y, a step with a lateral part is tried too,
  such as A → B → C of fcc (111); it must be seen twice. The period is then the smallest number of steps whose lateral part is a
  translation of a layer, so four layers of fcc (111) are enough although no whole period repeats.
- Of several proved translations the one that explains most atoms is the period; of those that explain the same, the one with the
  shortest period along z. A multiple of a shorter one that already explains a whole copy of it is not considered: where it
  reaches further, it does so by the tolerance alone.
- A short translation that explains four copies or more, and more copies than the one that reaches further, is an electrode in front
  of a neck that happens to repeat, or a part of a long cell: this cannot be decided, and the user is asked to.

Where all layers are within :data:`IDEAL_A` of their places over two copies and the principal layer, only those are taken as the
electrode. Otherwise the tolerance is raised in steps up to :data:`~sharvin.wire_end.MATCH_TOLERANCE_A`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.wire_end import LAYER_TOLERANCE_A, MATCH_TOLERANCE_A, NO_IMAGE_A, Run, WireEnd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

IDEAL_A = 1e-3
"""Atoms of an ideal electrode are this close to the images of one another."""
TOLERANCES_A = (IDEAL_A, 2e-3, 5e-3, 0.01, 0.02, MATCH_TOLERANCE_A)
ENOUGH_COPIES = 4
"""Copies of a short translation that are not given up for a long one that is seen fewer times."""
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
    run : Run
        The translation and the layers that it explains.
    steps : int
        Translations in one period along z.
    repeats : (int, int)
        Primitive transverse cells of a layer along the two cell vectors.
    """

    end: WireEnd
    run: Run
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

    def holds(self, min_thickness_A: float) -> bool:
        """Whether the layers that it explains hold a principal layer."""
        return self.periods(min_thickness_A) * self.steps * self.run.cell <= self.run.count


def find_stacking(end: WireEnd, min_thickness_A: float) -> Stacking:
    """The stacking of a wire's end, with a principal layer of `min_thickness_A` among the layers that it explains.

    Raises
    ------
    InputError
        If no period is proved, or several are, or the layers explained are too few.
    """
    found, best = _proved(end)
    reach = min_thickness_A or _BOND * float(covalent_radii[end.numbers].max())
    found = [stacking for stacking in found if _gap(end, stacking.run) <= reach] or found
    if not found:
        raise InputError(_not_crystalline(end, best))
    loose = _chosen(end, found)
    if best is not None and _seen(end, best) > max(1, _seen(end, loose.run)) and _gap(end, best) <= reach:
        raise InputError(_not_crystalline(end, best))
    if not loose.holds(min_thickness_A):
        raise InputError(_too_thin(loose, min_thickness_A))
    return _tightened(loose, min_thickness_A)


def stated_stacking(end: WireEnd, min_thickness_A: float, layers: int) -> Stacking:
    """The stacking whose period has a stated number of atomic layers; whatever there is of further copies must be its image.

    Raises
    ------
    InputError
        If the wire has too few layers, these layers do not repeat, or are too thin.
    """
    if layers < 1 or layers > end.n_layers:
        raise InputError(f"lead_layers: {layers} atomic layers a period, but the {end.side} end of the wire has {end.n_layers}.")
    cell = int(np.searchsorted(end.layer, layers))
    run = None
    if layers < end.n_layers:
        run = end.run(np.array([0.0, 0.0, _height(end, layers)]), 2.0 * MATCH_TOLERANCE_A)
        run = end.refined(run, MATCH_TOLERANCE_A) if run.count > cell else None
    heights = np.array([_height(end, k) for k in range(layers)])
    if run is None and layers > 1 and np.ptp(np.diff(heights)) <= MATCH_TOLERANCE_A:
        run = end.run(np.array([0.0, 0.0, heights[-1] * layers / (layers - 1)]), MATCH_TOLERANCE_A)
    reason = "" if run is None else _contradiction(end, run)
    if run is None or reason:
        raise InputError(
            f"lead_layers: the outermost {layers} atomic layers of the {end.side} end of the wire are not one period of its lead, "
            f"{reason or f'layer {layers + 1} is not the image of layer 1 within {MATCH_TOLERANCE_A} Å along z'}; state the "
            "layers of a whole period, or put a second copy there."
        )
    stacking = Stacking(end, run, 1, lateral_repeats(end, run.cell, MATCH_TOLERANCE_A))
    if not stacking.holds(min_thickness_A):
        raise InputError(_too_thin(stacking, min_thickness_A))
    return _tightened(stacking, min_thickness_A)


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


def _proved(end: WireEnd) -> tuple[list[Stacking], Run | None]:
    """All stackings that are proved, shortest first, and the best run of a translation that is not."""
    found: list[Stacking] = []
    best: Run | None = None
    for shift in _candidates(end):
        if any(_explains(known.run, shift) for known in found):
            continue
        run = end.refined(end.run(shift, 2.0 * MATCH_TOLERANCE_A), MATCH_TOLERANCE_A)
        stacking = _stacking(end, run)
        if stacking is not None and _is_proved(stacking):
            found.append(stacking)
        elif best is None or _seen(end, run) > _seen(end, best):
            best = run
    return found, best


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
        _, first = np.unique(np.round(lateral / (4.0 * MATCH_TOLERANCE_A)), axis=0, return_index=True)
        chosen = np.concatenate([chosen, lateral[np.sort(first)]])
    if not len(chosen):
        return []
    probes = np.flatnonzero(end.layer == 0)[:_PROBES]
    points = (end.places[probes] + chosen[:, None]).reshape(-1, 3)
    hits = _hits(end, points, np.tile(end.numbers[probes], len(chosen)), 2.0 * MATCH_TOLERANCE_A)
    chosen = chosen[hits.reshape(len(chosen), -1).all(axis=1)]
    return list(chosen[np.argsort(chosen[:, 2], kind="stable")])


def _explains(run: Run, shift: Floats) -> bool:
    """Whether a longer translation can explain more than a proved one only by the tolerance."""
    if run.limit_A > shift[2] + run.period_A - LAYER_TOLERANCE_A:
        return True
    multiple = round(float(shift[2]) / run.period_A)
    off = abs(shift[2] - multiple * run.period_A)
    return bool(run.straight and off < 2.0 * MATCH_TOLERANCE_A and run.limit_A > shift[2] - LAYER_TOLERANCE_A)


def _stacking(end: WireEnd, run: Run) -> Stacking | None:
    """The stacking of a translation; None if no number of steps is a translation along z."""
    repeats = lateral_repeats(end, run.cell, run.tolerance_A)
    if run.straight:
        return Stacking(end, run, 1, repeats)
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


def _chosen(end: WireEnd, found: list[Stacking]) -> Stacking:
    winner = max(found, key=lambda s: (s.run.count, -round(s.period_A / LAYER_TOLERANCE_A), -s.run.period_A))
    for other in found:
        if other.run.count < winner.run.count and other.run.copies >= max(ENOUGH_COPIES, winner.run.copies):
            raise InputError(
                f"the {end.side} electrode can be read in two ways: every {_layers(other)} its outermost {other.ideal_layers} layers "
                f"repeat, and every {_layers(winner)} its outermost {winner.ideal_layers} layers; say which is the period of the lead "
                f"with lead_layers (--lead-layers {other.layers} or {winner.layers})."
            )
    return winner


def _seen(end: WireEnd, run: Run) -> int:
    """Number of layers that are seen to be images of others."""
    return end.layers_before(run.count) - end.layers_before(run.cell)


def _gap(end: WireEnd, run: Run) -> float:
    """Longest way along z from an atom of the first copy to the next, in Å; of a repeated broken wire it is the gap."""
    return float(np.diff(end.depths[: run.cell], append=run.period_A).max())


def _layers(stacking: Stacking) -> str:
    return f"{stacking.layers} layer{'s' * (stacking.layers > 1)} ({stacking.period_A:.2f} Å)"


def _tightened(loose: Stacking, min_thickness_A: float) -> Stacking:
    """The same stacking at the smallest tolerance that still proves it; a multiple of it, if that is ideal and it is not."""
    end, stated = loose.end, loose.run.copies < 2
    multiples = sorted({1, 2, 3, 4, loose.steps, 2 * loose.steps})
    multiples = [m for m in multiples if m == 1 or (m % loose.steps == 0 and (2 * m - 1) * loose.run.cell <= loose.run.count)]
    tries = [(IDEAL_A, multiple) for multiple in multiples] + [(tolerance, 1) for tolerance in TOLERANCES_A[1:]]
    for tolerance, multiple in tries:
        found = _stacking(end, _outermost(end, loose.run, multiple, tolerance))
        if found is not None and found.holds(min_thickness_A) and (stated or _is_proved(found)):
            return found
    return loose


def _outermost(end: WireEnd, run: Run, multiple: int, tolerance_A: float) -> Run:
    """The run of a multiple of a translation, first adjusted to the outermost copy, which is furthest from the neck."""
    shift = multiple * run.shift
    if multiple > 1:
        shift[:2] = 0.0
    first = np.arange(max(1, end.atoms_before(shift[2])))
    partner, off = end.nearest(end.places[first] + shift)
    near = (partner >= 0) & (np.linalg.norm(off, axis=1) <= 2.0 * MATCH_TOLERANCE_A)
    if near.any():
        moved = off[near].mean(axis=0)
        shift = shift + (moved if shift[:2].any() else moved * [0.0, 0.0, 1.0])
    return end.refined(end.run(shift, tolerance_A), tolerance_A)


def _height(end: WireEnd, layer: int) -> float:
    """Mean depth of a layer in Å."""
    return float(end.depths[end.layer == layer].mean())


def _failure(end: WireEnd, run: Run) -> str:
    """What is wrong where a translation stops to explain the wire, in words; nothing if the ideal layers just end there."""
    layer = end.layers_before(run.count) + 1
    image = end.depths + run.shift[2]
    there = np.flatnonzero((run.partner < 0) & (np.abs(image - run.limit_A) <= 2.0 * LAYER_TOLERANCE_A))
    if not there.size:
        extra = int((~np.isin(np.flatnonzero(end.layer == layer - 1), run.partner)).sum())
        atoms = "1 atom" if extra == 1 else f"{extra} atoms"
        return f"layer {layer} from the end has {atoms} more than the layer one period further out" if extra else ""
    partner, off = end.nearest(end.places[there] + run.shift)
    distance = np.where(partner >= 0, np.linalg.norm(off, axis=1), 0.0)
    other = (partner >= 0) & (distance <= MATCH_TOLERANCE_A) & (end.numbers[partner] != end.numbers[there])
    if other.any():
        worst = int(np.argmax(other))
        has, expected = (chemical_symbols[z] for z in (end.numbers[partner[worst]], end.numbers[there[worst]]))
        return f"layer {layer} from the end has {has} in the place of {expected}"
    if (partner >= 0).all():
        return f"layer {layer} from the end is {distance.max():.2f} Å off its ideal place"
    return ""


def _contradiction(end: WireEnd, run: Run) -> str:
    """What is wrong with the second copy of a stated period, in words; nothing if it fits or there is no second copy."""
    fits = run.count >= 2 * run.cell or not ((run.partner < 0) & (end.depths + run.shift[2] <= end.depths[-1])).any()
    return "" if fits else _failure(end, run)


def _not_crystalline(end: WireEnd, best: Run | None) -> str:
    if best is not None and (_seen(end, best) > 1 or end.layers_before(best.cell) == 1 == _seen(end, best)):
        failure = _failure(end, best)
        fit = f", every {end.layers_before(best.cell)} layers ({best.period_A:.2f} Å), explains {end.layers_before(best.count)} layers"
        closest = f"; the best one{fit}{f', and {failure}' if failure else ''}"
    else:
        closest = _closest_repeat(end)
    counts = ", ".join(str(int((end.layer == k).sum())) for k in range(min(4, end.n_layers)))
    return (
        f"the {end.side} end of the wire is not a crystalline electrode: no translation maps all atoms of its outer layers, {counts} "
        f"atoms from the end inwards, onto two whole periods within {MATCH_TOLERANCE_A} Å{closest}; put two ideal periods there, or "
        "say with lead_layers (--lead-layers N) how many layers one period has."
    )


def _closest_repeat(end: WireEnd) -> str:
    """How far the outermost layer is from its best image among the next ones, in words; nothing if there is none near."""
    outermost = np.flatnonzero(end.layer == 0)
    heights = [_height(end, k) - _height(end, 0) for k in range(1, min(9, end.n_layers))]
    misses = []
    for height in heights:
        partner, off = end.nearest(end.places[outermost] + [0.0, 0.0, height])
        misses.append(float(np.linalg.norm(off, axis=1).max()) if (partner >= 0).all() else NO_IMAGE_A)
    if not misses or min(misses) >= NO_IMAGE_A:
        return ""
    return f" (at best, {heights[int(np.argmin(misses))]:.2f} Å further in, they are {min(misses):.2f} Å off)"


def _too_thin(stacking: Stacking, min_thickness_A: float) -> str:
    end, needed = stacking.end, stacking.periods(min_thickness_A)
    spacing = stacking.period_A / stacking.layers
    ideal, failure = stacking.ideal_layers, _failure(end, stacking.run) if np.isfinite(stacking.run.limit_A) else ""
    return (
        f"the {end.side} electrode is too thin: its {ideal} ideal layers are {ideal * spacing:.2f} Å thick, and a principal layer for a "
        f"Hamiltonian that reaches {min_thickness_A:.2f} Å needs {needed * stacking.layers} layers "
        f"({needed * stacking.period_A:.2f} Å), whole periods of {_layers(stacking)}{f', and {failure}' if failure else ''}; "
        "add layers to the electrode."
    )
