"""Surface Green functions from the waves on a lead's interfaces: their equation, their channels, and leads of thick layers."""

import numpy as np
import pytest
from sharvin.devices.decimation import decimate, dyson_error
from sharvin.devices.interface_waves import IndistinctWaves, open_channels, surfaces_of_waves
from sharvin.devices.lead_channels import channels
from sharvin.grid_wire import GridWire
from sharvin.two_terminal import Lead


def random_lead(m: int, seed: int, imaginary: float, reach: slice = slice(None)) -> Lead:
    """A lead with overlap, of which only `reach` of the next layer is touched."""
    rng = np.random.default_rng(seed)
    h00, h01, s01 = (rng.normal(size=(3, m, m)) + 1j * imaginary * rng.normal(size=(3, m, m))) / np.sqrt(m)
    untouched = np.setdiff1d(np.arange(m), np.arange(m)[reach])
    h01[:, untouched] = s01[:, untouched] = 0.0
    blocks = (h00 + h00.conj().T, h01, np.eye(m), 0.02 * s01)
    return Lead(*(block if imaginary else block.real for block in blocks))


@pytest.mark.parametrize("imaginary", [0.0, 1.0])
@pytest.mark.parametrize(("m", "reach"), [(3, slice(None)), (40, slice(None)), (60, slice(7, 40))])
@pytest.mark.parametrize("energy", [-0.7, 1.3])
def test_they_fulfil_their_equation_and_have_the_channels_of_the_bands(m, reach, imaginary, energy):
    for lead in (random_lead(m, 3, imaginary, reach), random_lead(m, 4, imaginary, reach).reversed()):
        k00, k01 = energy * lead.S00 - lead.H00, energy * lead.S01 - lead.H01
        k10 = k01.conj().T
        found = surfaces_of_waves(k00, k01, lead.S00, lead.S01)
        assert open_channels(k00, k01, lead.S00, lead.S01) == channels(lead, energy)[0]
        for g, w, outward, inward in ((found.left, found.w_left, k10, k01), (found.right, found.w_right, k01, k10)):
            assert dyson_error(g[None], k00[None], outward[None], inward[None])[0] < 1e-9
            assert w.shape == (m, channels(lead, energy)[0])
            assert np.abs(1j * (g - g.conj().T) - w @ w.conj().T).max() < 1e-10 * np.abs(g).max()
            assert np.iscomplexobj(w) == bool(imaginary)
        eta = 1e-9j
        z = (k00 + eta * lead.S00, k01 + eta * lead.S01, k10 + eta * lead.S01.conj().T)
        for g, broadened in zip((found.left, found.right), decimate(*(block[None] for block in z)), strict=True):
            assert np.abs(g - broadened[0]).max() < 1e-5


def test_layers_of_four_cells_end_in_the_surface_of_one_cell():
    """Which cells make up a layer changes nothing, nor do its levels at the energy, nor bands that cross as it is so thick."""
    cell = GridWire(np.zeros((1, 30))).lead()
    one, up = np.eye(4), np.eye(4, k=1)
    h00 = np.kron(one, cell.H00) + np.kron(up, cell.H01) + np.kron(up.T, cell.H01.T)
    h01 = np.kron(np.eye(4, k=-3), cell.H01)
    levels = np.linalg.eigvalsh(h00)
    for energy in (0.37, float(levels[40]), float(np.linalg.eigvalsh(cell.H00)[11])):
        thick = surfaces_of_waves(energy * np.eye(120) - h00, -h01, np.eye(120), np.zeros((120, 120)))
        thin = surfaces_of_waves(energy * np.eye(30) - cell.H00, -cell.H01, cell.S00, cell.S01)
        assert np.abs(thick.right[:30, :30] - thin.right).max() < 1e-9
        assert np.abs(thick.left[90:, 90:] - thin.left).max() < 1e-9


@pytest.mark.parametrize("width", [1, 2, 40])
def test_next_to_a_band_edge_the_channels_are_right_and_on_it_there_is_no_answer(width):
    lead = GridWire(np.zeros((1, width))).lead()
    edges = 2 - 2 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    for number in {0, width // 2, width - 1}:
        for distance, expected in ((-1e-9, width - number), (1e-9, width - number - 1)):
            energy = edges[number] + distance
            assert surfaces_of_waves(energy * lead.S00 - lead.H00, -lead.H01, lead.S00, lead.S01).w_left.shape[1] == expected
        with pytest.raises(IndistinctWaves):
            surfaces_of_waves(edges[number] * lead.S00 - lead.H00, -lead.H01, lead.S00, lead.S01)


def test_layers_that_do_not_touch_have_no_channels():
    found = surfaces_of_waves(np.diag([1.0, 2.0]), np.zeros((2, 2)), np.eye(2), np.zeros((2, 2)))
    assert found.w_left.shape == found.w_right.shape == (2, 0)
    assert np.abs(found.right - np.diag([1.0, 0.5])).max() < 1e-15
