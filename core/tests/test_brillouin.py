"""A grid of k-points and its time-reversed half integrate alike."""

import numpy as np
import pytest
from sharvin.devices.brillouin import monkhorst_pack
from sharvin.errors import InputError


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (2, 2), (3, 3), (4, 3), (1, 5), (6, 6)])
def test_half_of_the_grid_with_weights_is_the_whole_grid(n1, n2):
    k, weights = monkhorst_pack(n1, n2)
    assert weights.sum() == pytest.approx(1.0, abs=1e-15) and np.array_equal(k[0], [0, 0])
    assert len(k) <= n1 * n2 // 2 + 2 and k.min() > -0.5 - 1e-12 and k.max() <= 0.5
    whole = np.stack(np.meshgrid(np.arange(n1) / n1, np.arange(n2) / n2, indexing="ij"), axis=-1).reshape(-1, 2)

    def even(q):
        return np.exp(np.cos(2 * np.pi * q[:, 0] + 0.0) + 0.3 * np.cos(2 * np.pi * (q[:, 0] - 2 * q[:, 1])))

    assert weights @ even(k) == pytest.approx(even(whole).mean(), abs=1e-14)


def test_plane_waves_below_the_grid_s_cutoff_integrate_to_zero():
    k, weights = monkhorst_pack(4, 5)
    for cell in ((1, 0), (0, 1), (3, 2), (2, -4)):
        assert weights @ np.cos(2 * np.pi * k @ np.array(cell)) == pytest.approx(0.0, abs=1e-15)


def test_a_grid_without_points_is_refused():
    with pytest.raises(InputError, match="positive divisions, not 0 x 2"):
        monkhorst_pack(0, 2)
