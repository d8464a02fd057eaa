"""The gold example shrunk to seconds: a thin wire, pulled fast, seen by a coarse descriptor."""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "examples" / "gold_break_junction.yaml"

SMALL = {
    "workflow": "{use: break_junction, training_pulls: 3, production_pulls: 2}",
    "structure": "{use: nanowire, element: Au, lattice_constant_A: 4.08, neck: [2, 2, 3], electrode: [3, 3, 5]}",
    "dynamics": "{use: lammps_pull, temperature_K: 4.5, speed_m_per_s: 300, snapshot_every_A: 1.0, equilibration_ps: 0.1, "
    "rupture_margin_A: 1.0}",
    "hamiltonian": "{use: slater_koster, table: ptbp}",
    "descriptor": "{use: soap, n_max: 4, l_max: 3, cutoff_A: 5.0}",
    "regressor": "{use: fc_maxpool, epochs: 3}",
}


def small(**changes):
    """``--set`` arguments that shrink the gold example to seconds, some of them changed."""
    arguments = []
    for key, value in {**SMALL, **changes}.items():
        arguments += ["--set", f"{key.replace('__', '.')}={value}"]
    return arguments


def results(folder):
    """``results.json`` without what differs between equal runs, the times."""
    content = json.loads((folder / "results.json").read_text())
    content.pop("seconds")
    content.pop("label_cost")
    return content
