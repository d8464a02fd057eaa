"""A finished break-junction run, opened for reading; :func:`sharvin.open_run` gives it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sharvin.errors import InputError
from sharvin.runs.opened_run import Run, data_frame
from sharvin.store import read_json

if TYPE_CHECKING:
    from pandas import DataFrame

    from sharvin_studies.fitted_model.model import FittedModel


class BreakJunctionRun(Run):
    """A finished break-junction run with its traces, trajectories and fitted model."""

    @cached_property
    def traces(self) -> DataFrame:
        """``traces.csv``: a row per labelled or predicted snapshot; needs pandas."""
        data_frame()
        from pandas import read_csv

        return read_csv(self.folder / "traces.csv")

    @cached_property
    def trajectories(self) -> dict[tuple[str, int], Path]:
        """H5MD files of the pulls by (``training`` or ``production``, number of the pull).

        Raises
        ------
        InputError
            If the run does not say where they lie.
        """
        path = self.folder / "pulls.json"
        if not path.is_file():
            raise InputError(f"{path} is missing: run the study again.")
        return {
            (part, int(pull)): self.folder / place for part, paths in read_json(path).items() for pull, place in paths.items()
        }

    def fitted_model(self) -> FittedModel:
        """The model that the study fitted, for predictions of other frames."""
        from sharvin_studies.fitted_model.model import FittedModel

        return FittedModel.load(self.folder)
