"""How ``break_junction`` teaches a Hamiltonian that learns.

Some snapshots of the training pulls and of production pulls with a check set, more of them towards rupture, are computed in full;
the Hamiltonian learns from those of most pulls, is held against those of the others, and then labels all snapshots.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context, Failure, StepResult
from sharvin.devices.brillouin import devices_at_k
from sharvin.devices.transmission_series import transmission_series
from sharvin.electrodes.broken_wires import unbroken
from sharvin.errors import InputError, ItemError, RunError
from sharvin.executors.threads import one_thread
from sharvin.figures import BLUE, INK, new_figure, save_figure, style
from sharvin.junction import Junction
from sharvin.numerics.error_measures import mean_absolute_error, root_mean_square_error
from sharvin.protocols import LearningByOption, Reference, TrainableHamiltonian
from sharvin.samples import split_groups
from sharvin.store import read_observables, read_table, write_table
from sharvin.two_terminal import WeightedDevice

from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.data import Pulls
from sharvin_studies.break_junction.steps import chosen_frames, first_junction

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceTask:
    """Snapshots of one trajectory to compute in full, as one series."""

    trajectory: Path
    snapshots: tuple[int, ...]
    hamiltonian: Selection
    transport: Selection


def reference(task: ReferenceTask, path: Path) -> None:
    """What the Hamiltonian is to learn of each snapshot, and its conductance; snapshots that fail are left out, with a reason."""
    hamiltonian, solver = task.hamiltonian.built(), task.transport.built()
    started = time.process_time()
    quantities: list[Array] = []

    def devices() -> Iterator[Sequence[WeightedDevice] | InputError | ItemError]:
        for found in hamiltonian.references(_junctions(task.trajectory, task.snapshots, hamiltonian)):
            quantities.append(found.quantity if isinstance(found, Reference) else np.empty(0))
            yield found.at_k if isinstance(found, Reference) else found

    found = list(transmission_series(solver, devices(), np.zeros(1)))
    reasons = {str(number): one.reason for number, one in zip(task.snapshots, found, strict=True) if one.reason is not None}
    computed = [place for place, one in enumerate(found) if one.reason is None]
    if not computed:
        raise ItemError(f"no snapshot could be computed in full; the first: {next(iter(reasons.values()))}")
    columns = {
        "snapshot": np.array(task.snapshots, dtype=np.int64)[computed],
        "conductance_G0": np.array([found[place].transmission[0] for place in computed]),
        "quantity": np.stack([quantities[place] for place in computed]),
    }
    write_table(path, columns, {"reasons": reasons, "cpu_seconds": time.process_time() - started})


@dataclass(frozen=True)
class Drawn:
    """Snapshots of one pull that are references."""

    trajectory: Path
    snapshots: tuple[int, ...]
    pull: str


def taught(context: Context, options: BreakJunctionOptions, training: Pulls, production: Pulls) -> StepResult | None:
    """The step that learnt the Hamiltonian; None if it has nothing to learn.

    References are snapshots of the training pulls, and of every production series of which some are labelled beside predictions:
    what is learnt of compact wires alone need not hold for the others. Where there are no training pulls, they are snapshots of
    the production pulls, as many of every series.
    """
    chosen = context.config.selections
    if not learns(chosen["hamiltonian"].built()):
        return None
    drawn = _drawn(list(training.trajectories.items()), options.reference_snapshots, "training")
    of_each = 0
    if not training.asked:
        of_each = max(1, round(options.reference_snapshots / max(len(production.names()), 1)))
    elif options.labels_production:
        of_each = options.check_reference_snapshots
    for name in production.names() if of_each else ():
        pulls = list(production.of(name).items())
        every = max(1, len(pulls) // of_each)
        drawn += _drawn(pulls[::every][:of_each], of_each, name)
    tasks = [ReferenceTask(one.trajectory, one.snapshots, chosen["hamiltonian"], chosen["transport"]) for one in drawn]
    depend_on = [{"pull": one.trajectory.name, "snapshots": list(one.snapshots)} for one in drawn]
    references = context.map(
        "references",
        reference,
        tasks,
        context.identity("hamiltonian", "transport"),
        items_depend_on=depend_on,
    )
    for item, path in references.finished:
        for snapshot, reason in read_table(path)[1]["reasons"].items():
            context.failures.append(Failure("references", item, f"{drawn[item].pull}, snapshot {snapshot}: {reason}"))
    return context.single(
        "hamiltonian",
        lambda folder: _learn(context, options, references, [one.trajectory for one in drawn], folder),
        {"references": references.key, "test_fraction": options.test_fraction, "split_by": options.split_by},
    )


def _drawn(pulls: Sequence[tuple[int, Path]], number: int, series: str) -> list[Drawn]:
    """About so many snapshots, at least one per pull: denser towards rupture, and elsewhere in each pull."""
    count = max(1, round(number / max(len(pulls), 1)))
    drawn: list[Drawn] = []
    for pull, path in pulls:
        whole = np.flatnonzero(unbroken(read_observables(path)))
        # golden-ratio phases fill the range evenly over the pulls, so that few references a pull still cover all elongations
        phase = (len(drawn) * 0.6180339887498949) % 1.0
        # where few atoms carry the current, towards rupture, surroundings are the rarest
        spread = np.sqrt((np.arange(count) + phase) / count)
        chosen = np.unique((spread * (len(whole) - 1)).round().astype(np.int64))
        if len(whole):
            drawn.append(Drawn(path, tuple(int(number) for number in whole[chosen]), f"{series} pull {pull}"))
    return drawn


def learns(hamiltonian: Any) -> bool:
    """Whether a Hamiltonian has to learn before it can label."""
    return isinstance(hamiltonian, TrainableHamiltonian) and hamiltonian.learns


def why_it_cannot_learn(hamiltonian: Any) -> str:
    """What to say of a Hamiltonian of a case that would have to learn, with the setting that asks for it if it names one."""
    setting = f" ({hamiltonian.learning_option})" if isinstance(hamiltonian, LearningByOption) else ""
    return f"it has to learn{setting}, which only the config's own Hamiltonian does; choose another setting or Hamiltonian."


def _learn(
    context: Context, options: BreakJunctionOptions, references: StepResult, trajectories: Sequence[Path], folder: Path
) -> None:
    """Learn from most references, save, and predict the others."""
    chosen = context.config.selections
    hamiltonian, solver = chosen["hamiltonian"].build(), chosen["transport"].build()
    junctions: list[Junction] = []
    quantities: list[Array] = []
    pulls: list[int] = []
    conductances: list[float] = []
    cpu_seconds = 0.0
    for item, path in references.finished:
        table, notes = read_table(path)
        junctions += _junctions(trajectories[item], tuple(int(n) for n in table["snapshot"]), hamiltonian)
        quantities += list(table["quantity"])
        conductances += table["conductance_G0"].tolist()
        pulls += [item] * len(table["snapshot"])
        cpu_seconds += notes["cpu_seconds"]
    fractions = (1.0 - options.test_fraction, options.test_fraction)
    by = "sample" if options.split_by == "sample" else "group"
    known, held_out = split_groups(np.array(pulls), fractions, context.rng("hamiltonian"), by)
    with one_thread():
        hamiltonian.learn([junctions[i] for i in known], [quantities[i] for i in known])
        learnt = [hamiltonian.learnt(junctions[i]) for i in held_out]
        devices = (devices_at_k(hamiltonian, junctions[i]) for i in held_out)
        computed = list(transmission_series(solver, devices, np.zeros(1)))
    refused = [one.reason for one in computed if one.reason is not None]
    if refused:
        raise RunError(f"a held-out reference has no T with what the Hamiltonian has learnt: {refused[0]}")
    predicted = np.array([one.transmission[0] for one in computed])
    if not all(np.isfinite(values).all() for values in (*learnt, predicted)):
        raise RunError("the Hamiltonian has learnt values that are not numbers; look at the reference snapshots.")
    (folder / "model").mkdir()
    hamiltonian.save(folder / "model")
    columns = {
        "exact": np.concatenate([quantities[i] for i in held_out]),
        "predicted": np.concatenate(learnt),
        "exact_G0": np.array(conductances)[held_out],
        "predicted_G0": predicted,
    }
    notes = {
        "quantity": hamiltonian.learnt_quantity,
        "learnt_from": len(known),
        "held_out_pulls": len(np.unique(np.array(pulls)[held_out])),
        "cpu_seconds_each": cpu_seconds / len(pulls),
    }
    write_table(folder / "evaluation.h5", columns, notes)


def errors(evaluation: Mapping[str, Array], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Errors on the held-out references, for ``results.json``."""
    quantity, exact = evaluation["predicted"], evaluation["exact"]
    conductance, exact_G0 = evaluation["predicted_G0"], evaluation["exact_G0"]
    return {
        "quantity": notes["quantity"],
        "snapshots_learnt_from": notes["learnt_from"],
        "snapshots_held_out": len(conductance),
        "pulls_held_out": notes["held_out_pulls"],
        "mae": mean_absolute_error(quantity, exact),
        "rmse": root_mean_square_error(quantity, exact),
        "largest": float(np.abs(quantity - exact).max()),
        "mae_G0": mean_absolute_error(conductance, exact_G0),
        "rmse_G0": root_mean_square_error(conductance, exact_G0),
        "largest_G0": float(np.abs(conductance - exact_G0).max()),
    }


def cost_in_accuracy(found: Mapping[str, Any]) -> str:
    """What labels by what was learnt lose, in a sentence; `found` as :func:`errors` gives it."""
    return (
        f"The Hamiltonian predicts its {found['quantity']}: on {found['snapshots_held_out']} held-out snapshots computed in "
        "full, "
        f"conductances by the prediction are off by {found['mae_G0']:.3f} G0 on average, {found['largest_G0']:.3f} G0 at most."
    )


def _junctions(trajectory: Path, snapshots: tuple[int, ...], hamiltonian: Any) -> list[Junction]:
    """Junctions of snapshots, their electrodes found in the trajectory's first frame."""
    junction = first_junction(trajectory, hamiltonian)
    return [junction.with_positions(frame.to_atoms()) for _, frame in chosen_frames(trajectory, snapshots)]


def check_options(options: BreakJunctionOptions, hamiltonian: Selection, regressor: bool = True) -> None:
    """Refuse what only a Hamiltonian that learns would heed: references, and training pulls of a study without a regressor.

    One that learns needs two pulls, whatever they are.

    Raises
    ------
    InputError
    """
    part = hamiltonian.built()
    if learns(part):
        if not options.training_pulls and options.number_of("production_pulls") < 2:
            raise InputError(
                f"production_pulls: the Hamiltonian {hamiltonian.name} learns from snapshots of some pulls and is tested on "
                "those of others, so it needs at least 2; pull more often, or state training_pulls."
            )
        return
    choice = f"{part.learning_option} or " if isinstance(part, LearningByOption) else ""
    why = f"because the Hamiltonian {hamiltonian.name} learns nothing with its options"
    otherwise = f"choose {choice}another Hamiltonian that learns."
    for name in ("reference_snapshots", "check_reference_snapshots", *(() if regressor else ("test_fraction",))):
        number = getattr(options, name)
        if number != type(options).model_fields[name].default:
            raise InputError(f"{name}: {number} would be ignored, {why}; leave it out, or {otherwise}")
    if options.training_pulls and not regressor:
        raise InputError(f"training_pulls would be ignored without a regressor, {why}; set training_pulls: 0, or {otherwise}")


def add_to_report(folder: Path, results: dict[str, Any], evaluation: Mapping[str, Array], notes: Mapping[str, Any]) -> None:
    """Put the errors on held-out references into the results, their summary, tables and figures."""
    found = errors(evaluation, notes)
    results["hamiltonian_learnt"] = found
    results["label_cost"]["reference_cpu_seconds_each"] = notes["cpu_seconds_each"]
    results["summary"] += (
        f" The Hamiltonian learnt its {notes['quantity']} from {found['snapshots_learnt_from']} snapshots computed in full; on "
        f"{found['snapshots_held_out']} held-out ones its mean absolute error is {found['mae']:.3f}, which changes their "
        f"conductances by {found['mae_G0']:.3f} G0."
    )
    results["tables"].append(
        {
            "title": "Learnt part of the Hamiltonian",
            "columns": ["quantity", "snapshots", "MAE", "RMSE", "largest error"],
            "rows": [
                [name, found["snapshots_held_out"], *(round(found[key + unit], 3) for key in ("mae", "rmse", "largest"))]
                for name, unit in ((found["quantity"], ""), ("conductance (G0)", "_G0"))
            ],
            "caption": "Against snapshots computed in full, of which nothing was learnt.",
        }
    )
    plot_learnt(folder, evaluation, notes["quantity"])


def plot_learnt(folder: Path, evaluation: Mapping[str, Array], quantity: str) -> Path:
    """Predicted against exact values of what the Hamiltonian learnt, and of the conductances that follow, held-out snapshots."""
    with style():
        figure = new_figure(9.6, 4.6)
        panels = zip(figure.subplots(1, 2), ("", "_G0"), (quantity, r"conductance ($G_0$)"), strict=True)
        for axes, unit, name in panels:
            exact, predicted = evaluation[f"exact{unit}"], evaluation[f"predicted{unit}"]
            lower, upper = min(exact.min(), predicted.min()), max(exact.max(), predicted.max())
            margin = 0.05 * max(upper - lower, 1e-3)
            ends = (lower - margin, upper + margin)
            mae = mean_absolute_error(predicted, exact)
            size = 14 if len(exact) < 500 else 5
            axes.plot(ends, ends, color=INK, linewidth=0.9, zorder=1)
            axes.scatter(exact, predicted, s=size, color=BLUE, alpha=0.6, linewidths=0, zorder=2)
            axes.set_title(f"MAE {mae:.3f}, {len(exact):,} values", fontsize="medium")
            axes.set(xlabel=f"computed in full: {name}", ylabel=f"predicted: {name}", xlim=ends, ylim=ends)
            axes.set_aspect("equal")
    caption = (
        "What the Hamiltonian predicts of held-out snapshots against the full computation (left), and the conductances with "
        "either (right)."
    )
    data = {"exact": evaluation["exact"], "predicted": evaluation["predicted"]}
    data |= {name: evaluation[name] for name in ("exact_G0", "predicted_G0")}
    return save_figure(folder, "hamiltonian_learnt", figure, data, "Learnt part of the Hamiltonian", caption)
