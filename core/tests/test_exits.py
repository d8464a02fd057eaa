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
    monkeypatch.setattr("sharvin.plugins.scaffold.test_plugin", lambda name: 5)
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
        with create("executors", executor) as pool:
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


ENDED_WHILE_WORKERS_START = """
import threading, time
from pebble.pool import process
from sharvin import create

def slowly(worker, stop=process.stop_process):
    time.sleep(1.0)  # as on a loaded machine
    stop(worker)

if __name__ == "__main__":
    process.stop_process = slowly
    with create("executors", "processes", workers=2) as pool:
        outcomes = pool.map(time.sleep, [60])
        threading.Thread(target=next, args=(outcomes, None), daemon=True).start()
        time.sleep(0.1)
        raise SystemExit
"""


def test_workers_that_still_start_when_a_pool_is_stopped_say_nothing(tmp_path):
    script = tmp_path / "ended.py"
    script.write_text(ENDED_WHILE_WORKERS_START)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
