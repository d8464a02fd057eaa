"""Studies and commands of sharvin-studies, offered through the hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sharvin.component import Command, Component
from sharvin.hooks import hookimpl

if TYPE_CHECKING:
    from sharvin.report import ReportPart

SHARVIN_API = 1


@hookimpl
def sharvin_workflows() -> list[Component]:
    """Studies built from the other kinds."""
    return [
        Component(
            name="break_junction",
            target="sharvin_studies.break_junction.workflow:BreakJunction",
            config="sharvin_studies.break_junction.configs:BreakJunctionOptions",
            summary="training pulls, NEGF labels, a fit, production pulls, conductance histograms",
        ),
        Component(
            name="disordered_wire",
            target="sharvin_studies.disordered_wire.workflow:DisorderedWire",
            config="sharvin_studies.disordered_wire.configs:DisorderedWireOptions",
            summary="disordered lattice wires, exact T(E), regressors on their on-site maps, errors and ensemble statistics",
        ),
        Component(
            name="electron_phonon",
            target="sharvin_studies.electron_phonon.workflow:ElectronPhonon",
            config="sharvin_studies.electron_phonon.configs:ElectronPhononOptions",
            summary="potential and Hamiltonian trained on references, thermal samples, renormalised Fermi velocity, large cells",
        ),
        Component(
            name="potential_study",
            target="sharvin_studies.potential_study.workflow:PotentialStudy",
            config="sharvin_studies.potential_study.configs:PotentialStudyOptions",
            summary="reference labels, trainings of a potential, errors and properties beside its reference and others",
        ),
        Component(
            name="thermal_transport",
            target="sharvin_studies.thermal_transport.workflow:ThermalTransport",
            config="sharvin_studies.thermal_transport.configs:ThermalTransportOptions",
            summary="conductances of a contact whose atoms vibrate: samples, means with errors, one special structure",
        ),
    ]


@hookimpl
def sharvin_commands() -> list[Command]:
    """Commands that use what a study left."""
    return [
        Command(
            name="export",
            target="sharvin_studies.export.options:export",
            summary="Frames of a finished run with what is known of each, for other programs.",
        ),
        Command(
            name="predict",
            target="sharvin_studies.predict.options:predict",
            summary="Conductances of frames by the model of a finished run.",
        ),
    ]


@hookimpl
def sharvin_report(results: Mapping[str, Any]) -> ReportPart | None:
    """Key numbers of these studies."""
    from sharvin_studies.report_part import of_study

    ours = {study.name for study in sharvin_workflows()}
    return of_study(results) if results.get("workflow") in ours else None
