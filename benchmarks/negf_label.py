"""Cost of one conductance label: H, S and T(E_F) of the 304-atom Au(100) wire, in CPU seconds on one thread.

Prints the cost of the first snapshot (leads included, empty cache) and of later ones, the sensitivity of T to η and to
the cutoff, T(E_F) while the neck is stretched, and the cost of local charge neutrality: ``python benchmarks/negf_label.py``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
import time

import numpy as np
from ase import Atoms
from sharvin.junction import Junction
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.configs import RecursiveGreenOptions, SlaterKosterOptions
from sharvin_transport.rgf import RecursiveGreen
from sharvin_transport.slater_koster import SlaterKoster

REPEATS = 5


def reference_wire(a: float = 4.08, stretch: float = 0.0) -> Atoms:
    """Electrodes of five layers 5×5, neck of six layers 3×3; the neck's seven interlayer distances share `stretch` Å."""
    d, xyz, z = a / np.sqrt(2), [], 0.0
    for k in range(16):
        neck = 5 <= k < 11
        grid = (np.arange(3 if neck else 5) + (1 if neck else 0) + 0.5 * (k % 2)) * d
        x, y = np.meshgrid(grid, grid, indexing="ij")
        xyz.append(np.column_stack([x.ravel(), y.ravel(), np.full(x.size, z)]))
        z += a / 2 + (stretch / 7 if 4 <= k < 11 else 0.0)
    positions = np.concatenate(xyz)
    return Atoms(f"Au{len(positions)}", positions=positions, cell=[5 * d, 5 * d, z + 10], pbc=[True, True, False])


def neutrality_cost(table: str, junction: Junction) -> None:
    """Snapshots with local charge neutrality: with an empty cache, each from zero, and a series 0.1 Å apart."""
    h = SlaterKoster(SlaterKosterOptions(table=table, charge_neutrality="local"))
    rng = np.random.default_rng(1)
    rough = np.zeros((304, 3))
    rough[100:204] = rng.normal(0, 0.05, (104, 3))
    snapshots = []
    for stretch in 4.0 + 0.1 * np.arange(REPEATS + 1):
        moved = reference_wire(stretch=stretch)
        moved.positions += rough
        snapshots.append(junction.with_positions(moved))
    start = time.process_time()
    h.two_terminal(snapshots[0])
    empty = time.process_time() - start
    alone, series = [], []
    for snapshot in snapshots[:3]:
        start = time.process_time()
        h.two_terminal(snapshot)
        alone.append(time.process_time() - start)
    following = h.two_terminal_series(snapshots)
    for _ in snapshots:
        start = time.process_time()
        system = next(following)
        series.append(time.process_time() - start)
        if not isinstance(system, TwoTerminal):
            raise system
    print(
        f"  local charge neutrality, H+S included: empty cache {empty:.2f} s, from zero {np.median(alone):.2f} s, "
        f"from the shifts of a neighbour {np.median(series[1:]):.2f} s"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHARVIN_CACHE"] = folder
        energy = np.zeros(1)
        for table in ("ptbp", "nrl"):
            h, solver = SlaterKoster(SlaterKosterOptions(table=table)), RecursiveGreen(RecursiveGreenOptions())
            atoms = reference_wire()
            junction = Junction.detect(atoms, h.range_A(atoms.numbers))
            rng = np.random.default_rng(0)
            print(f"{table}: range {h.range_A(atoms.numbers):.2f} Å, {len(atoms)} atoms")
            costs = []
            for _ in range(REPEATS + 1):
                moved = atoms.copy()
                moved.positions[100:204] += rng.normal(0, 0.05, (104, 3))
                start = time.process_time()
                system = h.two_terminal(junction.with_positions(moved))
                middle = time.process_time()
                value = solver.transmission([system], energy)[0, 0]
                costs.append((middle - start, time.process_time() - middle))
            first, later = costs[0], np.median(costs[1:], axis=0)
            print(f"  first snapshot, leads included: H+S {first[0]:.3f} s, T {first[1]:.3f} s")
            print(f"  each further one:               H+S {later[0]:.3f} s, T {later[1]:.3f} s, together {later.sum():.3f} s")
            for eta in (1e-4, 1e-6, 1e-8, 1e-12):
                other = RecursiveGreen(RecursiveGreenOptions(eta_eV=eta)).transmission([system], energy)[0, 0]
                print(f"  η = {eta:.0e} eV changes T by {other - value:+.1e}")
            for tail in (1e-3, 1e-4, 5e-6):
                other_h = SlaterKoster(SlaterKosterOptions(table=table, tail_eV=tail))
                reach = other_h.range_A(atoms.numbers)
                other = solver.transmission([other_h.two_terminal(Junction.detect(moved, reach))], energy)[0, 0]
                print(f"  cutoff {reach:.2f} Å changes T by {other - value:+.1e}")
            values = []
            for stretch in (0.0, 1.0, 2.0, 4.0, 6.0, 10.0):
                stretched = reference_wire(stretch=stretch)
                values.append(solver.transmission([h.two_terminal(junction.with_positions(stretched))], energy)[0, 0])
            neutrality_cost(table, junction)
            print("  T(E_F), neck layers pulled apart evenly by 0, 1, 2, 4, 6, 10 Å: " + ", ".join(f"{v:.3f}" for v in values))


if __name__ == "__main__":
    main()
