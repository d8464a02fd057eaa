"""What regressors require of their samples and targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.samples import Dataset, FeatureRows, Features, Images, Samples


def require_features(samples: Samples, name: str, kinds: tuple[str, ...], size: int | None = None) -> FeatureRows:
    """Return the samples, checked to be features of one of the kinds and, where given, of this row size.

    No row is read, for it may cost as much to compute as to predict from; see :func:`rows_of`.

    Raises
    ------
    InputError
        If they are not.
    """
    if not isinstance(samples, FeatureRows) or samples.kind not in kinds:
        raise InputError(f"{name} takes samples of kind {' or '.join(kinds)}, not {samples.kind}; choose another descriptor.")
    if size is not None and samples.size != size:
        raise InputError(
            f"{name} was trained on {size} features per row and got {samples.size}; use the descriptor options of the training."
        )
    return samples


def rows_of(features: FeatureRows, index: int, name: str) -> NDArray[np.floating]:
    """Rows of one structure.

    Raises
    ------
    InputError
        If there are none.
    """
    rows = features.rows(index)
    if not len(rows):
        raise InputError(f"{name}: structure {index} has no atoms.")
    return rows


def structure_of(features: FeatureRows, index: int, name: str) -> Features:
    """One structure, in memory.

    Raises
    ------
    InputError
        If it has no atoms.
    """
    structure = features.structure(index)
    if not len(structure.values):
        raise InputError(f"{name}: structure {index} has no atoms.")
    return structure


def require_finite(predicted: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return predictions, checked to be numbers; the features are to blame where they are not, for a model's weights are finite.

    Raises
    ------
    InputError
        If a prediction is not finite.
    """
    wrong = np.flatnonzero(~np.isfinite(predicted))
    if len(wrong):
        raise InputError(f"{name}: structure {wrong[0]} has features that are not finite, or huge; describe it again.")
    return predicted


def require_datasets(data: Dataset, validation: Dataset, name: str, kinds: tuple[str, ...]) -> tuple[FeatureRows, FeatureRows]:
    """Return the features of both sets, checked to be usable for a fit.

    Raises
    ------
    InputError
        If a set is empty, a target is not finite, or features are of the wrong kind or size.
    """
    _require_targets(data, validation, name)
    features = require_features(data.samples, name, kinds)
    return features, require_features(validation.samples, name, (features.kind,), features.size)


def require_images(samples: Samples, name: str, shape: tuple[int, int] | None = None) -> Images:
    """Return the samples, checked to be images of finite energies and, where given, of this shape.

    Raises
    ------
    InputError
        If they are not.
    """
    if not isinstance(samples, Images):
        raise InputError(f"{name} takes samples of kind image, not {samples.kind}; choose another regressor.")
    if samples.values.ndim != 3 or 0 in samples.values.shape[1:]:
        raise InputError(f"{name}: images need an array [n, length, width], not one of shape {list(samples.values.shape)}.")
    if shape is not None and samples.values.shape[1:] != shape:
        wanted, found = ("×".join(map(str, sizes)) for sizes in (shape, samples.values.shape[1:]))
        raise InputError(f"{name} was trained on images of {wanted} sites and got {found}; train another model for them.")
    for index, image in enumerate(samples.values):
        if not np.isfinite(image).all():
            raise InputError(f"{name}: image {index} holds on-site energies that are not finite.")
    return samples


def require_image_datasets(data: Dataset, validation: Dataset, name: str) -> tuple[Images, Images]:
    """Return the images of both sets, checked to be usable for a fit.

    Raises
    ------
    InputError
        If a set is empty, a target or an energy is not finite, or samples are no images or of different sizes.
    """
    _require_targets(data, validation, name)
    images = require_images(data.samples, name)
    return images, require_images(validation.samples, name, (images.values.shape[1], images.values.shape[2]))


def _require_targets(data: Dataset, validation: Dataset, name: str) -> None:
    for dataset, role in ((data, "training"), (validation, "validation")):
        if len(dataset) == 0:
            raise InputError(f"{name}: the {role} set is empty.")
        wrong = np.flatnonzero(~np.isfinite(dataset.targets))
        if len(wrong):
            raise InputError(
                f"{name}: {len(wrong)} of {len(dataset)} {role} targets are not finite, the first is sample {wrong[0]}; "
                "leave these samples out."
            )


def require_frames(samples: Samples, name: str) -> Frames:
    """Return the samples, checked to be structures.

    Raises
    ------
    InputError
        If they are not.
    """
    if not isinstance(samples, Frames):
        raise InputError(f"{name} takes the structures themselves, not samples of kind {samples.kind}; leave the descriptor out.")
    return samples


def require_frame_datasets(data: Dataset, validation: Dataset, name: str) -> tuple[Frames, Frames]:
    """Return the structures of both sets, checked to be usable for a fit.

    Raises
    ------
    InputError
        If a set is empty, a target is not finite, or samples are no structures.
    """
    _require_targets(data, validation, name)
    return require_frames(data.samples, name), require_frames(validation.samples, name)
