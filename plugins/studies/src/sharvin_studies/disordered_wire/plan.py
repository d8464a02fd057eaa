"""What is known of a study of disordered wires before its first step: mistakes that would stop it, and how much work it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sharvin.config import Config, Selection
from sharvin.errors import SharvinError
from sharvin.executors.threads import one_thread
from sharvin.options.validation import ConfigError
from sharvin.protocols import TransportSolver
from sharvin.runs import seeds
from sharvin.runs.returned_values import transmission_of
from sharvin.study_plan import StudyPlan

from sharvin_studies.disordered_wire.scores import WireSet

if TYPE_CHECKING:
    from sharvin_studies.disordered_wire.workflow import DisorderedWire

TIMED_SECONDS = 0.25
"""Wires of one size are computed until so much time has passed."""
TIMED_SIZES = 4
"""Sizes of wires that are timed, the largest ones; the time of others is that of the nearest, in proportion to their sites."""
LARGEST_BATCH = 256
BYTES_PER_VALUE = 8


def plan(config: Config, study: DisorderedWire, measure: bool) -> StudyPlan:
    """The plan of a study.

    Raises
    ------
    ConfigError
        If an ensemble does not hold as many wires as are needed, or a part cannot be made or used.
    """
    options = study.options
    problems: list[str] = []
    variants = config.variants["cases"]

    def note(path: tuple[str | int, ...], error: SharvinError, prefix: str = "") -> None:
        problem = config.problem(path, f"{prefix}{error}")
        if problem not in problems:
            problems.append(problem)

    solver: TransportSolver | None = None
    for key in ("transport", "executor"):
        try:
            built = config.selections[key].build()
            solver = built if key == "transport" else solver
        except SharvinError as error:
            note((key,), error)
    sets: dict[str, WireSet] = {}
    try:
        sets = study.wire_sets(config)
    except SharvinError as error:
        note(("workflow",), error)
    made: list[Selection] = []
    for case in options.cases:
        hamiltonian, regressor = variants[case.name]["hamiltonian"], variants[case.name]["regressor"]
        try:
            last = study.test + max(study.trained(case)) - 1
            hamiltonian.built().sample(1, seeds.stream(config.seed, "wires"), last)
        except SharvinError as error:
            note(config.place_of_case("cases", case.name, "hamiltonian"), error, f"case {case.name}: ")
        if regressor not in made:
            made.append(regressor)
            try:
                regressor.build()
            except SharvinError as error:
                note(config.place_of_case("cases", case.name, "regressor"), error, f"case {case.name}: ")
    if problems or solver is None:
        raise ConfigError(problems)
    scanned = _scanned(study, sets, config)
    wires = {key: one.source.total + scanned.get(key, 0) for key, one in sets.items()}
    seconds: dict[str, float | None] = {"transmissions": None, "fits": None}
    if measure:
        with one_thread():
            rates = _seconds_per_wire(list(sets.values()), solver)
        seconds["transmissions"] = sum(number * rate for number, rate in zip(wires.values(), rates, strict=True))
    work = {"wires": sum(one.source.total for one in sets.values())}
    if scanned:
        work["wires at fixed concentrations"] = sum(scanned.values())
    work["transmissions"] = sum(number * len(sets[key].energies) for key, number in wires.items())
    fits = {
        (study.key_of(case, config), number, str(variants[case.name]["regressor"].identity))
        for case in options.cases
        for number in study.trained(case)
    }
    work["fits"] = len(fits)
    names = dict.fromkeys(parts["regressor"].name for parts in variants.values())
    checked = [f"{len(sets)} ensemble{'s' if len(sets) > 1 else ''} of wires", *names]
    values = sum(number * (2 + len(sets[key].energies)) for key, number in wires.items())
    return StudyPlan(work, checked, seconds, float(BYTES_PER_VALUE * values))


def _scanned(study: DisorderedWire, sets: dict[str, WireSet], config: Config) -> dict[str, int]:
    """Wires at fixed concentrations, by the ensemble that they are like."""
    asked = study.options.ensemble
    if asked is None:
        return {}
    names = study.options.scanned()
    keys = {study.key_of(case, config) for case in study.options.cases if case.name in names}
    number = study.options.wires(asked.configurations) * len(asked.concentrations)
    return {key: number for key in sets if key in keys}


def _seconds_per_wire(sets: Sequence[WireSet], solver: TransportSolver) -> list[float]:
    """Time of the exact transmissions of one wire of each ensemble."""
    sites = [_sites(one) * len(one.energies) for one in sets]
    timed: dict[int, float] = {}
    for size in sorted(set(sites), reverse=True)[:TIMED_SIZES]:
        timed[size] = _timed(sets[sites.index(size)], solver) / size
    return [size * timed[min(timed, key=lambda other: abs(other - size))] for size in sites]


def _sites(wires: WireSet) -> int:
    source = wires.source
    drawn = source.hamiltonian.built().sample(1, seeds.stream(source.seed, "timing"), 0).wires
    return int(drawn.length * drawn.width)


def _timed(wires: WireSet, solver: TransportSolver) -> float:
    """Time of the exact transmissions of one wire, from batches that grow until the clock can tell."""
    source, batch = wires.source, 1
    hamiltonian = source.hamiltonian.built()
    while True:
        batch = min(batch, source.total)
        drawn = hamiltonian.sample(batch, seeds.stream(source.seed, "timing"), 0).wires
        started = time.perf_counter()
        transmission_of(solver, drawn, np.array(wires.energies) * drawn.t)
        passed = time.perf_counter() - started
        # the first batch may compile
        if batch == source.total or batch >= LARGEST_BATCH or (batch > 1 and passed > TIMED_SECONDS):
            return passed / batch
        batch *= 4
