r"""Feed-forward networks of one output: value, gradient, and gradients by the weights, for training and for dynamics.

Layer by layer :math:`a_l = (W_l^T x_{l-1} + b_l) / n_l`, :math:`x_l = \varphi_l(a_l)`; :math:`n_l` is 1, or the number of nodes
of the layer before where nodes are normalised. Weights lie in one vector, layer after layer, first W in the order of the layer
before, then b. This is the order of n2p2's files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharvin_descriptors.harmonics import compiled
from sharvin_descriptors.symmetry_functions.atom_space import vectorised

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ACTIVATIONS = {
    "linear": "l",
    "tanh": "t",
    "logistic": "s",
    "softplus": "p",
    "relu": "r",
    "gaussian": "g",
    "cos": "c",
    "reverse_logistic": "S",
    "exponential": "e",
    "harmonic": "h",
}
"""Names of the activation functions, and n2p2's letters."""
CODES = {letter: code for code, letter in enumerate(ACTIVATIONS.values())}
SATURATED = 35.0
"""n2p2 takes logistic and softplus functions for their limits beyond this argument."""


@dataclass(frozen=True)
class Topology:
    """Sizes and activation functions of a network.

    Parameters
    ----------
    sizes : tuple of int
        Nodes of the input, the hidden layers and the output, which is 1.
    activations : tuple of str
        n2p2's letters, of the hidden layers and the output.
    normalised : bool
        Whether the input of each node is divided by the number of nodes of the layer before.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    normalised: bool = False

    @cached_property
    def n_weights(self) -> int:
        """Weights and biases."""
        return sum((before + 1) * after for before, after in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @cached_property
    def codes(self) -> Integers:
        """Activation functions for compiled code."""
        return np.array([CODES[letter] for letter in self.activations], dtype=np.int64)

    @cached_property
    def size_array(self) -> Integers:
        """Sizes for compiled code."""
        return np.array(self.sizes, dtype=np.int64)

    def layers(self, weights: Floats) -> list[tuple[Floats, Floats, float]]:
        """W[n_before, n], b[n] and 1/n_l of each layer; views of the weights."""
        result, begin = [], 0
        for before, after in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            matrix = weights[begin : begin + before * after].reshape(before, after)
            begin += before * after
            result.append((matrix, weights[begin : begin + after], 1.0 / before if self.normalised else 1.0))
            begin += after
        return result

    def initial_weights(self, rng: np.random.Generator) -> Floats:
        """Uniform weights after X. Glorot and Y. Bengio, AISTATS 2010: within ± sqrt(6 / (n_before + n)); biases 0."""
        weights = np.zeros(self.n_weights)
        for matrix, _, scale in self.layers(weights):
            bound = np.sqrt(6.0 / sum(matrix.shape)) / scale
            matrix[:] = rng.uniform(-bound, bound, matrix.shape)
        return weights


class Network:
    """A network that computes with whole arrays of rows, for training.

    Parameters
    ----------
    topology : Topology
    weights : float64[n_weights]
        Seen, not copied: a change in place changes the network.
    """

    def __init__(self, topology: Topology, weights: Floats) -> None:
        self.topology = topology
        self.layers = [(*layer, letter) for layer, letter in zip(topology.layers(weights), topology.activations, strict=True)]

    def energies(self, rows: Floats) -> Floats:
        """Outputs for rows of inputs, float64[n]."""
        x = rows
        for matrix, bias, scale, letter in self.layers:
            x = activation(_argument(x, matrix, bias, scale), letter)[0]
        return x[:, 0]

    def energy_gradients(self, rows: Floats) -> tuple[Floats, Floats]:
        """Outputs float64[n], and their gradients by the inputs, float64[n, n_inputs]."""
        x, passed = rows, []
        for matrix, bias, scale, letter in self.layers:
            x, slope = activation(_argument(x, matrix, bias, scale), letter)
            passed.append(slope * scale)
        back = np.ones_like(x)
        for (matrix, *_), slope in zip(reversed(self.layers), reversed(passed), strict=True):
            back = (back * slope) @ matrix.T
        return x[:, 0], back

    def energy_by_weights(self, rows: Floats) -> tuple[float, Floats]:
        """Sum of the outputs of all rows, and its gradient by the weights, float64[n_weights]."""
        x, passed = rows, []
        for matrix, bias, scale, letter in self.layers:
            value, slope = activation(_argument(x, matrix, bias, scale), letter)
            passed.append((x, slope * scale))
            x = value
        gradient = np.empty(self.topology.n_weights)
        back = np.ones_like(x)
        parts = self.topology.layers(gradient)
        for (matrix, *_), (by_matrix, by_bias, _), (before, slope) in zip(
            reversed(self.layers), reversed(parts), reversed(passed), strict=True
        ):
            delta = back * slope
            np.matmul(before.T, delta, out=by_matrix)
            delta.sum(axis=0, out=by_bias)
            back = delta @ matrix.T
        return float(x.sum()), gradient

    def tangent(self, rows: Floats, directions: Floats) -> Tangent:
        """Derivatives of the outputs along directions of the inputs, both float64[n, n_inputs]."""
        return Tangent(self, rows, directions)


class Tangent:
    """A sweep forth with tangents, and one back through both (B. A. Pearlmutter, Neural Comput. 6, 147 (1994)).

    Attributes
    ----------
    slope : float
        Sum of the derivatives of the outputs along the directions.
    """

    def __init__(self, network: Network, rows: Floats, directions: Floats) -> None:
        self._network, self._passed = network, []
        x, dx = rows, directions
        for matrix, bias, scale, letter in network.layers:
            a = _argument(x, matrix, bias, scale)
            value, slope = activation(a, letter)
            da = dx @ matrix
            if scale != 1.0:
                da *= scale
            self._passed.append((x, dx, a, da, value, slope))
            x, dx = value, da * slope
        self.slope = float(dx.sum())

    def gradient(self) -> Floats:
        """Gradient of `slope` by the weights, float64[n_weights]."""
        network = self._network
        gradient = np.empty(network.topology.n_weights)
        last = self._passed[-1][4]
        by_x, by_dx = np.zeros_like(last), np.ones_like(last)
        parts = network.topology.layers(gradient)
        for (matrix, _, scale, letter), (by_matrix, by_bias, _), (x, dx, a, da, value, slope) in zip(
            reversed(network.layers), reversed(parts), reversed(self._passed), strict=True
        ):
            by_a = by_dx * da * curvature(a, value, slope, letter) + by_x * slope
            by_da = by_dx * slope
            if scale != 1.0:
                by_a, by_da = by_a * scale, by_da * scale
            np.matmul(x.T, by_a, out=by_matrix)
            by_matrix += dx.T @ by_da
            by_a.sum(axis=0, out=by_bias)
            by_x, by_dx = by_a @ matrix.T, by_da @ matrix.T
        return gradient


def _argument(x: Floats, matrix: Floats, bias: Floats, scale: float) -> Floats:
    a = x @ matrix
    a += bias
    if scale != 1.0:
        a *= scale
    return a


def activation(a: Floats, letter: str) -> tuple[Floats, Floats]:
    """Value and slope of an activation function."""
    if letter == "t":
        value = np.tanh(a)
        return value, 1.0 - value * value
    if letter == "l":
        return a, np.ones_like(a)
    if letter in ("s", "S"):
        value = 1.0 / (1.0 + np.exp(-np.clip(a, -SATURATED, SATURATED)))
        value = np.where(np.abs(a) <= SATURATED, value, (a > 0.0).astype(np.float64))
        slope = value * (1.0 - value)
        return (value, slope) if letter == "s" else (1.0 - value, -slope)
    if letter == "p":
        bounded, inside = np.clip(a, -SATURATED, SATURATED), np.abs(a) <= SATURATED
        value = np.where(inside, np.log(1.0 + np.exp(bounded)), np.maximum(a, 0.0))
        return value, np.where(inside, 1.0 / (1.0 + np.exp(-bounded)), (a > 0.0).astype(np.float64))
    if letter == "r":
        return np.maximum(a, 0.0), (a > 0.0).astype(np.float64)
    if letter == "g":
        value = np.exp(-0.5 * a * a)
        return value, -a * value
    if letter == "c":
        return np.cos(a), -np.sin(a)
    if letter == "e":
        value = np.exp(-a)
        return value, -value
    return a * a, 2.0 * a


def curvature(a: Floats, value: Floats, slope: Floats, letter: str) -> Floats:
    """Second derivative of an activation function, from its value and slope."""
    if letter == "t":
        return -2.0 * value * slope
    if letter in ("l", "r"):
        return np.zeros_like(a)
    if letter in ("s", "S"):
        return slope * (1.0 - 2.0 * value) * (1.0 if letter == "s" else -1.0)
    if letter == "p":
        return np.where(np.abs(a) <= SATURATED, slope * (1.0 - slope), 0.0)
    if letter == "g":
        return (a * a - 1.0) * value
    if letter == "c":
        return -value
    if letter == "e":
        return value
    return np.full_like(a, 2.0)


@compiled
def _activation(a: float, code: int) -> tuple[float, float]:
    """Value and slope; the codes are those of `CODES`."""
    if code == 1:
        small = np.exp(-2.0 * abs(a))  # tanh itself takes four times as long
        value = np.copysign((1.0 - small) / (1.0 + small), a)
        return value, 1.0 - value * value
    if code == 0:
        return a, 1.0
    if code in (2, 7):
        value = 1.0 / (1.0 + np.exp(-a)) if abs(a) <= SATURATED else (1.0 if a > 0.0 else 0.0)
        return (value, value * (1.0 - value)) if code == 2 else (1.0 - value, -value * (1.0 - value))
    if code == 3:
        if abs(a) > SATURATED:
            return max(a, 0.0), 1.0 if a > 0.0 else 0.0
        return np.log(1.0 + np.exp(a)), 1.0 / (1.0 + np.exp(-a))
    if code == 4:
        return max(a, 0.0), 1.0 if a > 0.0 else 0.0
    if code == 5:
        value = np.exp(-0.5 * a * a)
        return value, -a * value
    if code == 6:
        return np.cos(a), -np.sin(a)
    if code == 8:
        value = np.exp(-a)
        return value, -value
    return a * a, 2.0 * a


@vectorised
def energy_and_gradient(
    inputs: Floats, sizes: Integers, codes: Integers, normalised: bool, weights: Floats, space: Floats, gradient: Floats
) -> float:
    """Output for one row of inputs; its gradient by them is written to `gradient`.

    Parameters
    ----------
    inputs : float64[n_inputs]
    sizes, codes, normalised, weights
        Of a topology and its weights.
    space : float64[4, at least the widest layer × number of layers]
        Overwritten.
    gradient : float64[n_inputs]
    """
    values, slope, back, forth = space[0], space[1], space[2], space[3]
    n_layers = len(sizes) - 1
    for j in range(sizes[0]):
        values[j] = inputs[j]
    begin, offset = 0, 0
    for layer in range(n_layers):
        before, after = sizes[layer], sizes[layer + 1]
        here = offset + before
        bias = begin + before * after
        for k in range(after):
            values[here + k] = weights[bias + k]
        for j in range(before):
            x = values[offset + j]
            place = begin + j * after
            for k in range(after):
                values[here + k] += x * weights[place + k]
        scale = 1.0 / before if normalised else 1.0
        for k in range(after):
            value, by_a = _activation(values[here + k] * scale, codes[layer])
            values[here + k], slope[here + k] = value, by_a * scale
        begin, offset = bias + after, here
    energy = float(values[offset])
    back[0] = 1.0
    for layer in range(n_layers - 1, -1, -1):
        before, after = sizes[layer], sizes[layer + 1]
        begin -= (before + 1) * after
        for k in range(after):
            back[k] *= slope[offset + k]
        for j in range(before):
            total, place = 0.0, begin + j * after
            for k in range(after):
                total += back[k] * weights[place + k]
            forth[j] = total
        for j in range(before):
            back[j] = forth[j]
        offset -= before
    for j in range(sizes[0]):
        gradient[j] = back[j]
    return energy
