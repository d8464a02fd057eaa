"""SOAP of a 464-atom gold wire: time of ours, featomic's and DScribe's, and whether they tell the same environments apart.

``python benchmarks/soap.py`` describes rattled copies of the wire (electrodes of four layers 6×6, neck of eleven layers 4×4)
with n_max 17, l_max 9, r_c 6 Å and σ 0.5 Å in one process of one thread, frame by frame in turns, and prints medians of the CPU
time. Every copy differs from the one before in all atoms, so no row is reused. featomic (with GTO radial functions and a cosine
cutoff of the same width) computes the same 1530 features per atom; DScribe stops at 16 radial functions, 1360 features. Both are
left out where they are not installed.

Environments agree when the distances between all pairs of them do: those of rows scaled to unit length, once from each
calculator, are correlated (Pearson). ``--pull FILE`` measures instead what reuse saves along a trajectory of the store.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sharvin
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sharvin.errors import MissingPackageError
from sharvin.frames import Frame, Frames
from sharvin.store import read_trajectory

COMMON = {"l_max": 9, "cutoff_A": 6.0, "sigma_A": 0.5}
CALCULATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "soap, float32": ("soap", {"n_max": 17, "dtype": "float32", **COMMON}),
    "soap, float64": ("soap", {"n_max": 17, "dtype": "float64", **COMMON}),
    "featomic": ("featomic", {"n_max": 17, **COMMON}),
    "dscribe": ("dscribe", {"n_max": 16, "dtype": "float64", **COMMON}),
}


def wires(count: int) -> list[Frame]:
    """Rattled copies of the wire."""
    sizes = {"neck": [4, 4, 11], "electrode": [6, 6, 4]}
    structure = sharvin.create("structures", "nanowire", element="Au", lattice_constant_A=4.08, **sizes)
    wire = structure.build(np.random.default_rng(0))
    copies = []
    for seed in range(count):
        copy = wire.copy()
        copy.rattle(0.05, seed=seed)
        copies.append(Frame.from_atoms(copy))
    return copies


def installed() -> dict[str, Any]:
    """The calculators whose packages are there."""
    found = {}
    for name, (part, options) in CALCULATORS.items():
        try:
            found[name] = sharvin.create("descriptors", part, **options)
        except MissingPackageError as error:
            print(f"  {name}: left out, {error}")
    return found


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def distances(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distances of all pairs of environments, rows scaled to unit length."""
    rows = rows.astype(np.float64)
    result: NDArray[np.float64] = pdist(rows / np.linalg.norm(rows, axis=1)[:, None])
    return result


def compare(repeats: int) -> None:
    frames = [Frames([frame]) for frame in wires(4)]
    calculators = installed()
    spent: dict[str, list[float]] = {name: [] for name in calculators}
    far = {}
    for name, calculator in calculators.items():
        far[name] = distances(calculator.describe(frames[-1]).values)  # compiles on the way
    for repeat in range(repeats):
        for name, calculator in calculators.items():
            frame = frames[repeat % len(frames)]
            spent[name].append(seconds(lambda calculator=calculator, frame=frame: calculator.describe(frame)))
    medians = {name: float(np.median(times)) for name, times in spent.items()}
    print(f"{len(frames[0][0])} atoms, medians of {repeats} interleaved repeats, CPU time of one thread")
    for name, median in medians.items():
        ratio = "".join(
            f", {medians[other] / median:.1f} × faster than {other}"
            for other in ("featomic", "dscribe")
            if other in medians and name.startswith("soap")
        )
        agreement = f", correlation of distances with soap {np.corrcoef(far[name], far['soap, float64'])[0, 1]:.5f}"
        print(f"  {name:14s} {1e3 * median:6.1f} ms{ratio}{agreement if name != 'soap, float64' else ''}")


def along(pull: Path) -> None:
    """What reuse and mobile centres save along a trajectory, frame by frame, at the default options."""
    frames = [Frames([frame]) for frame in read_trajectory(pull)]
    variants: dict[str, dict[str, Any]] = {"each frame alone": {}, "frame after frame": {}}
    if frames[0][0].rigid is not None:
        variants["mobile atoms"] = {"centres": "mobile"}
    lone = Frames([Frame(np.array([79]), np.zeros((1, 3)), np.eye(3), np.zeros(3, dtype=bool), rigid=np.zeros(1, dtype=bool))])
    for name, options in variants.items():
        descriptor = sharvin.create("descriptors", "soap", **options)
        descriptor.describe(lone)
        total = 0.0
        for frame in frames:
            if name == "each frame alone":
                descriptor.describe(lone)  # so that nothing is known of the frame before
            total += seconds(lambda descriptor=descriptor, frame=frame: descriptor.describe(frame))
        print(f"  {name:18s} {1e3 * total / len(frames):.2f} ms per frame of {len(frames[0][0])} atoms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--pull", type=Path, help="trajectory of a pull, store/…/item-….h5")
    options = parser.parse_args()
    if options.pull:
        along(options.pull)
    else:
        compare(options.repeats)


if __name__ == "__main__":
    main()
