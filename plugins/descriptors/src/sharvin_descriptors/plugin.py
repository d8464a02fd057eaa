"""Descriptors offered by this distribution."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_descriptors() -> list[Component]:
    """Local-density descriptors."""
    return [
        Component(
            name="acsf",
            target="sharvin_descriptors.symmetry_functions.acsf:Acsf",
            config="sharvin_descriptors.symmetry_functions.configs:AcsfOptions",
            summary="atom-centred symmetry functions of every atom's neighbourhood: Gaussian, weighted, compact",
            gives="per_atom",
        ),
        Component(
            name="average_soap",
            target="sharvin_descriptors.average_soap:AverageSoap",
            config="sharvin_descriptors.configs:AverageSoapOptions",
            summary="SOAP power spectrum averaged over a structure's atoms",
            gives="per_structure",
        ),
        Component(
            name="coulomb_matrix",
            target="sharvin_descriptors.coulomb_matrix:CoulombMatrix",
            config="sharvin_descriptors.configs:CoulombMatrixOptions",
            summary="Coulomb matrix of a whole structure, sorted, or its eigenvalues",
            gives="per_structure",
        ),
        Component(
            name="dscribe",
            target="sharvin_descriptors.dscribe_soap:DscribeSoap",
            config="sharvin_descriptors.configs:DscribeOptions",
            summary="SOAP power spectrum of DScribe, for comparison",
            needs=("dscribe",),
            extra="dscribe",
            gives="per_atom",
        ),
        Component(
            name="featomic",
            target="sharvin_descriptors.featomic_soap:FeatomicSoap",
            config="sharvin_descriptors.configs:FeatomicOptions",
            summary="SOAP power spectrum of featomic, for comparison",
            needs=("featomic",),
            extra="featomic",
            gives="per_atom",
        ),
        Component(
            name="soap",
            target="sharvin_descriptors.soap:Soap",
            config="sharvin_descriptors.configs:SoapOptions",
            summary="SOAP power spectrum of every atom's neighbourhood",
            gives="per_atom",
        ),
    ]


@hookimpl
def sharvin_potentials() -> list[Component]:
    """Potentials made of descriptors."""
    return [
        Component(
            name="hdnnp",
            target="sharvin_descriptors.hdnnp.potential:Hdnnp",
            config="sharvin_descriptors.hdnnp.configs:HdnnpOptions",
            summary="high-dimensional neural-network potential of symmetry functions, trained here or by n2p2",
        ),
    ]
