"""What is known of a break-junction study before its first pull: mistakes that would stop it, and how much work it is.

The starting wire of every series is built (milliseconds), its electrodes are found for every Hamiltonian that will see it, the
potential gives one energy of it and the descriptors describe it once (:mod:`sharvin_studies.break_junction.starting_wires`).
"""

from __future__ import annotations

from sharvin.config import Config
from sharvin.options.validation import ConfigError
from sharvin.study_plan import StudyPlan

from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction import starting_wires as starting
from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.labelled_files.plan import look_at_files
from sharvin_studies.break_junction.survey import Survey
from sharvin_studies.break_junction.trial_label import try_label
from sharvin_studies.break_junction.work import Work


def plan(config: Config, options: BreakJunctionOptions, measure: bool) -> StudyPlan:
    """The plan of a study.

    Parameters
    ----------
    config : Config
    options : BreakJunctionOptions
    measure : bool
        Take timings.

    Raises
    ------
    ConfigError
        With all mistakes found.
    """
    chosen = config.selections
    regressor = "regressor" in chosen
    options = options if regressor else options.of_exact_production()
    survey = Survey(config, options, measure)
    with survey.at(("workflow",)):
        teaching.check_options(options, chosen["hamiltonian"], regressor)
    survey.check_cases()
    for key in ("transport", "executor"):
        with survey.at((key,)):
            chosen[key].build()
    look_at_files(survey)
    starting.build(survey)
    starting.find_electrodes(survey)
    starting.compute_energies(survey)
    starting.foresee_pulls(survey)
    starting.describe(survey)
    if measure:
        try_label(survey)
    if survey.problems:
        raise ConfigError(list(dict.fromkeys(survey.problems))) from survey.cause
    work = Work(options, survey.wires, chosen["hamiltonian"].built(), survey.feature_bytes, regressor)
    names = {key: part.name for key, part in chosen.items()}
    notes = list(dict.fromkeys([*work.notes(names), *survey.remarks]))
    return StudyPlan(work.items(), survey.checked, work.seconds(), work.disk_bytes(), notes)
