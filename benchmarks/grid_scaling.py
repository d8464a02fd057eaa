"""How the cost of T(E) by `grid_transfer` grows with length, width, batch, energies and threads: a table and a plot.

``python benchmarks/grid_scaling.py [FOLDER]`` prints microseconds a T(E) (CPU time of one thread; wall time where threads vary)
and the speed in units of this machine's dgemm, and writes ``figures/grid_scaling.png`` with its data into FOLDER
(runs/grid_scaling).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from pathlib import Path

import numpy as np
from grid_transfer import best_of, dgemm_speed, operations
from sharvin.figures import BLUE, GREY, VERMILLION, new_figure, save_figure, style
from sharvin_transport.lattice.configs import GridTransferOptions, SquareLatticeOptions
from sharvin_transport.lattice.grid_transfer import GridTransfer
from sharvin_transport.lattice.square_lattice import SquareLattice

FERMI = np.array([0.0])
BUDGET_MS = 40.0
LENGTHS = (5, 10, 20, 40, 80, 160, 320)
WIDTHS = (1, 2, 3, 5, 8, 10, 16, 20, 30, 40, 60, 80)
BATCHES = (1, 10, 100, 1000)
ENERGIES = (1, 3, 10, 30)
THREADS = (1, 2, 4)

Row = tuple[str, int, float, float]


def measure(length: int, width: int, count: int, energies: int, threads: int, wall: bool = False) -> float:
    """Microseconds a T(E) of model II."""
    wires = SquareLattice(SquareLatticeOptions(length=length, width=width)).sample(count, np.random.default_rng(0)).wires
    solver = GridTransfer(GridTransferOptions(threads=threads))
    grid = np.linspace(-0.18, 0.18, energies) if energies > 1 else FERMI
    solver.transmission(wires, grid)
    clock = time.perf_counter if wall else time.process_time
    return 1e3 * best_of(lambda: solver.transmission(wires, grid), clock=clock) / count / energies


def enough(length: int, width: int, speed: float) -> int:
    """Wires that take about the time budget."""
    return int(np.clip(BUDGET_MS * 0.3 * speed / operations(width, length), 1, 3000))


def main(folder: Path) -> None:
    speed = dgemm_speed()
    print(f"dgemm {speed / 1e6:.0f} GFLOP/s, disorder model II; µs a T(E), share of dgemm")
    rows: list[Row] = []

    def note(study: str, value: int, us: float, length: int, width: int) -> None:
        share = operations(width, length) / (us / 1e3) / speed
        rows.append((study, value, us, share))
        print(f"{study:>12} {value:5d} {us:12.2f} µs {100 * share:5.0f} %", flush=True)

    for width in WIDTHS:
        note("L = W", width, measure(width, width, enough(width, width, speed), 1, 1), width, width)
    for length in LENGTHS:
        note("L, W = 20", length, measure(length, 20, enough(length, 20, speed), 1, 1), length, 20)
    for count in BATCHES:
        note("batch, 20×20", count, measure(20, 20, count, 1, 1), 20, 20)
    for energies in ENERGIES:
        note("energies", energies, measure(20, 20, 100, energies, 1), 20, 20)
    for threads in [count for count in THREADS if count <= (os.cpu_count() or 1)]:
        note("threads", threads, measure(20, 20, 1000, 1, threads, wall=True), 20, 20)
    draw(folder, rows)


def draw(folder: Path, rows: list[Row]) -> None:
    """Time against size, and share of dgemm against width."""
    chosen = {name: np.array([row[1:] for row in rows if row[0] == name]) for name in ("L = W", "L, W = 20")}
    with style():
        figure = new_figure(7.2, 3.4)
        left, right = figure.subplots(1, 2)
        square, long = chosen["L = W"], chosen["L, W = 20"]
        left.loglog(square[:, 0], square[:, 1], "o-", color=BLUE, label="$L = W$")
        left.loglog(long[:, 0], long[:, 1], "s-", color=VERMILLION, label="$W = 20$, length $L$")
        guide = np.array([20.0, 80.0])
        left.loglog(guide, square[-1, 1] * (guide / square[-1, 0]) ** 4 / 2, "--", color=GREY, label="$L^4$")
        left.set(xlabel="$L$ (sites)", ylabel="time of a $T(E)$ (µs)")
        left.legend()
        right.plot(square[:, 0], 100 * square[:, 2], "o-", color=BLUE)
        right.set(xlabel="$L = W$ (sites)", ylabel="speed (% of dgemm)")
        right.set_ylim(bottom=0)
    data = {
        f"{name} {column}": values[:, i] for name, values in chosen.items() for i, column in enumerate(("sites", "us", "share"))
    }
    caption = (
        "One thread, disorder model II, E = 0. Left: CPU time of a transmission. Right: speed of its operations beside dgemm's."
    )
    print(save_figure(folder, "grid_scaling", figure, data, "Cost of a transmission", caption))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/grid_scaling"))
