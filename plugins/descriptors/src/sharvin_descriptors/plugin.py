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
            name="soap",
            target="sharvin_descriptors.soap:Soap",
            config="sharvin_descriptors.configs:SoapOptions",
            summary="SOAP power spectrum of every atom's neighbourhood",
            gives="per_atom",
        ),
    ]
