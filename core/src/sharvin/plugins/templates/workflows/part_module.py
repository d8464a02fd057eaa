"""Mean and spread of the conductance of disordered lattice wires at one energy.

Wires drawn from the config's ensemble → their exact T(E), in G0 → a histogram. In metallic wires the spread is universal (Lee and
Stone, Phys. Rev. Lett. 55, 1622 (1985)).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.figures import new_figure, save_figure, style
from sharvin.store import read_table, write_table

from plugin_package.configs import PartNameOptions

WIRES_PER_BATCH = 100


class PartName:
    """Statistics of the conductance of an ensemble of wires."""

    def __init__(self, options: PartNameOptions) -> None:
        self._options = options

    def run(self, context: Context) -> dict[str, Any]:
        """One step, a figure, and the content of ``results.json``."""
        options, chosen = self._options, context.config.selections
        tasks = [
            Task(chosen["hamiltonian"], chosen["transport"], options.energy, context.seed("conductances", batch))
            for batch in range(options.batches)
        ]
        depends_on = {**context.identity("hamiltonian", "transport"), "energy": options.energy, "wires": WIRES_PER_BATCH}
        done = context.map("conductances", conductances, tasks, depends_on)
        values = np.concatenate([read_table(path)[0]["conductance_G0"] for _, path in done.finished])
        mean, spread = float(values.mean()), float(values.std())
        with style():
            figure = new_figure()
            axes = figure.subplots()
            axes.hist(values, bins=50)
            axes.set_xlabel("conductance (G0)")
            axes.set_ylabel("wires")
        caption = f"{len(values)} wires; mean {mean:.3f} G0, standard deviation {spread:.3f} G0."
        save_figure(context.folder, "conductances", figure, {"conductance_G0": values}, "Conductances", caption)
        return {"summary": caption, "n_wires": len(values), "mean_G0": mean, "std_G0": spread}


@dataclass(frozen=True)
class Task:
    """What a worker is sent: one batch of wires."""

    hamiltonian: Selection
    transport: Selection
    energy: float
    seed: int


def conductances(task: Task, path: Path) -> None:
    """Write the conductances of a batch; called in the workers, so it depends on its task alone."""
    drawn = task.hamiltonian.built().sample(WIRES_PER_BATCH, np.random.default_rng(task.seed))
    energies = np.array([task.energy * drawn.wires.t])
    transmission = task.transport.built().transmission(drawn.wires, energies)
    write_table(path, {"conductance_G0": transmission[:, 0]})
