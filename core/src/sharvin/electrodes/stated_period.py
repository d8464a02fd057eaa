"""The period of a wire's end where the number of its layers is stated: believed as far as nothing in the wire contradicts it.

- Where the wire itself proves a period, the number must be a multiple of its layers, and those layers must repeat with it.
- Where it proves none, or two between which it cannot decide, what there is of a second copy has to agree with the first one.
- Where a single copy stands in front of the neck, its length is the number of layers times their distance, if they are equally
  spaced. A layer behind it that is like one of the stated layers, but not in its place, shows that this is not so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sharvin.electrodes.stacking import Stacking, UndecidedError, lateral_repeats, proved_period, tightened
from sharvin.electrodes.stacking_refusals import contradiction, no_period, other_period, stops_inside, too_thin
from sharvin.electrodes.wire_end import LAYER_TOLERANCE_A, MATCH_TOLERANCE_A, WireEnd
from sharvin.errors import InputError


def stated_stacking(end: WireEnd, min_thickness_A: float, layers: int) -> Stacking:
    """The stacking whose period has a stated number of atomic layers; whatever there is of further copies must be its image.

    Raises
    ------
    InputError
        If the wire has too few layers, it proves another period, these layers do not repeat, or are too thin.
    """
    if layers < 1 or layers > end.n_layers:
        raise InputError(f"lead_layers: {layers} atomic layers a period, but the {end.side} end of the wire has {end.n_layers}.")
    try:
        proved = proved_period(end, min_thickness_A)
    except UndecidedError as undecided:
        for reading in undecided.readings:
            if layers % reading.layers == 0 and layers <= reading.ideal_layers:
                return _multiple(reading, min_thickness_A, layers)
        return _verified(end, min_thickness_A, layers)
    except InputError:
        return _verified(end, min_thickness_A, layers)
    if layers % proved.layers:
        raise InputError(other_period(proved, layers))
    if layers <= proved.ideal_layers:
        return _multiple(proved, min_thickness_A, layers)
    if end.seen(proved.run) > 1:
        raise InputError(stops_inside(proved, layers))
    return _verified(end, min_thickness_A, layers)


def _multiple(proved: Stacking, min_thickness_A: float, layers: int) -> Stacking:
    """A multiple of a proved period, with the mean over all of that."""
    whole = replace(proved, steps=proved.steps * (layers // proved.layers))
    if not whole.holds(min_thickness_A):
        raise InputError(too_thin(whole, min_thickness_A))
    ideal = tightened(proved, whole.periods(min_thickness_A) * whole.period_A)
    if layers % ideal.layers:
        return replace(whole, repeats=lateral_repeats(proved.end, proved.run.cell, proved.run.tolerance_A))
    return replace(ideal, steps=ideal.steps * (layers // ideal.layers))


def _verified(end: WireEnd, min_thickness_A: float, layers: int) -> Stacking:
    """The stated period, checked against what there is of a second copy."""
    heights = np.array([end.height(k) for k in range(min(layers + 1, end.n_layers))]) - end.height(0)
    run = None
    if layers < end.n_layers:
        run = end.run(np.array([0.0, 0.0, heights[layers]]), 2.0 * MATCH_TOLERANCE_A)
        run = end.refined(run, MATCH_TOLERANCE_A) if end.seen(run) else None
    if run is None and layers > 1 and np.ptp(np.diff(heights[:layers])) <= MATCH_TOLERANCE_A:
        run = end.run(np.array([0.0, 0.0, heights[layers - 1] * layers / (layers - 1)]), MATCH_TOLERANCE_A)
    if run is not None and run.period_A <= LAYER_TOLERANCE_A:
        run = None
    reason = "" if run is None else contradiction(end, run)
    if run is not None and end.layers_before(run.cell) != layers:
        reason = f"layer {layers + 1} is nearer to layer {layers} than their distance"
    if run is None or reason:
        raise InputError(no_period(end, layers, reason))
    stacking = Stacking(end, run, 1, (1, 1))
    if not stacking.holds(min_thickness_A):
        raise InputError(too_thin(stacking, min_thickness_A))
    return tightened(stacking, min_thickness_A)
