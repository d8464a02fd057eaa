"""The options of ``sharvin predict``; what computes is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True)
@click.option(
    "--frames", default=":", show_default=True, metavar="INDEX", help="Frames of each file: a number or a range A:B:STEP."
)
@click.option("--species", metavar="EL[,EL…]", help="Elements of the atom types of LAMMPS files, in order.")
@click.option(
    "--electrode-layers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Rigid layers at each end, for a model that leaves rigid atoms out and files that do not mark them. Default: ideal ends "
    "are found in the first frame.",
)
@click.option("--device", help="Where a network computes, cpu or cuda. Default: where it was trained.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv", help="Default: FILE-predicted.csv.")
def predict(**options: Any) -> None:
    """Conductances of frames in FILES (xyz, LAMMPS dump, traj, POSCAR, our HDF5 …) by the model of a finished RUN."""
    from sharvin_studies.predict.command import PredictionRequest, predict_files

    predict_files(PredictionRequest(**options))
