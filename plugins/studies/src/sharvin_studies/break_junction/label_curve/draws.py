"""Which labels are spent: parts of the pulls to hold out, and nested draws from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharvin_studies.break_junction.configs import held_back

Indices = NDArray[np.int64]


def parts_held_out(groups: Indices, labelled: Indices, parts: int, rng: np.random.Generator) -> list[Indices]:
    """Labelled snapshots divided by pull into parts of nearly equal size, each of which is held out once.

    Parameters
    ----------
    groups : int64[n]
        Pull of every snapshot.
    labelled : int64[m]
        Indices of those with a label, ascending.
    parts : int
        No more than there are pulls among them.
    rng : numpy.random.Generator

    Returns
    -------
    list of int64[k], ascending
    """
    known, sizes = np.unique(groups[labelled], return_counts=True)
    order = rng.permutation(len(known))
    largest_first = order[np.argsort(-sizes[order], kind="stable")]
    filled, of_pull = np.zeros(parts, dtype=np.int64), np.zeros(len(known), dtype=np.int64)
    for pull in largest_first:
        part = int(filled.argmin())
        of_pull[pull] = part
        filled[part] += sizes[pull]
    place = of_pull[np.searchsorted(known, groups[labelled])]
    return [labelled[place == part] for part in range(parts)]


def spending_order(pool: Indices, groups: Indices, rng: np.random.Generator) -> Indices:
    """A random order of snapshots in which pulls take turns: the first n of it are spread over the pulls, whatever n.

    Parameters
    ----------
    pool : int64[n]
        Indices of snapshots.
    groups : int64
        Pull of every snapshot.
    rng : numpy.random.Generator
    """
    drawn = rng.permutation(pool)
    pulls = rng.permutation(np.unique(groups[pool]))
    rank = {int(pull): place for place, pull in enumerate(pulls)}
    turns: dict[int, int] = {}
    keys = []
    for index in drawn:
        pull = int(groups[index])
        keys.append((turns.setdefault(pull, 0), rank[pull]))
        turns[pull] += 1
    return np.array([index for _, index in sorted(zip(keys, drawn.tolist(), strict=True))], dtype=np.int64)


def spent(order: Indices, labels: int, validation_fraction: float) -> tuple[Indices, Indices]:
    """What is learnt from and what validates when so many labels are spent, ascending; more labels keep the part of each.

    Parameters
    ----------
    order : int64[n]
        As of :func:`spending_order`.
    labels : int
        At most n.
    validation_fraction : float
        The validating share, rounded to a whole number of labels.
    """
    counts = np.array([held_back(number, validation_fraction) for number in range(labels + 1)])
    validates = np.diff(counts) > 0
    return np.sort(order[:labels][~validates]), np.sort(order[:labels][validates])
