"""``sharvin plugins new`` writes plugins that install, are listed and keep the contract of their kind."""

import json
import subprocess
import sys
import tomllib

import pytest
from ruamel.yaml import YAML
from scratch_environment import ScratchEnvironment
from sharvin.errors import InputError
from sharvin.hooks import KINDS
from sharvin.plugins.scaffold import SUMMARIES, new_plugin
from small_study import ROOT


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A plugin of every kind, as written."""
    folder = tmp_path_factory.mktemp("plugins")
    for kind in SUMMARIES:
        new_plugin(folder, f"sharvin-trial-{kind}", kind)
    return folder


@pytest.fixture(scope="module")
def environment(written, tmp_path_factory):
    """The same, installed beside the first-party plugins."""
    environment = ScratchEnvironment(tmp_path_factory.mktemp("scaffold") / "venv", editable=True)
    environment.install(*sorted(written.iterdir()))
    return environment


def test_new_plugins_are_listed(environment):
    assert set(SUMMARIES) == {*KINDS, "commands"}
    listed = json.loads(environment.sharvin("plugins", "list", "--json").stdout)
    assert all(plugin["status"] == "ok" for plugin in listed["plugins"])
    assert listed["commands"]["trial-commands"]["summary"] == SUMMARIES["commands"]
    for kind, summary in SUMMARIES.items():
        if kind == "commands":
            continue
        assert listed["parts"][kind][f"trial_{kind}"]["summary"] == summary


def test_new_plugins_keep_the_contract_of_their_kind(environment, written):
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--rootdir", written]
    result = environment.run("-m", "pytest", *options, *sorted(written.glob("*/tests")), cwd=written)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout.splitlines()[-1]


def test_new_plugins_pass_the_checks_of_any_part(environment):
    for kind, name in (("transport", "sharvin-trial-transport"), ("workflows", "workflow/trial_workflows")):
        result = environment.sharvin("plugins", "test", name)
        assert result.returncode == 0, result.stdout
        assert f"ok      {kind}/trial_{kind}: record" in result.stdout
    result = environment.sharvin("plugins", "test", "sharvin-trial-commands")
    assert result.returncode == 0 and "ok      command trial-commands: record" in result.stdout, result.stdout
    unknown = environment.sharvin("plugins", "test", "trial_transprot")
    assert unknown.returncode == 2
    assert "did you mean 'trial_transport'" in unknown.stderr


def test_new_plugins_pass_ruff_and_strict_mypy_as_they_are_set_up(written):
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, written], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    settings = [(plugin / "pyproject.toml").read_text() for plugin in written.iterdir()]
    assert all("strict = true" in text for text in settings)
    packages = sorted(path.parent for path in written.glob("*/src/*/plugin.py"))
    command = [sys.executable, "-m", "mypy", *map(str, packages)]  # with this repository's settings, and so its cache
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_new_plugins_carry_a_licence_classifiers_and_checks_for_every_push(written):
    for plugin in written.iterdir():
        assert plugin.name in (plugin / "LICENSE").read_text()
        project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
        assert project["license"] == "MIT" and project["classifiers"]
        steps = yaml_of(plugin / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["steps"]
        commands = " ".join(step.get("run", "") for step in steps)
        for tool in ("ruff check", "mypy", "pytest", f"sharvin plugins test {plugin.name}"):
            assert tool in commands


def yaml_of(path):
    return YAML(typ="safe").load(path.read_text())


def test_nothing_of_the_templates_is_left(written):
    for path in written.rglob("*"):
        if path.is_file() and ".ruff_cache" not in path.parts:
            text = path.read_text()
            for placeholder in ("part_", "command-name", "PartName", "plugin_package", "plugin-distribution"):
                assert placeholder not in text, path


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("sharvin-rgf", "transport", "already belongs to sharvin-transport"),
        ("sharvin-predict", "commands", "already belongs to sharvin-studies"),
        ("sharvin-check", "commands", "already belongs to sharvin-core"),
        ("sharvin-core", "transport", "one of sharvin's own distributions"),
        ("sharvin_transport", "transport", "one of sharvin's own distributions"),
        ("pluggy", "transport", "is an installed distribution"),
        ("scipy-stubs", "transport", "is an installed distribution"),
        ("ruamel", "transport", "already is an installed package"),
        ("Sharvin Mine", "transport", "cannot name a plugin"),
        ("../sharvin-mine", "transport", "cannot name a plugin"),
        ("sharvin-mine", "transprot", "did you mean 'transport'"),
        ("sharvin-3d", "transport", "cannot be called '3d'"),
        ("sharvin-class", "transport", "cannot be called 'class'"),
        ("sharvin-configs", "transport", "cannot be called 'configs'"),
        ("sharvin-trial-transport", "transport", "is there already"),
    ],
)
def test_names_that_cannot_be_used_are_refused(written, name, kind, sentence):
    before = sorted(written.iterdir())
    with pytest.raises(InputError, match=sentence):
        new_plugin(written, name, kind)
    assert sorted(written.iterdir()) == before
