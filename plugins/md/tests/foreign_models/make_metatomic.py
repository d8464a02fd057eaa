"""A metatomic model of silver and gold: Morse pairs that end at 5 Å."""

# ruff: noqa: UP006, UP035, UP045

import sys
from pathlib import Path
from typing import Dict, List, Optional

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import AtomisticModel, ModelCapabilities, ModelMetadata, ModelOutput, NeighborListOptions, System


class Pairs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.neighbours = NeighborListOptions(cutoff=5.0, full_list=False, strict=True)

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return [self.neighbours]

    def forward(
        self, systems: List[System], outputs: Dict[str, ModelOutput], selected_atoms: Optional[Labels]
    ) -> Dict[str, TensorMap]:
        energies: List[torch.Tensor] = []
        for system in systems:
            d = torch.sqrt((system.get_neighbor_list(self.neighbours).values.reshape(-1, 3) ** 2).sum(1))
            x = d / 5.0
            bond = torch.exp(-2.6 * (d - 2.9)) - 2 * torch.exp(-1.3 * (d - 2.9))
            energies.append((0.3 * bond * (1 - x) ** 3 * (1 + 3 * x + 6 * x * x)).sum().reshape(1, 1))
        block = TensorBlock(
            values=torch.vstack(energies),
            samples=Labels("system", torch.arange(len(systems)).reshape(-1, 1)),
            components=torch.jit.annotate(List[Labels], []),
            properties=Labels("energy", torch.tensor([[0]])),
        )
        return {"energy": TensorMap(keys=Labels("_", torch.tensor([[0]])), blocks=[block])}


AtomisticModel(
    Pairs().eval(),
    ModelMetadata(),
    ModelCapabilities(
        outputs={"energy": ModelOutput(quantity="energy", unit="eV", per_atom=False)},
        atomic_types=[47, 79],
        interaction_range=5.0,
        length_unit="angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    ),
).save(str(Path(sys.argv[1]) / "tiny.pt"))
