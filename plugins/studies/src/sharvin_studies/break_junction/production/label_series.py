"""What a worker does for exact production: label a series of snapshots of a production pull by NEGF, and look at its necks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sharvin.store import write_table

from sharvin_studies.break_junction import steps
from sharvin_studies.break_junction.production.necks import shortest_bond_A


def label(task: steps.LabelTask, path: Path) -> None:
    """As :func:`sharvin_studies.break_junction.steps.label`, with the shortest bond of each neck one atom wide.

    The table has ``snapshot``, ``conductance_G0`` (nan where there is none, with a reason in the notes) and ``shortest_bond_A``
    (:func:`~sharvin_studies.break_junction.production.necks.shortest_bond_A`).
    """
    bonds: list[float] = []
    columns, notes = steps.labelled(task, lambda frame: bonds.append(shortest_bond_A(frame)))
    write_table(path, {**columns, "shortest_bond_A": np.array(bonds)}, notes)
