"""Parts that this distribution offers."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_transport() -> list[Component]:
    """Solver by matching lead modes."""
    return [
        Component(
            name="example_modes",
            target="sharvin_example.modes:ModesSolver",
            config="sharvin_example.configs:ModesOptions",
            summary="dense solver, lead self-energies from decaying modes",
            takes=("two_terminal",),
        )
    ]


@hookimpl
def sharvin_descriptors() -> list[Component]:
    """Radial distribution around each atom."""
    return [
        Component(
            name="example_radial",
            target="sharvin_example.radial:RadialDescriptor",
            config="sharvin_example.configs:RadialOptions",
            summary="smeared distances to the neighbours of each atom",
            gives="per_atom",
        )
    ]


@hookimpl
def sharvin_regressors() -> list[Component]:
    """Nearest neighbours."""
    return [
        Component(
            name="example_neighbours",
            target="sharvin_example.neighbours:NeighboursRegressor",
            config="sharvin_example.configs:NeighboursOptions",
            summary="mean of the most similar structures",
            takes=("per_atom",),
        )
    ]
