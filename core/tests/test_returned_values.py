"""What third parties' parts return is looked at where the core receives it, and named if it is wrong."""

import numpy as np
import pytest
from ase import Atoms
from sharvin.devices.brillouin import averaged_transmission
from sharvin.devices.transmission_series import series_at_k
from sharvin.errors import ItemError
from sharvin.frames import Frame, Frames
from sharvin.runs import returned_values as values
from sharvin.samples import Features, Prediction


class Part:
    """A part of any kind that returns one thing."""

    def __init__(self, returned):
        self.returned = returned

    def answer(self, *arguments):
        return self.returned

    transmission = build = two_terminal = describe = predict = answer


SYSTEMS, ENERGIES = [(0.5, None), (0.5, None)], np.zeros(3)
FRAMES = Frames([Frame.from_atoms(Atoms("Au2", positions=[[0, 0, 0], [0, 0, 2.8]]))] * 2)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "None"),
        ([[1.0] * 3] * 2, "a list of length 2"),
        (np.ones(3), r"an array of float64 of the shape \(3,\), not .* shape \(2, 3\)"),
        (np.ones((2, 3), dtype=int), "an array of int64"),
        (np.ones((2, 3), dtype=complex), "an array of complex128"),
        (np.full((2, 3), np.nan), "not finite"),
        (np.full((2, 3), -5.0), "a negative transmission, -5"),
    ],
)
def test_a_transmission_is_finite_not_negative_and_of_every_system_at_every_energy(returned, words):
    with pytest.raises(ItemError, match=f"^Part.transmission returned .*{words}"):
        averaged_transmission(Part(returned), SYSTEMS, ENERGIES)


def test_a_transmission_that_rounding_made_negative_is_kept_as_it_is():
    returned = np.array([[-1e-9, 0.0, 2.0]], dtype=np.float64)
    assert values.transmission_of(Part(returned), [None], ENERGIES) is returned


def test_structures_dynamics_and_hamiltonians_give_atoms_frames_and_devices():
    for returned in (None, Atoms(), "Au"):
        with pytest.raises(ItemError, match=r"Part.build returned .*not an ase.Atoms"):
            values.built_atoms(Part(returned), np.random.default_rng(0))
    moved = Frame.from_atoms(Atoms("Au", positions=[[np.nan, 0, 0]]))
    for returned, words in ((None, "None"), ([], "gave no frame"), ([None], "None and not a Frame"), ([moved], "not finite")):
        with pytest.raises(ItemError, match=words):
            list(values.finite_frames(Part(None), returned))
    (found,) = series_at_k(Part(None), [None])
    assert isinstance(found, ItemError) and "Part gave None for a junction" in str(found)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "None, not Features"),
        (np.ones((2, 4)), "an array of float64"),
        (Features(np.ones((3, 4))), "features of 3 structures for 2"),
        (Features(np.full((2, 4), np.inf)), "not finite"),
    ],
)
def test_features_are_those_of_every_frame(returned, words):
    with pytest.raises(ItemError, match=f"^Part.describe returned .*{words}|^Part.describe returned {words}"):
        values.features_of(Part(returned), FRAMES)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "None, not a Prediction"),
        (Prediction(np.zeros(3)), r"of the shape \(3,\) as mean"),
        (Prediction(np.zeros((2, 1))), r"of the shape \(2, 1\) as mean"),
        (Prediction([0.0, 0.0]), "a list of length 2 as mean"),
        (Prediction(np.array([0.0, np.nan])), "a mean that is not a finite number"),
        (Prediction(np.zeros(2), np.zeros(1)), r"of the shape \(1,\) as std"),
        (Prediction(np.zeros(2), np.array([1.0, -1.0])), "a negative standard deviation, -1"),
    ],
)
def test_a_prediction_has_one_number_for_each_sample(returned, words):
    with pytest.raises(ItemError, match=f"^Part.predict returned .*{words}|^Part.predict returned {words}"):
        values.prediction_of(Part(returned), FRAMES)
