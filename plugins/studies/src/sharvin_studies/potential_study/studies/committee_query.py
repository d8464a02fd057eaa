"""Query by committee: a wire is pulled by the model, and frames that the seeds' models disagree about most are learnt.

The disagreement about a frame is the largest standard deviation, over the models, of the force on an atom.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.reference_data import ReferenceData, ReferenceStructure

from sharvin_studies.potential_study.configs import PotentialStudyOptions
from sharvin_studies.potential_study.labelling import PotentialSource, labelled
from sharvin_studies.potential_study.scores import PotentialErrors, errors_of, over_seeds
from sharvin_studies.potential_study.statistics_words import with_std
from sharvin_studies.potential_study.studies import figures
from sharvin_studies.potential_study.studies.part import StudyPart
from sharvin_studies.potential_study.studies.pulling import evaluated, pull_wires
from sharvin_studies.potential_study.trainings import Trained, run_trainings, with_more

Array = NDArray[np.float64]
Numbers = dict[str, Any]
MOST_FRAMES = 120
"""Frames of one pull among which is chosen, evenly taken from all."""
APART = 2
"""Frames of one pull that are chosen in one round are at least so many apart, as neighbours tell the same."""
NECK_FRAMES = 10
"""Frames of each pull by the reference that the error is measured on."""
LARGEST_FORCE_EV_PER_A = 25.0
"""Frames with a larger reference force are no wires but wrecks, and are not learnt."""


def active_learning(
    context: Context, options: PotentialStudyOptions, reference: Selection, trained: Sequence[Trained]
) -> StudyPart:
    """Rounds of pulling, choosing, labelling and training; errors on necks of wires that the reference has pulled."""
    asked = options.studies.active_learning
    assert asked is not None
    parts = context.config.variants["pulled"]["active_learning"]
    key = {"potential": reference.identity}
    pulled = pull_wires(context, "neck_pulls", parts, PotentialSource(reference), key, asked.pulls)
    necks = labelled(
        context, [_of_group(f.to_atoms(), "neck") for p in pulled for f in p.thinnest(NECK_FRAMES)], reference, "necks"
    )
    committee = list(trained)
    rounds = [_round(context, 0, committee, necks, added=0, learnt=0)]
    learnt = 0
    for number in range(1, asked.rounds + 1):
        first = committee[0]
        seeds_before = (number - 1) * asked.pulls
        tried = pull_wires(
            context, "model_pulls", parts, first.source, {"fit": first.training.key}, asked.pulls, first=seeds_before
        )
        pool = [[frame.to_atoms() for frame in _evenly(one.frames, MOST_FRAMES)] for one in tried]
        chosen, disagreements = _most_disputed(context, committee, pool, asked.structures_per_round)
        found = labelled(context, [_of_group(atoms, f"wire, round {number}") for atoms in chosen], reference, f"round {number}")
        new = tuple(one for one in found if _is_a_wire(one))
        learnt += len(new)
        if new:
            committee = _retrained(context, committee, new, number)
        rounds.append(_round(context, number, committee, necks, added=len(new), learnt=learnt))
        rounds[-1] |= {
            "disagreement_eV_per_A": disagreements,
            "wrecks": len(found) - len(new),
            "frames_of_pulls": [len(one.frames) for one in tried],
            "pulls_ended_by": [one.ended_by for one in tried],
            "monitored": [one.monitored for one in tried],
        }
    draw = partial(figures.plot_rounds, rounds=rounds)
    models = {f"wires-seed-{one.training.seed_number + 1}": one.model for one in committee}
    return StudyPart("active_learning", rounds, _sentence(rounds), [_table(rounds)], [draw], models)


def _retrained(context: Context, committee: Sequence[Trained], new: tuple[ReferenceStructure, ...], number: int) -> list[Trained]:
    """Each member trained anew on its structures and the new ones; one that fails stays what it was."""
    data = committee[0].training.data + ReferenceData(new)
    added = tuple(range(len(data) - len(new), len(data)))
    trainings = [
        with_more(one.training, data, added, f"round {number}, member {one.training.seed_number + 1}") for one in committee
    ]
    finished = run_trainings(context, trainings, f"round {number}")
    return [after if after.ok else before for before, after in zip(committee, finished, strict=True)]


def _round(context: Context, number: int, committee: Sequence[Trained], necks: ReferenceData, added: int, learnt: int) -> Numbers:
    """Errors of the committee's members on necks and on the test sets of the first data."""
    structures = [structure.atoms for structure in necks]
    sources = [(one.source, {"fit": one.training.key}) for one in committee]
    predicted = evaluated(context, "neck_forces", sources, structures)
    errors = [
        PotentialErrors.of(necks, dict(enumerate(one)), range(len(necks)))
        for one in predicted
        if one and all(np.isfinite(energy) and np.isfinite(forces).all() for energy, forces in one)
    ]
    return {
        "round": number,
        "added": added,
        "learnt_from_wires": learnt,
        "necks": len(necks),
        "neck_errors": over_seeds(errors),
        "test_errors": over_seeds([errors_of(one, "test") for one in committee]),
    }


def _most_disputed(
    context: Context, committee: Sequence[Trained], pool: Sequence[Sequence[Atoms]], number: int
) -> tuple[list[Atoms], Numbers]:
    """Frames of the largest disagreement, no two of one pull closer than :data:`APART`, and the disagreements about them."""
    sources = [(one.source, {"fit": one.training.key}) for one in committee]
    flat = [(pull, place, atoms) for pull, frames in enumerate(pool) for place, atoms in enumerate(frames)]
    predicted = [one for one in evaluated(context, "committee_forces", sources, [atoms for _, _, atoms in flat]) if one]
    disputed = np.array([disagreement(np.array([member[k][1] for member in predicted])) for k in range(len(flat))])
    taken: list[int] = []
    for k in np.argsort(-np.nan_to_num(disputed, nan=-1.0), kind="stable"):
        pull, place, _ = flat[k]
        if any(flat[t][0] == pull and abs(flat[t][1] - place) < APART for t in taken) or not np.isfinite(disputed[k]):
            continue
        taken.append(int(k))
        if len(taken) == number:
            break
    finite = disputed[np.isfinite(disputed)]
    told = {"largest": float(finite.max(initial=0.0)), "median": float(np.median(finite)) if len(finite) else 0.0}
    told["least_chosen"] = float(min((disputed[k] for k in taken), default=0.0))
    return [flat[k][2] for k in sorted(taken)], told


def disagreement(forces: Array) -> float:
    """Largest standard deviation, over a committee, of the force on an atom, in the unit of the forces.

    Parameters
    ----------
    forces : float64[n_members, n_atoms, 3]
    """
    spread = forces - forces.mean(axis=0)
    return float(np.sqrt((spread**2).sum(axis=2).mean(axis=0)).max())


def _is_a_wire(structure: ReferenceStructure) -> bool:
    return float(np.linalg.norm(structure.forces_eV_per_A, axis=1).max()) <= LARGEST_FORCE_EV_PER_A


def _of_group(atoms: Atoms, group: str) -> Atoms:
    atoms.info["group"] = group
    return atoms


def _evenly(frames: Sequence[Any], most: int) -> list[Any]:
    if not frames:
        return []
    places = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int))
    return [frames[int(place)] for place in places]


def _table(rounds: Sequence[Numbers]) -> Numbers:
    rows = []
    watched = list(dict.fromkeys(name for one in rounds for pull in one.get("monitored", ()) for name in pull))
    for one in rounds:
        neck, told = one["neck_errors"], one.get("disagreement_eV_per_A")
        rows.append(
            [
                one["round"],
                one["learnt_from_wires"],
                with_std(neck["force_mae_meV_per_A"]) if neck else None,
                with_std(neck["force_rmse_meV_per_A"]) if neck else None,
                with_std(one["test_errors"]["force_rmse_meV_per_A"]),
                None if told is None else f"{1000 * told['largest']:.0f}",
                None if "frames_of_pulls" not in one else ", ".join(map(str, one["frames_of_pulls"])),
                *(_monitored(one, name) for name in watched),
            ]
        )
    return {
        "title": "Query by committee",
        "columns": [
            "round",
            "wires learnt from",
            "force MAE on necks (meV/Å)",
            "force RMSE on necks (meV/Å)",
            "force RMSE, test set (meV/Å)",
            "largest disagreement (meV/Å)",
            "frames of the model's pulls",
            *(f"{name.replace('_', ' ')} of these pulls" for name in watched),
        ],
        "rows": rows,
        "caption": "Errors on frames before rupture of wires pulled by the reference, and on the test set of the first data; "
        "mean ± standard deviation over the committee. The disagreement is that of the models before they learn "
        "the round's frames.",
    }


def _monitored(numbers: Numbers, name: str) -> str | None:
    pulls = numbers.get("monitored")
    return None if pulls is None else ", ".join(f"{pull.get(name, 0.0):g}" for pull in pulls)


def _sentence(rounds: Sequence[Numbers]) -> str:
    known = [one for one in rounds if one["neck_errors"]]
    if len(known) < 2:
        return ""
    first, last = (one["neck_errors"]["force_rmse_meV_per_A"]["mean"] for one in (known[0], known[-1]))
    return (
        f"Query by committee took the force error on necks from {first:.3g} to {last:.3g} meV/Å with "
        f"{known[-1]['learnt_from_wires']} structures of wires."
    )
