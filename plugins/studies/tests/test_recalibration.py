"""Recalibrated standard deviations are as large as the errors of wires that no member has learnt from."""

import numpy as np
import pytest
from sharvin.errors import InputError
from sharvin.samples import Prediction
from sharvin_studies.fitted_model.committee import combine
from sharvin_studies.fitted_model.recalibration import Recalibration, of_those_that_held_back
from sharvin_studies.statistics.calibration import calibration
from sharvin_studies.statistics.prediction_errors import Predicted

PULLS, EACH = 120, 25
PULL = np.repeat(np.arange(PULLS), EACH)


def judged(recalibration, prediction, exact):
    stated = recalibration.apply(prediction)
    return calibration(Predicted(exact, stated.mean, PULL, stated.std), np.random.default_rng(0), resamples=10)


def own_std(factor, floor, seed):
    """A model that states s where its error has the variance factor² s² + floor²; and the labels."""
    rng = np.random.default_rng(seed)
    std, exact = np.exp(rng.normal(-2.0, 0.7, len(PULL))), rng.uniform(0, 6, len(PULL))
    return Prediction(exact + np.hypot(factor * std, floor) * rng.normal(size=len(PULL)), std), exact


def committee(number, seed, learns):
    """Members that err together by c and each by v, both in proportion to a scale of the snapshot, and the labels.

    Of what a member learnt from, it keeps the share 1 − `learns` of both errors.
    """
    rng = np.random.default_rng(seed)
    scale, exact = np.exp(rng.normal(-2.0, 0.6, len(PULL))), rng.uniform(0, 6, len(PULL))
    common, own = 3.0 * scale * rng.normal(size=len(PULL)), scale * rng.normal(size=(number, len(PULL)))
    held_back = np.arange(number)[:, None] == (PULL % number)
    kept = np.where(held_back, 1.0, 1.0 - learns)
    return [Prediction(row) for row in exact + kept * (common + own)], held_back, exact


def of_new_wires(number, seed):
    members, _, exact = committee(number, seed, learns=0.0)
    return combine(members), exact


@pytest.mark.parametrize(("factor", "floor"), [(3.0, 0.2), (0.5, 0.1), (1.0, 0.0)])
def test_a_model_that_misstates_its_errors_is_set_right_on_other_samples(factor, floor):
    prediction, exact = own_std(factor, floor, 1)
    found = Recalibration.learn([prediction], np.ones((1, len(exact)), dtype=bool), exact, PULL)
    assert (found.a, found.b) == (pytest.approx(factor, rel=0.05), pytest.approx(floor, rel=0.12, abs=0.01))
    after = judged(found, *own_std(factor, floor, 2))
    assert after.expected_calibration_error < 0.08 and after.miscalibration_area < 0.015
    assert after.recalibration_factor == pytest.approx(1.0, abs=0.05)


def test_no_other_factor_and_floor_are_more_likely():
    prediction, exact = own_std(2.0, 0.1, 3)
    found = Recalibration.learn([prediction], np.ones((1, len(exact)), dtype=bool), exact, PULL)

    def cost(a, b):
        variance = (a * prediction.std) ** 2 + b**2
        return np.mean(np.log(variance) + (prediction.mean - exact) ** 2 / variance)

    best = cost(found.a, found.b)
    for a, b in np.exp(np.random.default_rng(0).normal(0, 0.2, (200, 2))):
        assert cost(a * found.a, b * found.b) >= best - 1e-12


@pytest.mark.parametrize("number", [3, 5])
@pytest.mark.parametrize("learns", [0.0, 0.4, 0.95])
def test_members_that_err_together_state_the_errors_of_new_wires_after_recalibration(number, learns):
    members, held_back, exact = committee(number, 1, learns)
    found = Recalibration.learn(members, held_back, exact, PULL)
    new = of_new_wires(number, 2)
    before, after = judged(Recalibration(1.0, 0.0), *new), judged(found, *new)
    assert before.expected_calibration_error > 2.0 and before.recalibration_factor > 3.0
    assert after.expected_calibration_error < 0.2 and after.miscalibration_area < 0.06
    assert 0.8 < after.recalibration_factor < 1.0, "on the safe side, and not far"
    assert after.rank_correlation == pytest.approx(before.rank_correlation, abs=1e-9)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_members_that_know_their_labels_by_heart_do_not_pass_for_certain(number):
    """The spread of all members where one held back is then the error itself, which says nothing of new wires."""
    members, held_back, exact = committee(number, 1, learns=1.0)
    spread = combine(members).std
    np.testing.assert_allclose(
        np.abs(of_those_that_held_back(members, held_back).mean - exact), spread * number / np.sqrt(number - 1), atol=1e-12
    )
    after = judged(Recalibration.learn(members, held_back, exact, PULL), *of_new_wires(number, 2))
    assert 0.8 < after.recalibration_factor < 1.0


def test_how_much_members_learn_by_heart_says_nothing_of_new_wires():
    found = [Recalibration.learn(*part, PULL) for part in (committee(3, 1, 0.0), committee(3, 1, 0.9))]
    assert found[0].a > 2 and found[1].a == pytest.approx(found[0].a, rel=1e-6)
    assert found[1].b == pytest.approx(found[0].b, rel=1e-6)


def test_two_members_have_the_variance_of_cross_validated_intervals():
    members, held_back, exact = committee(2, 1, learns=0.5)
    found = Recalibration.learn(members, held_back, exact, PULL)
    alone = np.where(held_back[0], members[0].mean, members[1].mean)
    assert (found.a, found.b) == (1.0, pytest.approx(np.sqrt(np.mean((alone - exact) ** 2)), rel=1e-12))
    means, errors = np.array([2.0, 2.6]), alone - exact
    drawn = np.concatenate([(means[:, None] + sign * errors).ravel() for sign in (1, -1)])
    stated = found.apply(combine([Prediction(means[:1]), Prediction(means[1:])]))
    assert stated.std[0] == pytest.approx(drawn.std(), rel=1e-9) and stated.mean[0] == pytest.approx(drawn.mean())


def test_a_snapshot_that_all_members_agree_about_is_as_uncertain_as_the_floor():
    members, held_back, exact = committee(3, 1, learns=0.4)
    found = Recalibration.learn(members, held_back, exact, PULL)
    agreed = found.apply(combine([Prediction(np.ones(4))] * 3))
    assert found.b > 0 and np.array_equal(agreed.std, np.full(4, found.b))
    same = [members[0]] * 3
    assert Recalibration.learn(same, held_back, exact, PULL).b == pytest.approx(
        np.sqrt(np.mean((members[0].mean - exact) ** 2)), rel=1e-9
    )


def test_standard_deviations_have_the_unit_of_the_target():
    members, held_back, exact = committee(3, 1, learns=0.4)
    found = Recalibration.learn(members, held_back, exact, PULL)
    scaled = Recalibration.learn([Prediction(77.5 * one.mean) for one in members], held_back, 77.5 * exact, PULL)
    assert (scaled.a, scaled.b) == (pytest.approx(found.a, rel=1e-4), pytest.approx(77.5 * found.b, rel=1e-4))


def test_a_pull_counts_once_however_many_snapshots_it_has():
    members, held_back, exact = committee(2, 1, learns=0.5)
    longer = np.concatenate([np.arange(len(PULL)), np.flatnonzero(PULL == 3), np.flatnonzero(PULL == 3)])
    found = Recalibration.learn(members, held_back, exact, PULL)
    again = Recalibration.learn(
        [Prediction(one.mean[longer]) for one in members], held_back[:, longer], exact[longer], PULL[longer]
    )
    assert again.b == pytest.approx(found.b, rel=1e-12)


def test_what_was_held_back_is_predicted_by_the_mixture_of_those_that_did_not_learn_it():
    members = [Prediction(np.array([1.0, 2.0]), np.array([0.1, 0.2])), Prediction(np.array([3.0, 4.0]), np.array([0.3, 0.4]))]
    found = of_those_that_held_back(members, np.array([[True, True], [False, True]]))
    both = combine(members)
    np.testing.assert_allclose(found.mean, [1.0, both.mean[1]])
    np.testing.assert_allclose(found.std, [0.1, both.std[1]])


def test_a_prediction_without_a_standard_deviation_stays_as_it_is():
    alone = Prediction(np.array([1.0]))
    assert Recalibration(2.0, 0.1).apply(alone) is alone


def test_nothing_is_calibrated_by_what_was_learnt():
    members, held_back, exact = committee(3, 1, learns=0.4)
    nothing = [Prediction(np.empty(0))] * 3
    with pytest.raises(InputError, match="labelled snapshots that were held back"):
        Recalibration.learn(nothing, np.empty((3, 0), dtype=bool), np.empty(0), np.empty(0, dtype=int))
    held_back[:, 5] = False
    with pytest.raises(InputError, match="labelled snapshots that were held back"):
        Recalibration.learn(members, held_back, exact, PULL)
    with pytest.raises(InputError, match="needs a, b ≥ 0"):
        Recalibration(-1.0, 0.0)
    with pytest.raises(InputError, match="needs a, b ≥ 0"):
        Recalibration(1.0, float("nan"))
