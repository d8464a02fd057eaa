"""A command ends with the right code when code of others calls ``sys.exit`` and when the process is asked to end."""

import signal
import subprocess
import sys
import time

import pytest
from sharvin import cli

FOREIGN = """
import sys
def script():
    sys.exit({code})
"""


@pytest.mark.parametrize("code", ["", "0", "3", "'no licence'"])
def test_sys_exit_of_other_code_is_no_success(tmp_path, monkeypatch, capsys, code):
    (tmp_path / "a_script.py").write_text(FOREIGN.format(code=code))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_script", raising=False)
    import a_script

    monkeypatch.setattr(cli, "cli", lambda **_: a_script.script())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1
    assert f"{tmp_path / 'a_script.py'}, line 4, called sys.exit({code}) and so ended the command" in said


def test_what_sharvin_asks_click_to_end_with_is_the_exit_code(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sharvin", "plugins", "test", "transport/rgf"])
    monkeypatch.setattr("sharvin.scaffold.test_plugin", lambda name: 5)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 5


SLOW = """
import sys, time
from pathlib import Path
from sharvin import cli, create

def work(path):
    Path(path).touch()
    time.sleep(60)

if __name__ == "__main__":
    executor, path = sys.argv[1:]

    def command(**_):
        # Of many workers some are still starting when the first is interrupted.
        with create("executors", executor, **({"workers": 6} if executor == "processes" else {})) as pool:
            list(pool.map(work, [path]))

    cli.cli = command
    cli.main()
"""


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_sigterm_interrupts_and_workers_end(tmp_path, executor):
    script, started = tmp_path / "slow.py", tmp_path / "started"
    script.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, script, executor, started], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and not started.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)  # which waits for the workers, too: they hold the stream
    assert process.returncode == 143 and said == "Interrupted; the same command resumes.\n"
