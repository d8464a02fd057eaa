r"""Whether a structure lies among those that a model learnt from: how far its atoms are from the training environments.

Rows of features :math:`z`, centred and in units of the largest spread of a feature, are seen along the principal components
:math:`P` of the training rows, with the length of what these leave out as one coordinate more,

.. math:: y = (P z, \lVert z - P^{\mathsf T} P z \rVert), \qquad \lVert y - y' \rVert \le \lVert z - z' \rVert ,

so a row that is far away in :math:`y` is at least as far away in all features (the last coordinate is the root of the Q statistic
of J. E. Jackson and G. S. Mudholkar, Technometrics 21, 341 (1979)). The distance to the nearest training environment tells how
far a prediction is extrapolated (J. P. Janet et al., Chem. Sci. 10, 7913 (2019)). What is far depends on where it is:
environments of the bulk differ little, those of a thinning neck by much. So the score of a structure is

.. math:: \max_a \lVert y_a - y_{t(a)} \rVert / (\rho_{t(a)} \tau) ,

with the nearest environment :math:`t(a)`, the largest distance :math:`\rho_t` at which training atoms around it are found from
those of other trajectories, and τ such that 99 % of the held-out structures have a score below 1.

The environments :math:`y_t` are some thousand rows that cover all others, by farthest-point sampling (T. F. Gonzalez, Theor.
Comput. Sci. 38, 293 (1985); G. Imbalzano et al., J. Chem. Phys. 148, 241730 (2018)), taken from one structure at a time: memory
does not grow with the training set. Models without a descriptor take the radial functions of
:mod:`sharvin_studies.fitted_model.radial_environments`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.spatial import cKDTree
from sharvin.errors import InputError
from sharvin.frames import Frames
from sharvin.numerics.farthest_points import farthest_points
from sharvin.samples import Dataset, FeatureRows, Samples
from sharvin.store import read_table, write_table

from sharvin_studies.fitted_model.radial_environments import RadialEnvironments

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FORMAT = 1
COMPONENTS = 32
ENVIRONMENTS = 4000
QUANTILE = 0.99
STRUCTURES = 1000
"""Training structures that are looked at, drawn at random from larger sets; as many held-out ones at most."""
ROWS_OF_COMPONENTS = 20_000
"""Training rows whose principal components are taken."""
AROUND = 16
"""Environments around one, itself included, whose training atoms say what is usual there …"""
FEW = 20
"""… if there are as many of them as this; else all training atoms do."""
NOISE = 1e-6
"""Distances, in units of the largest spread of a feature, that rounding makes."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Coordinates in which environments are compared.

    Parameters
    ----------
    mean : float64[size]
    inverse_spread : float
        Of the feature that varies most.
    components : float64[n_components, size]
        Orthonormal rows.
    """

    mean: Floats
    inverse_spread: float
    components: Floats

    @classmethod
    def of(cls, rows: FeatureRows, rng: np.random.Generator) -> Projection:
        """Principal components of rows from many structures, which are taken to be in random order."""
        structures = range(min(len(rows), ROWS_OF_COMPONENTS if rows.kind == "per_structure" else 200))
        each = -(-ROWS_OF_COMPONENTS // len(structures))
        drawn = (rows.rows(i) for i in structures)
        x = np.concatenate([some[np.sort(rng.permutation(len(some))[:each])] for some in drawn]).astype(np.float64)
        if not len(x) or not np.isfinite(x).all():
            raise InputError("the training samples hold no features, or features that are not finite.")
        inverse_spread = 1.0 / (float(x.std(0).max()) or 1.0)
        z = (x - x.mean(0)) * inverse_spread
        size = z.shape[1]
        vectors = eigh(z.T @ z, subset_by_index=(max(size - min(COMPONENTS, len(z)), 0), size - 1))[1]
        return cls(x.mean(0), inverse_spread, np.ascontiguousarray(vectors.T[::-1]))

    def __call__(self, rows: NDArray[np.floating]) -> Floats:
        """Coordinates of the rows [n, size] of one structure, float64[n, n_components + 1]."""
        z = (rows.astype(np.float64) - self.mean) * self.inverse_spread
        along = z @ self.components.T
        left_out = np.sqrt(np.maximum((z**2).sum(1) - (along**2).sum(1), 0.0))
        return np.column_stack([along, left_out])


@dataclass(frozen=True, eq=False)
class Domain:
    """The training distribution of a model.

    Parameters
    ----------
    kind : str
        ``per_atom``, ``per_structure`` or ``graph``, that of the samples.
    projection : Projection
    environments : float64[n, n_components + 1]
        Training environments.
    usual : float64[n]
        Distance from each environment that is usual there, times τ: at a score of 1.
    described : RadialEnvironments, optional
        What describes frames where the model takes frames themselves.
    """

    kind: str
    projection: Projection
    environments: Floats
    usual: Floats
    described: RadialEnvironments | None = None
    _tree: cKDTree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tree", cKDTree(self.environments))

    @classmethod
    def learn(cls, data: Dataset, validation: Dataset, rng: np.random.Generator) -> Domain:
        """The distribution of training samples; how far from them is usual, from held-out ones.

        A sample is compared with the environments of other groups, if there are any. So a split by sample, with neighbours of
        a held-out frame among the training samples, does not make new trajectories look strange; what is usual is then one
        distance everywhere, as only trajectories that the training never saw can test more than that.

        Parameters
        ----------
        data, validation : Dataset
            Features of any kind, read one structure at a time, or frames. Targets are not used.
        rng : numpy.random.Generator

        Raises
        ------
        InputError
            If a set is empty, the samples are images, or features are not finite.
        """
        if not len(data) or not len(validation):
            raise InputError("a training distribution needs training samples and held-out ones.")
        described = RadialEnvironments.of(data.samples) if isinstance(data.samples, Frames) else None
        training, held_out = _drawn(data, rng), _drawn(validation, rng)
        rows, tests = _rows(training.samples, described), _rows(held_out.samples, described)
        projection = Projection.of(rows, rng)
        projected = ((projection(rows.rows(i)), int(group)) for i, group in enumerate(training.groups))
        environments, groups, radius = _covering(projected, ENVIRONMENTS)
        found = _Others(environments, groups)
        usual = np.full(len(environments), max(radius, NOISE))
        if not np.isin(held_out.groups, training.groups).any():
            usual = np.maximum(_usual_distances(found, projection, rows, training.groups), usual)
        largest = []
        for i, group in enumerate(held_out.groups):
            nearest, distance = found(projection(tests.rows(i)), int(group))
            largest.append((distance / usual[nearest]).max(initial=0.0))
        tau = max(float(np.quantile(largest, QUANTILE)), NOISE)
        return cls(data.samples.kind, projection, environments, usual * tau, described)

    def scores(self, samples: Samples) -> Floats:
        """The largest score of an atom of each structure, float64[n]; above 1 is outside.

        Raises
        ------
        InputError
            If the samples are not of the kind or size of the training's.
        """
        if samples.kind != self.kind:
            raise InputError(f"the training distribution is of {self.kind} samples, not of {samples.kind}.")
        rows = _rows(samples, self.described)
        if rows.size != len(self.projection.mean):
            raise InputError(
                f"the training distribution is of {len(self.projection.mean)} features per row and got {rows.size}; "
                "use the descriptor options of the training."
            )
        return np.array([self.of_atoms(rows.rows(i)).max(initial=0.0) for i in range(len(rows))], dtype=np.float64)

    def of_atoms(self, rows: NDArray[np.floating]) -> Floats:
        """Score of each row [n, size] of one structure, float64[n]."""
        distance, nearest = self._tree.query(self.projection(rows))
        return np.asarray(distance / self.usual[nearest])

    def save(self, path: Path) -> None:
        """Write one HDF5 file."""
        projection = self.projection
        arrays = {
            "mean": projection.mean,
            "components": projection.components,
            "environments": self.environments,
            "usual": self.usual,
        }
        elements = None if self.described is None else list(self.described.elements)
        notes = {"format": FORMAT, "kind": self.kind, "inverse_spread": projection.inverse_spread, "elements": elements}
        write_table(path, arrays, notes)

    @classmethod
    def load(cls, path: Path) -> Domain:
        """The distribution saved in a file.

        Raises
        ------
        StoreError
            If there is no such file, or it is damaged.
        InputError
            If it has another format.
        """
        arrays, notes = read_table(path)
        if notes.get("format") != FORMAT:
            raise InputError(f"{path} is a training distribution of another version of sharvin; run the study again.")
        projection = Projection(arrays["mean"], notes["inverse_spread"], arrays["components"])
        described = None if notes["elements"] is None else RadialEnvironments(tuple(notes["elements"]))
        return cls(notes["kind"], projection, arrays["environments"], arrays["usual"], described)


def _drawn(data: Dataset, rng: np.random.Generator) -> Dataset:
    """At most ``STRUCTURES`` samples, drawn at random, in random order."""
    return data.take(rng.permutation(len(data))[:STRUCTURES])


def _rows(samples: Samples, described: RadialEnvironments | None) -> FeatureRows:
    if described is not None and isinstance(samples, Frames):
        return described.describe(samples)  # a few numbers an atom
    if not isinstance(samples, FeatureRows):
        raise InputError(f"there is no training distribution of {samples.kind} samples.")
    return samples


class _Others:
    """The nearest environment of all, and the distance to the nearest one of other groups."""

    def __init__(self, environments: Floats, groups: Integers) -> None:
        self.environments, self.groups = environments, groups
        self.tree = cKDTree(environments)
        self._without: dict[int, cKDTree] = {}

    def __call__(self, rows: Floats, group: int) -> tuple[Integers, Floats]:
        if group not in self._without:
            others = self.environments[self.groups != group]
            self._without[group] = cKDTree(others) if 0 < len(others) < len(self.environments) else self.tree
        return np.asarray(self.tree.query(rows)[1]), np.asarray(self._without[group].query(rows)[0])


def _usual_distances(found: _Others, projection: Projection, rows: FeatureRows, groups: Integers) -> Floats:
    """Largest distance of training rows around each environment from the environments of other groups, float64[n]."""
    count = np.zeros(len(found.environments), dtype=np.int64)
    largest = np.zeros(len(found.environments))
    for i, group in enumerate(groups):
        nearest, distance = found(projection(rows.rows(i)), int(group))
        np.add.at(count, nearest, 1)
        np.maximum.at(largest, nearest, distance)
    around = found.tree.query(found.environments, k=np.arange(1, min(AROUND, len(count)) + 1))[1]
    return np.asarray(np.where(count[around].sum(1) < FEW, largest.max(), largest[around].max(1)))


def _covering(structures: Iterable[tuple[Floats, int]], count: int) -> tuple[Floats, Integers, float]:
    """At most `count` rows that cover all others, the group of each, and how far they reach; one structure at a time.

    Rows closer to one that is kept than the radius which the kept ones cover are let go; whenever three times `count` wait,
    farthest-point sampling chooses anew and the radius grows.
    """
    kept: list[Floats] = []
    groups: list[Integers] = []
    tree: cKDTree | None = None
    radius, waiting = 0.0, 0
    for rows, group in structures:
        if tree is not None:
            rows = rows[~np.isfinite(tree.query(rows, distance_upper_bound=radius)[0])]
        kept.append(rows)
        groups.append(np.full(len(rows), group, dtype=np.int64))
        waiting += len(rows)
        if waiting > 3 * count:
            chosen, radius = farthest_points(np.concatenate(kept), count)
            kept, groups = [np.concatenate(kept)[chosen]], [np.concatenate(groups)[chosen]]
            tree, waiting = cKDTree(kept[0]), len(chosen)
    chosen, reach = farthest_points(np.concatenate(kept), count)
    return np.concatenate(kept)[chosen], np.concatenate(groups)[chosen], max(radius, reach)
