"""A tiny MACE model of silver and gold with weights at random."""

import sys
from pathlib import Path

import mace  # noqa: F401  before e3nn, which it lets unpickle its constants
import numpy as np
import torch
from e3nn import o3
from mace import modules

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
model = modules.ScaleShiftMACE(
    r_max=5.0,
    num_bessel=6,
    num_polynomial_cutoff=5,
    max_ell=2,
    interaction_cls=block,
    interaction_cls_first=block,
    num_interactions=2,
    num_elements=2,
    hidden_irreps=o3.Irreps("16x0e + 16x1o"),
    MLP_irreps=o3.Irreps("8x0e"),
    gate=torch.nn.functional.silu,
    atomic_energies=np.array([-1.0, -2.0]),
    avg_num_neighbors=4.0,
    atomic_numbers=[47, 79],
    correlation=2,
    atomic_inter_scale=20.0,
    atomic_inter_shift=0.0,
)
torch.save(model, Path(sys.argv[1]) / "tiny.model")
