"""Base classes of the option models of components and workflows."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of a component: frozen, no unknown names, every field documented by the string below it.

    Subclasses live in a plugin's ``configs.py``, which imports nothing heavier than pydantic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def elements(self) -> frozenset[str] | None:
        """Chemical symbols this part brings (structures) or can treat (potentials, Hamiltonians); None if not known.

        ``sharvin check`` compares them before anything is computed, so this must be cheap and must not import the
        package that computes.
        """
        return None

    def files(self) -> tuple[str, ...]:
        """Paths of user files: they must exist before the run starts, and their content enters the keys of the steps."""
        return ()


class WorkflowOptions(Options):
    """Options of a workflow, which also states the kinds of component that its config must name."""

    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config must name, spelt as in :data:`sharvin.hooks.KINDS`."""

    optional_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config may name."""

    system_type: ClassVar[str] = ""
    """System type (``two_terminal``, ``grid_wire``) that the config's Hamiltonian must give; any if empty."""
