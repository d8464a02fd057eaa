"""Fixtures of the tests across plugins: the command line, and a small study that was run once."""

import os
import subprocess
import sys

import pytest
from sharvin import cli
from small_study import GOLD, small


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def sharvin(cache):
    """Run the command line; returns the completed process."""

    def call(*arguments, **options):
        environment = {**os.environ, "SHARVIN_CACHE": str(cache), **options.pop("env", {})}
        command = [sys.executable, "-m", "sharvin", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, **options)

    return call


@pytest.fixture
def command(monkeypatch, capsys):
    """The command line in this process: exit code, and what it said of errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sharvin", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    return call


@pytest.fixture(scope="session")
def finished(sharvin, tmp_path_factory):
    """Run folder of the small gold study, finished."""
    folder = tmp_path_factory.mktemp("runs") / "gold"
    result = sharvin("run", GOLD, "--out", folder, *small())
    assert result.returncode == 0, result.stdout + result.stderr
    return folder
