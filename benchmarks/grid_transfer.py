"""Cost of T(E) of disordered square-lattice wires, in CPU ms on one thread, beside other codes where they are installed.

``python benchmarks/grid_transfer.py`` prints, for each size and disorder model, the solver `grid_transfer` at E = 0 and at ten
energies, its speed in units of this machine's dgemm, and at E = 0 Kwant (in brackets with the leads precalculated; the system is
finalised once, its on-site energies are parameters), sisl at 40×40 and the first of
the ten energies (self-energies cached), and the largest |ΔT|.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sharvin.grid_wire import GridWire
from sharvin_transport.external.configs import SislOptions
from sharvin_transport.lattice.configs import GridTransferOptions, SquareLatticeOptions
from sharvin_transport.lattice.grid_transfer import GridTransfer
from sharvin_transport.lattice.square_lattice import SquareLattice

SIZES = {3: 8000, 5: 4000, 10: 1500, 20: 300, 40: 80}
ENERGIES = 0.36 * (-0.5 + np.arange(10) / 9)
FERMI = np.array([0.0])
REPEATS = 5
PEER_WIRES = 6


def best_of(function: Callable[[], object], repeats: int = REPEATS, clock: Callable[[], float] = time.process_time) -> float:
    """Shortest time in ms, CPU time by default."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return 1e3 * min(times)


def operations(width: int, length: int, stride: int = 8) -> float:
    """Floating-point operations of one T(E) with all modes open and a replacement every `stride` slices."""
    blocks = -(-length // stride)
    recursion = 10.0 * length * width**2
    replacement = (8 / 3 + 4 + 4 / 3) * width**3
    arrival = (8 + 8 / 3 + 8 + 4) * width**3
    return recursion + (blocks - 1) * replacement + arrival


def dgemm_speed() -> float:
    """Operations a ms of this machine's matrix product."""
    a = np.random.default_rng(0).normal(size=(600, 600))
    return 2 * 600**3 / best_of(lambda: a @ a, 10)


class Kwant:
    """T(0) by kwant.smatrix of a system finalised once."""

    def __init__(self, size: int) -> None:
        import kwant

        self.kwant = kwant
        lattice = kwant.lattice.square(norbs=1)
        builder = kwant.Builder()
        builder[(lattice(x, y) for x in range(size) for y in range(size))] = lambda site, onsite: onsite[tuple(site.tag)]
        builder[lattice.neighbors()] = -1
        lead = kwant.Builder(kwant.TranslationalSymmetry((-1, 0)))
        lead[(lattice(0, y) for y in range(size))] = 0
        lead[lattice.neighbors()] = -1
        builder.attach_lead(lead)
        builder.attach_lead(lead.reversed())
        self.system = builder.finalized()
        self.prepared = self.system.precalculate(0.0, what="all", params={"onsite": np.zeros((size, size))})

    def transmission(self, system: object, onsite: NDArray[np.float64]) -> float:
        return float(self.kwant.smatrix(system, 0.0, params={"onsite": onsite}).transmission(1, 0))


def peers(size: int, wires: GridWire, expected: NDArray[np.float64], ours_ms: float) -> str:
    """Times of the other codes on the same wires."""
    words, few = [], wires.onsite[:PEER_WIRES]
    if importlib.util.find_spec("kwant"):
        kwant = Kwant(size)
        found = np.array([kwant.transmission(kwant.system, one) for one in few])
        plain = min(best_of(lambda one=one: kwant.transmission(kwant.system, one), 2) for one in few)
        ready = min(best_of(lambda one=one: kwant.transmission(kwant.prepared, one), 2) for one in few)
        change = np.abs(found - expected[:PEER_WIRES]).max()
        words.append(
            f"kwant {plain:.2f} ({ready:.2f}) ms = {plain / ours_ms:.0f}× ({ready / ours_ms:.0f}×), max |ΔT| {change:.0e}"
        )
    if size == 40 and importlib.util.find_spec("sisl_toolbox"):
        from sharvin_transport.external.sisl_btd import SislTransport

        solver, energy = SislTransport(SislOptions()), ENERGIES[:1]  # at E = 0 sisl meets singular blocks
        single = [GridWire(one) for one in few]
        found = solver.transmission(single, energy)
        cost = min(best_of(lambda one=one: solver.transmission([one], energy), 2) for one in single)
        change = np.abs(found - GridTransfer(GridTransferOptions()).transmission(single, energy)).max()
        words.append(f"sisl {cost:.1f} ms = {cost / ours_ms:.0f}×, max |ΔT| {change:.0e}")
    return "; ".join(words) or "no peer installed"


def main() -> None:
    solver, peak = GridTransfer(GridTransferOptions()), dgemm_speed()
    print(f"dgemm: {peak / 1e6:.0f} GFLOP/s; times a T(E)")
    for size, count in SIZES.items():
        for model in ("I", "II"):
            ensemble = SquareLattice(SquareLatticeOptions(length=size, width=size, disorder=model))
            wires = ensemble.sample(count, np.random.default_rng(0)).wires
            expected = solver.transmission(wires, FERMI)[:, 0]
            one = best_of(lambda wires=wires: solver.transmission(wires, FERMI)) / count
            fewer = GridWire(wires.onsite[: max(count // 10, 1)])
            ten = best_of(lambda wires=fewer: solver.transmission(wires, ENERGIES)) / len(fewer) / len(ENERGIES)
            share = operations(size, size) / one / peak
            row = f"{size}×{size} {model:>2}: {one:.5f} ms, ten energies {ten:.5f} ms, {100 * share:.0f} % of dgemm"
            print(f"{row}; {peers(size, wires, expected, one)}", flush=True)


if __name__ == "__main__":
    main()
