"""Discovery admits each plugin on its own; lookup by name says what it does not know and what may have been meant."""

import importlib
import logging
import re
import signal
import sys
import textwrap
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest
from sharvin import create
from sharvin.component import SHARVIN_API, Component
from sharvin.errors import InputError, MissingPackageError, UnknownComponentError
from sharvin.hooks import CONFIG_KEYS, KINDS
from sharvin.plugins.entries import nameless_leftover
from sharvin.registry import Registry, known_components, load_target, registry
from sharvin.runs.run import versions

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
        ("raise KeyboardInterrupt", SHARVIN_API, "KeyboardInterrupt"),
        ("input('are you sure? ')", SHARVIN_API, "EOFError"),
        ("class Rare(BaseException): pass\nraise Rare('seldom\\nseen')", SHARVIN_API, "Rare: seldom seen"),
        ("class Mute(Exception):\n    def __str__(self): raise self\nraise Mute", SHARVIN_API, "Mute"),
        ("", SHARVIN_API + 1, f"SHARVIN_API {SHARVIN_API + 1}"),
        ("", f"'{SHARVIN_API}'", f"SHARVIN_API '{SHARVIN_API}'; this sharvin needs SHARVIN_API = {SHARVIN_API}, a whole number"),
        ("", "True", "SHARVIN_API True"),
        ("del SHARVIN_API", SHARVIN_API, "states no SHARVIN_API"),
        ("@hookimpl\ndef sharvin_descriptor(): return []", SHARVIN_API, "did you mean 'sharvin_descriptors'"),
        ("def sharvin_transport(): return []", SHARVIN_API, "not marked with @hookimpl"),
        ("@hookimpl\ndef sharvin_transport(): return [3]", SHARVIN_API, "returned a int, not a Component"),
        ("@hookimpl\ndef sharvin_transport(): return None", SHARVIN_API, "returned a NoneType, not a list"),
        (offer("mine", takes="two_terminal"), SHARVIN_API, "takes of component 'mine' must be a tuple of texts"),
        (offer(3), SHARVIN_API, "must be a text"),
        (offer(""), SHARVIN_API, "the name '' is not lower_snake_case"),
        (offer("Mine Solver"), SHARVIN_API, "the name 'Mine Solver' is not lower_snake_case"),
        (offer("mine", takes=("two_terminals",)), SHARVIN_API, "which no transport take (did you mean 'two_terminal'?)"),
        (offer("mine", kind="potentials", gives="energy"), SHARVIN_API, "gives 'energy', which no potentials give; leave it out"),
        (offer("mine", needs=("scipy>=1.10",)), SHARVIN_API, "needs 'scipy>=1.10', which is no import name"),
        (offer("mine").replace("decimal:Dec", "decimal.Dec"), SHARVIN_API, "target 'decimal.Decimal' is not of the form"),
        (offer("mine").replace("decimal:Con", "decimal:1"), SHARVIN_API, "config 'decimal:1text' is not of the form"),
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


@pytest.mark.parametrize("value", ["", "no module", "module:", "mod:a:b", "mod-ule", "package/module.py"])
def test_an_entry_point_of_another_form_is_shown_as_it_is_written(value):
    found = only(Registry([EntryPoint("mine", value, "sharvin.plugins")], disabled=()))
    assert found.status == "broken"
    assert found.reason == f"the entry point 'mine = {value}' is not of the form module or module:attr"


def test_a_broken_plugin_is_the_reason_why_its_part_is_absent(plugin):
    entries = [plugin("mine", "raise RuntimeError('no such luck')"), plugin("other", offer("swift") + "\n    no_such_name")]
    found = Registry(entries, disabled=())
    for name, reason in (("mine", "no such luck"), ("swift", "no_such_name")):
        for ask in (found.named, lambda name: found.find("transport", name)):
            with pytest.raises(InputError, match=f"is broken: .*{reason}"):
                ask(name)
    with pytest.raises(InputError, match="may come from a plugin that is broken: mine"):
        found.find("transport", "entirely_different")


def test_parts_are_found_by_the_name_of_the_part_its_kind_its_plugin_or_its_distribution(plugin):
    found = Registry([plugin("quick_ones", offer("swift") + offer("rapid", kind="regressors"))], disabled=())
    for name in ("swift", "transport/swift"):
        assert [part.title for part in found.named(name)] == ["transport/swift"]
    for name in ("quick_ones", "quick-ones"):
        assert [part.title for part in found.named(name)] == ["transport/swift", "regressors/rapid"]
    with pytest.raises(InputError, match="did you mean 'swift'"):
        found.named("swoft")


def test_what_a_plugin_prints_as_it_is_imported_is_held_back(plugin, capfd):
    source = """
    import os, sys, logging
    print("hello from python")
    sys.stdout.buffer.write(b"bytes")
    sys.stderr.write("a warning")
    sys.stderr.fileno()
    logging.getLogger("chatty").addHandler(logging.StreamHandler())
    os.write(1, b"from compiled code")
    """
    found = Registry([plugin("chatty", source + offer("swift"))], disabled=())
    assert capfd.readouterr() == ("", "")
    assert only(found).status == "ok"
    for said in ("hello from python", "bytes", "a warning", "from compiled code"):
        assert said in only(found).printed
    assert only(found).remarks == ["plugin chatty printed as it was imported: hello from python"]
    logging.getLogger("chatty").warning("later")
    assert capfd.readouterr().err == "later\n"


def test_a_slow_plugin_is_named(plugin):
    entries = [plugin("slow", "\n    import time; time.sleep(0.6)" + offer("swift")), plugin("quick", offer("rapid"))]
    quick, slow = Registry(entries, disabled=()).plugins
    assert (quick.slowness, slow.slowness[:17]) == ("", "plugin slow took ")


def test_ctrl_c_while_a_plugin_is_imported_stops_the_program(plugin):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which tests in the background inherit as ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            Registry([plugin("long", "import os, signal; os.kill(os.getpid(), signal.SIGINT)")], disabled=())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Write a ``.dist-info`` folder into a folder at the beginning of the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(folder, metadata=None, entry_points=None):
        (tmp_path / folder).mkdir()
        for name, text in (("METADATA", metadata), ("entry_points.txt", entry_points)):
            if text is not None:
                (tmp_path / folder / name).write_text(text)
        importlib.invalidate_caches()

    return write


def test_leftovers_of_old_installations_harm_nobody(distribution, plugin, monkeypatch):
    plugin("leftover", offer("swift"))
    mine = "[sharvin.plugins]\nleftover = leftover\n"
    for folder in ("sharvin_transport-0.0.1.dist-info", "-foo.dist-info", ".dist-info", "sharvin_core.egg-info"):
        distribution(folder)
    distribution("half-0.1.dist-info", entry_points="[sharvin.plugins]\nhalf = half\n")
    distribution("nonsense-0.1.dist-info", "Name: nonsense\nVersion: 0.1\n", "[sharvin.plugins]\nnonsense\n")
    distribution("leftover-0.1.dist-info", "Name: leftover\nVersion: 0.1\n", mine)
    distribution("leftover-0.2.dist-info", "Name: leftover\nVersion: 0.2\n", mine)
    distribution("leftover_old-0.1.dist-info", entry_points=mine)
    assert "-info is left over from an uninstallation: delete it" in nameless_leftover()
    found = Registry(disabled=())
    plugins = {plugin.name: plugin for plugin in found.plugins}
    assert len(plugins) == len(found.plugins)
    assert found.find("transport", "rgf").version == found.find("transport", "dense").version != "0.0.1"
    assert "METADATA is missing" in plugins["half"].reason and "reinstall it" in plugins["half"].reason
    assert "entry_points.txt cannot be read" in plugins["nonsense"].reason
    assert plugins["leftover"].status == "ok" and "installed more than once" in plugins["leftover"].remarks[0]
    monkeypatch.setattr("sharvin.runs.run.registry", lambda: found)
    assert versions()["sharvin-transport"] == found.find("transport", "rgf").version


def test_an_option_model_that_cannot_be_had_is_an_error_of_its_plugin(plugin):
    found = Registry([plugin("mine", offer("swift"))], disabled=())
    with pytest.raises(InputError, match=r"transport/swift of mine is broken: decimal:Context is no subclass"):
        found.build("transport", "swift", {})
    part = replace(found.parts["transport"]["swift"], component=Component("swift", "no_such:Solver", "no_such:Options", "lost"))
    with pytest.raises(InputError, match=r"no_such:Options cannot be imported: ModuleNotFoundError"):
        found.options_model(part)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    pass", "Mine() takes no arguments."),
        ("    def __init__(self, options):\n        raise ValueError('no licence')", "ValueError: no licence."),
        ("    def __init__(self, options):\n        raise SystemExit(0)", "SystemExit: 0."),
    ],
)
def test_a_part_whose_constructor_fails_is_one_sentence(plugin, tmp_path, body, words):
    (tmp_path / "mine_of_part.py").write_text(
        f"from sharvin.options import Options\nclass O(Options):\n    'o'\nclass Mine:\n{body}\n"
    )
    sys.modules.pop("mine_of_part", None)
    source = offer("noargs").replace("decimal:Decimal", "mine_of_part:Mine").replace("decimal:Context", "mine_of_part:O")
    found = Registry([plugin("constructed", source)], [])
    with pytest.raises(InputError, match=f"^{re.escape(f'transport/noargs cannot be made: {words}')}$"):
        found.build("transport", "noargs", {})


def test_a_name_is_given_once(plugin):
    found = Registry([plugin("first", offer("swift")), plugin("second", offer("swift"))], disabled=())
    first, second = found.plugins
    assert (first.status, second.status) == ("ok", "broken")
    assert "transport/swift is already taken by first" in second.reason
    assert found.find("transport", "swift").distribution == "first"


@pytest.mark.parametrize(
    "second", ["sharvin_regressors():\n        return [None]", "sharvin_regressors(wrong):\n        return []"]
)
def test_a_plugin_whose_second_hook_is_wrong_is_absent_altogether(plugin, second):
    source = offer("swift") + f"\n    @hookimpl\n    def {second}\n"
    found = Registry([plugin("half", source)], disabled=())
    assert only(found).status == "broken"
    assert found.parts["transport"] == {}
    assert found.manager.get_plugin("half") is None
    assert found.manager.hook.sharvin_transport.get_hookimpls() == []


def test_two_distributions_cannot_share_the_name_of_a_plugin(plugin):
    first, second = plugin("first", offer("swift")), plugin("second", offer("rapid"))
    entries = [first, EntryPoint(name="first", value=second.value, group=first.group)]
    mine, other = Registry(entries, disabled=()).plugins
    assert (mine.status, other.status) == ("ok", "broken")
    assert "already has a plugin of the name first" in other.reason
    again = EntryPoint(name="twice", value=first.value, group=first.group)
    assert "is the plugin first already" in Registry([first, again], disabled=()).plugins[1].reason


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


def test_the_table_of_known_parts_and_commands_is_true_and_alphabetical():
    for kind, names in known_components().items():
        assert list(names) == sorted(names)
        for name, owner in names.items():
            found = registry().commands[name] if kind == "commands" else registry().find(kind, name)
            assert found.distribution == owner
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
