"""Virtual environments for the tests: they see the packages installed here, and distributions are added without any download."""

import os
import subprocess
import sys
import venv
from pathlib import Path

OURS = ("sharvin", "__editable__", "_editable_impl_sharvin")


class ScratchEnvironment:
    """A virtual environment at `folder`.

    With ``editable=True`` it sees everything that is installed here, this repository's packages included; with False it
    sees what these depend on, but neither them nor the source tree.
    """

    def __init__(self, folder, editable):
        venv.create(folder, with_pip=False, symlinks=True)
        self.folder = Path(folder)
        self.python = self.folder / "bin" / "python"
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        self.site = Path(subprocess.run([self.python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
        places = [Path(path) for path in dict.fromkeys(sys.path) if path.endswith("site-packages")]
        if editable:
            lines = [f"import site; site.addsitedir({str(place)!r})\n" for place in places]
            (self.site / "outer.pth").write_text("".join(lines))
        else:
            for place in places:
                self._link_dependencies(place)

    def _link_dependencies(self, place):
        for entry in place.iterdir():
            if not entry.name.startswith(OURS) and not entry.name.endswith(".pth") and not (self.site / entry.name).exists():
                (self.site / entry.name).symlink_to(entry)

    def install(self, *distributions):
        """Install source folders or wheels, offline, from what lies there."""
        options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", *options, *distributions]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *arguments, **options):
        """Run the environment's Python with these arguments."""
        environment = {**os.environ, **options.pop("env", {})}
        environment.pop("PYTHONPATH", None)
        command = list(map(str, [self.python, *arguments]))
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment, **options)

    def sharvin(self, *arguments, **options):
        """Run the command line."""
        return self.run("-m", "sharvin", *arguments, **options)
