"""Base classes of the option models of components and workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


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

    def modules(self) -> tuple[str, ...]:
        """Full names of the user's modules that compute: their source or version enters the keys of the steps."""
        return ()


class Case(Options):
    """One of several cases of a study: a name, and options of the config's components that are its own.

    A subclass adds, for every key in `overrides`, a field of that name of type ``dict[str, Any]``. What it holds is laid over the
    config's component and checked like it; with another ``use`` it stands alone. A field that may be None says by it that the
    case does without that component.
    """

    overrides: ClassVar[tuple[str, ...]] = ()
    """Config keys (``"regressor"`` …) whose components a case may change."""

    name: str = Field(min_length=1)
    """Name of the case, unique in its study."""


class WorkflowOptions(Options):
    """Options of a workflow, which also states the kinds of component that its config must name."""

    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config must name, spelt as in :data:`sharvin.hooks.KINDS`."""

    optional_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config may name."""

    system_type: ClassVar[str] = ""
    """System type (``two_terminal``, ``grid_wire``) that the config's Hamiltonian must give; any if empty."""

    sample_kind: ClassVar[str] = "graph"
    """Kind of sample that the regressor gets where the config names no descriptor."""

    cases_options: ClassVar[tuple[str, ...]] = ()
    """Options each of which holds a sequence of :class:`Case`; their components are in ``Config.variants``."""

    def conflicts(self, cases: Mapping[str, Mapping[str, Mapping[str, Options]]]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Where these options ask of a case's components what they cannot do.

        Parameters
        ----------
        cases : mapping of str to mapping of str to mapping of str to Options
            Validated options by option of the workflow, name of the case and config key.

        Returns
        -------
        sequence of (path, sentence)
            The path leads from the workflow to the option at fault, for the line number.
        """
        return ()
