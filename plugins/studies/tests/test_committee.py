"""A committee is the mixture of its members: their spread adds to what each of them does not know."""

import numpy as np
import pytest
from sharvin.errors import InputError
from sharvin.samples import Prediction
from sharvin_studies.fitted_model.committee import combine


def test_moments_are_those_of_the_mixture_of_normal_distributions():
    means, stds = np.array([[1.0, 2.0], [1.4, 2.0], [0.9, 2.3]]), np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.2]])
    together = combine([Prediction(mean, std) for mean, std in zip(means, stds, strict=True)])
    drawn = np.random.default_rng(0).normal(means, stds, size=(400_000, 3, 2)).reshape(-1, 2)
    np.testing.assert_allclose(together.mean, drawn.mean(0), atol=2e-3)
    np.testing.assert_allclose(together.std, drawn.std(0), atol=2e-3)


def test_members_without_a_deviation_of_their_own_disagree():
    together = combine([Prediction(np.array([1.0, 3.0])), Prediction(np.array([2.0, 3.0]))])
    np.testing.assert_allclose(together.mean, [1.5, 3.0])
    np.testing.assert_allclose(together.std, [0.5, 0.0])


def test_one_model_is_what_it_says():
    alone = Prediction(np.array([1.0]))
    assert combine([alone]) is alone


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([], "one model at least"),
        ([Prediction(np.ones(2)), Prediction(np.ones(3))], "same samples"),
        ([Prediction(np.ones(2)), Prediction(np.ones(2), np.ones(2))], "others do not"),
    ],
)
def test_what_does_not_belong_together_is_refused(members, sentence):
    with pytest.raises(InputError, match=sentence):
        combine(members)
