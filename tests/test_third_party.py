"""A plugin from elsewhere is used by name, and a broken one is listed with its reason while everything else works."""

import json
import shutil

import pytest
from scratch_environment import ScratchEnvironment
from small_study import GOLD, ROOT, small

EXAMPLE = ROOT / "tests" / "third_party" / "sharvin-example"
FIRST_PARTY = {"sharvin-core", "sharvin-md", "sharvin-descriptors", "sharvin-transport", "sharvin-models", "sharvin-studies"}

BROKEN = {
    "fails": ("import no_such_package_anywhere\n", "No module named 'no_such_package_anywhere'"),
    "outdated": ("SHARVIN_API = 0\n", "was written for SHARVIN_API 0; this sharvin needs SHARVIN_API = 1"),
    "misspelt": (
        "from sharvin.hooks import hookimpl\nSHARVIN_API = 1\n@hookimpl\ndef sharvin_transprot():\n    return []\n",
        "there is no hook 'sharvin_transprot' (did you mean 'sharvin_transport'",
    ),
    "greedy": (
        "from sharvin.component import Component\nfrom sharvin.hooks import hookimpl\nSHARVIN_API = 1\n@hookimpl\n"
        "def sharvin_transport():\n    return [Component('rgf', 'greedy:Solver', 'greedy:Options', 'mine')]\n",
        "the name transport/rgf is reserved for sharvin-transport",
    ),
    "thief": (
        "from sharvin.component import Command\nfrom sharvin.hooks import hookimpl\nSHARVIN_API = 1\n@hookimpl\n"
        "def sharvin_commands():\n    return [Command('predict', 'thief:command', 'mine')]\n",
        "the command predict is already taken by sharvin-studies",
    ),
}

PAGES = """
from sharvin.component import Command
from sharvin.hooks import hookimpl
SHARVIN_API = 1
@hookimpl
def sharvin_commands():
    return [
        Command("pages", "sharvin_pages.command:count", "Counts the entries of a run."),
        Command("lost-pages", "sharvin_pages.nowhere:count", "Its module is missing."),
        Command("plain-pages", "sharvin_pages.command:plain", "It is a function, and no click command."),
    ]
@hookimpl
def sharvin_report(folder, results):
    from sharvin_pages.command import pages
    return pages(folder, results)
"""
PAGES_COMMAND = """
import json, os
from pathlib import Path
import click
from sharvin.errors import InputError
from sharvin.figures import new_figure, save_figure, style
from sharvin.report import KeyNumber, ReportPart, Section, Table
def plain(): pass
@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def count(run):
    if not (run / "results.json").exists():
        raise InputError(f"{run} is no run.")
    click.echo(f"{len(json.loads((run / 'results.json').read_text()))} entries")
def pages(folder, results):
    if os.environ.get("PAGES_FAIL"):
        raise RuntimeError("out of paper")
    with style():
        figure = new_figure()
        figure.add_subplot().bar([0], [len(results)])
    save_figure(folder, "entries", figure, {"entries": [len(results)]}, "Entries by count", "How many there are.")
    table = Table("The entries", ["name", "words"], [[name, len(str(value))] for name, value in results.items()])
    wrong = Section("A page without its picture", figures=["not_drawn"])
    numbers = {"mae_test_G0": KeyNumber("what pages calls the error", "G0")}
    return ReportPart(numbers, sections=[Section("A page of its own", "Told by pages.", ["entries"], [table]), wrong])
"""

THIN = "{use: nanowire, element: Au, lattice_constant: 4.08, neck: [1, 1, 3], electrode: [2, 2, 5]}"
"""Few orbitals, as the example's solver takes its time."""

NOISY = """
import os
import time
import scipy
from sharvin.hooks import hookimpl
SHARVIN_API = 1
print("hello, I am noisy")
time.sleep(float(os.environ.get("NOISY_SECONDS", "0")))
@hookimpl
def sharvin_step_finished(step):
    pass
"""


def distribution(folder, name, source):
    """Write an installable distribution ``sharvin-NAME`` whose plugin module has this source."""
    package = folder / f"sharvin_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "sharvin-{name}"\nversion = "1.0"\n'
        f'[project.entry-points."sharvin.plugins"]\n{name} = "sharvin_{name}"\n'
        f'[tool.hatch.build.targets.wheel]\npackages = ["sharvin_{name}"]\n'
    )
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """This repository's packages, the example plugin, broken ones, a noisy one, and one with commands and pages of reports."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copytree(EXAMPLE, folder / "example")
    broken = [distribution(folder / name, name, source) for name, (source, _) in BROKEN.items()]
    broken.append(distribution(folder / "noisy", "noisy", NOISY))
    pages = distribution(folder / "pages", "pages", PAGES)
    (pages / "sharvin_pages" / "command.py").write_text(PAGES_COMMAND)
    environment = ScratchEnvironment(folder / "venv", editable=True)
    environment.install(folder / "example", pages, *broken)
    return environment


def listing(environment, **options):
    result = environment.sharvin("plugins", "list", "--json", **options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_its_parts_are_listed_beside_the_first_party_ones(environment):
    parts = listing(environment)["parts"]
    for kind, name in (("transport", "example_modes"), ("descriptors", "example_radial"), ("regressors", "example_neighbours")):
        assert parts[kind][name]["distribution"] == "sharvin-example"
        assert parts[kind][name]["version"] == "0.3.0"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(environment, name):
    plugin = next(plugin for plugin in listing(environment)["plugins"] if plugin["name"] == name)
    assert plugin["status"] == "broken"
    assert BROKEN[name][1] in plugin["reason"]
    shown = environment.sharvin("plugins", "list")
    assert shown.returncode == 0
    assert f"broken: {name} [sharvin-{name}]" in shown.stdout
    asked = environment.sharvin("plugins", "show" if name in ("fails", "greedy") else "test", name)
    assert asked.returncode == 2 and f"is broken: {plugin['reason']}" in asked.stderr


def test_a_noisy_plugin_is_blamed_alone(environment):
    assert "note: plugin noisy printed as it was imported: hello, I am noisy" in environment.sharvin("plugins", "list").stdout
    blamed = environment.sharvin("plugins", "test", "noisy")
    assert blamed.returncode == 1
    assert "imports scipy" in blamed.stdout and "prints: hello, I am noisy" in blamed.stdout
    for name in ("example", "transport/rgf"):
        innocent = environment.sharvin("plugins", "test", name)
        assert innocent.returncode == 0, innocent.stdout
        assert "noisy" not in innocent.stdout


def test_a_slow_plugin_is_named_by_the_commands_that_wait_for_it(environment):
    slow = environment.sharvin("plugins", "show", "rgf", env={"NOISY_SECONDS": "0.6"})
    assert slow.returncode == 0
    assert "plugin noisy took " in slow.stderr and "SHARVIN_DISABLE=noisy" in slow.stderr


def test_broken_plugins_take_nothing_from_the_others(environment, sharvin):
    with_them = listing(environment)["parts"]
    without = json.loads(sharvin("plugins", "list", "--json").stdout)["parts"]
    for kind, parts in without.items():
        for name, part in parts.items():
            assert with_them[kind][name] == part
    assert {part["distribution"] for parts in without.values() for part in parts.values()} >= FIRST_PARTY


def test_a_disabled_plugin_is_left_out_and_says_so(environment):
    found = listing(environment, env={"SHARVIN_DISABLE": "example, fails"})
    status = {plugin["name"]: plugin["status"] for plugin in found["plugins"]}
    assert status["example"] == status["fails"] == "disabled"
    assert "example_modes" not in found["parts"]["transport"]
    assert "rgf" in found["parts"]["transport"]


def test_it_keeps_the_contracts_of_its_kinds(environment, tmp_path):
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", tmp_path]
    result = environment.run("-m", "pytest", *options, tmp_path / "tests", cwd=tmp_path)
    assert result.returncode == 0, result.stdout


def test_mistakes_in_its_options_are_found_like_any_others(environment):
    wrong = environment.sharvin("check", GOLD, *small(transport="{use: example_modes, eta: 1}"))
    assert wrong.returncode == 2
    assert "did you mean 'eta_eV'" in wrong.stderr
    missing = environment.sharvin("check", GOLD, *small(transport="example_nodes"))
    assert missing.returncode == 2
    assert "did you mean 'example_modes'" in missing.stderr


def test_a_study_runs_on_its_parts(environment, cache, tmp_path):
    chosen = small(
        structure=THIN,
        transport="example_modes",
        descriptor="example_radial",
        regressor="example_neighbours",
    )
    result = environment.sharvin("run", GOLD, "--out", tmp_path / "run", *chosen, env={"SHARVIN_CACHE": str(cache)})
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads((tmp_path / "run" / "results.json").read_text())
    assert content["n_labelled"] > 0
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["sharvin-example"] == "0.3.0"


def test_a_part_whose_plugin_is_gone_is_an_error_that_names_it(sharvin):
    result = sharvin("check", GOLD, *small(transport="example_modes"))
    assert result.returncode == 2
    assert "there is no transport 'example_modes'" in result.stderr
    assert "--set transport" in result.stderr


def test_commands_of_a_third_party_are_commands_like_any_others(environment, tmp_path):
    shown = environment.sharvin("--help").stdout
    assert "Counts the entries of a run." in shown
    assert shown.index("pages ") < shown.index("predict ") < shown.index("transmission ")
    (tmp_path / "results.json").write_text('{"workflow": "any", "seed": 1}')
    assert environment.sharvin("pages", tmp_path).stdout == "2 entries\n"
    assert "--debug" in environment.sharvin("pages", "--help").stdout
    for arguments, sentence in (
        (["pages", tmp_path / "nothing"], "is no run."),
        (["lost-pages"], "the command lost-pages of sharvin-pages is broken: sharvin_pages.nowhere:count cannot be imported"),
        (["plain-pages"], "is broken: sharvin_pages.command:plain is no click.Command"),
        (["pagse"], "there is no command 'pagse' (did you mean 'pages'"),
    ):
        wrong = environment.sharvin(*arguments)
        assert wrong.returncode == 2 and sentence in wrong.stderr and "Traceback" not in wrong.stderr, wrong.stderr
    assert environment.sharvin("predict", "--help").returncode == 0  # which a broken plugin claims as well
    without = environment.sharvin("predict", env={"SHARVIN_DISABLE": "studies"})
    assert without.returncode == 2 and "the command predict comes from sharvin-studies, which is disabled" in without.stderr
    checked = environment.sharvin("plugins", "test", "pages")
    assert checked.returncode == 1 and "ok      command pages: record" in checked.stdout
    assert "PROBLEM command lost-pages: record" in checked.stdout


def test_a_third_party_adds_figures_tables_and_names_to_the_report_and_cannot_spoil_it(environment, tmp_path):
    results = {"workflow": "break_junction", "seed": 1, "mae_test_G0": 0.1234, "n_traces": 7, "summary": "Done."}
    (tmp_path / "results.json").write_text(json.dumps(results))
    written = environment.sharvin("report", tmp_path)
    assert written.returncode == 0, written.stderr
    page = (tmp_path / "report.html").read_text()
    for told in ("A page of its own", "Told by pages.", "Entries by count", "The entries", "production pulls"):
        assert told in page
    assert page.count("what pages calls the error") + page.count("mean absolute error, test set") == 1
    assert "A page without its picture" in page and "left out: there is no figure" in page.replace("&#39;", "'")
    failed = environment.sharvin("report", tmp_path, env={"PAGES_FAIL": "1"})
    assert failed.returncode == 0
    page = (tmp_path / "report.html").read_text()
    assert "What the plugin pages adds to the report is missing: RuntimeError: out of paper." in page
    assert "production pulls" in page
