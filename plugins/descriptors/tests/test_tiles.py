"""Matrix products in registers against NumPy's, and spherical harmonics against SciPy's."""

import numpy as np
import pytest
from numba import njit
from scipy.special import sph_harm_y
from sharvin_descriptors.harmonics import GROUP, harmonic_gradients, legendre_coefficients, spherical_harmonics
from sharvin_descriptors.tiles import multiply, padded, rows_of_tile


@njit
def product(c, a, b, rows, lanes):
    for i in range(0, c.shape[0], len(rows)):
        multiply(c, i * c.shape[1], c.shape[1], a, i, 1, a.shape[1], b, 0, b.shape[1], a.shape[0], rows, lanes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [3, 17])
def test_a_product_in_tiles_is_the_matrix_product(dtype, length):
    itemsize = np.dtype(dtype).itemsize
    width = padded(length, itemsize)
    tile = rows_of_tile(width, itemsize)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(13, 3 * tile)).astype(dtype), rng.normal(size=(13, width)).astype(dtype)
    c = np.full((3 * tile, width), np.nan, dtype=dtype)
    product(c, a, b, (0,) * tile, (0,) * width)
    np.testing.assert_allclose(c, a.T @ b, rtol=0, atol=50 * np.finfo(dtype).eps)


def test_a_tile_and_its_operands_fit_into_sixteen_registers():
    for itemsize in (4, 8):
        for length in range(1, 33):
            width = padded(length, itemsize)
            assert width >= length
            assert width * itemsize % 32 == 0
            assert rows_of_tile(width, itemsize) * width * itemsize <= 12 * 32


def directions(count):
    vectors = np.random.default_rng(1).normal(size=(count, 3))
    vectors[0], vectors[1] = [0, 0, 1], [0, 0, -1]
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def test_real_spherical_harmonics_are_those_of_scipy_up_to_the_sign_of_odd_m():
    l_max, unit = 9, directions(2 * GROUP)
    found = np.zeros(((l_max + 1) ** 2, len(unit)))
    spherical_harmonics(*unit.T.copy(), 2, legendre_coefficients(l_max), np.zeros((4, len(unit))), found)
    theta, phi = np.arccos(unit[:, 2]), np.arctan2(unit[:, 1], unit[:, 0])
    for l_value in range(l_max + 1):
        for m in range(l_value + 1):
            expected = sph_harm_y(l_value, m, theta, phi) * (-1) ** m * (np.sqrt(2) if m else 1)
            np.testing.assert_allclose(found[l_value * (l_value + 1) + m], expected.real, atol=1e-12)
            if m:
                np.testing.assert_allclose(found[l_value * (l_value + 1) - m], expected.imag, atol=1e-12)


def test_gradients_of_spherical_harmonics_are_tangential_and_equal_finite_differences():
    l_max, r, step = 5, 1.7, 1e-4
    legendre = legendre_coefficients(l_max)

    def at(point):
        result = np.zeros((4, (l_max + 1) ** 2))
        distance = np.linalg.norm(point)
        harmonic_gradients(*(point / distance), distance, legendre, result)
        return result

    for unit in directions(5):
        found = at(r * unit)
        np.testing.assert_allclose(unit @ found[1:], 0.0, atol=1e-12)
        for axis in range(3):
            shift = step * np.eye(3)[axis]
            expected = (at(r * unit + shift)[0] - at(r * unit - shift)[0]) / (2 * step)
            np.testing.assert_allclose(found[1 + axis], expected, atol=1e-5)
