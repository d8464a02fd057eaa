"""Cost of one conductance label: H, S and T(E_F) of the 304-atom Au(100) wire, in CPU seconds on one thread.

``python benchmarks/negf_label.py`` prints the cost of the first snapshot (empty cache) and of later ones, T(E_F) while the neck
is stretched, the sensitivity of T to η and to the cutoff, the cost of local charge neutrality, and the peak memory.
``--pull rigid`` or ``loose`` measures labels from atoms along a real pull instead (``label_pull.py``), ``--former PATHS`` beside
another version. ``--energies 201`` adds a spectrum, ``--sisl`` the same energy from sisl in the same run (some minutes),
``--tables nrl`` chooses.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
import tempfile
import time

import numpy as np
from ase import Atoms
from sharvin.junction import Junction
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

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


def sensitivity(table: str, solver: RecursiveGreen, system: TwoTerminal, atoms: Atoms) -> None:
    """How far η, the treatment of the leads and the cutoff change T(E_F)."""
    energy = np.zeros(1)
    value = solver.transmission([system], energy)[0, 0]
    for eta in (1e-4, 1e-6, 1e-8, 1e-12):
        other = RecursiveGreen(RecursiveGreenOptions(eta_eV=eta)).transmission([system], energy)[0, 0]
        print(f"  η = {eta:.0e} eV changes T by {other - value:+.1e}")
    start = time.process_time()
    other = RecursiveGreen(RecursiveGreenOptions(surface="eigenmodes")).transmission([system], energy)[0, 0]
    seconds = time.process_time() - start
    print(f"  eigenmodes of the leads instead of η change T by {other - value:+.1e} (cold: {seconds:.3f} s)")
    for tail in (1e-3, 1e-4, 5e-6):
        other_h = SlaterKoster(SlaterKosterOptions(table=table, tail_eV=tail))
        reach = other_h.range_A(atoms.numbers)
        other = solver.transmission([other_h.two_terminal(Junction.detect(atoms, reach))], energy)[0, 0]
        print(f"  cutoff {reach:.2f} Å changes T by {other - value:+.1e}")


def spectrum(system: TwoTerminal, points: int) -> None:
    """T(E) of one snapshot, −3…3 eV."""
    energies = np.linspace(-3.0, 3.0, points)
    for what in ("leads cold", "leads on disk"):
        solver = RecursiveGreen(RecursiveGreenOptions())
        start = time.process_time()
        values = solver.transmission([system], energies)[0]
        print(f"  T(E) at {points} energies, {what}: {time.process_time() - start:.2f} s (sum {values.sum():.6f})")


def beside_sisl(solver: RecursiveGreen, systems: list[TwoTerminal]) -> None:
    """The same snapshots by sisl: its self-energies once, then each transmission."""
    from sharvin_transport.external.configs import SislOptions
    from sharvin_transport.external.sisl_btd import SislTransport

    sisl = SislTransport(SislOptions())
    own, theirs, differences = [], [], []
    for system in systems:
        start = time.process_time()
        a = solver.transmission([system], np.zeros(1))[0, 0]
        middle = time.process_time()
        b = sisl.transmission([system], np.zeros(1))[0, 0]
        own.append(middle - start)
        theirs.append(time.process_time() - middle)
        differences.append(abs(a - b))
    later, rgf = np.median(theirs[1:]), np.median(own[1:])
    print(
        f"  sisl: self-energies and first T {theirs[0]:.1f} s, each further T {later:.3f} s; rgf {rgf:.3f} s, "
        f"{later / rgf:.1f} times less; max |ΔT| {max(differences):.1e}"
    )


def labels(table: str, options: argparse.Namespace) -> None:
    """All measurements with one table."""
    h, solver = SlaterKoster(SlaterKosterOptions(table=table)), RecursiveGreen(RecursiveGreenOptions())
    atoms = reference_wire()
    junction = Junction.detect(atoms, h.range_A(atoms.numbers))
    rng = np.random.default_rng(0)
    print(f"{table}: range {h.range_A(atoms.numbers):.2f} Å, {len(atoms)} atoms")
    costs, systems = [], []
    for _ in range(REPEATS + 1):
        moved = atoms.copy()
        moved.positions[125:179] += rng.normal(0, 0.05, (54, 3))
        start = time.process_time()
        system = h.two_terminal(junction.with_positions(moved))
        middle = time.process_time()
        solver.transmission([system], np.zeros(1))
        costs.append((middle - start, time.process_time() - middle))
        systems = [*systems[-2:], system]
    first, later = costs[0], np.median(costs[1:], axis=0)
    print(f"  first snapshot, leads included: H+S {first[0]:.3f} s, T {first[1]:.3f} s")
    print(f"  each further one:               H+S {later[0]:.3f} s, T {later[1]:.3f} s, together {later.sum():.3f} s")
    print(f"  peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.energies:
        spectrum(systems[-1], options.energies)
    if options.sisl:
        beside_sisl(solver, systems)
    if options.energies or options.sisl:
        return
    sensitivity(table, solver, systems[-1], moved)
    values = []
    for stretch in (0.0, 1.0, 2.0, 4.0, 6.0, 10.0):
        stretched = reference_wire(stretch=stretch)
        values.append(solver.transmission([h.two_terminal(junction.with_positions(stretched))], np.zeros(1))[0, 0])
    print("  T(E_F), neck layers pulled apart evenly by 0, 1, 2, 4, 6, 10 Å: " + ", ".join(f"{v:.3f}" for v in values))
    neutrality_cost(table, junction)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=["ptbp", "nrl"], choices=["ptbp", "nrl"])
    parser.add_argument("--energies", type=int, default=0, help="points of a spectrum")
    parser.add_argument("--sisl", action="store_true", help="compare with sisl")
    parser.add_argument("--pull", choices=["rigid", "loose"], help="labels along a pull with such electrodes")
    parser.add_argument("--former", help="PYTHONPATH of another version, for --pull")
    options = parser.parse_args()
    if options.pull:
        from label_pull import measure

        measure(options.pull, options.former)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHARVIN_CACHE"] = folder
        for table in options.tables:
            labels(table, options)


if __name__ == "__main__":
    main()
