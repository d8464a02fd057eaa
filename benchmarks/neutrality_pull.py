"""One pull of the gold example with either table: no charge neutrality, local, and predicted by a model of other pulls.

Draws the conductance against the elongation (PNG and CSV) and prints the range of each on the last plateau, where the neck is
one atom wide, what the predictions miss, and the CPU time of each label.

    python benchmarks/neutrality_pull.py --out runs/neutrality --study runs/gold_break_junction --every 1

Without ``--study`` it makes three pulls of the example itself. What was computed before in ``--out`` is not computed again.

    python benchmarks/neutrality_pull.py --out runs/neutrality --cost 48

prints instead what a snapshot costs with ``local`` along a pull with the potential ``second_moment`` at 4.18 Å, rigid electrodes,
snapshots 0.15 Å apart, in series of 16, and how far T is from tightly converged labels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sharvin.config import Selection, load_config
from sharvin.context import Context
from sharvin.errors import InputError
from sharvin.executors.threads import one_thread
from sharvin.figures import BLUE, GREY, VERMILLION, new_figure, save_figure, style
from sharvin.junction import Junction
from sharvin.protocols import Executor, Reference
from sharvin.registry import registry
from sharvin.runs import seeds
from sharvin.runs.run import claimed
from sharvin.store import read_frames, read_observables, read_table, write_table
from sharvin.two_terminal import TwoTerminal
from sharvin_studies.break_junction.data import pulls
from sharvin_studies.break_junction.steps import PullTask, chosen_frames, pull

EXAMPLE = Path(__file__).parent.parent / "examples" / "gold_break_junction.yaml"
TABLES = ("ptbp", "nrl")
SERIES = 16
COLOURS = {"none": GREY, "local": VERMILLION, "predicted": BLUE}
Array = NDArray[np.float64]


def selection(kind: str, name: str, **options: object) -> Selection:
    return Selection(kind, name, registry().options_model(registry().find(kind, name))(**options))


def own_pulls(folder: Path, count: int = 3) -> list[Path]:
    config = load_config(EXAMPLE)
    chosen, paths = config.selections, [folder / f"pull-{item}.h5" for item in range(count)]
    for item, path in enumerate(paths):
        if not path.exists():
            seed = seeds.item_seed(config.seed, "train_pulls", item)
            pull(PullTask(chosen["structure"], chosen["potential"], chosen["dynamics"], seed), path)
    return paths


class NothingToCompute:
    """In place of an executor, for a study that is there already."""

    def map(self, function: object, tasks: object) -> NoReturn:
        raise InputError("a training pull of the study is missing: finish the study with this version of sharvin first.")


def studied_pulls(folder: Path) -> list[Path]:
    """Training pulls of a study, in the order of its config."""
    config = load_config(folder / "config.yaml")
    options = config.workflow.build().options
    with claimed(folder):
        context = Context(config, folder, cast("Executor", NothingToCompute()), Console(quiet=True))
        return list(pulls(context, "train_pulls", "training_pulls", options.training_pulls).trajectories.values())


def junctions(trajectory: Path, snapshots: Sequence[int], reach: float) -> list[Junction]:
    first = Junction.detect(next(read_frames(trajectory, [0])).to_atoms(), reach)
    return [first.with_positions(frame.to_atoms()) for _, frame in chosen_frames(trajectory, tuple(snapshots))]


def whole(trajectory: Path) -> NDArray[np.int64]:
    return np.flatnonzero(read_observables(trajectory)["neck_width"] > 0)


def model(table: str, others: Sequence[Path], references: int, folder: Path) -> str:
    """Shifts learnt from snapshots of other pulls."""
    folder = folder / f"model-{table}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "neutrality.npz").exists():
        h = selection("hamiltonians", "slater_koster", table=table, charge_neutrality="predicted").build()
        learnt: list[tuple[Junction, Array]] = []
        for trajectory in others:
            unbroken = whole(trajectory)
            count = max(2, round(references / len(others)))
            places = np.linspace(0, len(unbroken) - 1, count).round().astype(int)
            series = junctions(trajectory, [int(i) for i in unbroken[places]], h.range_A(np.array([79])))
            found = zip(series, h.references(series), strict=True)
            learnt += [(junction, one.quantity) for junction, one in found if isinstance(one, Reference)]
        h.learn([junction for junction, _ in learnt], [shifts for _, shifts in learnt])
        h.save(folder)
    return str(folder / "neutrality.npz")


def labels(hamiltonian: Selection, trajectory: Path, snapshots: Sequence[int], path: Path) -> tuple[Array, float]:
    """T(E_F) of snapshots, in one series, and the CPU seconds of each."""
    if not path.exists():
        h, solver = hamiltonian.build(), selection("transport", "rgf").build()
        series = junctions(trajectory, snapshots, h.range_A(np.array([79])))
        h.two_terminal(series[0])  # leads, and what else is computed once
        started, values = time.process_time(), []
        for system in h.two_terminal_series(series):
            good = isinstance(system, TwoTerminal)
            values.append(float(solver.transmission([system], np.zeros(1))[0, 0]) if good else np.nan)
        cpu = (time.process_time() - started) / len(values)
        write_table(path, {"snapshot": np.array(snapshots), "conductance_G0": np.array(values)}, {"cpu_seconds": cpu})
    columns, notes = read_table(path)
    return columns["conductance_G0"], notes["cpu_seconds"]


def cost_along_a_pull(folder: Path, snapshots: int) -> None:
    """CPU seconds of a snapshot with the default options, and its T against that of tight tolerance and a dense contour."""
    path = folder / "pull-second-moment.h5"
    if not path.exists():
        structure = selection("structures", "nanowire", name="33-6-55", lattice_constant_A=4.18, rigid_layers=5)
        dynamics = selection("dynamics", "lammps_pull", temperature_K=10, speed_m_per_s=10, snapshot_every_A=0.15)
        pull(PullTask(structure, selection("potentials", "second_moment", element="Au"), dynamics, seed=1), path)
    unbroken = whole(path)
    chosen = unbroken[max(0, len(unbroken) - snapshots) :]
    found: dict[str, list[float]] = {}
    for name, options in (("default", {}), ("converged", {"neutrality_tolerance": 3e-4, "contour_points": 12})):
        h = selection("hamiltonians", "slater_koster", charge_neutrality="local", **options).build()
        solver = selection("transport", "rgf").build()
        series = junctions(path, [int(i) for i in chosen], h.range_A(np.array([79])))
        h.two_terminal(series[0])  # leads, and what else is computed once
        first, following, found[name] = [], [], []
        for begin in range(0, len(series), SERIES):
            systems = h.two_terminal_series(series[begin : begin + SERIES])
            for place in range(len(series[begin : begin + SERIES])):
                started = time.process_time()
                system = next(systems)
                (following if place else first).append(time.process_time() - started)
                good = isinstance(system, TwoTerminal)
                found[name].append(float(solver.transmission([system], np.zeros(1))[0, 0]) if good else np.nan)
        mean = np.mean(first + following)
        print(f"{name}: {mean:.3f} CPU s a snapshot, the first of a series {np.mean(first):.2f}, others {np.mean(following):.3f}")
    error = np.abs(np.array(found["default"]) - np.array(found["converged"]))
    print(f"{len(error)} snapshots, |ΔT| against converged: mean {np.nanmean(error):.5f}, largest {np.nanmax(error):.5f} G0")


def draw(folder: Path, elongation: Array, one_atom: NDArray[np.bool_], found: dict[tuple[str, str], Array]) -> Path:
    with style():
        figure = new_figure(7.2, 6.6)
        panels = figure.subplots(2, 1, sharex=True, sharey=True)
        for axes, table in zip(panels, TABLES, strict=True):
            for kind, colour in COLOURS.items():
                dashes = (0, (2, 1.5)) if kind == "predicted" else "-"
                axes.plot(elongation, found[table, kind], color=colour, linewidth=1.3, linestyle=dashes, label=kind)
            if one_atom.any():
                axes.axvspan(elongation[one_atom][0], elongation[-1], color=GREY, alpha=0.15, linewidth=0)
            axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
            axes.set(ylabel=r"conductance $G$ ($G_0$)", ylim=(0, None))
            axes.legend(title=f"table {table}", loc="upper right")
        panels[-1].set_xlabel("elongation (Å)")
    data = {"elongation_A": elongation, "one_atom": one_atom.astype(int)}
    data |= {f"{table}_{kind}_G0": values for (table, kind), values in found.items()}
    caption = "Conductance of one pull without charge neutrality, with it, and with predicted shifts. Grey: neck of one atom."
    return save_figure(folder, "neutrality_pull", figure, data, "Charge neutrality along a pull", caption)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/neutrality"))
    parser.add_argument("--study", type=Path, help="run folder of a break_junction study; its training pulls are used")
    parser.add_argument("--pull", type=int, default=0, help="which pull to label; the model learns from the others")
    parser.add_argument("--every", type=int, default=4, help="label every n-th snapshot")
    parser.add_argument("--cost", type=int, default=0, help="only the cost of the last so many snapshots of a pull")
    parser.add_argument("--references", type=int, default=24, help="snapshots that the model learns from")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.cost:
        cost_along_a_pull(chosen.out, chosen.cost)
        return
    trajectories = own_pulls(chosen.out) if chosen.study is None else studied_pulls(chosen.study)
    trajectory = trajectories.pop(chosen.pull)
    observables, unbroken = read_observables(trajectory), whole(trajectory)
    snapshots = unbroken[::-1][:: chosen.every][::-1]  # the last one is always among them
    wide = np.flatnonzero(observables["neck_width"][snapshots] != 1)
    one_atom = np.arange(len(snapshots)) > (wide[-1] if len(wide) else -1)
    found: dict[tuple[str, str], Array] = {}
    print(f"pull {chosen.pull}: {len(snapshots)} snapshots, the last {one_atom.sum()} one atom wide")
    print("table  neutrality   one atom wide (G0)    against local (G0): mean, largest    CPU s per label")
    for table in TABLES:
        for kind in COLOURS:
            options = {"table": table, "charge_neutrality": kind}
            if kind == "predicted":
                options["neutrality_model"] = model(table, trajectories, chosen.references, chosen.out)
            path = chosen.out / f"labels-{chosen.pull}-{chosen.every}-{table}-{kind}.h5"
            hamiltonian = selection("hamiltonians", "slater_koster", **options)
            found[table, kind], cpu = labels(hamiltonian, trajectory, [int(i) for i in snapshots], path)
            last = found[table, kind][one_atom]
            span = f"{np.nanmin(last):.2f} to {np.nanmax(last):.2f}" if one_atom.any() else "none"
            print(f"{table:6s} {kind:12s} {span:20s}", end="", flush=True)
            found_local = found.get((table, "local"))
            if kind == "predicted" and found_local is not None:
                error = np.abs(found[table, kind] - found_local)
                print(f"  {np.nanmean(error):.3f}, {np.nanmax(error):.3f}", end="")
            print(f"  {cpu:.3f}")
    for kind in COLOURS:
        difference = np.nanmean(np.abs(found["ptbp", kind] - found["nrl", kind]))
        print(f"{kind}: the tables differ by {difference:.2f} G0 on average")
    print(draw(chosen.out, observables["elongation_A"][snapshots], one_atom, found))


if __name__ == "__main__":
    with one_thread():
        main()
