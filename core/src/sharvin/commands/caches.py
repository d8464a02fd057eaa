"""``sharvin cache``."""

from __future__ import annotations

import click

from sharvin.commands.session import Commands


@click.group("cache", cls=Commands)
def cache_commands() -> None:
    """What is kept between runs: surface Green functions of leads, Fermi energies, generated potential files."""


@cache_commands.command("info")
def cache_info() -> None:
    """Say where the cache is, what it holds, and how large it may become."""
    from sharvin.runs.cache import cache_folder, limit_bytes, usage

    folder = cache_folder()
    if folder is None:
        click.echo("The cache is off: SHARVIN_CACHE=off.")
        return
    held = usage()
    click.echo(f"{folder}: {sum(one.bytes for one in held) / 1e6:.1f} MB of at most {limit_bytes() / 1e6:.0f} MB")
    for one in held:
        click.echo(f"  {one.name:<24} {one.entries:>6} entries {one.bytes / 1e6:>10.1f} MB")


@cache_commands.command("clear")
def cache_clear() -> None:
    """Delete what the cache holds; it is computed again when it is needed."""
    from sharvin.runs.cache import clear

    click.echo(f"freed {clear() / 1e6:.1f} MB")
