"""Where the atoms of a junction stand in its device: left principal layer, the atoms between, right principal layer.

Positions are counted from the electrodes: those of the lower half of the device from the origin of the left electrode, those of
the upper half from that of the right one, both on a grid of 2⁻³⁶ Å (1.5e-11 Å). Differences of numbers on such a grid are exact,
so what is rigid has the same differences, bit for bit, wherever it has been moved to.

Layers next to a principal layer that go on as its lattice does are a *head*: in a wire whose electrodes are held rigid, those
layers that no snapshot moves. Where there is no such layer, one whose atoms are near those places is a *loose* head; it moves,
but is as wide as the lead and is worth eliminating by itself. What is a head follows from the snapshot alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sharvin.electrodes.transverse_images import wrapped
from sharvin.electrodes.wire_end import layer_numbers
from sharvin.junction import IDEAL_A, Electrode, Junction

from sharvin_transport.slater_koster.table_leads import transverse_cells

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
GRID_A = 2.0**-36
LOOSE_A = 0.7
"""Largest distance of an atom of a loose head from the place where the lattice goes on."""
LEFT_LEAD, LEFT_HEAD, MIDDLE, RIGHT_HEAD, RIGHT_LEAD = -2, -1, 0, 1, 2
"""Zones of a device."""


@dataclass(frozen=True, eq=False)
class DeviceOrder:
    """Atoms of a junction in the order of its device.

    Parameters
    ----------
    order : int64[n]
        Numbers of the atoms in the structure: left principal layer, left head, the others by height, right head, right principal
        layer.
    positions : float64[n, 3]
        In Å from the origin of the left electrode; those of the principal layers are their ideal ones.
    zone : int64[n]
        −2 in the left principal layer, −1 in the left head, +1 and +2 at the right, 0 between them.
    offsets : float64[n, 2]
        Transverse cells by which atoms of the principal layers lie away from where the structure has them.
    own : (float64[n_left, 3], float64[n_right, 3])
        Positions of each principal layer and its head from the origin of their electrode: the same for all snapshots that do not
        move the head against the principal layer.
    loose : (bool, bool)
        Whether each head is a loose one.
    """

    order: Integers
    positions: Floats
    zone: Integers
    offsets: Floats
    own: tuple[Floats, Floats]
    loose: tuple[bool, bool]

    @property
    def inside(self) -> Integers:
        """Numbers of the atoms between the principal layers, in this order."""
        return self.order[np.abs(self.zone) < RIGHT_LEAD]

    @classmethod
    def of(cls, junction: Junction, left: Electrode, right: Electrode, reach_A: float) -> DeviceOrder:
        """Order of a junction between these electrodes, as :meth:`sharvin.junction.Junction.electrodes` gives the three.

        There is a head at each end, or none at both where they would lie within `reach_A` of each other.
        """
        positions, numbers = junction.atoms.positions, np.asarray(junction.atoms.numbers, dtype=np.int64)
        origins = left.origin(positions[junction.left], "left"), right.origin(positions[junction.right], "right")
        apart = _on_grid(origins[1] - origins[0])
        at_left, at_right = _on_grid(left.positions), _on_grid(right.positions)
        is_inside = np.ones(len(positions), dtype=bool)
        is_inside[junction.left] = is_inside[junction.right] = False
        inside = np.flatnonzero(is_inside)
        inside = inside[np.argsort(positions[inside, 2], kind="stable")]
        middle = 0.5 * (at_left[:, 2].max() + at_right[:, 2].min() + apart[2])
        own = _on_grid(positions[inside] - origins[0])
        upper = own[:, 2] >= middle
        own[upper] = _on_grid(positions[inside[upper]] - origins[1])
        placed = own + np.where(upper[:, None], apart, 0.0)
        heads, loose = [], []
        for electrode, chosen, sign in ((left, np.flatnonzero(~upper), 1), (right, np.flatnonzero(upper), -1)):
            head, moves = _continuing(electrode, numbers[inside[chosen]], own[chosen], sign)
            heads.append(chosen[head])
            loose.append(moves)
        below = placed[heads[0], 2].max(initial=at_left[:, 2].max())
        above = placed[heads[1], 2].min(initial=at_right[:, 2].min() + apart[2])
        if above - below < reach_A or len(heads[0]) + len(heads[1]) == len(inside):
            heads = [head[:0] for head in heads]
        rest = np.ones(len(inside), dtype=bool)
        rest[heads[0]] = rest[heads[1]] = False
        turn = np.concatenate([heads[0], np.flatnonzero(rest), heads[1]])
        sizes = [len(junction.left), len(heads[0]), int(rest.sum()), len(heads[1]), len(junction.right)]
        return cls(
            order=np.concatenate([junction.left, inside[turn], junction.right]),
            positions=np.concatenate([at_left, placed[turn], at_right + apart]),
            zone=np.repeat([LEFT_LEAD, LEFT_HEAD, MIDDLE, RIGHT_HEAD, RIGHT_LEAD], sizes),
            offsets=np.concatenate([transverse_cells(left), np.zeros((len(inside), 2)), transverse_cells(right)]),
            own=(np.concatenate([at_left, own[heads[0]]]), np.concatenate([own[heads[1]], at_right])),
            loose=(loose[0], loose[1]),
        )

    def of_device(self, shifts: Floats | None) -> Floats:
        """Shifts of all atoms in this order, float64[n]: between the layers those given in the order of the structure, else 0."""
        moved = np.zeros(len(self.order))
        if shifts is not None:
            moved[np.abs(self.zone) < RIGHT_LEAD] = shifts[np.argsort(np.argsort(self.inside))]
        return moved


def _on_grid(lengths_A: Floats) -> Floats:
    return np.asarray(np.round(lengths_A / GRID_A) * GRID_A)


def _continuing(electrode: Electrode, numbers: Integers, own: Floats, sign: int) -> tuple[Integers, bool]:
    """Atoms in whole layers that go on as the electrode does, at most one principal layer of them; or those of a loose head."""
    sites = electrode.positions + sign * electrode.cell[2]
    by_depth = np.argsort(sign * sites[:, 2], kind="stable")
    layer = layer_numbers(sign * sites[by_depth, 2])
    head: list[Integers] = []
    loose = False
    for number in range(int(layer[-1]) + 1):
        here = by_depth[layer == number]
        near = np.flatnonzero(np.abs(own[:, 2] - sites[here, 2].mean()) < LOOSE_A)
        if len(near) < len(here):
            break
        away = wrapped(own[near, None] - sites[here], electrode.cell, electrode.pbc)
        apart = np.where(numbers[near, None] == electrode.numbers[here], np.linalg.norm(away, axis=2), np.inf)
        closest = near[np.argmin(apart, axis=0)]
        worst = float(apart.min(axis=0).max())
        loose = number == 0 and worst >= IDEAL_A
        if worst >= (LOOSE_A if number == 0 else IDEAL_A) or len(np.unique(closest)) < len(here):
            break
        head.append(closest)
        if loose:
            break
    return (np.sort(np.concatenate(head)) if head else np.zeros(0, dtype=np.int64)), loose
