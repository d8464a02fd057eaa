"""Properties of an fcc element as a potential describes it; usable alone.

``compute(Material(lambda: sharvin.calculator("eam", file="Au_u3.eam"), "Au"), "elastic_constants")`` gives C11, C12 and C44.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from ase.calculators.calculator import PropertyNotImplementedError
from sharvin.errors import ItemError, SharvinError

from sharvin_studies.potential_study.configs import PropertyName
from sharvin_studies.potential_study.properties import bulk, chains, phonons, surfaces
from sharvin_studies.potential_study.properties.crystal import Findings, Material

__all__ = ["PROPERTIES", "Findings", "Material", "compute"]

PROPERTIES: dict[str, Callable[[Material], Findings]] = {
    "crystal": bulk.crystal,
    "equation_of_state": bulk.equation_of_state,
    "elastic_constants": bulk.elastic_constants,
    "surface_100": surfaces.surface_100,
    "surface_110": surfaces.surface_110,
    "surface_111": surfaces.surface_111,
    "vacancy": surfaces.vacancy,
    "phonons": phonons.phonons,
    "dimer": chains.dimer,
    "chain": chains.chain,
}
"""What can be computed, by name."""
assert set(PROPERTIES) == set(get_args(PropertyName))


def compute(material: Material, name: str) -> Findings:
    """One property.

    Raises
    ------
    ItemError
        If the potential does not have it, with the reason: a crystal without a minimum, a slab that falls apart, a calculator
        without stresses.
    """
    try:
        return PROPERTIES[name](material)
    except PropertyNotImplementedError as error:
        raise ItemError(f"the potential cannot tell what is needed: {error}.") from None
    except SharvinError as error:
        raise ItemError(str(error)) from error
    except (RuntimeError, ValueError, ArithmeticError, IndexError) as error:
        raise ItemError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
