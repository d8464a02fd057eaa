"""Errors of all models of a break-junction study, computed once for ``results.json``, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sharvin_studies.break_junction.completed_study import CompletedStudy
from sharvin_studies.statistics.calibration import Calibration, calibration
from sharvin_studies.statistics.prediction_errors import ErrorEstimate, Predicted, mean_absolute_error_over_pulls

ByTestSet = Mapping[str, ErrorEstimate]


@dataclass(frozen=True)
class StudyErrors:
    """Mean absolute errors with their intervals, and calibrations, by test set. A test set without snapshots is left out.

    Parameters
    ----------
    fits, baselines : tuple
        In the order of :attr:`CompletedStudy.fitted` and :attr:`CompletedStudy.baselines`.
    acquired : mapping of way of choosing to tuple
        One entry a round of active learning.
    calibrations, before_recalibration : mapping of test set to Calibration
        Of the config's own model; empty where it states no standard deviation, or needs no recalibration.
    """

    fits: tuple[ByTestSet, ...]
    baselines: tuple[ByTestSet, ...]
    acquired: Mapping[str, tuple[ByTestSet, ...]]
    calibrations: Mapping[str, Calibration]
    before_recalibration: Mapping[str, Calibration]

    @property
    def own(self) -> ByTestSet:
        """Of the config's own model."""
        return self.fits[0]

    @classmethod
    def of(cls, study: CompletedStudy) -> StudyErrors:
        """All errors of a study, with the resamples that the study's seed gives."""

        def estimated(sets: Mapping[str, Predicted]) -> ByTestSet:
            rng = study.context.rng("bootstrap")
            return {name: mean_absolute_error_over_pulls(one, rng) for name, one in sets.items() if len(one)}

        def calibrated(sets: Mapping[str, Predicted]) -> Mapping[str, Calibration]:
            rng = study.context.rng("bootstrap")
            return {name: calibration(one, rng) for name, one in sets.items() if len(one)}

        own, acquired = study.own, study.acquired
        return cls(
            fits=tuple(estimated(study.test_sets(fitted)) for fitted in study.fitted),
            baselines=tuple(estimated(study.baseline_sets(baseline)) for baseline in study.baselines),
            acquired={}
            if acquired is None
            else {way: tuple(estimated(study.test_sets(fitted)) for fitted in rounds) for way, rounds in acquired.fitted.items()},
            calibrations={} if own.predicted.std is None else calibrated(study.test_sets(own)),
            before_recalibration={} if own.recalibration is None else calibrated(study.test_sets(own.not_recalibrated)),
        )
