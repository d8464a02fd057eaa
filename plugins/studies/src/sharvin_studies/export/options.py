"""The options of ``sharvin export``; what computes is imported when it is called."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--what",
    type=click.Choice(["pulls", "labels", "predictions"]),
    default="pulls",
    show_default=True,
    help="All frames of all pulls, those with an exact conductance, or those of production pulls that were predicted.",
)
@click.option("--to", "form", type=click.Choice(["extxyz", "h5md", "csv"]), required=True, help="csv has no positions.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the files. Default: RUN/export.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def export(run: Path, what: str, form: str, out: Path | None, force: bool) -> None:
    """Frames of a finished break-junction RUN with elongation, exact conductance, prediction and its standard deviation."""
    from sharvin_studies.export.command import export_run

    written = export_run(run, what, form, out or run / "export", force)
    several = f" … {written[-1].name}, {len(written)} files" if len(written) > 1 else ""
    click.echo(f"Wrote {written[0]}{several}")
