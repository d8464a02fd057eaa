"""What the README shows is what the project does."""

import re

import numpy as np
import pytest
import sharvin
from small_study import GOLD, ROOT

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_config_shown_is_the_example():
    shown = blocks("yaml")[0].splitlines()
    assert shown == [line for line in GOLD.read_text().splitlines() if not line.startswith("#")]


def test_the_notebook_lines_run(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SHARVIN_CACHE", str(tmp_path))
    for block in blocks("python"):
        exec(block, {})
    printed = capsys.readouterr().out.splitlines()
    transmissions = np.array(printed[0].strip("[] ").split(), dtype=float)
    assert transmissions.shape == (5,) and (transmissions >= 0).all()
    assert float(printed[-1]) < 304 * -3.0


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_exist(target):
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_commands_named_exist(sharvin):
    for command in sorted(set(re.findall(r"`sharvin ([a-z]+)", README))):
        assert sharvin(command, "--help").returncode == 0, command


def test_every_part_named_is_installed():
    listed = README.split("## Parts")[1].split("Write your own")[0]
    from sharvin.registry import registry

    installed = {name for parts in registry().parts.values() for name in parts}
    assert set(re.findall(r"`([a-z_]+)`", listed)) - {"ptbp", "nrl"} == installed


def test_the_top_level_names_are_there():
    for name in sharvin.__all__:
        assert getattr(sharvin, name) is not None
