"""The wheels are complete: installed without the source tree, they offer the same parts."""

import json
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from scratch_environment import ScratchEnvironment

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "sharvin_core": ROOT / "core",
    "sharvin_md": ROOT / "plugins" / "md",
    "sharvin_descriptors": ROOT / "plugins" / "descriptors",
    "sharvin_transport": ROOT / "plugins" / "transport",
    "sharvin_models": ROOT / "plugins" / "models",
    "sharvin_studies": ROOT / "plugins" / "studies",
    "sharvin": ROOT,
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Wheel of each distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir"]
    command = [sys.executable, "-m", "pip", "wheel", *options, folder, *FOLDERS.values()]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    built = {path.name.split("-")[0]: path for path in folder.glob("*.whl")}
    assert set(built) == set(FOLDERS)
    return built


def test_installed_wheels_offer_the_parts_of_the_source_tree(wheels, sharvin, tmp_path):
    environment = ScratchEnvironment(tmp_path / "venv", editable=False)
    environment.install(*wheels.values())
    listed = environment.sharvin("plugins", "list", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    found, expected = json.loads(listed.stdout), json.loads(sharvin("plugins", "list", "--json").stdout)
    assert all(plugin["status"] == "ok" for plugin in found["plugins"])
    assert found["parts"] == expected["parts"]
    origin = environment.run("-c", "import sharvin; print(sharvin.__file__)", cwd=tmp_path)
    assert str(tmp_path) in origin.stdout
    every = "from sharvin.registry import registry\nfrom sharvin.plugins.part_checks import record_problems\n"
    every += "print([record_problems(p) for parts in registry().parts.values() for p in parts.values() if record_problems(p)])"
    complete = environment.run("-c", every, cwd=tmp_path)
    assert complete.stdout.strip() == "[]", complete.stdout + complete.stderr
    written = environment.sharvin("plugins", "new", "sharvin-mine", "--kind", "descriptors", cwd=tmp_path)
    assert written.returncode == 0, written.stderr


@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_carries_types_licence_and_data(wheels, name):
    with zipfile.ZipFile(wheels[name]) as archive:
        held = set(archive.namelist())
        metadata = Parser().parsestr(archive.read(next(n for n in held if n.endswith(".dist-info/METADATA"))).decode())
    assert metadata["License-Expression"] == "MIT"
    assert any(held_name.endswith("licenses/LICENSE") for held_name in held)
    assert metadata.get_payload().strip()
    assert not any("/tests/" in held_name or held_name.startswith("tests/") for held_name in held)
    if name != "sharvin":
        package = "sharvin" if name == "sharvin_core" else name
        source = FOLDERS[name] / "src"
        for path in (source / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".nbi", ".nbc"):
                assert str(path.relative_to(source)) in held


def test_versions_of_all_distributions_agree(wheels):
    assert len({path.name.split("-")[1] for path in wheels.values()}) == 1


def test_constraints_pin_versions_and_name_no_host():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "+" not in line for line in lines)
