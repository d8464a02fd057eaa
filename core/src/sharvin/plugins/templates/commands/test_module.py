"""The command prints what the report says, and refuses a folder that is no run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sharvin.errors import InputError
from sharvin.report.html import write_report

from plugin_package.part_module import command, report_part, shares

RESULTS = {"workflow": "any", "seed": 1, "seconds": {"fit": 1.0, "labels": 3.0}}


def test_shares_add_up_to_one_slowest_first() -> None:
    """Shares of the total, slowest step first."""
    found = shares(RESULTS)
    assert [step for step, _, _ in found] == ["labels", "fit"]
    assert sum(share for _, _, share in found) == pytest.approx(1.0)


def test_the_command_and_the_report_show_them(tmp_path: Path) -> None:
    """Both say the same of one run."""
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    printed = CliRunner().invoke(command, [str(tmp_path)], catch_exceptions=False)
    assert printed.exit_code == 0 and "labels" in printed.output and "75.0%" in printed.output
    assert "Where the time went" in write_report(tmp_path).read_text()


def test_a_run_without_times_has_no_section_and_no_run_is_refused(tmp_path: Path) -> None:
    """Nothing is invented where nothing is known."""
    assert report_part({"workflow": "any"}) is None
    with pytest.raises(InputError, match="no folder of a finished run"):
        CliRunner().invoke(command, [str(tmp_path)], catch_exceptions=False)
