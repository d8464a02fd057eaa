"""Which tests of a conformance class apply to a part: :func:`applies_where`, and what a condition may ask about the part.

A test that cannot apply, because of what the part's record declares, of the optional methods that it has or of the attributes of
the subclass, is not collected. It is not skipped either: a skipped test says that something could be tested elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from sharvin.component import Component
from sharvin.errors import SharvinError
from sharvin.registry import load_target, registry

Test = TypeVar("Test", bound=Callable[..., Any])
Condition = Callable[[type[Any]], bool]


class NotApplicable:
    """Stands where a subclass would inherit a test that does not concern its part; pytest collects callables only."""

    def __init__(self, test: str) -> None:
        self.test = test


def applies_where(condition: Condition) -> Callable[[Test], Test]:
    """Collect the test in those subclasses only for which the condition holds; it is asked once the subclass has a name."""

    def mark(test: Test) -> Test:
        test.__dict__["applies_where"] = condition
        return test

    return mark


def leave_out_what_does_not_apply(tests: type[Any]) -> None:
    """Replace tests of a conformance class that do not concern its part; a test that a subclass overrides is left alone."""
    for name in dir(tests):
        if not name.startswith("test_"):
            continue
        known = (vars(base)[name] for base in tests.__mro__ if name in vars(base))
        test = next(one for one in known if not isinstance(one, NotApplicable))
        condition = getattr(test, "applies_where", None)
        if condition is None:
            continue
        wanted = test if condition(tests) else NotApplicable(name)
        if isinstance(wanted, NotApplicable) or isinstance(getattr(tests, name), NotApplicable):
            setattr(tests, name, wanted)


def record_of(tests: type[Any]) -> Component | None:
    """Record of the part that a conformance class is about; None where no such part is installed."""
    try:
        return registry().find(tests.kind, tests.name).component
    except SharvinError:
        return None


def takes(tests: type[Any], what: str) -> bool:
    """Whether the part takes this kind of system or sample; also where there is no such part, so that the tests can say so."""
    record = record_of(tests)
    return record is None or what in record.takes


def gives(tests: type[Any], what: str) -> bool:
    """Whether the part gives this kind of result, or there is no such part."""
    record = record_of(tests)
    return record is None or record.gives == what


def has_method(tests: type[Any], method: str) -> bool:
    """Whether the part's class has an optional method; False where its packages are not installed."""
    record = record_of(tests)
    if record is None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages imported; the test of the record imports them once more
            return hasattr(load_target(record.target), method)
    except (ImportError, AttributeError):
        return False
