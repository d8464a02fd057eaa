"""Workflow ``break_junction``: from pulled wires to conductance histograms.

Training pulls → NEGF labels T(E_F) of their snapshots → fits, split by pull → production pulls of one or several wires → exact
labels of some of their snapshots, or of all → predictions, streamed → histograms, traces, parity plots and error tables. Without
a regressor: production pulls → exact labels of all of their snapshots → histograms and traces. Every stage is a component chosen
by name; :mod:`~sharvin_studies.break_junction.data` has the stages before the fits,
:mod:`~sharvin_studies.break_junction.fits` the fits, :mod:`~sharvin_studies.break_junction.production` what is said of production
pulls. A Hamiltonian that learns is taught before it labels (:mod:`~sharvin_studies.break_junction.hamiltonian`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.config import Config, Selection
from sharvin.context import Context, StepResult
from sharvin.frames import Frames
from sharvin.protocols import TrainableHamiltonian
from sharvin.store import read_frames, read_observables
from sharvin.study_plan import StudyPlan

from sharvin_studies.break_junction import data, steps
from sharvin_studies.break_junction import hamiltonian as teaching
from sharvin_studies.break_junction.acquisition import Acquisition, acquire
from sharvin_studies.break_junction.completed_study import Baseline, CompletedStudy, Spectrum
from sharvin_studies.break_junction.configs import BreakJunctionOptions
from sharvin_studies.break_junction.fits import Fits, Fitted, Model, Plan, Split
from sharvin_studies.break_junction.label_curve.curve import HeldOut, LabelCurve, label_curve
from sharvin_studies.break_junction.labelled_files import labels as labelled
from sharvin_studies.break_junction.plan import plan
from sharvin_studies.break_junction.production import label_series
from sharvin_studies.break_junction.production.exact_study import ExactStudy, exact_report
from sharvin_studies.break_junction.production.produced_wires import ProducedWires
from sharvin_studies.break_junction.production.pulled_traces import Trace, at_snapshots, labelled_traces, predicted_traces
from sharvin_studies.break_junction.report import report
from sharvin_studies.export.opened_run import BreakJunctionRun
from sharvin_studies.fitted_model.model import FILE as MODEL_FILE
from sharvin_studies.fitted_model.model import HeldOutError, write_fitted_model
from sharvin_studies.predict.periodicity import periodic_across

Array = NDArray[np.float64]


class BreakJunction:
    """A break-junction study. See :class:`sharvin_studies.break_junction.configs.BreakJunctionOptions` for its options."""

    opened_run = BreakJunctionRun

    def __init__(self, options: BreakJunctionOptions) -> None:
        self.options = options

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``.

        Held in memory at once: for each worker 16 snapshots with their features, or a fit; features of the labelled snapshots
        are read from files.
        """
        if "regressor" not in context.config.selections:
            return self.exact_production(context)
        options = self.options
        training = data.pulls(context, "train_pulls", "training_pulls", options.training_pulls)
        production = data.pulls(context, "production_pulls", "production_pulls", options.production_pulls)
        taught = teaching.taught(context, options, training, production)
        check, everything = self.check_set(context, production, taught), options.production_labels == "all"
        snapshots = data.unbroken_snapshots(training, options.label_every)
        fits = Fits(context, options, snapshots, check[0] if check and not everything else None)
        labels, acquired = self.labels(context, snapshots, taught, fits)
        fitted = self.fit(context, fits, labels, acquired)
        held_out = self.held_out(context, snapshots, labels, fitted[0])
        baselines = self.baselines(context, snapshots, labels, fitted[0], check, taught, held_out)
        curve = self.label_curve(context, fits, labels, held_out, baselines)
        domain = fits.domain(fitted[0].plan)
        fits.close()
        producing = [one for one in fitted if everything or not one.plan.purpose]
        predicted = self.predict(context, production, producing)
        if everything and check is not None:
            fitted = [
                replace(one, check=at_snapshots(traces, check[0])) for one, traces in zip(producing, predicted, strict=True)
            ]
        study = CompletedStudy(
            context=context,
            options=options,
            snapshots=snapshots,
            labels=labels,
            fitted=fitted,
            check_snapshots=check[0] if check else None,
            check_labels=check[1] if check else None,
            baselines=baselines,
            acquired=acquired,
            production=production,
            traces={
                one.plan.model.name: traces for one, traces in zip(producing, predicted, strict=True) if not one.plan.purpose
            },
            spectra=self.spectra(context, *_tested_pull(snapshots, fitted[0]), taught),
            taught=taught,
            curve=curve,
        )
        self.write_model(study, data.only(domain))
        return report(study)

    def exact_production(self, context: Context) -> dict[str, Any]:
        """The steps of a study without a regressor: every unbroken snapshot of the production pulls is labelled.

        Held in memory: for each worker a snapshot, or as many as the solver takes at once, and of every snapshot a few numbers.
        """
        options = self.options.of_exact_production()
        nothing = data.Pulls(StepResult("train_pulls", "", [], [], 0), ())
        training = nothing
        if options.training_pulls:
            training = data.pulls(context, "train_pulls", "training_pulls", options.training_pulls)
        production = data.pulls(context, "production_pulls", "production_pulls", options.production_pulls)
        taught = teaching.taught(context, options, training, production)
        snapshots, labels = self.production_labels(context, production, taught)
        traces = labelled_traces(snapshots, labels)
        first = snapshots.pull[labels.known[0]]
        shown = snapshots.take(labels.known[snapshots.pull[labels.known] == first])
        study = ExactStudy(
            ProducedWires(context, options, production, traces, exact=True),
            labels=labels,
            training=training,
            spectra=self.spectra(context, shown, "production pull", taught),
            taught=taught,
        )
        (context.folder / MODEL_FILE).unlink(missing_ok=True)  # of an earlier config in this folder
        return exact_report(study)

    def production_labels(
        self, context: Context, production: data.Pulls, taught: StepResult | None
    ) -> tuple[data.Snapshots, data.Labels]:
        """Exact conductances of all unbroken snapshots of the production pulls."""
        snapshots, hamiltonian = data.unbroken_snapshots(production), context.config.selections["hamiltonian"]
        labels = data.label(context, "production_labels", snapshots, hamiltonian, taught, function=label_series.label)
        return snapshots, labels

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run would do. See :class:`sharvin.protocols.PlanningWorkflow`.

        Raises
        ------
        ConfigError
            If a starting wire is no junction for a Hamiltonian (electrodes thinner than its range, overlapping atoms …) or cannot
            be pulled or described, the potential gives no energy of it, something is asked of a Hamiltonian that it cannot do, or
            a device is not there.
        """
        return plan(config, self.options, measure)

    def check_set(
        self, context: Context, production: data.Pulls, taught: StepResult | None
    ) -> tuple[data.Snapshots, data.Labels] | None:
        """Snapshots of the production pulls that are labelled exactly: all, some or none."""
        if self.options.production_labels == "all":
            return self.production_labels(context, production, taught)
        if not self.options.check_snapshots:
            return None
        drawn = data.drawn_snapshots(production, self.options.check_snapshots, context.rng("check_labels"))
        hamiltonian = context.config.selections["hamiltonian"]
        labels = data.label(context, "check_labels", drawn, hamiltonian, taught)
        return drawn, labels

    def labels(
        self, context: Context, snapshots: data.Snapshots, taught: StepResult | None, fits: Fits
    ) -> tuple[data.Labels, Acquisition | None]:
        """Exact conductances of all snapshots, or of those that active learning asks for."""
        hamiltonian = context.config.selections["hamiltonian"]

        def label(chosen: data.Indices) -> data.Labels:
            return labelled.label(context, snapshots.take(chosen), hamiltonian, taught)

        if self.options.acquire is None:
            return label(np.arange(len(snapshots))), None
        return acquire(context, self.options, snapshots, label, self.model(context), fits)

    def model(self, context: Context) -> Model:
        """The config's own descriptor and regressor."""
        chosen, committee = context.config.selections, self.options.committee
        name = chosen["regressor"].name
        return Model(name, chosen.get("descriptor"), chosen["regressor"], committee.members if committee else 1)

    def fit(self, context: Context, fits: Fits, labels: data.Labels, acquired: Acquisition | None) -> list[Fitted]:
        """The config's model first, then its other split, its learning curve, and the models to compare with."""
        options, conductance, groups = self.options, labels.conductance_G0, fits.training.pull
        by = "sample" if options.split_by == "sample" else "group"
        own = self.model(context)
        asked = fits.training.pulls.asked
        split = acquired.split if acquired else Split.of(groups, labels.known, options, context.rng("fit"), by, asked)
        plans = [Plan(own, "", by, split, conductance)]
        if options.split_by == "both":
            other = Split.of(groups, labels.known, options, context.rng("fit", 1), "sample")
            plans.append(Plan(own, "split by snapshot", "sample", other, conductance))
        for number in options.learning_curve:
            plans.append(Plan(own, f"{number} pulls", by, split.shortened(number, groups), conductance))
        plans += [Plan(model, "", by, split, conductance) for model in self.models(context)[1:]]
        return fits.run(plans)

    def held_out(self, context: Context, snapshots: data.Snapshots, labels: data.Labels, fitted: Fitted) -> HeldOut | None:
        """What is held out of fits to few labels; None where there are none."""
        if not self.options.learning_curve_labels:
            return None
        return HeldOut.of(self.options, fitted.plan.split, snapshots.pull, labels.known, context)

    def label_curve(
        self,
        context: Context,
        fits: Fits,
        labels: data.Labels,
        held_out: HeldOut | None,
        baselines: Sequence[Baseline],
    ) -> LabelCurve | None:
        """Every model fitted to few labels."""
        if held_out is None:
            return None
        computed = {one.name: one.held_out_G0 for one in baselines if one.held_out_G0 is not None}
        return label_curve(context, self.options, fits, self.models(context), labels, held_out, computed)

    def models(self, context: Context) -> list[Model]:
        """The config's own model and those that are compared with it."""
        found = [self.model(context)]
        for case in self.options.compare:
            if not case.hamiltonian:
                parts = context.config.variants["compare"][case.name]
                found.append(Model(case.name, parts.get("descriptor"), parts["regressor"], case.members))
        return found

    def baselines(
        self,
        context: Context,
        snapshots: data.Snapshots,
        labels: data.Labels,
        fitted: Fitted,
        check: tuple[data.Snapshots, data.Labels] | None,
        taught: StepResult | None,
        held_out: HeldOut | None,
    ) -> list[Baseline]:
        """What other Hamiltonians give of the snapshots that test the models; the config's is one where it labels none."""
        found = []
        test = fitted.plan.split.test
        rows = test if held_out is None else np.union1d(test, held_out.rows)
        for name, hamiltonian, learnt in self.other_hamiltonians(context, snapshots.pulls, taught):
            computed = data.label(context, "baseline", snapshots.take(rows), hamiltonian, learnt, detail=name)
            checked = None
            if check is not None:
                checked = data.label(context, "baseline_check", check[0], hamiltonian, learnt, detail=name)
            of_curve = None if held_out is None else computed.conductance_G0[np.searchsorted(rows, held_out.rows)]
            found.append(Baseline(name, computed.take(np.searchsorted(rows, test)), checked, of_curve))
        return found

    def other_hamiltonians(
        self, context: Context, training: data.Pulls, taught: StepResult | None
    ) -> Iterator[tuple[str, Selection, StepResult | None]]:
        """Name, Hamiltonian and what it learnt of those that did not label the training snapshots."""
        own = context.config.selections["hamiltonian"]
        if training.all_labelled:
            yield own.name, own, taught
        for case in self.options.compare:
            if case.hamiltonian:
                yield case.name, context.config.variants["compare"][case.name]["hamiltonian"], None

    def predict(self, context: Context, production: data.Pulls, fitted: Sequence[Fitted]) -> list[list[Trace]]:
        """Traces of the production pulls as each of these fits predicts them."""
        trajectories = production.trajectories
        tasks, depend_on, places = [], [], []
        for number, one in enumerate(fitted):
            limit = self.options.compare_pulls if number and not one.plan.purpose else None
            for pull in (pull for name in production.names() for pull in list(production.of(name))[:limit]):
                model = one.plan.model
                models = one.models, one.recalibration
                tasks.append(steps.PredictTask(trajectories[pull], model.descriptor, model.regressor, *models))
                stated = {"recalibration": asdict(one.recalibration)} if one.recalibration else {}
                depend_on.append({"pull": trajectories[pull].name, "fits": list(one.keys), "model": model.name} | stated)
                places.append((number, pull))
        if not tasks:
            return [[] for _ in fitted]
        result = context.map("predictions", steps.predict, tasks, {}, items_depend_on=depend_on)
        return predicted_traces(production, places, result, len(fitted))

    def spectra(self, context: Context, of_pull: data.Snapshots, kind: str, taught: StepResult | None) -> list[Spectrum]:
        """T(E) of the narrowest of these labelled snapshots of one pull, a pull of some `kind`, by several Hamiltonians."""
        if not self.options.spectra:
            return []
        pull = int(of_pull.pull[0])
        trajectory = of_pull.pulls.trajectories[pull]
        observables = read_observables(trajectory)
        narrow = np.argmin(observables["neck_width"][of_pull.snapshot]) if "neck_width" in observables else -1
        snapshot = int(of_pull.snapshot[narrow])
        half = self.options.spectrum_half_width_eV
        energies = np.linspace(-half, half, self.options.spectrum_points)
        own, transport = context.config.selections["hamiltonian"], context.config.selections["transport"]
        cases = {case.name: context.config.variants["spectra"][case.name]["hamiltonian"] for case in self.options.spectra}
        tasks = [
            steps.SpectrumTask(trajectory, snapshot, hamiltonian, transport, energies, _learnt(hamiltonian, own, taught))
            for hamiltonian in cases.values()
        ]
        depends_on = {"energies_eV": energies.tolist(), **context.identity("transport")}
        items = [
            {"case": name, "pull": trajectory.name, "snapshot": snapshot, "hamiltonian": hamiltonian.identity}
            | ({"learnt": taught.key} if taught is not None and hamiltonian == own else {})
            for name, hamiltonian in cases.items()
        ]
        result = context.map("spectra", steps.spectrum, tasks, depends_on, items_depend_on=items)
        return [
            Spectrum.read(name, path, f"snapshot {snapshot} of {kind} {pull}")
            for name, path in zip(cases, result.paths, strict=True)
            if path is not None
        ]

    def write_model(self, study: CompletedStudy, domain: Path) -> None:
        """``model.json``, which ``sharvin predict`` reads."""
        own = study.own
        first = Frames(next(read_frames(path, [0])) for path in study.snapshots.pulls.trajectories.values())
        test = study.error(own, "test")
        learnt = np.concatenate([study.part(own, part).exact_G0 for part in ("train", "validation")])
        write_fitted_model(
            study.context.folder,
            descriptor=own.plan.model.descriptor,
            regressor=own.plan.model.regressor,
            models=own.models,
            recalibration=own.recalibration,
            domain=domain,
            elements=first.species(),
            atoms=(min(map(len, first)), max(map(len, first))),
            validation_mae_G0=study.error(own, "validation")["mae_G0"],
            held_out=HeldOutError(test["mae_G0"], test["pulls"], test["snapshots"], own.plan.by) if test["snapshots"] else None,
            conductances_G0=(float(learnt.min()), float(learnt.max())),
            periodic=sorted({periodic_across(frame) for frame in first}),
        )


def _tested_pull(snapshots: data.Snapshots, fitted: Fitted) -> tuple[data.Snapshots, str]:
    """Test snapshots of the first pull of a fit's test part, and what to call the pull."""
    test = fitted.plan.split.test
    return snapshots.take(test[snapshots.pull[test] == snapshots.pull[test[0]]]), "training pull"


def _learnt(hamiltonian: Selection, own: Selection, taught: StepResult | None) -> Path | None:
    """Folder of what a Hamiltonian has learnt, if it is the config's own."""
    if taught is None or hamiltonian != own or not isinstance(hamiltonian.built(), TrainableHamiltonian):
        return None
    return data.only(taught) / "model"
