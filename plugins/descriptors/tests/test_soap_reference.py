"""The radial basis, and the compiled power spectrum against a quadrature of the density itself."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sharvin
from ase import Atoms
from scipy.interpolate import BarycentricInterpolator
from scipy.special import roots_legendre, sph_harm_y
from sharvin.frames import Frames
from sharvin_descriptors.radial import radial_basis, radial_integrals, radial_table


@pytest.mark.parametrize("cutoff", [4.0, 5.0, 6.55, 8.0])
def test_the_radial_basis_is_orthonormal_at_seventeen_functions(cutoff):
    x, w = roots_legendre(64)
    r, w = (x + 1.0) * cutoff / 2.0, w * cutoff / 2.0
    g = radial_basis(r, 17, cutoff)
    np.testing.assert_allclose(g.T @ (w[:, None] * g), np.eye(17), atol=1e-12)


@pytest.mark.parametrize("cutoff", [4.0, 6.55, 8.0])
def test_expansion_reproduces_a_gaussian_inside_the_ball(cutoff):
    """Parseval: with enough functions the coefficients hold the whole norm of the density, l by l."""
    sigma, distance = 0.5, 2.4
    coefficients = radial_integrals(np.array([distance]), 30, 9, cutoff, sigma)[0]
    x, w = roots_legendre(400)
    r, w = (x + 1.0) * cutoff / 2.0, w * cutoff / 2.0
    mu, w_mu = roots_legendre(200)
    density = np.exp(-(r[:, None] ** 2 + distance**2 - 2 * r[:, None] * distance * mu) / (2 * sigma**2))
    for l_value in (0, 4, 9):
        projected = 2 * np.pi * density @ (w_mu * np.polynomial.legendre.Legendre.basis(l_value)(mu))
        norm = np.sum(w * r**2 * projected**2)
        assert np.sum(coefficients[l_value] ** 2) == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize("cutoff", [4.0, 6.55, 8.0])
def test_tabulated_integrals_are_interpolated_to_a_millionth(cutoff):
    table, spacing = radial_table(17, 9, cutoff, 0.5)
    middle = spacing * (np.arange(len(table) - 1) + 0.5)
    hermite = (table[:-1, 0] + table[1:, 0]) / 2 + (table[:-1, 1] - table[1:, 1]) / 8
    exact = radial_integrals(middle, 17, 9, cutoff, 0.5)
    np.testing.assert_allclose(hermite, exact, rtol=0.0, atol=1e-6 * np.abs(exact).max())


def reference_power_spectrum(neighbours, channels, n_channels, n_max, l_max, cutoff, width, sigma):
    """Density on a spherical grid, projected on g_n Y_lm by quadrature; neighbours include the central atom."""
    x, w = roots_legendre(70)
    r, w = (x + 1.0) * cutoff / 2.0, w * cutoff / 2.0
    mu, w_mu = roots_legendre(60)
    phi = 2 * np.pi * np.arange(120) / 120
    theta = np.arccos(mu)[:, None]
    sine = np.sqrt(1 - mu**2)[:, None]
    directions = np.stack([sine * np.cos(phi), sine * np.sin(phi), mu[:, None] + 0 * phi], -1)
    points = r[:, None, None, None] * directions
    density = np.zeros((n_channels, len(r), len(mu), len(phi)))
    for position, channel in zip(neighbours, channels, strict=True):
        t = np.clip((np.linalg.norm(position) - cutoff + width) / width, 0, 1)
        weight = 1 - 10 * t**3 + 15 * t**4 - 6 * t**5
        density[channel] += weight * np.exp(-((points - position) ** 2).sum(-1) / (2 * sigma**2))
    nodes, node_weights = roots_legendre(n_max)
    g = np.stack(
        [
            BarycentricInterpolator((nodes + 1) * cutoff / 2, np.eye(n_max)[n])(r) / np.sqrt(node_weights[n] * cutoff / 2) / r
            for n in range(n_max)
        ]
    )
    blocks = []
    c = {}
    for l_value in range(l_max + 1):
        for m in range(-l_value, l_value + 1):
            y = sph_harm_y(l_value, m, theta, phi).conj()
            angular = np.einsum("srap,ap,a->sr", density, y, w_mu) * 2 * np.pi / 120
            c[l_value, m] = np.einsum("nr,r,sr->sn", g, w * r**2, angular)
    for s in range(n_channels):
        for other in range(s, n_channels):
            for l_value in range(l_max + 1):
                p = sum(np.outer(c[l_value, m][s], c[l_value, m][other].conj()) for m in range(-l_value, l_value + 1))
                assert abs(p.imag).max() < 1e-8
                p = np.pi * np.sqrt(8 / (2 * l_value + 1)) * p.real
                if s == other:
                    p = np.sqrt(2) * p - (np.sqrt(2) - 1) * np.diag(np.diag(p))
                    blocks.append(p[np.triu_indices(n_max)])
                else:
                    blocks.append(np.sqrt(2) * p.ravel())
    return np.concatenate(blocks)


def test_features_equal_a_quadrature_of_the_smeared_density():
    rng = np.random.default_rng(4)
    positions = np.array([[0, 0, 0], [0, 0, 2.6], [1.9, -1.8, 0.3], [-2.2, 0.4, -1.9], [0.2, 3.4, 1.0], [2.1, 2.0, -2.0]])
    positions += rng.normal(scale=0.05, size=positions.shape)
    atoms = Atoms(["Au", "Au", "Ag", "Au", "Ag", "Au"], positions=positions)
    channels = [0, 0, 1, 0, 1, 0]
    shape = {"n_max": 6, "l_max": 5, "cutoff_A": 4.0, "cutoff_width_A": 1.3, "sigma_A": 0.6}
    soap = sharvin.create("descriptors", "soap", species=("Au", "Ag"), dtype="float64", **shape)
    found = soap.describe(Frames.from_atoms([atoms])).values[0]
    expected = reference_power_spectrum(
        positions - positions[0], channels, 2, shape["n_max"], shape["l_max"], 4.0, shape["cutoff_width_A"], shape["sigma_A"]
    )
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-6 * np.abs(expected).max())


def test_the_scalar_product_of_rows_is_the_kernel_of_the_full_spectrum():
    """The reduced row holds as much as the whole symmetric matrix p_nn'l."""
    soap = sharvin.create("descriptors", "soap", n_max=5, l_max=2, cutoff_A=5.0, dtype="float64")
    row = soap.describe(Frames.from_atoms([Atoms("Au3", positions=[[0, 0, 0], [2.5, 0, 0], [0, 3.0, 1]])])).values[0]
    total = 0.0
    for block in row.reshape(3, -1):
        p = np.zeros((5, 5))
        p[np.triu_indices(5)] = block
        off = np.triu(p, 1) / np.sqrt(2)
        total += np.sum((np.diag(np.diag(p)) + off + off.T) ** 2)
    assert row @ row == pytest.approx(total, rel=1e-12)


PROGRAM = """
import hashlib, sharvin
from ase.build import fcc100
from sharvin.frames import Frames
atoms = fcc100("Au", (3, 3, 4), a=4.08, vacuum=8.0)
atoms.rattle(0.1, seed=7)
values = sharvin.create("descriptors", "soap", n_max=5, l_max=3).describe(Frames.from_atoms([atoms])).values
print(hashlib.sha256(values.tobytes()).hexdigest())
"""


def test_processes_that_compile_at_once_give_the_same_bits(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=300)[0] for process in started]
    printed.append(subprocess.run([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True).stdout)
    assert all(process.returncode == 0 for process in started)
    assert len(set(printed)) == 1
    assert any(tmp_path.rglob("*.nbi"))
