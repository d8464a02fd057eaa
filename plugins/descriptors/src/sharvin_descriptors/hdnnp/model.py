r"""What a high-dimensional neural-network potential consists of.

.. math:: E = \sum_i \Big[ s\, N_{Z_i}(\hat G_i) + e_{Z_i} \Big], \qquad \hat G = f\,G + h

with one network N per element, its symmetry functions G (J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007)), a
linear scaling of each function, an energy scale s and an energy e of the free atom or of the mean of the training data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from sharvin.errors import InputError

from sharvin_descriptors.hdnnp.networks import Network, Topology
from sharvin_descriptors.symmetry_functions.definitions import AtomFunction

Floats = NDArray[np.float64]
ScalingMode = Literal["none", "scale", "center", "scale_center", "sigma"]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Statistics of an element's symmetry functions in the training data, and how they scale the functions.

    Parameters
    ----------
    mode : str
        ``scale`` maps the smallest and largest value to `low` and `high`; ``center`` subtracts the mean; ``scale_center`` does
        both, ``sigma`` with the standard deviation as the unit; ``none``.
    minimum, maximum, mean, sigma : float64[n_functions]
    low, high : float
    """

    mode: ScalingMode
    minimum: Floats
    maximum: Floats
    mean: Floats
    sigma: Floats
    low: float = 0.0
    high: float = 1.0

    @cached_property
    def factor(self) -> Floats:
        """Factor f of each function; 0 for one that is constant in the training data."""
        if self.mode in ("none", "center"):
            return np.ones_like(self.mean)
        width = self.sigma if self.mode == "sigma" else self.maximum - self.minimum
        with np.errstate(divide="ignore"):
            return np.where(width > 0.0, (self.high - self.low) / width, 0.0)

    @cached_property
    def shift(self) -> Floats:
        """Addend h of each function."""
        if self.mode == "none":
            return np.zeros_like(self.mean)
        if self.mode == "center":
            return -self.mean
        origin = self.minimum if self.mode == "scale" else self.mean
        return self.low - self.factor * origin


@dataclass(frozen=True, eq=False)
class ElementModel:
    """The atoms of one element.

    Parameters
    ----------
    number : int
        Atomic number.
    functions : tuple of AtomFunction
        In n2p2's order.
    scaling : Scaling
    topology : Topology
    weights : float64[n_weights]
    energy_eV : float
        e of an atom of this element.
    """

    number: int
    functions: tuple[AtomFunction, ...]
    scaling: Scaling
    topology: Topology
    weights: Floats
    energy_eV: float

    @cached_property
    def network(self) -> Network:
        """The network, for training."""
        return Network(self.topology, self.weights)

    @property
    def symbol(self) -> str:
        """Chemical symbol."""
        return str(chemical_symbols[self.number])


@dataclass(frozen=True, eq=False)
class HdnnpModel:
    """A potential.

    Parameters
    ----------
    elements : tuple of ElementModel
        In the order of their atomic numbers.
    energy_scale_eV : float
        s.
    closest_A : float
        Shortest distance of two atoms in the training data; 0 where it is not known.
    """

    elements: tuple[ElementModel, ...]
    energy_scale_eV: float
    closest_A: float = 0.0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Atomic numbers of the elements."""
        return tuple(element.number for element in self.elements)

    @property
    def cutoff_A(self) -> float:
        """Largest cutoff of any function."""
        return max(function.cutoff_A for element in self.elements for function in element.functions)

    @property
    def weights(self) -> Floats:
        """Weights of all elements, one after the other."""
        return np.concatenate([element.weights for element in self.elements])

    def with_weights(self, weights: Floats) -> HdnnpModel:
        """The same potential with other weights, as :attr:`weights` gives them."""
        return self.seeing(weights.copy())

    def seeing(self, weights: Floats) -> HdnnpModel:
        """The same potential with other weights, which are not copied: a change in place changes the potential."""
        ends = np.cumsum([element.topology.n_weights for element in self.elements])[:-1]
        parts = zip(self.elements, np.split(weights, ends), strict=True)
        return replace(self, elements=tuple(replace(element, weights=part) for element, part in parts))

    def require_elements(self, numbers: NDArray[np.int64]) -> None:
        """Refuse structures with other elements.

        Raises
        ------
        InputError
        """
        unknown = sorted({int(z) for z in np.unique(numbers)} - set(self.numbers))
        if unknown:
            known = ", ".join(element.symbol for element in self.elements)
            symbols = ", ".join(chemical_symbols[z] for z in unknown)
            raise InputError(f"the structure holds {symbols}, and this neural-network potential was trained for {known} only.")


def require_same_descriptors(members: Sequence[HdnnpModel]) -> None:
    """Refuse a committee whose members do not have the same symmetry functions and topology.

    Raises
    ------
    InputError
    """
    first = members[0]
    for number, other in enumerate(members[1:], start=2):
        if other.numbers != first.numbers:
            raise InputError(
                f"member {number} of the committee is for other elements than the first; a committee has the same ones."
            )
        for one, two in zip(first.elements, other.elements, strict=True):
            if one.functions != two.functions:
                raise InputError(
                    f"member {number} of the committee has other symmetry functions of {one.symbol} than the first; a committee "
                    "has the same ones."
                )
            if one.topology != two.topology:
                raise InputError(
                    f"member {number} of the committee has a network of another shape for {one.symbol} than the first."
                )
