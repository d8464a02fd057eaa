"""A tiny DeePMD model of silver and gold, trained for seconds on energies and forces of EMT."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

folder, rng = Path(sys.argv[1]), np.random.default_rng(1)


def crystals(cells):
    for _ in range(8):
        atoms = bulk("Au", cubic=True, a=4.08).repeat((cells, cells, cells))
        atoms.symbols[:5] = "Ag"
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        yield atoms


found = list(crystals(3))
data = folder / "data"
(data / "set.000").mkdir(parents=True)
np.savetxt(data / "type.raw", [0 if symbol == "Ag" else 1 for symbol in found[0].symbols], fmt="%d")
(data / "type_map.raw").write_text("Ag\nAu\n")
arrays = {
    "coord": [atoms.positions.ravel() for atoms in found],
    "box": [atoms.cell.array.ravel() for atoms in found],
    "energy": [atoms.get_potential_energy() for atoms in found],
    "force": [atoms.get_forces().ravel() for atoms in found],
}
for name, values in arrays.items():
    np.save(data / "set.000" / f"{name}.npy", np.array(values))
net = {"seed": 1, "precision": "float64"}
(folder / "input.json").write_text(
    json.dumps(
        {
            "model": {
                "type_map": ["Ag", "Au"],
                "descriptor": {
                    "type": "se_e2_a",
                    "sel": [80, 80],
                    "rcut": 5.0,
                    "rcut_smth": 2.0,
                    "neuron": [4, 8],
                    "axis_neuron": 4,
                    **net,
                },
                "fitting_net": {"neuron": [16, 16], **net},
            },
            "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 50},
            "loss": {"type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1},
            "training": {
                "training_data": {"systems": [str(data)], "batch_size": 1},
                "numb_steps": 100,
                "seed": 1,
                "disp_freq": 50,
                "save_freq": 100,
            },
        }
    )
)
program = Path(sys.executable).with_name("dp")
subprocess.run([program, "--tf", "train", "input.json"], cwd=folder, check=True)
subprocess.run([program, "--tf", "freeze", "-o", "tiny.pb"], cwd=folder, check=True)
