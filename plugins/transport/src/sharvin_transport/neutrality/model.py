r"""On-site shifts of local charge neutrality, predicted from each atom's surroundings.

Screening in a metal acts within an atom's distance, so the shift of an atom depends on the atoms around it. Around atom i the
neighbours of element a have the moments and the power spectrum (A. P. Bartók, R. Kondor and G. Csányi, Phys. Rev. B 87, 184115
(2013)), written with Legendre polynomials by the addition theorem,

.. math:: \rho_{an} = \sum_{j \in a} R_n(r_{ij}), \quad
          p_{anbml} = \sum_{j \in a,\, k \in b} R_n(r_{ij})\, P_l(\cos\theta_{jik})\, R_m(r_{ik}),

R_n Gaussians on a grid of distances, times a cutoff. The shift is a sum of Matérn 5/2 kernels between these features x_i, of the
square roots of |p| with their signs, and those of a few hundred of the atoms learnt from, atoms of one element with each other
only:

.. math:: U_i - E_F = \bar u + \sum_c w_c\, k(x_i, x_c), \quad
          w = \arg\min_w \lVert K_{nm} w - (U - E_F - \bar u) \rVert^2 + \lambda\, w^T K_{mm} w

with the Fermi energy of the leads, because :math:`H + U S - E_F S` depends on the difference alone: so what is learnt holds
beside electrodes of any lattice constant (subset of regressors: J. Quiñonero-Candela and C. E. Rasmussen, J. Mach. Learn. Res. 6,
1939 (2005)).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sharvin.errors import InputError
from sharvin.numerics.farthest_points import farthest_points
from sharvin.runs.atomic import write_bytes

from sharvin_transport.neutrality.power_spectrum import power_spectrum
from sharvin_transport.slater_koster.near_pairs import near_pairs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
CUTOFF_A = 6.0
_RADIAL = 6
_NEAREST_A = 2.2
_CENTRES = 1000
_NOISE = 1e-3
"""Variance of what the features do not tell, relative to that of the kernel."""
_EQUAL_DIGITS = 6
"""Features that agree so far are those of equal surroundings."""
_ARRAYS = (
    "elements",
    "cutoff_A",
    "mean",
    "spread",
    "length",
    "centres",
    "centre_element",
    "weights",
    "mean_shift_eV",
    "from_fermi_energy",
)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A structure and the atoms in it whose shifts are asked for: int64[n] `chosen`, numbers in `numbers`; positions in Å.

    `fermi_energy_eV` is that of the leads.
    """

    numbers: Integers
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    chosen: Integers
    fermi_energy_eV: float = 0.0


class NeutralityModel:
    """Shifts of atoms as a function of their surroundings.

    Parameters
    ----------
    arrays : mapping of str to array
        As :meth:`learn` makes them.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self._squares = (arrays["centres"] ** 2).sum(axis=1)

    @classmethod
    def learn(cls, structures: Sequence[Surroundings], shifts: Sequence[Floats], reach_A: float) -> NeutralityModel:
        """From structures and the shifts float64[n] in eV of their chosen atoms; equal arguments give an equal model.

        `reach_A` bounds the cutoff: the principal layers stand for the leads up to that distance only.
        """
        model, features, element = cls._prepared(structures, reach_A, _CENTRES, from_fermi_energy=True)
        values = np.concatenate([own - one.fermi_energy_eV for one, own in zip(structures, shifts, strict=True)])
        mean = values.mean()
        between, among = model._kernel(features, element), model.prior
        normal = between.T @ between + _NOISE * among
        normal[np.diag_indices_from(normal)] += 1e-10 * np.trace(normal)
        return model.with_weights(solve(normal, between.T @ (values - mean), assume_a="pos"), mean)

    @classmethod
    def blank(cls, structures: Sequence[Surroundings], reach_A: float, centres: int) -> NeutralityModel:
        """A model of these structures' surroundings whose shifts are zero; at most so many centres."""
        return cls._prepared(structures, reach_A, centres, from_fermi_energy=False)[0]

    @classmethod
    def _prepared(
        cls, structures: Sequence[Surroundings], reach_A: float, most_centres: int, from_fermi_energy: bool
    ) -> tuple[NeutralityModel, Floats, Integers]:
        """A model without weights, and the features and elements that its centres were chosen from."""
        elements = np.unique(np.concatenate([one.numbers for one in structures]))
        cutoff = min(CUTOFF_A, reach_A)
        raw = np.concatenate([_features(one, elements, cutoff) for one in structures])
        element = np.concatenate([one.numbers[one.chosen] for one in structures])
        mean = raw.mean(axis=0)
        # one scale for all, so that the features keep their weights against each other
        spread = np.sqrt(((raw - mean) ** 2).mean(axis=0).max()) or 1.0
        features = (raw - mean) / spread
        length = np.sqrt((features**2).sum(axis=1).mean()) or 1.0
        centres, _ = farthest_points(features, most_centres)
        arrays = {
            "elements": elements,
            "cutoff_A": np.array(cutoff),
            "mean": mean,
            "spread": np.array(spread),
            "length": np.array(length),
            "centres": features[centres],
            "centre_element": element[centres],
            "mean_shift_eV": np.array(0.0),
            "weights": np.zeros(len(centres)),
            "from_fermi_energy": np.array(from_fermi_energy),
        }
        return cls(arrays), features, element

    def with_centres_of(self, structures: Sequence[Surroundings]) -> NeutralityModel:
        """The same shifts with further centres behind the others: the surroundings of the chosen atoms, equal ones once.

        Raises
        ------
        InputError
            If a structure has elements that the model has not seen.
        """
        arrays = self._arrays
        features = np.concatenate([self._scaled_features(one) for one in structures])
        element = np.concatenate([one.numbers[one.chosen] for one in structures])
        keyed = np.column_stack([element, np.round(features, _EQUAL_DIGITS)])
        kept = np.sort(np.unique(keyed, axis=0, return_index=True)[1])
        grown = {
            "centres": np.concatenate([arrays["centres"], features[kept]]),
            "centre_element": np.concatenate([arrays["centre_element"], element[kept]]),
            "weights": np.concatenate([arrays["weights"], np.zeros(len(kept))]),
        }
        return NeutralityModel({**arrays, **grown})

    @property
    def elements(self) -> Integers:
        """Atomic numbers that the model has seen."""
        return self._arrays["elements"]

    @property
    def weights(self) -> Floats:
        """Weights of the kernels, float64[centres]."""
        return self._arrays["weights"]

    @property
    def mean_shift_eV(self) -> float:
        """What the kernels add to, from the Fermi energy where the model was learnt from shifts."""
        return float(self._arrays["mean_shift_eV"])

    @property
    def prior(self) -> Floats:
        """Kernels of the centres with each other, float64[centres, centres]."""
        # a copy, because numpy rounds the product of an array with its own transpose in another way than other products
        return self._kernel(self._arrays["centres"].copy(), self._arrays["centre_element"])

    def with_weights(self, weights: Floats, mean_shift_eV: float) -> NeutralityModel:
        """The same kernels with these weights float64[centres]."""
        return NeutralityModel({**self._arrays, "weights": np.asarray(weights), "mean_shift_eV": np.array(mean_shift_eV)})

    def shifts(self, structure: Surroundings) -> Floats:
        """Shifts float64[n] in eV of the chosen atoms.

        Raises
        ------
        InputError
            If the structure has elements that the model has not seen.
        """
        return self.shifts_by(self.kernels(structure), structure)

    def shifts_by(self, kernels: Floats, structure: Surroundings) -> Floats:
        """Shifts float64[n] in eV of the chosen atoms from their :meth:`kernels` float64[n, centres]."""
        level = structure.fermi_energy_eV if self._arrays["from_fermi_energy"] else 0.0
        return np.asarray(self._arrays["mean_shift_eV"] + level + kernels @ self._arrays["weights"])

    def kernels(self, structure: Surroundings) -> Floats:
        """Kernels of the chosen atoms with the centres, float64[n, centres].

        Raises
        ------
        InputError
            If the structure has elements that the model has not seen.
        """
        return self._kernel(self._scaled_features(structure), structure.numbers[structure.chosen])

    def _scaled_features(self, structure: Surroundings) -> Floats:
        arrays = self._arrays
        unknown = np.setdiff1d(structure.numbers, arrays["elements"])
        if len(unknown):
            raise InputError(
                f"the neutrality model has learnt from atomic numbers {arrays['elements'].tolist()}, the structure also has "
                f"{unknown.tolist()}; use charge_neutrality: local, or a model that has learnt from these elements."
            )
        raw = _features(structure, arrays["elements"], float(arrays["cutoff_A"]))
        return np.asarray((raw - arrays["mean"]) / arrays["spread"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the model is made of."""
        return dict(self._arrays)

    def save(self, path: Path, origin: str) -> None:
        """Write an .npz file; `origin` says which Hamiltonian the shifts belong to."""
        archive = io.BytesIO()
        np.savez(archive, origin=np.array(origin), **self._arrays)
        write_bytes(path, archive.getvalue())

    @classmethod
    def load(cls, path: Path, origin: str) -> NeutralityModel:
        """The saved model.

        Raises
        ------
        InputError
            If the file is no such model, or its shifts belong to another Hamiltonian.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if "learnt" in file.files:
                    raise InputError(
                        f"{path} holds more than shifts of atoms, which slater_koster cannot take; learn onsite alone, without "
                        "charge_neutrality: local, and give the neutrality.npz that is then written."
                    )
                arrays = {name: file[name] for name in (*_ARRAYS, "origin")}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InputError(f"{path} is no neutrality model ({error}); use a neutrality.npz that a study has written.") from None
        found = str(arrays.pop("origin"))
        if found != origin:
            raise InputError(f"the neutrality model {path} was learnt with {found}, not with {origin}; learn it anew.")
        return cls(arrays)

    def _kernel(self, features: Floats, element: Integers) -> Floats:
        """Matérn 5/2 kernel float64[n, centres]."""
        centres = self._arrays["centres"]
        r = features @ centres.T
        r *= -2.0
        r += (features**2).sum(axis=1)[:, None]
        r += self._squares
        np.sqrt(np.maximum(r, 0.0, out=r), out=r)
        r *= np.sqrt(5.0) / self._arrays["length"]
        kernel = r / 3.0
        kernel += 1.0
        kernel *= r
        kernel += 1.0
        kernel *= np.exp(np.negative(r, out=r), out=r)
        if len(self._arrays["elements"]) > 1:
            kernel *= element[:, None] == self._arrays["centre_element"]
        return np.asarray(kernel)


def _features(structure: Surroundings, elements: Integers, cutoff: float) -> Floats:
    """Moments and square roots of the power spectrum, float64[n_chosen, features]."""
    n, chosen = len(structure.numbers), structure.chosen
    place = np.full(n, -1)
    place[chosen] = np.arange(len(chosen))
    # pairs of two atoms that are not asked for are left out
    pairs = near_pairs(structure.positions, structure.cell, structure.pbc, cutoff, np.where(place < 0, 1, 0))
    row = np.concatenate([place[pairs.first], place[pairs.second]])
    neighbour = np.concatenate([pairs.second, pairs.first])
    unit, radial = pairs.vector / pairs.distance[:, None], _radial(pairs.distance, cutoff)
    wanted = np.flatnonzero(row >= 0)
    kind = np.searchsorted(elements, structure.numbers[neighbour[wanted]])
    radial, direction = np.concatenate([radial, radial])[wanted], np.concatenate([unit, -unit])[wanted]
    moments, power = power_spectrum(row[wanted], kind, radial, direction, len(chosen), len(elements))
    roots = np.sign(power) * np.sqrt(np.abs(power))
    return np.concatenate([moments, roots.reshape(len(chosen), power.shape[1] * power.shape[2])], axis=1)


def _radial(distance: Floats, cutoff: float) -> Floats:
    """Radial functions float64[n, 6]; far neighbours weigh less, as the atoms between screen them."""
    grid = np.linspace(_NEAREST_A, cutoff - 0.4, _RADIAL)
    weight = 0.5 * (1.0 + np.cos(np.pi * distance / cutoff)) / (1.0 + (distance / 3.0) ** 4)
    return np.asarray(weight[:, None] * np.exp(-0.5 * ((distance[:, None] - grid) / (grid[1] - grid[0])) ** 2))
