"""A run folder from start to finish: claimed, resumed, completed with results, versions and a report.

The folder holds ``config.yaml`` (resolved), ``versions.json``, ``results.json``, ``log.jsonl``, ``report.html``, ``figures/`` and
``store/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from platform import platform, python_version
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from sharvin.config import Config
from sharvin.context import Context, Failure, Resume
from sharvin.errors import InputError, StoreError
from sharvin.options import WorkflowOptions
from sharvin.plugins.entries import installed
from sharvin.registry import registry
from sharvin.runs import cache, compiled
from sharvin.runs.atomic import remove, require_writable, write_bytes
from sharvin.runs.fit_progress import forget_damaged
from sharvin.store import read_json, write_json

FILES = (
    "config.yaml",
    "versions.json",
    "results.json",
    "log.jsonl",
    "report.html",
    "figures/figures.json",
    ".lock",
)
FOLDERS = ("store", "figures")
"""What a run writes in its folder."""

NOT_IN_RESULTS = ("executor", "max_failures")
"""Config keys that no result depends on; a run may be resumed with others."""


def run(
    config: Config,
    folder: Path,
    console: Console,
    resume: Resume | None = None,
    update: bool = False,
    debug: bool = False,
) -> dict[str, Any]:
    """Run a config in a folder, or what of it is not there yet.

    Parameters
    ----------
    config : Config
    folder : Path
        Made if it does not exist.
    console : rich.console.Console
    resume : Resume
    update : bool
        Accept a folder that belongs to another config and recompute what differs.
    debug : bool
        Show the tracebacks of failed items, which ``log.jsonl`` keeps in any case.

    Returns
    -------
    dict
        Content of ``results.json``.

    Raises
    ------
    InputError
        If something would stop a step, the folder belongs to another config, cannot be written, or another process works in it.
    RunError
        If too many items fail.
    """
    from sharvin.report.html import write_report
    from sharvin.runs.preflight import preflight

    plan = preflight(config)
    with claimed(folder, _files_of_study(config)):
        cache.usable_folder()
        cache.limit_bytes()
        compiled.announce()
        _claim_config(config, folder, update)
        before = _earlier_seconds(folder)
        if resume is not None and resume.repair:
            for checkpoint in forget_damaged(folder / "store"):
                console.print(f"computing anew: the checkpoint {checkpoint} is damaged.", highlight=False, soft_wrap=True)
        write_json(folder / "versions.json", versions())
        with config.selections["executor"].build() as executor:
            context = Context(config, folder, executor, console, resume or Resume(), debug)
            context.log("run started", config=config.source)
            for note in plan.notes if plan else ():
                context.log("note", text=note)
                console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
            content = config.workflow.build().run(context)
        results = {
            "workflow": config.workflow.name,
            "seed": config.seed,
            **content,
            "failures": [{"step": f.step, "item": f.item, "reason": f.reason} for f in context.failures]
            + content.get("failures", []),
            "seconds": {
                **(before if context.computed == 0 else {}),
                **{step: round(value, 2) for step, value in context.seconds.items()},
            },
        }
        write_json(folder / "results.json", results)
        write_report(folder)
        context.log("run finished", computed=context.computed)
    if context.computed == 0:
        console.print("Everything was there already; nothing was recomputed.")
    if context.failures:
        _name_failures(context.failures, folder, console)
    return results


def _name_failures(failures: Sequence[Failure], folder: Path, console: Console) -> None:
    steps = ", ".join(f"{sum(f.step == step for f in failures)} of {step}" for step in dict.fromkeys(f.step for f in failures))
    console.print(
        f"Left out, because they failed: {steps}; the first: {failures[0].reason}\nReasons and tracebacks are in "
        f"{folder / 'log.jsonl'}. Once the cause is mended, run again with --retry-failed.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


@contextmanager
def claimed(folder: Path, files: Sequence[str] = ()) -> Iterator[None]:
    """Work in a run folder alone.

    Parameters
    ----------
    folder : Path
    files : sequence of str
        What the study writes there besides the files of any run; the name of a folder ends in ``/``.

    Raises
    ------
    InputError
        If it cannot be written, a folder lies in the place of one of its files or the reverse, or another sharvin works there.
    """
    require_writable(folder, "the run folder")
    single = [name for name in files if not name.endswith("/")]
    folders = [name.rstrip("/") for name in files if name.endswith("/")]
    swapped = [(name, "folder", "file") for name in (*FILES, *single) if (folder / name).is_dir()]
    swapped += [(name, "file", "folder") for name in (*FOLDERS, *folders) if (folder / name).is_file()]
    for name, found, wanted in swapped:
        raise InputError(
            f"{folder / name} is a {found}, and a run keeps a {wanted} there: move it away, or choose another --out."
        )
    for inner in FOLDERS:
        if (folder / inner).exists():
            require_writable(folder / inner, "in the run folder,")
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another sharvin works in {folder}: wait for it, or choose another --out.") from None


def _files_of_study(config: Config) -> tuple[str, ...]:
    options = config.workflow.options
    return options.writes if isinstance(options, WorkflowOptions) else ()


def _forget_results(config: Config, folder: Path) -> None:
    """Remove the results of another config; until there are new ones, the run is not finished. The store is kept."""
    for name in ("results.json", "report.html", *_files_of_study(config)):
        remove(folder / name)


def _earlier_seconds(folder: Path) -> dict[str, float]:
    """Times in the results of an earlier run of the same config; a step that is not needed any more has none of its own."""
    path = folder / "results.json"
    try:
        found = read_json(path) if path.exists() else {}
    except StoreError:
        return {}
    seconds = found.get("seconds") if isinstance(found, dict) else None
    return seconds if isinstance(seconds, dict) else {}


def _claim_config(config: Config, folder: Path, update: bool) -> None:
    """Write the config into the folder; results of another one that was there are removed first."""
    path = folder / "config.yaml"
    resolved = config.resolved()
    begun = any((folder / "store").glob("*/item-*")) or any((folder / "store").glob("*/output"))
    if path.exists() and (changed := differences(load_yaml(path), resolved)):
        if begun and not update:
            raise InputError(
                f"the run folder {folder} belongs to another config (they differ in {', '.join(changed)}): choose another "
                "--out, or add --update to recompute there what depends on the change."
            )
        _forget_results(config, folder)
    elif not path.exists() and any(entry.name != ".lock" for entry in folder.iterdir()):
        raise InputError(f"the folder {folder} is not empty and is no run folder: choose another --out.")
    from ruamel.yaml import YAML

    stream = StringIO()
    YAML().dump(resolved, stream)
    write_bytes(path, stream.getvalue().encode())


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file that sharvin wrote.

    Raises
    ------
    InputError
        If it is damaged.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged: delete it, or choose another --out.")
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Dotted names of the settings in which two resolved configs differ, those aside that no result depends on."""
    names = []
    for key in sorted({*before, *after} - set(NOT_IN_RESULTS)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("use") == new.get("use"):
            names += [f"{key}.{name}" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        elif old != new:
            names.append(key)
    return names


def versions() -> dict[str, str]:
    """Versions of Python, of the admitted plugins' distributions, and of what these require."""
    from packaging.requirements import Requirement

    found = {"python": python_version(), "platform": platform()}
    owners = sorted({plugin.distribution for plugin in registry().plugins if plugin.status == "ok"})
    wanted = set(owners)
    for owner in owners:
        distribution = installed(owner)
        for line in (distribution.requires if distribution else None) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.add(requirement.name)
    for name in sorted(wanted):
        distribution = installed(name)
        found[name] = distribution.version if distribution else "not installed"
    return found
