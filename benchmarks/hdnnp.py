"""Training and dynamics of the neural-network potential `hdnnp` at the published size of gold.

``python benchmarks/hdnnp.py`` trains on 105 structures of 144 atoms with 26 symmetry functions and 1351 weights, runs 304 atoms
in LAMMPS, on one thread, and prints CPU times. n2p2 is on no package index. The peer of its filter is the update by two calls of
BLAS, ``dsymv`` and ``dsyr``, measured in turns with ours.

An epoch of 1000 updates costs the filter 1000 × 2 n² = 3.7e9 multiplications and additions (n = 1351), the tangents of 900 force
components and their candidates, of 55 to 90 atoms each, 8e8, and their gradients 5e8.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import sharvin
from scipy.linalg.blas import dsymv, dsyr
from sharvin.reference_data import ReferenceData, ReferenceStructure
from sharvin_descriptors.hdnnp.fit import errors, untrained
from sharvin_descriptors.hdnnp.kalman import KalmanFilter
from sharvin_descriptors.hdnnp.optimisers import optimiser_of
from sharvin_descriptors.hdnnp.prepared import prepare
from sharvin_md.lammps_system import LammpsSystem

PUBLISHED_STEPS_PER_S = 84.0
"""Of a published deep potential for 304 atoms."""
N2P2_S_PER_EPOCH = (14.0, 19.0)
"""Of n2p2's default build on such a machine, measured elsewhere."""


def database() -> ReferenceData:
    """105 structures labelled by the second-moment potential."""
    part = sharvin.create("structures", "reference_database", lattice_constant_A=4.07, rattle_A=(0.01, 0.1))
    calculator = sharvin.calculator("second_moment", element="Au")
    found = []
    for atoms in part.build_all(np.random.default_rng(1)):
        atoms.calc = calculator
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = None
        found.append(ReferenceStructure(atoms, energy, forces, atoms.info["group"]))
    return ReferenceData(tuple(found))


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def filter_updates(n: int, repetitions: int) -> tuple[float, float]:
    """Milliseconds of an update by the sweep, and the ratio of BLAS's two calls to it."""
    rng = np.random.default_rng(0)
    options = sharvin.create("potentials", "hdnnp", table="gold").options
    ours, weights, h = KalmanFilter.start(n, options, 1000), np.zeros(n), rng.normal(size=n)
    matrix = np.asfortranarray(np.eye(n) * 100.0)

    def sweep() -> None:
        for _ in range(20):
            ours.update(weights, h, 1e-3)

    def blas() -> None:
        for _ in range(20):
            x = dsymv(1.0, matrix, h)
            dsyr(-1e-9, x, a=matrix, overwrite_a=1)

    sweep()
    pairs = [(cpu_seconds(sweep), cpu_seconds(blas)) for _ in range(repetitions)]
    return statistics.median(one for one, _ in pairs) / 20 * 1e3, statistics.median(two / one for one, two in pairs)


def main() -> None:
    """Print all numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repetitions", type=int, default=9)
    arguments = parser.parse_args()

    part = sharvin.create("potentials", "hdnnp", table="gold")
    data, rng = database(), np.random.default_rng(0)
    trained, tested = data.split(0.1, rng)
    model = untrained(part.options, trained, rng)
    begin = time.process_time()
    structures, others = prepare(trained, model, "structure"), prepare(tested, model, "structure")
    print(f"symmetry functions and derivatives of {data.n_atoms} atoms: {time.process_time() - begin:.1f} s, once per fit")
    optimiser, weights = optimiser_of(part.options, model, structures), model.weights.copy()
    known, seconds = errors(structures, model), []
    for _ in range(arguments.epochs + 1):
        begin = time.process_time()
        optimiser.epoch(weights, known, rng)
        known, test = errors(structures, model.with_weights(weights)), errors(others, model.with_weights(weights))
        seconds.append(time.process_time() - begin)
    epoch = statistics.median(seconds[1:])
    print(f"an epoch, {part.options.updates_per_epoch} updates and all errors: {epoch:.2f} s of one core (goal 0.7)")
    slower = " to ".join(f"{other / epoch:.0f}" for other in N2P2_S_PER_EPOCH)
    print(f"n2p2's default build, measured elsewhere, takes {slower} times as long")
    print(f"after {arguments.epochs + 1} epochs: {1e3 * test.energy_rmse:.2f} meV/atom, {1e3 * test.force_rmse:.1f} meV/Å")
    update, ratio = filter_updates(len(weights), arguments.repetitions)
    print(f"an update of the filter: {update:.2f} ms; dsymv and dsyr take {ratio:.2f} times as long")

    part._become((model.with_weights(weights),))
    wire = sharvin.create("structures", "nanowire", element="Au", lattice_constant_A=4.08, neck=[3, 3, 6], electrode=[5, 5, 5])
    with LammpsSystem(wire.build(rng), part, 20.0) as system:
        system.setup("neighbor 0.7 bin", "neigh_modify every 1 delay 0 check yes", "timestep 0.002")
        system.setup("velocity all create 300.0 1", "fix nve all nve")
        system.potential.command("run 50 post no")
        run = f"run {arguments.steps} pre no post no"
        rates = [arguments.steps / cpu_seconds(lambda: system.potential.command(run)) for _ in range(3)]
    rate = statistics.median(rates)
    times = rate / PUBLISHED_STEPS_PER_S
    print(f"{system.n_atoms} atoms in LAMMPS: {rate:.0f} steps/s of one core; {times:.1f} times a published deep potential")


if __name__ == "__main__":
    main()
