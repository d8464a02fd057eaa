"""What ``electron_phonon`` tells its reader: numbers, sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sharvin.context import Context
from sharvin.figures import clear_figures
from sharvin.options import Condition

from sharvin_studies.electron_phonon import figures
from sharvin_studies.electron_phonon.block_errors import BlockErrors, shell_in_words
from sharvin_studies.electron_phonon.block_training import TrainedHamiltonian
from sharvin_studies.electron_phonon.large_cell import LargeBands
from sharvin_studies.electron_phonon.sample_bands import SampleBands
from sharvin_studies.electron_phonon.timings import Timing
from sharvin_studies.electron_phonon.velocities import SeriesVelocity
from sharvin_studies.potential_study.figures import plot_learning_curves, plot_parity
from sharvin_studies.potential_study.scores import errors_of
from sharvin_studies.potential_study.trainings import Trained
from sharvin_studies.thermal_samples.series import Vibrations

LEARNT, REFERENCE = "trained", "reference"
"""Names of the two sets of parts: those of the config, trained or not, and their references."""
UNSTABLE_THZ = 0.05
"""Frequency beyond which an unstable phonon along the path is told."""


@dataclass(eq=False)
class CouplingFindings:
    """What the steps found, by the trained parts and by their references; what was not asked for is empty."""

    potential: Trained | None = None
    hamiltonian: TrainedHamiltonian | None = None
    vibrations: Mapping[str, Vibrations] = field(default_factory=dict)
    velocities: Mapping[str, Sequence[SeriesVelocity]] = field(default_factory=dict)
    sample_bands: Mapping[str, SampleBands] = field(default_factory=dict)
    large: Mapping[str, LargeBands] = field(default_factory=dict)
    timings: Mapping[str, Timing] = field(default_factory=dict)


def results(context: Context, found: CouplingFindings, condition: Condition | None) -> dict[str, Any]:
    """Numbers of the study, and the sentences and tables of its report."""
    selections = context.config.selections
    numbers: dict[str, Any] = {key: selections[key].name for key in ("potential", "hamiltonian") if key in selections}
    numbers |= _trainings(found)
    numbers |= _phonons(found)
    numbers |= _velocities(found, condition)
    numbers |= _bands(found)
    if found.timings:
        numbers["timings"] = {
            name: {"atoms": one.atoms.tolist(), "seconds": one.seconds.tolist(), "exponent": _known(one.exponent)}
            for name, one in found.timings.items()
        }
    tables = [table for table in (_shells(found), _velocity_table(found, condition), _large_table(found)) if table]
    return {**numbers, "summary": summary(numbers), "tables": tables}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _trainings(found: CouplingFindings) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    if found.potential is not None:
        errors_of_test = errors_of(found.potential, "test")
        numbers |= {} if errors_of_test is None else vars(errors_of_test)
        numbers["potential_fit_seconds"] = found.potential.seconds
    if found.hamiltonian is not None:
        errors = found.hamiltonian.errors
        numbers |= {
            "H_mae_meV": 1000 * errors.mae_eV,
            "H_nearest_mae_meV": 1000 * errors.nearest_mae_eV,
            "H_nearest_largest_meV": 1000 * errors.nearest_largest_eV,
            "H_structures": dict(zip(("train", "validation", "test"), found.hamiltonian.counts, strict=True)),
            "H_refused": found.hamiltonian.refused,
            "hamiltonian_fit_seconds": found.hamiltonian.seconds,
        }
    return numbers


def _phonons(found: CouplingFindings) -> dict[str, Any]:
    ours, theirs = (found.vibrations.get(name) for name in (LEARNT, REFERENCE))
    if ours is None or theirs is None or ours.frequencies_THz is None or theirs.frequencies_THz is None:
        return {}
    error = ours.frequencies_THz - theirs.frequencies_THz
    return {
        "phonon_rms_THz": float(np.sqrt(np.mean(error**2))),
        "phonon_largest_THz": float(np.abs(error).max()),
        "lowest_phonon_THz": {LEARNT: float(ours.frequencies_THz.min()), REFERENCE: float(theirs.frequencies_THz.min())},
    }


def _velocities(found: CouplingFindings, condition: Condition | None) -> dict[str, Any]:
    if not found.velocities:
        return {}
    key = "condition" if condition is None else f"{condition.name}_{condition.unit}".rstrip("_")
    return {
        "fermi_velocity": {
            chain: {
                "at_rest_m_per_s": series[0].frozen_m_per_s,
                "series": {
                    one.name: {
                        key: one.condition,
                        "velocity_m_per_s": _known(one.velocity_m_per_s),
                        "standard_error_m_per_s": _known(one.standard_error_m_per_s),
                        "samples": one.n_samples,
                        "failed_samples": one.reasons,
                    }
                    for one in series
                },
            }
            for chain, series in found.velocities.items()
        },
        "n_samples": sum(one.n_samples for series in found.velocities.values() for one in series),
    }


def _bands(found: CouplingFindings) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    if len(found.sample_bands) == 2:
        every, near = found.sample_bands[LEARNT].errors_eV(found.sample_bands[REFERENCE])
        numbers |= {"sample_bands_mae_meV": 1000 * every, "sample_bands_near_fermi_mae_meV": _known(1000 * near)}
    if found.large:
        numbers["large_cell"] = {
            name: {
                "n_atoms": one.n_atoms,
                "central_width_meV": 1000 * one.central_width_eV,
                "fermi_eV": one.neutral_eV,
                "blocks_seconds": one.blocks_seconds,
                "bands_seconds": one.bands_seconds,
                "peak_MB": one.peak_MB,
            }
            for name, one in found.large.items()
        }
    return numbers


def summary(numbers: Mapping[str, Any]) -> str:
    """The study in a few sentences."""
    said = []
    if "force_mae_meV_per_A" in numbers:
        said.append(
            f"{numbers['potential']}: mean absolute errors {numbers['force_mae_meV_per_A']:.3g} meV/Å and "
            f"{numbers['energy_mae_meV_per_atom']:.3g} meV/atom on the test set."
        )
    if "H_mae_meV" in numbers:
        said.append(
            f"{numbers['hamiltonian']}: mean absolute error of H {numbers['H_mae_meV']:.3g} meV, of nearest neighbours "
            f"{numbers['H_nearest_mae_meV']:.3g} meV with a largest one of {numbers['H_nearest_largest_meV']:.3g} meV."
        )
    if numbers.get("H_refused"):
        said.append(f"It refused {len(numbers['H_refused'])} of the test structures; results.json says why.")
    if "phonon_rms_THz" in numbers:
        said.append(f"Phonons differ by {numbers['phonon_rms_THz']:.3g} THz (RMS) from the reference's.")
        lowest = numbers["lowest_phonon_THz"][LEARNT]
        if lowest < -UNSTABLE_THZ:
            said.append(f"The lowest along the path is unstable by the trained parts, {-lowest:.2g}i THz.")
    for chain, one in numbers.get("fermi_velocity", {}).items():
        vibrating = []
        for name, found in one["series"].items():
            velocity, error = found["velocity_m_per_s"], found["standard_error_m_per_s"]
            spread = "" if error is None else f" ± {error / 1e5:.3f}"
            vibrating.append(f"{name}: not found" if velocity is None else f"{name}: {velocity / 1e5:.3f}{spread}")
        said.append(
            f"Fermi velocity in 10⁵ m/s by the {chain} parts: {one['at_rest_m_per_s'] / 1e5:.3f} at rest; {', '.join(vibrating)}."
        )
    if "large_cell" in numbers:
        widths = ", ".join(f"{one['central_width_meV']:.1f} meV ({name})" for name, one in numbers["large_cell"].items())
        atoms = next(iter(numbers["large_cell"].values()))["n_atoms"]
        said.append(f"Width of the four bands at the Fermi energy of the large cell of {atoms:,} atoms: {widths}.")
    return " ".join(said)


def _shells(found: CouplingFindings) -> dict[str, Any] | None:
    if found.hamiltonian is None:
        return None
    errors: BlockErrors = found.hamiltonian.errors
    rows: list[list[Any]] = [
        [
            shell_in_words(k),
            int(errors.elements[k]),
            f"{1000 * errors.magnitude_of(k):.4g}",
            f"{1000 * errors.mae_of(k):.3g}",
            f"{1000 * errors.largest_eV[k]:.3g}",
        ]
        for k in errors.shells
    ]
    nearest = f"{1000 * errors.nearest_mae_eV:.3g}", f"{1000 * errors.nearest_largest_eV:.3g}"
    rows.append(["nearest neighbours", int(errors.nearest[0]), None, *nearest])
    return {
        "title": "Errors of the Hamiltonian by distance",
        "columns": ["distance", "elements", "mean size (meV)", "mean absolute error (meV)", "largest error (meV)"],
        "rows": rows,
        "caption": "On structures that no training has seen. Most pairs are far apart and their elements tiny, so that the mean "
        "over all flatters.",
    }


def _velocity_table(found: CouplingFindings, condition: Condition | None) -> dict[str, Any] | None:
    if not found.velocities:
        return None
    title = "condition" if condition is None else f"{condition.title} ({condition.unit})"
    rows = [
        [
            chain,
            one.name,
            one.condition,
            one.n_samples,
            f"{one.frozen_m_per_s / 1e5:.4f}",
            one.in_words,
            None if np.isnan(one.velocity_m_per_s) else f"{100 * (one.velocity_m_per_s / one.frozen_m_per_s - 1):+.2f}",
        ]
        for chain, series in found.velocities.items()
        for one in series
    ]
    return {
        "title": "Fermi velocity",
        "columns": ["parts", "series", title, "samples", "at rest (10⁵ m/s)", "vibrating (10⁵ m/s)", "change (%)"],
        "rows": rows,
        "caption": "Slope of the cone around K within the window of the config, from the Green's function averaged over the "
        "samples, ± its standard error (jackknife). Each set of parts has a geometry at rest of its own.",
    }


def _large_table(found: CouplingFindings) -> dict[str, Any] | None:
    if not found.large:
        return None
    rows = [
        [
            name,
            f"{1000 * one.central_width_eV:.3f}",
            f"{one.blocks_seconds:.1f}",
            f"{one.bands_seconds:.0f}",
            f"{one.peak_MB:.0f}",
        ]
        for name, one in found.large.items()
    ]
    return {
        "title": "Large cell",
        "columns": ["parts", "width of the central bands (meV)", "time of H (s)", "time of all bands (s)", "peak memory (MB)"],
        "rows": rows,
        "caption": "The central bands are the two on each side of the Fermi energy; times on one core.",
    }


def draw(context: Context, found: CouplingFindings, condition: Condition | None) -> None:
    """All figures."""
    folder = context.folder
    selections = context.config.selections
    reference = next(iter(context.config.variants["reference"].values()))
    hamiltonians = (reference["hamiltonian"].name, selections["hamiltonian"].name)
    clear_figures(folder)
    if found.velocities:
        figures.plot_velocities(folder, found.velocities, condition)
        figures.plot_iteration_error(folder, found.velocities)
    if len(found.vibrations) == 2:
        potentials = (reference["potential"].name, selections["potential"].name)
        figures.plot_phonons(folder, found.vibrations[REFERENCE], found.vibrations[LEARNT], potentials)
    if len(found.sample_bands) == 2:
        figures.plot_sample_bands(folder, found.sample_bands[REFERENCE], found.sample_bands[LEARNT], hamiltonians)
    if found.large:
        figures.plot_large_bands(folder, found.large[REFERENCE], found.large[LEARNT], hamiltonians)
    if found.timings:
        figures.plot_timings(folder, found.timings)
    if found.hamiltonian is not None:
        figures.plot_block_errors(folder, found.hamiltonian.errors)
    if found.potential is not None:
        plot_parity(folder, [found.potential], selections["potential"].name)
        plot_learning_curves(folder, [found.potential.curves])
