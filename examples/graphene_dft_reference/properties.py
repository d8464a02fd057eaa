"""``properties.json``: what the blocks of ``graphene_pbe.h5`` say of graphene, without GPAW. ``python properties.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ase.units import _e, _hbar
from scipy.linalg import eigh
from sharvin.crystals.block_files import read_blocks
from sharvin.crystals.sparse_bloch import SparseBlochHamiltonian

HERE = Path(__file__).parent
K = np.array([1 / 3, -1 / 3, 0.0])
"""A corner of the Brillouin zone where cell vectors are at 60°: neighbours have the phases 1, e^(2πi/3), e^(−2πi/3) there."""
STEP_PER_A = 0.005


def energies(bloch: SparseBlochHamiltonian, k: np.ndarray) -> np.ndarray:
    """Energies at a k-point, ascending, in eV."""
    H, S = bloch.at(k)
    return np.asarray(eigh(H.toarray(), S.toarray(), eigvals_only=True))


def velocity(bloch: SparseBlochHamiltonian) -> float:
    """Slope of the cone of a single layer in m/s: half the distance of its two bands, mean over six directions."""
    cell, valence = bloch.cell[:2, :2], int(bloch.electrons) // 2
    found = []
    for angle in np.arange(6) * np.pi / 3:
        q = STEP_PER_A * np.array([np.cos(angle), np.sin(angle)])
        at_q = energies(bloch, K + np.append(cell @ q / (2 * np.pi), 0.0))
        found.append(0.5 * (at_q[valence] - at_q[valence - 1]))
    return float(np.mean(found) / STEP_PER_A * 1e-10 * _e / _hbar)


def main() -> None:
    """Write and show the properties."""
    path = HERE / (f"{sys.argv[1]}.h5" if len(sys.argv) > 1 else "graphene_pbe.h5")
    blocks = {one.atoms.info["name"]: one for one in read_blocks(path)}
    found: dict[str, float] = {}
    for name, one in blocks.items():
        bloch, valence = one.sparse_bloch(), int(one.electrons) // 2
        if name.startswith("layer_a"):
            at_K = energies(bloch, K)
            found[f"{name}_velocity_m_per_s"] = round(velocity(bloch), -2)
            found[f"{name}_energy_at_K_eV"] = round(float(at_K[valence - 1 : valence + 1].mean()), 4)
            found[f"{name}_gap_at_K_meV"] = round(1000 * float(at_K[valence] - at_K[valence - 1]), 2)
        if name in ("bilayer_AA", "bilayer_AB"):
            four = energies(bloch, K)[valence - 2 : valence + 2]
            found[f"{name}_outer_splitting_at_K_eV"] = round(float(four[3] - four[0]), 4)
            found[f"{name}_inner_splitting_at_K_eV"] = round(float(four[2] - four[1]), 4)
    text = json.dumps(found, indent=2) + "\n"
    if len(sys.argv) == 1:
        (HERE / "properties.json").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
