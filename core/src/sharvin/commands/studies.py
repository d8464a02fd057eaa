"""``sharvin run``, ``sharvin check`` and ``sharvin report``."""

from __future__ import annotations

from pathlib import Path

import click

from sharvin.commands.session import Session


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder. Default: runs/NAME-OF-CONFIG[-PROFILE]."
)
@click.option("--profile", metavar="NAME", help="One of the config's profiles, for example small.")
@click.option("--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change one setting of the config; repeatable.")
@click.option("--update", is_flag=True, help="Accept a run folder of another config and recompute what differs.")
@click.option("--repair", is_flag=True, help="Read every file of the store and compute damaged ones anew.")
@click.option("--retry-failed", is_flag=True, help="Try items again that failed before.")
def run(
    config: Path,
    out: Path | None,
    profile: str | None,
    settings: tuple[str, ...],
    update: bool,
    repair: bool,
    retry_failed: bool,
) -> None:
    """Run a study, or resume it where it stopped."""
    from rich.console import Console

    from sharvin.config import load_config
    from sharvin.context import Resume
    from sharvin.runs.run import run as run_config

    resolved = load_config(config, settings, profile)
    folder = out or Path("runs") / (f"{config.stem}-{profile}" if profile else config.stem)
    console = Console()
    debug = click.get_current_context().find_root().ensure_object(Session).debug
    results = run_config(resolved, folder, console, Resume(repair, retry_failed), update, debug)
    if results.get("summary"):
        console.print(results["summary"], highlight=False)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME", help="One of the config's profiles, for example small.")
@click.option("--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change one setting of the config; repeatable.")
def check(config: Path, profile: str | None, settings: tuple[str, ...]) -> None:
    """Say everything that is wrong with a config, and what a run would do and take; nothing is written."""
    from sharvin.config import load_config
    from sharvin.runs.preflight import preflight, workers_of

    resolved = load_config(config, settings, profile)
    plan = preflight(resolved, measure=True)
    chosen = ", ".join(f"{key} {selection.name}" for key, selection in resolved.selections.items())
    click.echo(f"{config}: ok ({chosen})")
    for line in plan.lines(workers_of(resolved)) if plan else ():
        click.echo(f"  {line}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def report(folder: Path) -> None:
    """Rebuild report.html of a run folder."""
    from sharvin.report.html import write_report

    click.echo(write_report(folder))
