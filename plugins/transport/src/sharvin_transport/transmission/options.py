"""The options of ``sharvin transmission``; what computes is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--hamiltonian", help="Hamiltonian by name. Default: slater_koster; arrays for an HDF5 file of H and S.")
@click.option("--transport", default="rgf", show_default=True, help="Transport solver by name.")
@click.option(
    "--energies", default="0", show_default=True, metavar="A:B:STEP", help="E − E_F in eV: a range, or a comma-separated list."
)
@click.option(
    "--frames", default=":", show_default=True, metavar="INDEX", help="Frames of the file: a number or a range A:B:STEP."
)
@click.option("--species", metavar="EL[,EL…]", help="Elements of the atom types of a LAMMPS file, in order.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KIND.OPTION=VALUE",
    help="Option of the Hamiltonian or solver, e.g. hamiltonian.table=nrl.",
)
@click.option(
    "--observables",
    is_flag=True,
    help="Also eigenchannels, shot noise, densities of states (extxyz, ldos_per_eV) and bond currents; 20 times the work.",
)
@click.option(
    "--temperature",
    metavar="K[,K…]",
    help="Also the conductance at these temperatures, from T(E) at --energies around E_F; a list, or a range A:B:STEP.",
)
@click.option(
    "--bias", metavar="V[,V…]", help="Also the current at these biases, at each --temperature (0 K without); a list, or A:B:STEP."
)
@click.option(
    "--k-points",
    metavar="N1xN2",
    help="Divisions of the transverse Brillouin zone of a periodic junction, such as 3x3.",
)
@click.option(
    "--neutrality",
    type=click.Choice(["none", "local"]),
    help="local: shift on-site energies until every atom of the contact holds its valence electrons; 25 to 40 times the work.",
)
@click.option(
    "--lead-layers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Atomic layers in one period of the leads. Default: the period is found, from two whole ones at each end.",
)
@click.option(
    "--scale",
    type=click.Choice(["auto", "linear", "log"]),
    default="auto",
    show_default=True,
    help="Axis of T(E); auto is logarithmic where T falls below a hundredth of its largest value.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Beginning of the names of all files. Default: FILE-transmission.")
def transmission(**options: Any) -> None:
    """T(E) of a wire's structure file (xyz, LAMMPS data or dump, POSCAR, whatever ASE reads) or of a file of H and S."""
    from sharvin_transport.transmission.command import transmission_of_file
    from sharvin_transport.transmission.request import TransmissionRequest

    transmission_of_file(TransmissionRequest(**options))
