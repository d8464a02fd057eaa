"""Errors of forces on wires: as they are built, at rest, and pulled to necks of one atom, all by the reference."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from sharvin.config import Selection
from sharvin.context import Context
from sharvin.errors import RunError
from sharvin.reference_data import ReferenceData

from sharvin_studies.potential_study.configs import PotentialStudyOptions
from sharvin_studies.potential_study.labelling import PotentialSource, labelled
from sharvin_studies.potential_study.scores import MEASURES, PotentialErrors, over_seeds
from sharvin_studies.potential_study.statistics_words import with_std
from sharvin_studies.potential_study.studies import figures
from sharvin_studies.potential_study.studies.part import StudyPart
from sharvin_studies.potential_study.studies.pulling import PulledFrames, evaluated, pull_wires
from sharvin_studies.potential_study.trainings import Trained

Numbers = dict[str, Any]
KINDS = {"start": "start", "relaxed": "relaxed", "pulled": "pulled"}
"""Kinds of wires, and what they are called."""


def wire_forces(context: Context, options: PotentialStudyOptions, reference: Selection, trained: Sequence[Trained]) -> StudyPart:
    """Errors of each seed's model and of the compared potentials on wires of the reference."""
    asked = options.studies.wires
    assert asked is not None
    parts = context.config.variants["pulled"]["wires"]
    key: Numbers = {"potential": reference.identity}
    pulled = pull_wires(context, "wire_pulls", parts, PotentialSource(reference), key, asked.pulls, relax=True)
    data = labelled(context, _wires(pulled, asked.last_frames), reference, "wires")
    variants = context.config.variants["compare"]
    named = {name: chosen["potential"] for name, chosen in variants.items()}
    sources: list[tuple[PotentialSource, Numbers]] = [(one.source, {"fit": one.training.key}) for one in trained]
    sources += [(PotentialSource(chosen), {"potential": chosen.identity}) for chosen in named.values()]
    found = evaluated(context, "wire_forces", sources, [structure.atoms for structure in data])
    own, others = found[: len(trained)], dict(zip(named, found[len(trained) :], strict=True))
    numbers: Numbers = {}
    for kind in KINDS:
        members = [i for i, group in enumerate(data.groups) if group == kind]
        if not members:
            continue
        forces = np.concatenate([data[i].forces_eV_per_A for i in members])
        numbers[kind] = {
            "wires": len(members),
            "atoms": int(np.mean([len(data[i]) for i in members])),
            "force_rms_eV_per_A": float(np.sqrt(np.mean(forces**2))),
            "model": over_seeds([_errors(data, one, members) for one in own]),
            "compared": {name: over_seeds([_errors(data, one, members)]) for name, one in others.items()},
        }
    if "pulled" in numbers:
        numbers["pulled"]["necks_of_one_atom"] = sum(one.single_atom_necks(asked.last_frames) for one in pulled)
    if not numbers:
        raise RunError("no wire has a label; see log.jsonl.")
    name = context.config.selections["potential"].name
    draw = partial(figures.plot_wires, wires=numbers, potential=name)
    return StudyPart("wires", numbers, _sentence(numbers), [_table(numbers, name)], [draw])


def _wires(pulled: Sequence[PulledFrames], last_frames: int) -> list[Any]:
    """All wires with their kind as group."""
    found = []
    for one in pulled:
        kinds = [("start", one.before[0]), ("relaxed", one.before[1])]
        kinds += [("pulled", frame.to_atoms()) for frame in one.thinnest(last_frames)]
        for kind, atoms in kinds:
            atoms.info["group"] = kind
            found.append(atoms)
    return found


def _errors(data: ReferenceData, predicted: list[Any] | None, members: Sequence[int]) -> PotentialErrors | None:
    """Errors on the structures that the potential takes; None if there is none."""
    if predicted is None:
        return None
    known = [i for i in members if np.isfinite(predicted[i][0]) and np.isfinite(predicted[i][1]).all()]
    return PotentialErrors.of(data, dict(enumerate(predicted)), known) if known else None


def _table(numbers: Numbers, potential: str) -> Numbers:
    rows = []
    necks = numbers.get("pulled", {}).get("necks_of_one_atom", 0)
    for kind, one in numbers.items():
        for name, errors in {potential: one["model"], **one["compared"]}.items():
            if errors:
                cells = [with_std(errors[measure]) for measure in ("force_mae_meV_per_A", *(MEASURES[2], MEASURES[0]))]
                rows.append([KINDS[kind], one["wires"], one["atoms"], f"{1000 * one['force_rms_eV_per_A']:.0f}", name, *cells])
    return {
        "title": "Errors on wires",
        "columns": [
            "wire",
            "wires",
            "atoms",
            "forces, rms (meV/Å)",
            "potential",
            "force MAE (meV/Å)",
            "force RMSE (meV/Å)",
            "energy RMSE (meV/atom)",
        ],
        "rows": rows,
        "caption": "Against the reference, which has relaxed and pulled the wires. Pulled: the last frames before they break, "
        f"{necks} of them with a neck of one atom. Forces, rms: of the reference. Of the trained potential the "
        "mean ± standard deviation over the seeds. Energies include a constant offset if there is one.",
    }


def _sentence(numbers: Numbers) -> str:
    said = [f"{KINDS[kind]} {with_std(one['model']['force_mae_meV_per_A'])}" for kind, one in numbers.items() if one["model"]]
    return f"Mean absolute errors of forces on wires, in meV/Å: {', '.join(said)}." if said else ""
