"""The command line answers mistakes with one sentence and exit code 2, and lists without loading what computes."""

import json
import subprocess
import sys

import pytest


def sharvin(*arguments, **options):
    command = [sys.executable, "-m", "sharvin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_the_list_shows_every_kind():
    listed = json.loads(sharvin("plugins", "list", "--json").stdout)
    assert set(listed["parts"]["executors"]) >= {"serial", "processes"}
    assert "break_junction" in listed["parts"]["workflows"]


def test_show_documents_every_option():
    shown = sharvin("plugins", "show", "break_junction").stdout
    assert "training_pulls" in shown and "Pulls whose snapshots are labelled" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["plugins", "show", "break_junctoin"], "did you mean 'break_junction'"),
        (["check", "nowhere.yaml"], "there is no config nowhere.yaml"),
        (["report", "nowhere"], "nowhere"),
        (["run"], "Missing argument"),
        (["run", "a.yaml", "--oot", "x"], "No such option"),
        (["transmission", "nowhere.xyz"], "there is no structure file nowhere.xyz"),
        (["transmission", "nowhere.xyz", "--energies", "1:0:0.1"], "--energies wants A:B:STEP"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_code_2(tmp_path, arguments, sentence):
    result = sharvin(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
