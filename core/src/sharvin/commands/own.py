"""Records of the core's own commands."""

from __future__ import annotations

from sharvin.component import Command

OWN_COMMANDS = {
    command.name: command
    for command in (
        Command("run", "sharvin.commands.studies:run", "Run a study, or resume it where it stopped."),
        Command("check", "sharvin.commands.studies:check", "Say what is wrong with a config, and what a run would do."),
        Command("report", "sharvin.commands.studies:report", "Rebuild report.html of a run folder."),
        Command("plugins", "sharvin.commands.plugins:plugins", "Installed plugins and their parts."),
        Command("cache", "sharvin.commands.caches:cache_commands", "What is kept between runs."),
    )
}
"""By name; no plugin may take one of these names."""
