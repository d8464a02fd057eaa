"""Cost of labels along a real pull of the 304-atom wire, from atoms, beside that of another version of the modules.

``python benchmarks/negf_label.py --pull rigid --former PATHS`` calls it. The wire is pulled by `second_moment` at a lattice
constant of 4.18 Å, with all electrode layers rigid, or with one of each electrode free (``loose``, the default of `nanowire`).
PATHS is the PYTHONPATH of the other version, for example of a git worktree. Both versions label the same frames in turn, each in
a process of its own, in CPU seconds on one thread: with electrodes found in each frame, and once for all as a study does.
``predicted`` has a model of random shifts; what it costs does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sharvin
from sharvin.junction import Junction
from sharvin.store import read_frames, write_trajectory
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import MODEL_FILE, SlaterKoster, surroundings

MODES = ("none", "predicted")
REFERENCES = 10


def pull(path: Path, rigid_layers: int | None) -> None:
    """Write the frames of a pull of about 4 Å."""
    wire = {"element": "Au", "lattice_constant_A": 4.18, "neck": [3, 3, 6], "electrode": [5, 5, 5], "rigid_layers": rigid_layers}
    atoms = sharvin.create("structures", "nanowire", **wire).build(np.random.default_rng(0))
    stretching = {
        "temperature_K": 10,
        "speed_m_per_s": 40,
        "equilibration_ps": 1,
        "snapshot_every_A": 0.168,
        "max_elongation_A": 4.0,
    }
    dynamics = sharvin.create("dynamics", "lammps_pull", **stretching)
    write_trajectory(path, dynamics.run(atoms, sharvin.create("potentials", "second_moment", element="Au"), 0))


def teach(trajectory: Path, folder: Path) -> None:
    """Write a model of random shifts."""
    h = SlaterKoster(SlaterKosterOptions(table="ptbp", charge_neutrality="predicted"))
    atoms = [frame.to_atoms() for frame in read_frames(trajectory)][:REFERENCES]
    first = Junction.detect(atoms[0], h.range_A(atoms[0].numbers))
    junctions = [first.with_positions(one) for one in atoms]
    rng = np.random.default_rng(1)
    h.learn(junctions, [rng.normal(0, 0.2, len(surroundings(one).chosen)) for one in junctions])
    h.save(folder)


def serve(trajectory: Path, model: Path) -> None:
    """Label frames by number as they are asked for on standard input; answer with CPU seconds and T."""
    hs = {
        mode: SlaterKoster(
            SlaterKosterOptions(
                table="ptbp", charge_neutrality=mode, neutrality_model=str(model) if mode == "predicted" else None
            )
        )
        for mode in MODES
    }
    atoms = [frame.to_atoms() for frame in read_frames(trajectory)]
    reach = hs["none"].range_A(atoms[0].numbers)
    first, solver = Junction.detect(atoms[0], reach), RecursiveGreen(RecursiveGreenOptions())
    print(len(atoms), flush=True)
    for line in sys.stdin:
        number, mode = line.split()
        one, h = atoms[int(number)], hs[mode]
        start = time.process_time()
        junction = Junction.detect(one, reach)
        detected = time.process_time()
        device = h.two_terminal(junction)
        solver.transmission([device], np.zeros(1))
        from_atoms = time.process_time() - start
        begun = time.process_time()
        device = h.two_terminal(first.with_positions(one))
        built = time.process_time()
        value = solver.transmission([device], np.zeros(1))[0, 0]
        done = time.process_time()
        print(json.dumps([from_atoms, detected - start, built - begun, done - built, done - begun, value]), flush=True)


class Version:
    """A process with the modules of one version."""

    def __init__(self, trajectory: Path, model: Path, path: str | None) -> None:
        environment = dict(os.environ) if path is None else {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, __file__, "--serve", str(trajectory), str(model)]
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.frames = int(self._process.stdout.readline())

    def label(self, number: int, mode: str) -> list[float]:
        self._process.stdin.write(f"{number} {mode}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def measure(what: str, former: str | None) -> None:
    """Pull, and label the frames by this version and, where one is given, by another in turn."""
    with tempfile.TemporaryDirectory() as folder:
        trajectory = Path(folder) / "pull.h5"
        pull(trajectory, 5 if what == "rigid" else None)
        teach(trajectory, Path(folder))
        os.environ["SHARVIN_CACHE"] = folder
        versions = [Version(trajectory, Path(folder) / MODEL_FILE, path) for path in [None, *([former] if former else [])]]
        frames = versions[0].frames
        print(f"pull, electrodes {what}: {frames} frames")
        found = {mode: np.array([[v.label(n, mode) for v in versions] for n in range(frames)])[2:] for mode in MODES}
        for version in versions:
            version.close()
    for mode, values in found.items():
        names = ("from atoms", "of which electrodes", "H and S", "T", "electrodes known")
        for column, name in enumerate(names):
            seconds = np.median(values[:, :, column], axis=0)
            said = f"  {mode:9s} {name:20s} {seconds[0]:.4f} s"
            if former is not None:
                ratio = np.median(values[:, 0, column] / np.maximum(values[:, 1, column], 1e-9))
                said += f", before {seconds[1]:.4f} s: ratio {ratio:.3f}"
            print(said)
        if former is not None:
            print(f"  {mode:9s} max |ΔT| {np.abs(values[:, 0, -1] - values[:, 1, -1]).max():.1e}")
    ratio = np.median(found["predicted"][:, 0, 4] / found["none"][:, 0, 4])
    print(f"  predicted costs {ratio:.2f} of none, electrodes known")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", nargs=2, type=Path, required=True)
    serve(*parser.parse_args().serve)
