"""Active learning: label those snapshots of the training pulls first that the members of the committee agree least about.

The snapshots of the validation and test pulls are labelled in full. Of the other pulls a few snapshots are labelled at random;
then, round by round, the committee is fitted, predicts all of them, and those with the largest standard deviation are labelled.
Beside it, as many are labelled at random, to show what the choice is worth (B. Settles, Active Learning, Morgan & Claypool
(2012)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sharvin.context import Context

from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.data import Indices, Labels, Snapshots
from sharvin_studies.break_junction.fits import Fits, Fitted, Model, Plan, Split

CHOSEN, RANDOM = "largest standard deviation", "random choice"
APART = 2
"""Snapshots of one pull that are chosen in one round are at least so many apart, as neighbours tell the same."""


@dataclass(frozen=True)
class Acquisition:
    """Rounds of active learning: the final split, and for each way of choosing the labels spent and the fits, round by round."""

    split: Split
    spent: dict[str, list[int]]
    fitted: dict[str, list[Fitted]]


@dataclass
class _Labelled:
    """Labels so far, of all snapshots, and which were asked for: some cannot be had."""

    total: Labels
    asked: NDArray[np.bool_]

    def add(self, chosen: Indices, new: Labels) -> None:
        conductance = self.total.conductance_G0.copy()
        conductance[chosen] = new.conductance_G0
        self.asked = self.asked.copy()
        self.asked[chosen] = True
        self.total = Labels(
            conductance,
            self.total.cpu_seconds + new.cpu_seconds,
            max(self.total.atoms, new.atoms),
            max(self.total.orbitals, new.orbitals),
        )


def acquire(
    context: Context,
    options: BreakJunctionOptions,
    snapshots: Snapshots,
    label: Callable[[Indices], Labels],
    model: Model,
    fits: Fits,
) -> tuple[Labels, Acquisition]:
    """Label in rounds; the labels are nan where none was spent."""
    asked = options.acquire
    assert asked is not None
    whole = Split.of(snapshots.pull, np.arange(len(snapshots)), options, context.rng("fit"), "group", snapshots.pulls.asked)
    shared = np.sort(np.concatenate([whole.validation, whole.test]))
    pool = np.sort(whole.train)
    first = np.sort(context.rng("acquire").permutation(pool)[: asked.start])
    begin = np.sort(np.concatenate([shared, first]))
    nothing = Labels(np.full(len(snapshots), np.nan), 0.0, 0, 0)
    nobody = np.zeros(len(snapshots), dtype=bool)
    arms = {name: _Labelled(nothing, nobody) for name in ((CHOSEN, RANDOM) if asked.compare_random else (CHOSEN,))}
    at_start = label(begin)
    spent: dict[str, list[int]] = {name: [] for name in arms}
    fitted: dict[str, list[Fitted]] = {name: [] for name in arms}
    random_order = context.rng("acquire", 1).permutation(pool)
    for labelled in arms.values():
        labelled.add(begin, at_start)
    for number in range(asked.rounds + 1):
        plans = []
        for name, labelled in arms.items():
            split = _known(whole, labelled.total)
            purpose = f"{name}, round {number}"
            plans.append(Plan(model, purpose, "group", split, labelled.total.conductance_G0, everything=True))
            spent[name].append(len(split.train))
        for name, found in zip(arms, fits.run(plans), strict=True):
            fitted[name].append(found)
        if number == asked.rounds:
            break
        for name, labelled in arms.items():
            free = pool[~labelled.asked[pool]]
            if name == RANDOM:
                chosen = random_order[np.isin(random_order, free)][: asked.per_round]
            else:
                std = fitted[name][-1].predicted.std
                assert std is not None
                chosen = most_uncertain(free, std[free], snapshots, asked.per_round)
            if len(chosen):
                labelled.add(np.sort(chosen), label(np.sort(chosen)))
    final = arms[CHOSEN].total
    return final, Acquisition(_known(whole, final), spent, fitted)


def _known(split: Split, labels: Labels) -> Split:
    """The split of the snapshots that have a label."""
    parts = (part[np.isfinite(labels.conductance_G0[part])] for part in (split.train, split.validation, split.test))
    return replace(split, **dict(zip(("train", "validation", "test"), parts, strict=True)))


def most_uncertain(free: Indices, std_G0: NDArray[np.float64], snapshots: Snapshots, number: int) -> Indices:
    """Snapshots of the largest standard deviation, no two of one pull closer than :data:`APART` in the order of the pull.

    Parameters
    ----------
    free : int64[n]
        Snapshots to choose from.
    std_G0 : float64[n]
    snapshots : Snapshots
    number : int
        How many to choose; fewer if there are not so many that far apart.
    """
    chosen: list[int] = []
    taken: set[tuple[int, int]] = set()
    place = np.concatenate([np.arange(count) for count in np.unique(snapshots.pull, return_counts=True)[1]])
    for index in free[np.argsort(-std_G0, kind="stable")]:
        pull, where = int(snapshots.pull[index]), int(place[index])
        if any((pull, where + step) in taken for step in range(1 - APART, APART)):
            continue
        taken.add((pull, where))
        chosen.append(int(index))
        if len(chosen) == number:
            break
    return np.array(chosen, dtype=np.int64)
