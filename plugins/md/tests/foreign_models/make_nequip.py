"""A tiny NequIP model of silver and gold, trained for seconds on energies and forces of EMT."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

folder, rng = Path(sys.argv[1]), np.random.default_rng(1)


def crystals(cells):
    for _ in range(8):
        atoms = bulk("Au", cubic=True, a=4.08).repeat((cells, cells, cells))
        atoms.symbols[:5] = "Ag"
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        yield atoms


found = list(crystals(2))
for atoms in found:
    atoms.calc = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
write(folder / "data.xyz", found, format="extxyz")
(folder / "tiny.yaml").write_text(f"""
run: [train]
data:
  _target_: nequip.data.datamodule.ASEDataModule
  seed: 1
  split_dataset: {{file_path: {folder}/data.xyz, train: 6, val: 2}}
  transforms:
    - {{_target_: nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper, model_type_names: [Ag, Au]}}
    - {{_target_: nequip.data.transforms.NeighborListTransform, r_max: 5.0}}
  train_dataloader: {{_target_: torch.utils.data.DataLoader, batch_size: 1}}
  val_dataloader: {{_target_: torch.utils.data.DataLoader, batch_size: 1}}
trainer:
  _target_: lightning.Trainer
  accelerator: cpu
  max_epochs: 1
  logger: false
  callbacks: [{{_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: {folder}, filename: tiny}}]
training_module:
  _target_: nequip.train.NequIPLightningModule
  loss: {{_target_: nequip.train.EnergyForceLoss, per_atom_energy: true, coeffs: {{total_energy: 1.0, forces: 1.0}}}}
  val_metrics: {{_target_: nequip.train.EnergyForceMetrics, coeffs: {{total_energy_rmse: 1.0, forces_rmse: 1.0}}}}
  optimizer: {{_target_: torch.optim.Adam, lr: 0.005}}
  model:
    {{_target_: nequip.model.NequIPGNNModel, seed: 1, model_dtype: float64, type_names: [Ag, Au], r_max: 5.0, num_layers: 2,
     l_max: 1, num_features: 8, radial_mlp_depth: 1, radial_mlp_width: 16, avg_num_neighbors: 40.0}}
global_options: {{allow_tf32: false}}
""")
program = Path(sys.executable).with_name("nequip-train")
subprocess.run([program, "-cp", folder, "-cn", "tiny", f"hydra.run.dir={folder}/run"], check=True)
