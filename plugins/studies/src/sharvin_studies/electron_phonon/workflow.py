"""Workflow ``electron_phonon``: electrons of a vibrating crystal, by trained parts and by what they learnt from.

Reference labels → training of the potential; reference blocks → training of the Hamiltonian; vibrations by both potentials →
samples of displaced structures in several series → H of each → Green's functions averaged over the samples → renormalised Fermi
velocity; bands of one sample and of a large cell; cost against size. Every component is chosen by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from sharvin.config import Config, Selection
from sharvin.context import Context
from sharvin.errors import InputError, RunError
from sharvin.runs import seeds
from sharvin.runs.atomic import atomically, remove
from sharvin.runs.returned_values import built_atoms
from sharvin.study_plan import StudyPlan

from sharvin_studies.electron_phonon import report as reporting
from sharvin_studies.electron_phonon.block_training import HamiltonianSource, TrainedHamiltonian, trained_hamiltonian
from sharvin_studies.electron_phonon.configs import ElectronPhononOptions
from sharvin_studies.electron_phonon.large_cell import bands_of_large_cell
from sharvin_studies.electron_phonon.plan import plan
from sharvin_studies.electron_phonon.report import LEARNT, REFERENCE, CouplingFindings
from sharvin_studies.electron_phonon.sample_bands import bands_of_sample
from sharvin_studies.electron_phonon.timings import timed
from sharvin_studies.electron_phonon.velocities import SeriesVelocity, velocities
from sharvin_studies.potential_study.labelling import PotentialSource, built_structures, labelled
from sharvin_studies.potential_study.trainings import FOLDER_OF_PROGRESS, Trained, of_seeds, run_trainings
from sharvin_studies.thermal_samples.series import Samples, condition_of, drawn, vibrations

Pair = Mapping[str, Any]


class ElectronPhonon:
    """A study of electron–phonon coupling.

    See :class:`sharvin_studies.electron_phonon.configs.ElectronPhononOptions` for its options.
    """

    def __init__(self, options: ElectronPhononOptions) -> None:
        self.options = options

    def plan(self, config: Config, measure: bool) -> StudyPlan:
        """What a run would do. See :class:`sharvin.protocols.PlanningWorkflow`.

        Raises
        ------
        ConfigError
            If parts cannot be made, trained or do not fit together.
        """
        return plan(config, self.options, measure)

    def run(self, context: Context) -> dict[str, Any]:
        """All steps; returns the content of ``results.json``."""
        options, config = self.options, context.config
        found = CouplingFindings()
        found.hamiltonian, hamiltonians = self.hamiltonians(context)
        found.potential, potentials = self.potentials(context) if "potential" in config.selections else (None, {})
        structure = config.selections.get("structure")
        atoms = None if structure is None else built_atoms(structure.build(), seeds.stream(config.seed, "structure"))
        dynamics = {name: parts["dynamics"] for name, parts in config.variants["series"].items()}
        samples: dict[str, Mapping[str, Samples]] = {}
        condition = None
        if atoms is not None and potentials:
            first = next(iter(dynamics.values()), config.selections["dynamics"])
            condition = condition_of(first)
            path = (options.phonons.corners, options.phonons.points)
            found.vibrations = vibrations(context, atoms, potentials, first, path)
            if dynamics:
                samples = {chain: drawn(context, atoms, one, dynamics, chain) for chain, one in potentials.items()}
            found.velocities = self.velocities(context, found, samples, hamiltonians, dynamics)
        if options.sample_bands is not None and atoms is not None:
            found.sample_bands = bands_of_sample(context, self.one_sample(samples, atoms), hamiltonians, options.sample_bands)
        if options.large is not None:
            large = self.structure(context, "large")
            found.large = bands_of_large_cell(context, large, hamiltonians, options.large)
        if options.sizes:
            found.timings = self.timings(context, potentials, hamiltonians)
        models = self.keep_models(context.folder / "models", found)
        declared = None if condition is None else condition[0]
        reporting.draw(context, found, declared)
        numbers = reporting.results(context, found, declared)
        remove(context.folder / FOLDER_OF_PROGRESS)
        return {**numbers, "n_atoms": None if atoms is None else len(atoms), "models": models}

    def potentials(self, context: Context) -> tuple[Trained | None, dict[str, PotentialSource]]:
        """The reference and the config's potential, trained on the reference's labels where the config has data for that.

        Raises
        ------
        RunError
            If the training fails.
        """
        config, options = context.config, self.options
        chosen, reference = config.selections["potential"], reference_of(config)["potential"]
        sources = {REFERENCE: PotentialSource(reference)}
        if options.potential_data is None:
            return None, {**sources, LEARNT: PotentialSource(chosen)}
        structures = built_structures(set_of(config, "potential_data"), context.rng("structures of the potential"))
        data = labelled(context, structures, reference)
        trained = run_trainings(context, of_seeds(context, data, chosen, 1, self.fractions, chosen.name), "potential")[0]
        if not trained.ok:
            raise RunError(f"the training of {chosen.name} failed; see log.jsonl.")
        return trained, {**sources, LEARNT: trained.source}

    def hamiltonians(self, context: Context) -> tuple[TrainedHamiltonian | None, dict[str, HamiltonianSource]]:
        """The reference and the config's Hamiltonian, trained on the reference's blocks where the config has data for that."""
        config, options = context.config, self.options
        chosen, reference = config.selections["hamiltonian"], HamiltonianSource(reference_of(config)["hamiltonian"])
        if options.hamiltonian_data is None:
            return None, {REFERENCE: reference, LEARNT: HamiltonianSource(chosen)}
        structures = built_structures(set_of(config, "hamiltonian_data"), context.rng("structures of the Hamiltonian"))
        trained = trained_hamiltonian(context, structures, reference, chosen, self.fractions)
        return trained, {REFERENCE: reference, LEARNT: trained.source}

    @property
    def fractions(self) -> tuple[float, float]:
        """Shares of test and validation."""
        return self.options.test_fraction, self.options.validation_fraction

    def velocities(
        self,
        context: Context,
        found: CouplingFindings,
        samples: Mapping[str, Mapping[str, Samples]],
        hamiltonians: Mapping[str, HamiltonianSource],
        dynamics: Mapping[str, Selection],
    ) -> dict[str, Sequence[SeriesVelocity]]:
        """Fermi velocities of all series by both sets of parts.

        Raises
        ------
        InputError
            If a series has too few samples for the error that was asked for.
        """
        if self.options.velocity is None:
            return {}
        conditions = {name: condition_of(one) for name, one in dynamics.items()}
        values = {name: None if one is None else one[1] for name, one in conditions.items()}
        outcome: dict[str, Sequence[SeriesVelocity]] = {}
        for chain, series in samples.items():
            outcome[chain] = velocities(
                context, found.vibrations[chain], series, hamiltonians[chain], self.options.velocity, values, chain
            )
        require_error(outcome, self.options.largest_error_percent)
        return outcome

    def one_sample(self, samples: Mapping[str, Mapping[str, Samples]], atoms: Atoms) -> Atoms:
        """The first sample of the last series that the reference potential gave; the structure itself where there are none."""
        series = samples.get(REFERENCE, {})
        return list(series.values())[-1].structures([0])[0] if series else atoms

    def structure(self, context: Context, name: str) -> Atoms:
        """One of the structures beside the config's own."""
        return built_atoms(set_of(context.config, name).build(), context.rng(f"structure of {name}"))

    def timings(
        self, context: Context, potentials: Mapping[str, PotentialSource], hamiltonians: Mapping[str, HamiltonianSource]
    ) -> Mapping[str, Any]:
        """Times of potentials and Hamiltonians by size."""
        structures = [self.structure(context, f"size {number}") for number in range(len(self.options.sizes))]
        parts: dict[str, PotentialSource | HamiltonianSource] = {}
        for kind, sources in (("forces", potentials), ("H", hamiltonians)):
            for source in sources.values():
                parts[f"{kind}, {source.selection.name}"] = source
        return timed(context, structures, parts, self.options.slowest_seconds)

    def keep_models(self, folder: Path, found: CouplingFindings) -> dict[str, str]:
        """Copy the trained models to the run's ``models/``; their places in the run folder."""
        kept: dict[str, Path] = {}
        if found.potential is not None:
            kept["potential"] = found.potential.model
        if found.hamiltonian is not None:
            kept["hamiltonian"] = found.hamiltonian.folder / "model"

        def write(into: Path) -> None:
            into.mkdir(parents=True)
            for name, model in kept.items():
                shutil.copytree(model, into / name)

        remove(folder)
        if kept:
            atomically(folder, write)
        return {name: f"models/{name}" for name in kept}


def reference_of(config: Config) -> Mapping[str, Selection]:
    """The reference potential and the reference Hamiltonian."""
    return next(iter(config.variants["reference"].values()))


def set_of(config: Config, name: str) -> Selection:
    """The structure, or set of structures, of a part of the study."""
    return config.variants["structures"][name]["structure"]


def require_error(chains: Mapping[str, Sequence[SeriesVelocity]], largest_percent: float | None) -> None:
    """Do nothing, or say how many samples a series needs for the error that was asked for.

    Raises
    ------
    InputError
    """
    if largest_percent is None:
        return
    for chain, series in chains.items():
        for one in series:
            error = 100 * one.standard_error_m_per_s / abs(one.velocity_m_per_s)
            if not error <= largest_percent:
                known = f"a standard error of {error:.2g} %, above" if error > 0 else "no standard error yet to compare with"
                raise InputError(
                    f"the series {one.name} by the {chain} parts has {one.n_samples} samples and {known} "
                    f"largest_error_percent {largest_percent:g}; it needs about {one.needed_for(largest_percent)} samples. "
                    "Those that are there are kept."
                )
