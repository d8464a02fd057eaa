"""Base classes of the option models of components and workflows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from operator import index
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from sharvin.words.suggestions import did_you_mean

_PERIODIC_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd
Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac
Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS = tuple(_PERIODIC_TABLE.split())
"""Chemical symbols by atomic number, hydrogen first; here, so that option models need no package that knows them."""


def _is_symbol(name: str) -> str:
    if name not in SYMBOLS:
        raise ValueError(f"{name!r} is not a chemical symbol{did_you_mean(name, SYMBOLS) if len(name) < 3 else ''}")
    return name


Element = Annotated[str, AfterValidator(_is_symbol)]
"""Type of an option that is a chemical symbol."""


NO_SCHEMAS = ("default", "metadata", "expected", "serialization", "ref", "schema_ref")
"""Parts of pydantic's schemas that are values."""


def _strict_numbers(schema: Any) -> Any:
    """A pydantic schema whose numbers are strict, down to those inside of it."""
    if isinstance(schema, list):
        return [_strict_numbers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("int", "float") and not schema.get("strict"):
        before = _as_int if schema["type"] == "int" else _as_float
        return core_schema.no_info_before_validator_function(before, {**schema, "strict": True})
    if schema.get("type") == "literal" and any(type(choice) is int for choice in schema["expected"]):
        return core_schema.no_info_before_validator_function(_no_bool, schema)
    strict = {name: part if name in NO_SCHEMAS else _strict_numbers(part) for name, part in schema.items()}
    if schema.get("type") == "model-fields":  # where an option may have any of the names that schemas have
        strict["fields"] = {name: _strict_numbers(part) for name, part in schema["fields"].items()}
    return strict


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("needs a number, not true or false")
    return value


def _as_int(value: Any) -> Any:
    """Whole numbers of any type, 1e3 and NumPy's among them, as int; anything else as it is."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else value
    try:
        return index(value)
    except TypeError:
        return value


def _as_float(value: Any) -> Any:
    """Real numbers of any type, NumPy's among them, as float; anything else as it is."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value


class Options(BaseModel):
    """Options of a component: frozen, no unknown names, every field documented by the string below it.

    Subclasses live in a plugin's ``configs.py``, which imports nothing heavier than pydantic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    former_names: ClassVar[Mapping[str, str]] = {}
    """Present names of options by the names that they had in an earlier version and that are still taken."""

    @model_validator(mode="before")
    @classmethod
    def _take_former_names(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        for former, present in cls.former_names.items():
            if former in values and present in values:
                raise ValueError(f"{former} is the former name of {present}; give one of them")
        return {cls.former_names.get(name, name): value for name, value in values.items()}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The model's schema, in which true, false and text are no numbers: pydantic alone takes ``true`` for 1.0."""
        schema: CoreSchema = _strict_numbers(handler(source))
        return schema

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


@dataclass(frozen=True)
class Condition:
    """An option that is a condition of an experiment, such as a pulling speed, against which a study may draw what it finds.

    Parameters
    ----------
    option : str
        Name of the option, which holds a number.
    name : str
        One lower_snake_case word for file names: ``"speed"``.
    title : str
        In words: ``"pulling speed"``.
    unit : str
        ``"m/s"``; empty where it has none.
    """

    option: str
    name: str
    title: str
    unit: str


@runtime_checkable
class ConditionedOptions(Protocol):
    """Options of a dynamics that say which of them are conditions of an experiment; optional."""

    def conditions(self) -> Sequence[Condition]:
        """The conditions, those first that a reader looks for first."""
        ...


@runtime_checkable
class ConcentrationOptions(Protocol):
    """Options of a lattice Hamiltonian that can draw wires of one concentration of impurities; optional."""

    def at_concentration(self, concentration: float) -> Options:
        """These options for wires all of which have this concentration, the probability that a site is an impurity.

        Raises
        ------
        ValueError
            If the wires have no impurities with these options.
        """
        ...


class Case(Options):
    """One of several cases of a study: a name, and options of the config's components that are its own.

    A subclass adds, for every key in `overrides`, a field of that name of type ``dict[str, Any]``. What it holds is laid over the
    config's component and checked like it; with another ``use`` it stands alone. A field that may be None says by it that the
    case does without that component.
    """

    overrides: ClassVar[tuple[str, ...]] = ()
    """Config keys (``"regressor"`` …) whose components a case may change."""

    stands_alone: ClassVar[bool] = False
    """Whether its components are never laid over those of the config, even with the same ``use``."""

    name: str = Field(min_length=1)
    """Name of the case, unique in its study."""


class WorkflowOptions(Options):
    """Options of a workflow, which also states the kinds of component that its config must name."""

    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config must name, spelt as in :data:`sharvin.hooks.KINDS`; :meth:`needed_kinds` may leave out some."""

    optional_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds that the config may name, or set to null."""

    nullable_kinds: ClassVar[tuple[str, ...]] = ()
    """Those of `kinds` that the config may set to null, to do without; one that is left out is a mistake."""

    system_type: ClassVar[str] = ""
    """System type (``two_terminal``, ``grid_wire``) that the config's Hamiltonian must give; any if empty."""

    sample_kind: ClassVar[str] = "graph"
    """Kind of sample that the regressor gets where the config names no descriptor."""

    cases_options: ClassVar[tuple[str, ...]] = ()
    """Options each of which holds a sequence of :class:`Case`; their components are in ``Config.variants``."""

    writes: ClassVar[tuple[str, ...]] = ()
    """Files that the study writes into the run folder, besides those of any run, its store and its figures; the name of a folder
    ends in ``/``."""

    def needed_kinds(self) -> tuple[str, ...]:
        """Those of `kinds` that a config with these options must name, all by default; the others it must not name."""
        return self.kinds

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

    def conflicts_with(self, components: Mapping[str, Options]) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Where these options and the config's components do not go together.

        Parameters
        ----------
        components : mapping of str to Options
            Validated options by config key; a key that the config leaves out or sets to null is not there.

        Returns
        -------
        sequence of (path, sentence)
            The path leads from the top of the config to the option at fault, for the line number.
        """
        return ()
