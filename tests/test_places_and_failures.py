"""What a user hears of places that cannot be written, of failed items, and of code that has changed since the last run."""

import io
import subprocess
import sys

import pytest
from rich.console import Console
from sharvin.config import load_config
from sharvin.context import Failure
from sharvin.errors import InputError, StoreError
from sharvin.runs import run as runs
from sharvin.runs import source_code
from sharvin.runs.atomic import atomically, require_writable

CONFIG = """
workflow: {use: break_junction, training_pulls: 3, production_pulls: 0}
structure: {use: nanowire, element: Au}
potential: {use: ase, calculator: my_gold.Gold}
dynamics: lammps_pull
hamiltonian: slater_koster
transport: rgf
descriptor: soap
regressor: ridge
"""


def test_a_calculator_beside_the_config_is_found_and_an_edit_of_it_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    config, module = tmp_path / "study.yaml", tmp_path / "my_gold.py"
    config.write_text(CONFIG)
    module.write_text("from ase.calculators.emt import EMT as Gold\n")
    before = load_config(config).selections["potential"].identity
    module.write_text("from ase.calculators.emt import EMT as Gold  # another\n")
    source_code.code_identity.cache_clear()
    after = load_config(config).selections["potential"].identity
    assert before["code"]["my_gold"] != after["code"]["my_gold"]
    assert before["code"]["sharvin_md.ase_potential"] == after["code"]["sharvin_md.ase_potential"]


@pytest.mark.parametrize("place", ["a file/run", "/proc/run"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match=r"^the run folder .* cannot be written: "):
        require_writable(tmp_path / place, "the run folder")


def closed(*_, **__):
    raise PermissionError(13, "Permission denied")


def test_a_closed_run_folder_is_found_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", closed)
    with pytest.raises(InputError, match=r"run folder .* cannot be written: Permission denied"), runs.claimed(tmp_path):
        raise AssertionError("computed")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"report\.html cannot be written: Permission denied"):
        atomically(tmp_path / "report.html", closed)


def test_failed_items_are_named_at_the_end_with_the_way_to_try_them_again(tmp_path):
    text = io.StringIO()
    runs._name_failures([Failure("labels", 3, "the wire broke"), Failure("labels", 4, "x")], tmp_path, Console(file=text))
    assert "2 of labels" in text.getvalue() and "the wire broke" in text.getvalue() and "--retry-failed" in text.getvalue()


def test_a_terminal_without_the_letter_gets_a_question_mark():
    program = "from sharvin.cli import main; from rich.console import Console; import sys; sys.argv[1:] = ['--version']; "
    program += "sys.exit = lambda *_: None; main(); Console().print('8.65 \\u212b')"
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert done.returncode == 0 and b"8.65 ?" in done.stdout, done.stderr


def test_debug_shows_where_an_error_comes_from(tmp_path):
    command = [sys.executable, "-m", "sharvin", "check", str(tmp_path / "none.yaml")]
    plain, debug = (subprocess.run([*command, *more], capture_output=True, text=True, check=False) for more in ([], ["--debug"]))
    assert plain.returncode == debug.returncode == 2
    assert "Traceback" not in plain.stderr and "in load_config" in debug.stderr
    assert debug.stderr.endswith(plain.stderr)
