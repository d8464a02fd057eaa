"""A plugin of the tests: a small potential that can be trained, and a small set of structures to train it on."""

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_potentials():
    return [
        Component(
            name="fitted_pairs",
            target="trainable_doubles:FittedPairs",
            config="trainable_doubles:FittedPairsOptions",
            summary="a potential of four parameters, which are fitted",
        )
    ]


@hookimpl
def sharvin_structures():
    return [
        Component(
            name="small_set",
            target="trainable_doubles:SmallSet",
            config="trainable_doubles:SmallSetOptions",
            summary="a few cells of gold in groups",
        )
    ]
