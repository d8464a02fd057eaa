"""The square-lattice wire and its two-terminal form."""

from __future__ import annotations

import numpy as np
import pytest
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire


def test_a_slice_of_the_clean_wire_has_the_sine_modes_of_its_width() -> None:
    wire = GridWire(np.zeros((2, 4)), t=1.5)
    modes = -2 * 1.5 * np.cos(np.arange(1, 5) * np.pi / 5)
    assert np.allclose(np.linalg.eigvalsh(wire.lead().H00), modes)


def test_the_device_is_the_disorder_between_two_clean_slices() -> None:
    rng = np.random.default_rng(0)
    onsite = rng.uniform(-2, 2, (3, 2, 4, 3))
    wire = GridWire(onsite, t=0.7)
    assert wire.batch_shape == (3, 2) and len(wire) == 6 and (wire.length, wire.width) == (4, 3)
    device = wire.two_terminal(3)
    H = device.H.toarray()
    assert np.allclose(np.diag(H), np.concatenate([np.zeros(3), onsite[1, 1].ravel(), np.zeros(3)]))
    assert np.array_equal(H, H.T) and np.array_equal(device.S.toarray(), np.eye(18))
    assert np.array_equal(H[:3, :3], device.left.H00) and np.array_equal(H[-3:, -3:], device.right.H00)
    assert np.array_equal(H[:3, 3:6], device.left.H01)
    assert np.count_nonzero(H - np.diag(np.diag(H))) == 2 * (6 * 2 + 5 * 3)


@pytest.mark.parametrize(
    ("onsite", "t", "why"),
    [
        (np.zeros(3), 1.0, "shape"),
        (np.zeros((0, 3)), 1.0, "shape"),
        (np.full((2, 2), np.nan), 1.0, "finite"),
        (np.zeros((2, 2)), 0.0, "positive"),
        (np.full((2, 2), 0.3 + 0.1j), 1.0, "on-site energies of a grid wire must be real numbers, not complex128"),
        (np.zeros((2, 2)), 1.0 + 0.2j, "the hopping t of a grid wire must be real numbers"),
        (np.array([["a", "b"]]), 1.0, "must be real numbers"),
    ],
)
def test_nonsense_is_refused(onsite: np.ndarray, t: float, why: str) -> None:
    with pytest.raises(InputError, match=why):
        GridWire(onsite, t)


def test_there_is_no_wire_beyond_the_batch() -> None:
    with pytest.raises(InputError, match="no wire 2"):
        GridWire(np.zeros((2, 3, 3))).two_terminal(2)
