"""Discovery admits each plugin on its own; lookup by name says what it does not know and what may have been meant."""

import importlib
import sys
import textwrap
from importlib.metadata import EntryPoint

import pytest
from sharvin import create
from sharvin.component import SHARVIN_API, Component
from sharvin.errors import InputError, MissingPackageError, UnknownComponentError
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.registry import Registry, known_components, load_target, registry

HEADER = """
from sharvin.component import Component
from sharvin.hooks import hookimpl
SHARVIN_API = {api}
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin module and give its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(module, source, api=SHARVIN_API):
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(HEADER.format(api=api) + textwrap.dedent(source))
        importlib.invalidate_caches()
        return EntryPoint(name=module, value=module, group="sharvin.plugins")

    return write


def offer(name, kind="transport", **fields):
    extra = "".join(f", {key}={value!r}" for key, value in fields.items())
    return f"""
    @hookimpl
    def sharvin_{kind}():
        return [Component({name!r}, "decimal:Decimal", "decimal:Context", "a part"{extra})]
    """


def only(found):
    (entry,) = found.plugins
    return entry


def test_a_plugin_offers_its_parts(plugin):
    found = Registry([plugin("good_one", offer("swift"))], disabled=())
    assert only(found).status == "ok"
    assert found.find("transport", "swift").component == Component("swift", "decimal:Decimal", "decimal:Context", "a part")
    assert found.find("transport", "swift").title == "transport/swift"


@pytest.mark.parametrize(
    ("source", "api", "reason"),
    [
        ("raise RuntimeError('no such luck')", SHARVIN_API, "RuntimeError: no such luck"),
        ("import no_such_package", SHARVIN_API, "No module named 'no_such_package'"),
        ("import sys; sys.exit(3)", SHARVIN_API, "SystemExit: 3"),
        ("this is no python", SHARVIN_API, "SyntaxError"),
        ("", SHARVIN_API + 1, f"SHARVIN_API {SHARVIN_API + 1}"),
        ("del SHARVIN_API", SHARVIN_API, "states no SHARVIN_API"),
        ("@hookimpl\ndef sharvin_descriptor(): return []", SHARVIN_API, "did you mean 'sharvin_descriptors'"),
        ("def sharvin_transport(): return []", SHARVIN_API, "not marked with @hookimpl"),
        ("@hookimpl\ndef sharvin_transport(): return [3]", SHARVIN_API, "returned a int, not a Component"),
        ("@hookimpl\ndef sharvin_transport(): return None", SHARVIN_API, "NoneType"),
        ("@hookimpl\ndef sharvin_transport(wrong): return []", SHARVIN_API, "wrong"),
        (offer("rgf"), SHARVIN_API, "reserved for sharvin-transport"),
        (offer("twice") + offer("twice").replace("sharvin_transport", "sharvin_regressors"), SHARVIN_API, ""),
    ],
)
def test_a_broken_plugin_is_recorded_with_its_reason_and_harms_nobody(plugin, source, api, reason):
    entries = [plugin("a_good_one", offer("swift")), plugin("broken_one", source, api), plugin("c_good_one", offer("slow"))]
    found = Registry(entries, disabled=())
    status = {entry.name: entry for entry in found.plugins}
    assert status["a_good_one"].status == status["c_good_one"].status == "ok"
    assert {"swift", "slow"} <= set(found.parts["transport"])
    if reason:
        assert status["broken_one"].status == "broken"
        assert reason in status["broken_one"].reason
        assert set(found.parts["transport"]) == {"swift", "slow"}
    else:
        assert status["broken_one"].status == "ok"  # one name may be used for several kinds
        assert "twice" in found.parts["regressors"]


def test_a_name_is_given_once(plugin):
    found = Registry([plugin("first", offer("swift")), plugin("second", offer("swift"))], disabled=())
    first, second = found.plugins
    assert (first.status, second.status) == ("ok", "broken")
    assert "transport/swift is already taken by first" in second.reason
    assert found.find("transport", "swift").distribution == "first"


def test_a_plugin_whose_second_hook_is_wrong_is_absent_altogether(plugin):
    source = offer("swift") + "\n    @hookimpl\n    def sharvin_regressors():\n        return [None]\n"
    found = Registry([plugin("half", source)], disabled=())
    assert only(found).status == "broken"
    assert found.parts["transport"] == {}
    assert found.manager.get_plugin("half") is None


def test_disabled_plugins_are_not_imported(plugin, monkeypatch):
    entry = plugin("harmful", "raise SystemExit")
    monkeypatch.setenv("SHARVIN_DISABLE", "other, harmful")
    assert only(Registry([entry])).status == "disabled"


def test_unknown_names_get_suggestions():
    with pytest.raises(UnknownComponentError, match="did you mean 'serial'"):
        registry().find("executors", "seriall")
    with pytest.raises(InputError, match="did you mean 'transport'"):
        registry().find("transprot", "rgf")


def test_a_known_part_that_is_not_installed_names_the_pip_command():
    with pytest.raises(UnknownComponentError, match="pip install sharvin-transport"):
        Registry([], disabled=()).find("transport", "rgf")


def test_a_part_of_a_broken_plugin_says_why_it_is_absent(plugin, monkeypatch):
    entry = plugin("sharvin_absent", "raise RuntimeError('no such luck')")
    monkeypatch.setattr("sharvin.registry.known_components", lambda: {"transport": {"swift": "sharvin-absent"}})
    with pytest.raises(UnknownComponentError, match="is broken: RuntimeError: no such luck"):
        Registry([entry], disabled=()).find("transport", "swift")


@pytest.mark.parametrize(
    ("fields", "command"), [({}, "pip install no_such_package"), ({"extra": "fast"}, r"pip install 'needy\[fast\]'")]
)
def test_a_missing_package_names_the_pip_command(plugin, fields, command):
    found = Registry([plugin("needy", offer("swift", needs=("no_such_package",), **fields))], disabled=())
    with pytest.raises(MissingPackageError, match=command):
        found.build("transport", "swift", {})


def test_every_kind_has_a_hook_and_a_config_key():
    assert set(CONFIG_KEYS) == set(KINDS)
    assert len(set(CONFIG_KEYS.values())) == len(KINDS)
    assert all(hasattr(registry().manager.hook, f"sharvin_{kind}") for kind in KINDS)


def test_the_table_of_known_parts_is_true_and_alphabetical():
    for kind, names in known_components().items():
        assert list(names) == sorted(names)
        for name, owner in names.items():
            assert registry().find(kind, name).distribution == owner
    listed = {(kind, name) for kind, names in known_components().items() for name in names}
    for kind, parts in registry().parts.items():
        for name, part in parts.items():
            if part.distribution.removeprefix("sharvin-") in ("core", "md", "descriptors", "transport", "models"):
                assert (kind, name) in listed


def test_options_are_checked_before_the_part_is_imported():
    with pytest.raises(InputError, match="workers"):
        create("executors", "processes", workers=0)
    with pytest.raises(InputError, match="name"):
        create("executors", "processes", name="any option name may be passed")


def test_targets_name_a_module_and_an_object():
    assert load_target("sharvin.errors:InputError") is InputError


def test_the_package_lists_its_public_names():
    import sharvin

    assert {*sharvin.__all__, "__version__"} <= set(dir(sharvin))
    assert not {"importlib", "sys", "Any", "TYPE_CHECKING", "_HOMES"} & set(dir(sharvin))
    assert all(getattr(sharvin, name) for name in sharvin.__all__)
