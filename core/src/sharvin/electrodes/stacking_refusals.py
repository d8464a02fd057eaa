"""Why a wire's end is no electrode: what was looked for, how far it fitted, and what to do, in one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.data import chemical_symbols

from sharvin.electrodes.wire_end import MATCH_TOLERANCE_A, NO_IMAGE_A, LayerRun, WireEnd

if TYPE_CHECKING:
    from sharvin.electrodes.stacking import Stacking


def not_crystalline(end: WireEnd, tried: list[LayerRun]) -> str:
    """No period is proved by the translations tried; the one that comes closest is named, if any does."""
    failures = [_failure(end, run) for run in tried]
    order = sorted(range(len(tried)), key=lambda k: (end.seen(tried[k]), " place" in failures[k], -tried[k].period_A))
    if order and (end.seen(tried[order[-1]]) > 1 or " place" in failures[order[-1]]):
        best = tried[order[-1]]
        closest = (
            f"; the best one, every {_layers(end.layers_before(best.cell), best.period_A)}, explains the outermost "
            f"{end.layers_before(best.count)}{_and(failures[order[-1]])}"
        )
    else:
        closest = _closest_repeat(end)
    counts = ", ".join(str(int((end.layer == k).sum())) for k in range(min(4, end.n_layers)))
    return (
        f"the {end.side} end of the wire is not a crystalline electrode: no translation maps its outer layers, {counts} atoms "
        f"from the end inwards, onto one another over two whole periods, within {MATCH_TOLERANCE_A} Å{closest}; put two ideal "
        "periods there, or say with lead_layers (--lead-layers N) how many layers one period has."
    )


def too_thin(stacking: Stacking, min_thickness_A: float) -> str:
    """The layers that a period explains do not hold a principal layer."""
    end, ideal, needed = stacking.end, stacking.ideal_layers, stacking.periods(min_thickness_A)
    thickness = ideal * stacking.period_A / stacking.layers
    return (
        f"the {end.side} electrode is too thin: its {ideal} ideal layers are {thickness:.2f} Å thick, and a principal layer "
        f"for a Hamiltonian that reaches {min_thickness_A:.2f} Å needs {needed * stacking.layers} layers "
        f"({needed * stacking.period_A:.2f} Å), whole periods of {_layers(stacking.layers, stacking.period_A)}"
        f"{_and(_failure(end, stacking.run))}; add layers to the electrode."
    )


def two_ways(short: Stacking, long: Stacking, possible: list[Stacking]) -> str:
    """Two periods are proved, and neither is a part of the other; of the possible ones there is a principal layer at each end."""
    first, second = (
        f"every {_layers(one.layers, one.period_A)} over its outermost {_counted(one.ideal_layers)}" for one in (short, long)
    )
    reading = f"the {short.end.side} electrode can be read in two ways, as it repeats {first}, and {second}"
    if len(possible) == 2:
        stated = f"--lead-layers {short.layers} or {long.layers}"
        return f"{reading}; say which is the period of the lead with lead_layers ({stated})."
    too_few = "those of the first" if long in possible else "those of the second" if short in possible else "both"
    stated = f", or state the other period (--lead-layers {possible[0].layers})" if possible else ""
    return f"{reading}; {too_few} are too few for a principal layer: add layers to the electrode{stated}."


def begins_longer_cell(short: Stacking, long: LayerRun) -> str:
    """A short period is proved, but its layers may be the beginning of a longer cell that is seen less than twice."""
    end, cell = short.end, short.end.layers_before(long.cell)
    return (
        f"the {end.side} electrode may be the beginning of a longer cell: it repeats every "
        f"{_layers(short.layers, short.period_A)} over its outermost {_counted(short.ideal_layers)}, and every "
        f"{_layers(cell, long.period_A)} over its outermost {_counted(end.layers_before(long.count))}, {long.copies:.1f} "
        f"copies{_and(_failure(end, long))}; state the shorter period with lead_layers (--lead-layers {short.layers}) if it is "
        "that of the lead, or put two whole copies of the longer one there."
    )


def other_period(proved: Stacking, layers: int) -> str:
    """The wire proves a period of which the stated number of layers is no multiple."""
    return (
        f"lead_layers: the {proved.end.side} end of the wire repeats every {_layers(proved.layers, proved.period_A)}, over its "
        f"outermost {_counted(proved.ideal_layers)}, not every {layers}; state {proved.layers} or a multiple of it, or leave "
        "lead_layers out."
    )


def stops_inside(proved: Stacking, layers: int) -> str:
    """The stated layers go beyond those that a proved period explains."""
    end, ideal = proved.end, proved.ideal_layers
    reason = _failure(end, proved.run) or f"layer {ideal + 1} does not go on with that"
    return (
        f"lead_layers: {layers} is not the number of layers in a period at the {end.side} end of the wire: its outermost {ideal} "
        f"repeat every {_layers(proved.layers, proved.period_A)}, and {reason}; state {proved.layers}, or put a second copy "
        "there."
    )


def no_period(end: WireEnd, layers: int, reason: str) -> str:
    """The stated number of layers is not a period; `reason` is what contradicts it, if the outermost layer does not."""
    reason = reason or f"layer {layers + 1} is not the image of layer 1 along z within {MATCH_TOLERANCE_A} Å"
    return (
        f"lead_layers: {layers} is not the number of layers in a period at the {end.side} end of the wire: {reason}; state the "
        "layers of a whole period, or put a second copy there."
    )


def contradiction(end: WireEnd, run: LayerRun) -> str:
    """What is wrong with the second copy of a stated period; nothing if it fits, or if a neck begins before it is complete."""
    if run.count >= 2 * run.cell or not ((run.partner < 0) & (end.depths + run.shift[2] <= end.depths[-1])).any():
        return ""
    period, layer = end.layers_before(run.cell), end.layers_before(run.count)
    if not np.isin(end.numbers[end.layer == layer], end.numbers[: run.cell]).all():
        return ""
    reason = _failure(end, run)
    if not reason and period <= layer < end.n_layers and _is_like_one_of(end, period, layer):
        reason = f"layer {layer + 1} is not the image of layer {layer + 1 - period} along z within {MATCH_TOLERANCE_A} Å"
    return reason


def _is_like_one_of(end: WireEnd, period: int, layer: int) -> bool:
    """Whether a layer behind the outermost `period` ones is, but for a step across z, one of them, as far from the one before."""
    spacings = np.diff([end.height(k) for k in range(layer + 1)])
    if np.abs(spacings[: max(1, period - 1)] - spacings[-1]).min() > MATCH_TOLERANCE_A:
        return False
    here = np.flatnonzero(end.layer == layer)
    for other in range(period):
        there = np.flatnonzero(end.layer == other)
        if len(there) != len(here) or np.any(np.sort(end.numbers[there]) != np.sort(end.numbers[here])):
            continue
        alike = here[end.numbers[here] == end.numbers[there[0]]] if len(here) > 1 or len(end.lattice) else here[:0]
        steps = end.places[alike] - end.places[there[0]]
        for step in [np.array([0.0, 0.0, end.height(layer) - end.height(other)]), *steps]:
            partner, off = end.nearest(end.places[there] + step)
            fits = (partner >= 0) & (np.linalg.norm(off, axis=1) <= MATCH_TOLERANCE_A)
            if np.all(fits & (end.numbers[partner] == end.numbers[there])):
                return True
    return False


def _failure(end: WireEnd, run: LayerRun) -> str:
    """What is wrong where a translation stops to explain the wire; nothing if the ideal layers just end there."""
    if not np.isfinite(run.limit_A):
        return ""
    layer = end.layers_before(run.count) + 1
    image = end.depths + run.shift[2]
    there = np.flatnonzero((run.partner < 0) & (np.abs(image - run.limit_A) <= 0.5 * NO_IMAGE_A))
    if not there.size:
        extra = int((~np.isin(np.flatnonzero(end.layer == layer - 1), run.partner)).sum())
        atoms = "1 atom" if extra == 1 else f"{extra} atoms"
        return f"layer {layer} from the end has {atoms} more than the layer one period further out" if extra else ""
    partner, off = end.nearest(end.places[there] + run.shift)
    distance = np.where(partner >= 0, np.linalg.norm(off, axis=1), 0.0)
    other = (partner >= 0) & (end.numbers[partner] != end.numbers[there])
    if (other & (distance > MATCH_TOLERANCE_A)).any():
        return ""
    if other.any():
        worst = int(np.argmax(other))
        has, expected = (chemical_symbols[z] for z in (end.numbers[partner[worst]], end.numbers[there[worst]]))
        return f"layer {layer} from the end has {has} in the place of {expected}"
    return f"layer {layer} from the end is {distance.max():.2f} Å off its ideal place" if (partner >= 0).all() else ""


def _closest_repeat(end: WireEnd) -> str:
    """How far the outermost layer is from its best image among the next ones; nothing if there is none near."""
    outermost = np.flatnonzero(end.layer == 0)
    heights = [end.height(k) - end.height(0) for k in range(1, min(9, end.n_layers))]
    heights = [height for height in heights if height > 0.5 * NO_IMAGE_A]
    misses = []
    for height in heights:
        partner, off = end.nearest(end.places[outermost] + [0.0, 0.0, height])
        misses.append(float(np.linalg.norm(off, axis=1).max()) if (partner >= 0).all() else NO_IMAGE_A)
    if not misses or min(misses) >= NO_IMAGE_A:
        return ""
    return f" (at best, {heights[int(np.argmin(misses))]:.2f} Å further in, they are {min(misses):.2f} Å off)"


def _layers(count: int, period_A: float) -> str:
    return f"{_counted(count)} ({period_A:.2f} Å)"


def _counted(layers: int) -> str:
    return f"{layers} layer{'s' * (layers > 1)}"


def _and(failure: str) -> str:
    return f", and {failure}" if failure else ""
