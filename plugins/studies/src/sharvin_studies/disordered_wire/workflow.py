r"""Workflow ``disordered_wire``: the conductance of disordered lattice wires, learnt from their on-site energies.

Wires drawn from ensembles → exact T(E) → regressors on the images of their on-site energies → test errors, learning curves,
ensemble statistics at fixed concentrations of impurities, and the time that a prediction saves. The targets are

.. math:: G = G_0\,T(E_F), \qquad
          \bar G = \frac{G_0}{M} \sum_{k=0}^{M-1} T\left[E_F + \left(\frac{k}{M-1} - \frac12\right) eV\right]

of Li, Lu and Zhai, Phys. Rev. B 102, 064205 (2020), with M = 10 and V = 0.36 t/e. Every component is chosen by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sharvin.config import Config, Selection
from sharvin.context import Context, Failure, StepResult
from sharvin.errors import RunError
from sharvin.store import read_json, read_table, write_json
from sharvin.study_plan import StudyPlan

from sharvin_studies.disordered_wire import report as reporting
from sharvin_studies.disordered_wire import steps
from sharvin_studies.disordered_wire.configs import DisorderedWireOptions, Target, WireCase, at_concentration
from sharvin_studies.disordered_wire.plan import plan
from sharvin_studies.disordered_wire.scores import CaseFits, Scan, WireSet

LEAST_TRAINING = 20
"""Training samples that scaling leaves at least, so that every set has some."""


class DisorderedWire:
    """A study of disordered wires.

    See :class:`sharvin_studies.disordered_wire.configs.DisorderedWireOptions` for its options.
    """

    def __init__(self, options: DisorderedWireOptions) -> None:
        self.options = options
        self.test = options.wires(options.test_samples, LEAST_TRAINING)

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``.

        Held in memory at once: by a worker the on-site maps that one fit learns from, in single precision.
        """
        sets = self.wire_sets(context.config)
        labelled = self.label(context, "transmissions", list(sets.values()))
        by_key = dict(zip(sets, labelled, strict=True))
        fits, fitted = self.fit(context, by_key)
        scans = self.scan(context, fits, fitted.key)
        timing = self.time(context, fits, fitted.key)
        results = reporting.results(context, self.options, self.test, fits, scans, timing)
        reporting.draw(context, self.options, self.test, fits, scans, timing)
        return results

    def energies(self, target: Target) -> tuple[float, ...]:
        """Energies in units of the hopping, relative to the Fermi energy, over which T is averaged."""
        if target == "conductance":
            return (0.0,)
        k = np.arange(self.options.bias_energies)
        return tuple(float(energy) for energy in self.options.bias * (k / (self.options.bias_energies - 1) - 0.5))

    def trained(self, case: WireCase) -> tuple[int, ...]:
        """Numbers of training samples of a case, after scaling."""
        return tuple(self.options.wires(number, LEAST_TRAINING) for number in case.training_samples)

    def key_of(self, case: WireCase, config: Config) -> str:
        """Which wires a case shares with others: equal for the same Hamiltonian and target."""
        return _key(config.variants["cases"][case.name]["hamiltonian"], case.target)

    def wire_sets(self, config: Config) -> dict[str, WireSet]:
        """Wires that cases share, by Hamiltonian and target: as many as the most demanding of them needs."""
        sets: dict[str, WireSet] = {}
        for case in self.options.cases:
            hamiltonian = config.variants["cases"][case.name]["hamiltonian"]
            key = self.key_of(case, config)
            needed = self.test + max(self.trained(case))
            if key in sets:
                needed = max(needed, sets[key].source.total)
            source = steps.WireSource(hamiltonian, config.seed, "wires", needed)
            sets[key] = WireSet(source, case.target, self.energies(case.target))
        return sets

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run would do. See :class:`sharvin.protocols.PlanningWorkflow`.

        Raises
        ------
        ConfigError
            If an ensemble does not hold as many wires as are needed, or a part cannot be made or used.
        """
        return plan(config, self, measure)

    def label(self, context: Context, step: str, sets: Sequence[WireSet]) -> list[WireSet]:
        """The sets with the files of their exact transmissions, all chunks in one ensemble of items."""
        transport = context.config.selections["transport"]
        tasks, depends_on = [], []
        for wires in sets:
            for chunk in range(wires.source.chunks):
                tasks.append(steps.WireLabelTask(wires.source, chunk, transport, wires.energies))
                depends_on.append({**wires.source.identity(chunk), "energies": wires.energies})
        result = context.map(step, steps.label, tasks, context.identity("transport"), items_depend_on=depends_on)
        labelled, begin = [], 0
        for wires in sets:
            labelled.append(replace(wires, paths=tuple(result.paths[begin : begin + wires.source.chunks])))
            begin += wires.source.chunks
        _record_refused(context, result)
        return labelled

    def fit(self, context: Context, sets: Mapping[str, WireSet]) -> tuple[list[CaseFits], StepResult]:
        """All fits side by side, the longest first; equal ones are done once, and one of which nothing changed is kept."""
        tasks: dict[str, tuple[float, steps.WireFitTask, dict[str, Any]]] = {}
        names: dict[tuple[str, int], str] = {}
        for case in self.options.cases:
            chosen = context.config.variants["cases"][case.name]
            wires = sets[_key(chosen["hamiltonian"], case.target)]
            for number in self.trained(case):
                depends_on = self._fit_depends_on(context, chosen["regressor"], wires, number)
                digest = json.dumps(depends_on, sort_keys=True)
                names[case.name, number] = digest
                validation = max(1, round(self.options.validation_fraction * number))
                label = f"{case.name}, {number} training samples"
                paths = wires.paths[: -(-(self.test + number) // steps.CHUNK)]
                task = steps.WireFitTask(label, wires.source, chosen["regressor"], paths, self.test, number, validation)
                tasks.setdefault(digest, (float(number * np.prod(wires.shape)), task, depends_on))
        ordered = sorted(tasks, key=lambda digest: -tasks[digest][0])
        done = context.map(
            "fits",
            steps.fit,
            [tasks[digest][1] for digest in ordered],
            {},
            suffix="",
            items_depend_on=[tasks[digest][2] for digest in ordered],
        )
        folders = dict(zip(ordered, done.paths, strict=True))
        fits = []
        for case in self.options.cases:
            chosen = context.config.variants["cases"][case.name]
            numbers = self.trained(case)
            found = tuple(folders[names[case.name, number]] for number in numbers)
            fits.append(CaseFits(case, sets[_key(chosen["hamiltonian"], case.target)], chosen["regressor"], numbers, found))
        return fits, done

    def _fit_depends_on(self, context: Context, regressor: Selection, wires: WireSet, training: int) -> dict[str, Any]:
        last = (self.test + training - 1) // steps.CHUNK
        return {
            "wires": wires.source.identity(last),
            "missing": [chunk for chunk in range(last + 1) if wires.paths[chunk] is None],
            "energies": wires.energies,
            "test": self.test,
            "training": training,
            "validation_fraction": self.options.validation_fraction,
            "regressor": regressor.identity,
            **context.identity("transport"),
        }

    def scan(self, context: Context, fits: Sequence[CaseFits], fit_key: str) -> list[Scan]:
        """Ensembles at fixed concentrations, computed once for each Hamiltonian and target, and predicted by the cases."""
        if self.options.ensemble is None:
            return []
        cases = [fit for fit in fits if fit.case.name in self.options.scanned() and fit.folder is not None]
        sets: dict[str, list[WireSet]] = {}
        for fit in cases:
            sets.setdefault(_key(fit.wires.source.hamiltonian, fit.case.target), self._ensembles(fit.wires))
        flat = [wires for ensembles in sets.values() for wires in ensembles]
        if not flat:
            return []
        labelled = iter(self.label(context, "ensemble_transmissions", flat))
        exact = {key: [next(labelled) for _ in ensembles] for key, ensembles in sets.items()}
        tasks, depends_on, keys = [], [], []
        for fit in cases:
            assert fit.folder is not None
            key = _key(fit.wires.source.hamiltonian, fit.case.target)
            sources = tuple(wires.source for wires in sets[key])
            tasks.append(steps.ScanTask(sources, fit.regressor, fit.folder / "model"))
            streams = [source.identity(source.chunks - 1) for source in sources]
            depends_on.append({"fit": [fit_key, fit.folder.name], "case": fit.case.name, "streams": streams})
            keys.append(key)
        predicted = context.map("ensemble_predictions", steps.scan, tasks, {}, items_depend_on=depends_on)
        scans = {key: Scan(tuple(exact[key]), self.options.ensemble.concentrations, {}) for key in sets}
        for fit, key, path in zip(cases, keys, predicted.paths, strict=True):
            if path is not None:
                scans[key].predicted[fit.case.name] = read_table(path)[0]["predicted_G0"]
        return list(scans.values())

    def _ensembles(self, wires: WireSet) -> list[WireSet]:
        """Wires of the same Hamiltonian at each concentration, with random streams of their own."""
        assert self.options.ensemble is not None
        hamiltonian, count = wires.source.hamiltonian, self.options.wires(self.options.ensemble.configurations)
        found = []
        for concentration in self.options.ensemble.concentrations:
            fixed = replace(hamiltonian, options=at_concentration(hamiltonian.options, concentration))
            source = steps.WireSource(fixed, wires.source.seed, f"wires at concentration {concentration:g}", count)
            found.append(WireSet(source, wires.target, wires.energies))
        return found

    def time(self, context: Context, fits: Sequence[CaseFits], fit_key: str) -> dict[str, Any] | None:
        """Seconds of the exact conductances and of the predictions of the same wires; None if not asked for."""
        asked = self.options.timing
        if asked is None:
            return None
        fit = next(fit for fit in fits if fit.case.name == asked.case)
        if fit.folder is None:
            raise RunError(f"case {asked.case} could not be fitted, so its predictions cannot be timed; see log.jsonl.")
        count = self.options.wires(asked.configurations)
        source = replace(fit.wires.source, stream="wires to time", total=count)
        transport = context.config.selections["transport"]
        task = steps.SpeedTask(source, transport, fit.wires.energies, fit.regressor, fit.folder / "model")

        def compute(folder: Path) -> None:
            write_json(folder / "seconds.json", steps.compare_speed(task))

        depends_on = {
            "fit": [fit_key, fit.folder.name],
            "wires": source.identity(source.chunks - 1),
            "energies": fit.wires.energies,
            **context.identity("transport"),
        }
        done = context.single("timing", compute, depends_on)
        assert done.paths[0] is not None
        seconds = read_json(done.paths[0] / "seconds.json")
        published = {"published_exact_s": asked.published_exact_s, "published_network_s": asked.published_network_s}
        known = {name: value for name, value in published.items() if value is not None}
        return {
            "case": asked.case,
            "configurations": count,
            "energies": len(fit.wires.energies),
            **seconds,
            **({**known, "published_configurations": asked.configurations} if known else {}),
        }


def _key(hamiltonian: Selection, target: str) -> str:
    return json.dumps([hamiltonian.identity, target], sort_keys=True)


def _record_refused(context: Context, result: StepResult) -> None:
    """List the wires that the solver refused among the failures."""
    for item, path in result.finished:
        _, notes = read_table(path)
        if notes["refused"]:
            wires = ", ".join(map(str, notes["refused"]))
            context.failures.append(Failure(result.step, item, f"the solver found no transmission for the wires {wires}."))
