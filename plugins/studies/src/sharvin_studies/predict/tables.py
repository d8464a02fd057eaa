"""What ``sharvin predict`` prints: a table of a few frames or a summary of many, and what to beware of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sharvin_studies.fitted_model.model import FittedModel
from sharvin_studies.predict.frames import FilePrediction
from sharvin_studies.predict.periodicity import in_words
from sharvin_studies.predict.plausibility import learnt_range

SHOWN = 20
"""So many frames, or files, are listed one by one."""


def print_predictions(console: Console, model: FittedModel, done: Sequence[FilePrediction]) -> None:
    """A table of a few frames, or one line per file, and what to beware of."""
    console.print(_frames(done) if sum(len(one.frame) for one in done) <= SHOWN else _summary(done))
    console.print(stated_error(model), highlight=False, soft_wrap=True)
    for line in _warnings(model, done):
        console.print(f"[yellow]warning[/yellow]: {escape(line)}", highlight=False, soft_wrap=True)


def stated_error(model: FittedModel) -> str:
    """The error of the model in frames that it did not learn from, and which frames these are."""
    held_out, error = model.held_out, model.error_G0
    if error is None:
        return "The run states no error of its model."
    said = f"Mean absolute error in the {'validation' if held_out is None else 'test'} set of the run: {error:.3f} G0"
    if held_out is None:
        return f"{said} (no test set is known; validation decided on the model, so errors in new pulls are larger)."
    if held_out.by == "group":
        return f"{said} ({_counted(held_out.pulls, 'held-out pull')}, {_counted(held_out.snapshots, 'snapshot')})."
    return (
        f"{said} ({_counted(held_out.snapshots, 'held-out snapshot')} of {_counted(held_out.pulls, 'pull')} that it learnt from; "
        "new pulls have larger errors)."
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _warnings(model: FittedModel, done: Sequence[FilePrediction]) -> list[str]:
    """What makes predictions unreliable, one sentence each."""
    total = sum(len(one.frame) for one in done)
    outside, broken = sum(sum(one.outside) for one in done), sum(len(one.broken) for one in done)
    fewer, more = sum(one.fewer_atoms for one in done), sum(one.more_atoms for one in done)
    negative = [one.conductance_G0[place] for one in done for place in one.negative]
    far = [one.conductance_G0[place] for one in done for place in one.far_outside]
    unlike = [one for one in done if model.periodic and not one.periodic <= set(model.periodic)]
    failed = [(one, place) for one in done for place in one.failed]
    unread = [one for one in done if one.unread]
    lines = []
    if model.domain is None:
        lines.append("the run has no training distribution, so nobody knows which frames are like those it learnt from.")
    if outside:
        lines.append(f"{outside} of {total} frames lie outside the training distribution (score above 1): do not rely on them.")
    if negative:
        lines.append(
            f"{len(negative)} of {total} predictions are not a conductance: negative, the lowest {min(negative):.3f} G0; do not "
            "use the model for these frames."
        )
    if far:
        lines.append(
            f"{len(far)} of {total} predictions are far outside the conductances of the training, {learnt_range(model)}, such as "
            f"{far[0]:.3f} G0."
        )
    if unlike:
        says = "this file says" if len(done) == 1 else f"{unlike[0].label} says"
        others = f", as do {len(unlike) - 1} more of {len(done)} files" if len(unlike) > 1 else ""
        strange = in_words(unlike[0].periodic - set(model.periodic))
        lines.append(f"the model learnt from wires {in_words(model.periodic)}; {says} {strange}{others}.")
    if fewer:
        lines.append(
            f"{fewer} of {total} frames have fewer atoms than any training frame ({model.atoms[0]}): is that the whole wire?"
        )
    if more:
        lines.append(
            f"{more} of {total} frames have more atoms than any training frame ({model.atoms[1]}): a model that takes the "
            "maximum over atoms can bear that, one that takes their mean cannot."
        )
    if broken:
        lines.append(
            f"{broken} of {total} frames are of a broken wire: no conductance is stated for them, since the training holds none "
            "like them."
        )
    if failed:
        one, place = failed[0]
        note = one.notes[place]
        first = "" if str(one.file) in note else f", frame {one.frame[place]} of {one.file}"
        lines.append(f"{len(failed)} of {total} frames could not be predicted; the first{first}: {note}")
    if unread:
        lines.append(
            f"{len(unread)} of {len(done)} files could not be read, or not to the end; the first after {len(unread[0].frame)} "
            f"frames: {unread[0].unread}"
        )
    return lines


def _frames(done: Sequence[FilePrediction]) -> Table:
    table = Table(Column("file", overflow="fold"), "frame", "G (G0)", "± (G0)", "score", "")
    for one in done:
        for i, number in enumerate(one.frame):
            cells = (f"{x:.3f}" if np.isfinite(x) else "" for x in (one.conductance_G0[i], one.std_G0[i]))
            score = f"{one.score[i]:.2f}" if np.isfinite(one.score[i]) else ""
            remark = ", ".join(word for word, places in _remarks(one).items() if i in places)
            table.add_row(escape(one.label), str(number), *cells, score, remark)
    return table


def _remarks(one: FilePrediction) -> dict[str, Collection[int]]:
    """Places of the frames that have a remark in the table."""
    outside = [place for place, is_outside in enumerate(one.outside) if is_outside]
    return {
        "broken": one.broken,
        "outside": outside,
        "negative": one.negative,
        "out of range": one.far_outside,
        "failed": one.failed,
    }


def _summary(done: Sequence[FilePrediction]) -> Table:
    table = Table(Column("file", overflow="fold"), "frames", "first G (G0)", "lowest", "highest", "mean ±", "outside")
    for one in done[:SHOWN]:
        G, std = np.array(one.conductance_G0), np.array(one.std_G0)
        good = G[np.isfinite(G)]
        numbers = (good[0], good.min(), good.max()) if len(good) else ()
        spread = f"{std[np.isfinite(std)].mean():.3f}" if np.isfinite(std).any() else ""
        cells = [f"{x:.3f}" for x in numbers] or ["", "", ""]
        table.add_row(escape(one.label), str(len(G)), *cells, spread, str(sum(one.outside)))
    if len(done) > SHOWN:
        table.add_row(f"{len(done) - SHOWN} more files", "", "", "", "", "", "")
    return table
