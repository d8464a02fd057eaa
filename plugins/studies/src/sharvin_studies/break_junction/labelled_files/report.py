"""Where the labels of a study come from, for its report."""

from __future__ import annotations

from typing import Any

from sharvin_studies.break_junction.completed_study import CompletedStudy
from sharvin_studies.break_junction.labelled_files.reading import PullFile
from sharvin_studies.break_junction.production.production_report import of_asked


def labels_in_results(study: CompletedStudy) -> dict[str, Any]:
    """What a computed label costs, and files that stated labels."""
    labels = study.labels
    computed = len(labels.known) - labels.stated
    cost: dict[str, Any] = {}
    if computed:
        cost = {"cpu_seconds_each": labels.cpu_seconds / computed, "atoms": labels.atoms, "orbitals": labels.orbitals}
    files = [
        {
            "series": name,
            "file": str(file.path),
            "pulls": dict(zip(_numbers(study, name), (pull.name for pull in file.pulls), strict=True)),
            "frames": file.frames,
            "labels": "stated" if file.labelled else "computed",
            "label_source": list(file.sources),
        }
        for name, file in study.snapshots.pulls.files.items()
    ]
    return {"label_cost": cost, **({"files_of_pulls": files} if files else {})}


def labels_in_words(study: CompletedStudy) -> str:
    """One sentence on the training pulls and their labels, or one on those computed and one on each file."""
    pulls, labels = study.snapshots.pulls, study.labels
    asked = [name for name in pulls.series if name not in pulls.files]
    pulled = len([pull for pull in pulls.trajectories if pulls.series[pull] not in pulls.files])
    dropped = len(labels.conductance_G0) - len(labels.known) if study.acquired is None else 0
    without = f" ({dropped} more could not be labelled and were left out)" if dropped else ""
    chosen = study.context.config.selections
    how = (
        f"labelled with the zero-bias transmission at the Fermi energy ({chosen['hamiltonian'].name}, {chosen['transport'].name})"
    )
    computed = len(labels.known) - labels.stated
    unlabelled = [file for file in pulls.files.values() if not file.labelled]
    sentences = []
    if asked:
        parts = ", ".join(chosen[key].name for key in ("structure", "potential", "dynamics"))
        more = "".join(f" and {_pulls(file)}" for file in unlabelled)
        sentences.append(
            f"{of_asked(pulled, len(asked))} training pulls ({parts}){more} gave {computed} snapshots{without}, {how}."
        )
    elif unlabelled:
        sentences.append(f"{' and '.join(_pulls(file) for file in unlabelled)} gave {computed} snapshots{without}, {how}.")
    sentences += [
        f"{_pulls(file)} came with {'their' if len(file.pulls) > 1 else 'its'} conductances ({_source(file)})."
        for file in pulls.files.values()
        if file.labelled
    ]
    if labels.stated:
        sentences.append(
            f"{labels.stated} of these are labels." if computed else f"{labels.stated} snapshots are labelled with them."
        )
    return " ".join(sentences)


def _numbers(study: CompletedStudy, series: str) -> list[int]:
    """Numbers in this study of the pulls of a series."""
    return [number for number, name in enumerate(study.snapshots.pulls.series) if name == series]


def _pulls(file: PullFile) -> str:
    return f"{len(file.pulls)} pull{'s' if len(file.pulls) > 1 else ''} of the file {file.path.name}"


def _source(file: PullFile) -> str:
    return "; ".join(file.sources) or "the file does not say how they were computed"
