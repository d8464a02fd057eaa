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
