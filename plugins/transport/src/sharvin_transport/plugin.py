"""Hamiltonians and transport solvers of sharvin-transport, offered through the hooks."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_hamiltonians() -> list[Component]:
    """Hamiltonians."""
    return [
        Component(
            name="slater_koster",
            target="sharvin_transport.slater_koster:SlaterKoster",
            config="sharvin_transport.configs:SlaterKosterOptions",
            summary="non-orthogonal two-centre spd tables: PTBP (14 elements), NRL (Au, Cu) or your own",
            gives="two_terminal",
        ),
    ]


@hookimpl
def sharvin_transport() -> list[Component]:
    """Transport solvers."""
    return [
        Component(
            name="rgf",
            target="sharvin_transport.rgf:RecursiveGreen",
            config="sharvin_transport.configs:RecursiveGreenOptions",
            summary="block elimination between cached surface Green functions",
            takes=("two_terminal",),
        ),
        Component(
            name="sisl",
            target="sharvin_transport.sisl_btd:SislTransport",
            config="sharvin_transport.configs:SislOptions",
            summary="sisl's self-energies and block-tridiagonal Green functions, for comparison",
            needs=("sisl", "sisl_toolbox"),
            takes=("two_terminal",),
        ),
    ]
