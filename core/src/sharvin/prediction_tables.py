"""What ``sharvin predict`` prints: a table of a few frames or a summary of many, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sharvin.fitted_model import FittedModel
from sharvin.predicted_frames import Predicted

SHOWN = 20
"""So many frames, or files, are listed one by one."""


def print_predictions(console: Console, model: FittedModel, done: Sequence[Predicted]) -> None:
    """A table of a few frames, or one line a file, and what to beware of."""
    console.print(_frames(done) if sum(len(one.frame) for one in done) <= SHOWN else _summary(done))
    console.print(f"Mean absolute error in the validation set of the run: {model.validation_mae_G0:.3f} G0.", highlight=False)
    for line in _warnings(model, done):
        console.print(f"[yellow]warning[/yellow]: {escape(line)}", highlight=False, soft_wrap=True)


def _warnings(model: FittedModel, done: Sequence[Predicted]) -> list[str]:
    """What makes predictions unreliable, one sentence each."""
    total = sum(len(one.frame) for one in done)
    outside, broken = sum(sum(one.outside) for one in done), sum(len(one.broken) for one in done)
    fewer, more = sum(one.fewer_atoms for one in done), sum(one.more_atoms for one in done)
    failed = [(one, place) for one in done for place in one.failed]
    unread = [one for one in done if one.unread]
    lines = []
    if model.domain is None:
        lines.append("the run has no training distribution, so nobody knows which frames are like those it learnt from.")
    if outside:
        lines.append(f"{outside} of {total} frames lie outside the training distribution (score above 1): do not rely on them.")
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
        where = f"frame {one.frame[place]} of {one.file}"
        lines.append(f"{len(failed)} of {total} frames could not be predicted; the first, {where}: {one.notes[place]}")
    if unread:
        lines.append(
            f"{len(unread)} of {len(done)} files could not be read, or not to the end; the first after {len(unread[0].frame)} "
            f"frames: {unread[0].unread}"
        )
    return lines


def _frames(done: Sequence[Predicted]) -> Table:
    table = Table(Column("file", overflow="fold"), "frame", "G (G0)", "± (G0)", "score", "")
    for one in done:
        for i, number in enumerate(one.frame):
            cells = (f"{x:.3f}" if np.isfinite(x) else "" for x in (one.conductance_G0[i], one.std_G0[i]))
            score = f"{one.score[i]:.2f}" if np.isfinite(one.score[i]) else ""
            remark = "broken" if i in one.broken else "outside" if one.outside[i] else "failed" if i in one.notes else ""
            table.add_row(escape(one.label), str(number), *cells, score, remark)
    return table


def _summary(done: Sequence[Predicted]) -> Table:
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
