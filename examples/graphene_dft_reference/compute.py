"""Blocks of H and S of the structures in ``structures.py`` by GPAW in atomic orbitals, one structure after the other.

``OMP_NUM_THREADS=1 python compute.py`` writes ``graphene_pbe.h5`` and ``graphene_pbe.extxyz``. What is finished stays in
sharvin's cache, so that the same command continues an interrupted run. Other settings, as for a test of convergence, go
elsewhere::

    python compute.py --only layer_a2.46 --basis dzp --spacing 0.15 --out finer
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ase.io import write
from sharvin.crystals.block_files import write_blocks
from sharvin_transport.external.configs import GpawOptions
from sharvin_transport.external.gpaw_lcao import GpawLcao
from structures import all_jobs

HERE = Path(__file__).parent
NAME = "graphene_pbe"


def main() -> None:
    """Compute what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", help="name of a structure; may be repeated")
    parser.add_argument("--basis", default="szp(dzp)")
    parser.add_argument("--spacing", type=float, default=0.2, help="spacing of the real-space grid in Å")
    parser.add_argument("--vacuum", type=float, default=5.0, help="vacuum above and below in Å")
    parser.add_argument("--out", default=NAME, help="name of the files without their suffix")
    chosen = parser.parse_args()
    options = GpawOptions(basis=chosen.basis, grid_spacing_A=chosen.spacing, vacuum_A=chosen.vacuum, smearing_eV=0.05)
    hamiltonian = GpawLcao(options)
    blocks = []
    for job in all_jobs():
        if chosen.only and job.name not in chosen.only:
            continue
        began = time.perf_counter()
        blocks.append(hamiltonian.blocks(job.atoms))
        sys.stdout.write(f"{job.name}: {len(job.atoms)} atoms, {len(blocks[-1])} pairs, {time.perf_counter() - began:.0f} s\n")
        sys.stdout.flush()
    write_blocks(HERE / f"{chosen.out}.h5", blocks, single_precision=True)
    write(HERE / f"{chosen.out}.extxyz", [one.atoms for one in blocks], format="extxyz")


if __name__ == "__main__":
    main()
