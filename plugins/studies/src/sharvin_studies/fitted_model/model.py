"""The model of a finished break-junction run, for frames that the run never saw.

``RUN/model.json`` says what it is made of; :func:`write_fitted_model` writes it, :class:`FittedModel` reads it. No more is needed
than the files it names, so a run folder works on another machine without the potentials that it was computed with.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Selection
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.protocols import Descriptor, Regressor
from sharvin.registry import registry
from sharvin.runs.returned_values import features_of, prediction_of
from sharvin.samples import Prediction, Samples
from sharvin.store import read_json, write_json

from sharvin_studies.fitted_model.applicability_domain import Domain
from sharvin_studies.fitted_model.committee import combine
from sharvin_studies.fitted_model.recalibration import Recalibration
from sharvin_studies.predict.periodicity import Across

FORMAT = 2
"""2: with the recalibration of standard deviations."""
FILE = "model.json"


@dataclass(frozen=True)
class HeldOutError:
    """Mean absolute error in the test set of a run, from which nothing was learnt or chosen.

    Parameters
    ----------
    mae_G0 : float
    pulls, snapshots : int
        Of the test set.
    by : str
        ``group`` if whole pulls were held out, ``sample`` if single snapshots of pulls that the model learnt from.
    """

    mae_G0: float
    pulls: int
    snapshots: int
    by: str = "group"


def write_fitted_model(
    folder: Path,
    *,
    descriptor: Selection | None,
    regressor: Selection,
    models: Sequence[Path],
    recalibration: Recalibration | None,
    domain: Path | None,
    elements: Sequence[str],
    atoms: tuple[int, int],
    validation_mae_G0: float | None,
    held_out: HeldOutError | None = None,
    conductances_G0: tuple[float, float] | None = None,
    periodic: Sequence[Across] = (),
) -> None:
    """Write ``model.json`` into a run folder.

    Parameters
    ----------
    folder : Path
        The run folder.
    descriptor, regressor : Selection
        What the model takes frames through; no descriptor where the regressor takes frames.
    models : sequence of Path
        Folders of the regressors' ``save`` below the run folder: one, or the members of a committee.
    recalibration : Recalibration or None
        Of the standard deviation of a committee.
    domain : Path or None
        File of :meth:`sharvin_studies.fitted_model.applicability_domain.Domain.save` below the run folder.
    elements : sequence of str
        Chemical symbols of the training frames.
    atoms : (int, int)
        Atoms of the smallest and of the largest training frame.
    validation_mae_G0 : float or None
        Error in the validation set, in G0.
    held_out : HeldOutError, optional
        Error in the test set.
    conductances_G0 : (float, float), optional
        Lowest and highest conductance that it learnt from.
    periodic : sequence of (bool, bool)
        Along which of the transverse cell vectors the training wires are periodic; each kind once.
    """

    def relative(path: Path) -> str:
        return Path(os.path.relpath(path, folder)).as_posix()

    content = {
        "format": FORMAT,
        "descriptor": None if descriptor is None else _record(descriptor),
        "regressor": _record(regressor),
        "model": relative(models[0]),
        **({"members": [relative(path) for path in models]} if len(models) > 1 else {}),
        "recalibration": None if recalibration is None else {"a": recalibration.a, "b_G0": recalibration.b},
        "elements": list(elements),
        "domain": None if domain is None else relative(domain),
        "validation_mae_G0": validation_mae_G0,
        "held_out": None if held_out is None else asdict(held_out),
        "conductances_G0": None if conductances_G0 is None else list(conductances_G0),
        "periodic": [list(kind) for kind in periodic],
        "atoms": list(atoms),
    }
    write_json(folder / FILE, content)


def _record(chosen: Selection) -> dict[str, Any]:
    return {"use": chosen.name, **chosen.options.model_dump(mode="json")}


@dataclass(frozen=True, eq=False)
class Judged:
    """Predictions, and the score of each frame in the training distribution, float64[n]; above 1 is outside."""

    prediction: Prediction
    scores: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model with all it needs to predict frames.

    Parameters
    ----------
    descriptor : Descriptor or None
        None where the regressors take frames.
    members : sequence of Regressor
        One, or several that are averaged by :func:`sharvin_studies.fitted_model.committee.combine`.
    domain : Domain or None
        The training distribution.
    elements : tuple of str
        Chemical symbols that it was trained on.
    atoms : (int, int)
        Atoms of the smallest and of the largest training frame.
    validation_mae_G0 : float or None
        Error in the validation set, which ended the training or chose its settings.
    recalibration : Recalibration, optional
        Of the standard deviation of a committee.
    held_out : HeldOutError or None
        Error in the test set; None if the run does not state it.
    conductances_G0 : (float, float) or None
        Lowest and highest conductance that it learnt from.
    periodic : tuple of (bool, bool)
        Along which of the transverse cell vectors the training wires are periodic; empty if that is not known.
    """

    descriptor: Descriptor | None
    members: Sequence[Regressor]
    domain: Domain | None
    elements: tuple[str, ...]
    atoms: tuple[int, int]
    validation_mae_G0: float | None
    recalibration: Recalibration | None = None
    held_out: HeldOutError | None = None
    conductances_G0: tuple[float, float] | None = None
    periodic: tuple[Across, ...] = ()

    @property
    def error_G0(self) -> float | None:
        """Mean absolute error: of the test set, or of the validation set where there is no test set."""
        return self.validation_mae_G0 if self.held_out is None else self.held_out.mae_G0

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> FittedModel:
        """The model of a finished run.

        Parameters
        ----------
        folder : Path
            The run folder.
        device : str, optional
            Where the regressor computes, if it has an option ``device``; default what it was trained on.

        Raises
        ------
        InputError
            If the folder is no run folder, its run is not finished or has no such model, or the model cannot be built or read.
        """
        content = _description(folder)
        try:
            descriptor, regressor, scaled = content["descriptor"], dict(content["regressor"]), content["recalibration"]
            if device is not None:
                regressor["device"] = device
                _require_device(regressor["use"])
            members = []
            for place in content.get("members", [content["model"]]):
                members.append(_built("regressors", regressor))
                members[-1].load(folder / place)
            return cls(
                None if descriptor is None else _built("descriptors", descriptor),
                members,
                None if content["domain"] is None else Domain.load(folder / content["domain"]),
                tuple(content["elements"]),
                (int(content["atoms"][0]), int(content["atoms"][1])),
                None if content["validation_mae_G0"] is None else float(content["validation_mae_G0"]),
                None if scaled is None else Recalibration(float(scaled["a"]), float(scaled["b_G0"])),
                HeldOutError(**content["held_out"]) if content.get("held_out") else _held_out_in_results(folder),
                None if not (limits := content.get("conductances_G0")) else (float(limits[0]), float(limits[1])),
                tuple((bool(x), bool(y)) for x, y in content.get("periodic", ())),
            )
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise InputError(f"{folder / FILE} is damaged ({type(error).__name__}: {error}); run the study again.") from None

    def predict(self, frames: Frames) -> Judged:
        """Conductances of frames in G0, and how far the frames are from those of the training.

        Raises
        ------
        InputError
            If an element was not in the training, or the descriptor or the regressors cannot take the frames.
        ItemError
            If a frame is broken: atoms at one place, positions that are not numbers; or the model returns what is no prediction.
        """
        self.require_elements(frames)
        samples: Samples = frames if self.descriptor is None else features_of(self.descriptor, frames)
        prediction = combine([prediction_of(member, samples) for member in self.members])
        if self.recalibration is not None:
            prediction = self.recalibration.apply(prediction)
        return Judged(prediction, None if self.domain is None else self.domain.scores(samples))

    def require_elements(self, frames: Frames) -> None:
        """Raise :class:`~sharvin.errors.InputError` if an element was not in the training."""
        unseen = [symbol for symbol in frames.species() if symbol not in self.elements]
        if unseen:
            raise InputError(
                f"the model was trained on {', '.join(self.elements)} and knows nothing of {', '.join(unseen)}; "
                "train one on wires that hold it."
            )


def _description(folder: Path) -> dict[str, Any]:
    """Content of ``model.json`` of a finished run."""
    if not (folder / "config.yaml").is_file():
        raise InputError(f"{folder} is no run folder: it has no config.yaml; name a folder that sharvin run made.")
    if not (folder / "results.json").is_file():
        raise InputError(f"the run in {folder} is not finished; run sharvin run with its config again to finish it.")
    if not (folder / FILE).is_file():
        if read_json(folder / "results.json").get("exact_production"):
            raise InputError(
                f"the run in {folder} has no model: it labelled every snapshot and fitted nothing (regressor: null); name a run "
                "with a regressor."
            )
        raise InputError(
            f"the run in {folder} has no {FILE}: only break_junction runs give a model for frames; "
            "one of an earlier version gives it when it is run again."
        )
    content = read_json(folder / FILE)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{folder / FILE} was written by another version of sharvin; run the study again.")
    return content


def _held_out_in_results(folder: Path) -> HeldOutError | None:
    """Error in the test set of a run whose ``model.json`` does not hold it, as earlier versions wrote it."""
    from sharvin_studies.break_junction.configs import HELD_OUT

    try:
        own = read_json(folder / "results.json")["models"][0]
        found = own["errors"][HELD_OUT]
        by = "sample" if own["split_by"] == "snapshot" else "group"
        return HeldOutError(float(found["mae_G0"]), int(found["pulls"]), int(found["snapshots"]), by)
    except (KeyError, TypeError, IndexError, ValueError):
        return None


def _built(kind: str, chosen: dict[str, Any]) -> Any:
    options = {key: value for key, value in chosen.items() if key != "use"}
    return registry().build(kind, chosen["use"], options)


def _require_device(regressor: str) -> None:
    if "device" not in registry().options_model(registry().find("regressors", regressor)).model_fields:
        raise InputError(f"the regressor {regressor} computes in one place only; leave --device out.")
