"""What can be known before the first step of a run: whether its parts can be made, and whatever its workflow foresees.

A mistake that is found here costs a second, and hours where it is found by the step that it stops.
"""

from __future__ import annotations

from sharvin.config import Config
from sharvin.errors import SharvinError
from sharvin.options.validation import ConfigError
from sharvin.protocols import PlanningWorkflow
from sharvin.study_plan import StudyPlan


def preflight(config: Config, measure: bool = False) -> StudyPlan | None:
    """Find what would stop a run.

    Parameters
    ----------
    config : Config
    measure : bool
        Also take short timings for the estimates of the plan.

    Returns
    -------
    StudyPlan or None
        None if the workflow has no method ``plan``; then the parts were built, and that is all.

    Raises
    ------
    ConfigError
        With one line per mistake, and the place in the config that is responsible.
    """
    workflow = config.workflow.build()
    if isinstance(workflow, PlanningWorkflow):
        return workflow.plan(config, measure)
    problems = []
    for key, chosen in config.selections.items():
        try:
            chosen.build()
        except SharvinError as error:
            problems.append(config.problem((key,), str(error)))
    for option, cases in config.variants.items():
        for name, parts in cases.items():
            for key, chosen in parts.items():
                if chosen == config.selections.get(key):
                    continue
                try:
                    chosen.build()
                except SharvinError as error:
                    problems.append(config.problem(config.place_of_case(option, name, key), str(error)))
    if problems:
        raise ConfigError(problems)
    return None


def workers_of(config: Config) -> int:
    """Items that the config's executor computes at a time; 1 if it does not say."""
    return int(getattr(config.selections["executor"].build(), "workers", 1))
