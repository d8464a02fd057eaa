"""A finished run, opened for reading: :func:`open_run`."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharvin.errors import InputError, MissingPackageError, UnknownComponentError
from sharvin.words.displayed import Displayed, Fact

if TYPE_CHECKING:
    from pandas import DataFrame


def open_run(folder: Path | str) -> Run:
    """A finished run by its folder, of the class that its workflow declares.

    A workflow whose runs hold more than results, tables and figures has an attribute ``opened_run``, a subclass of :class:`Run`.

    Raises
    ------
    InputError
        If the folder holds no finished run, or ``results.json`` is damaged.
    """
    from sharvin.registry import load_target, registry

    run = Run(Path(folder))
    try:
        target = registry().find("workflows", run.workflow).component.target
    except UnknownComponentError:  # its results can be read without the plugin that made them
        return run
    kind = getattr(load_target(target), "opened_run", Run)
    return kind(run.folder) if isinstance(kind, type) and issubclass(kind, Run) else run


class Run(Displayed):
    """A finished run.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If the folder holds no finished run, or ``results.json`` is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "results.json"
        try:
            self.results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{folder} holds no finished run (no results.json): give the folder of `sharvin run`.") from None
        except (ValueError, OSError) as error:
            raise InputError(f"{path} cannot be read ({error}); run the study again.") from None

    @property
    def workflow(self) -> str:
        """Name of the workflow."""
        return str(self.results.get("workflow", ""))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config with all defaults, as it was run."""
        from sharvin.runs.run import load_yaml

        return load_yaml(self.folder / "config.yaml")

    @cached_property
    def tables(self) -> dict[str, DataFrame]:
        """Tables of the report by title.

        Raises
        ------
        MissingPackageError
            If pandas is not installed.
        """
        frame = data_frame()
        return {one["title"]: frame(one["rows"], columns=one["columns"]) for one in self.results.get("tables") or []}

    @cached_property
    def figures(self) -> dict[str, Path]:
        """Paths of the pictures by name; the data of each lie beside it as CSV."""
        from sharvin.figures import list_figures

        return {entry["name"]: self.folder / "figures" / entry["png"] for entry in list_figures(self.folder)}

    def _facts(self) -> list[Fact]:
        counts = [("tables", str(len(self.results.get("tables") or []))), ("figures", str(len(self.figures)))]
        summary = [("summary", str(self.results["summary"]))] if self.results.get("summary") else []
        return [("workflow", self.workflow), ("folder", str(self.folder)), *counts, *summary]


def data_frame() -> type[DataFrame]:
    """The class of pandas' tables.

    Raises
    ------
    MissingPackageError
        With the pip command, if pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingPackageError("tables of a run need pandas: pip install pandas") from None
    found: type[DataFrame] = pandas.DataFrame
    return found
