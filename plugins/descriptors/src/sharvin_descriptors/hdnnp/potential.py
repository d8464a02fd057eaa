"""The potential `hdnnp`: trained networks in ASE, LAMMPS and any workflow, committees of them, and their training."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator
from sharvin.errors import InputError
from sharvin.protocols import EnergyForcesVirial, NeighbourList
from sharvin.reference_data import ReferenceData
from sharvin.runs.fit_progress import require_folder
from sharvin.runs.model_description import read_description, write_description

from sharvin_descriptors.hdnnp.calculator import HdnnpCalculator
from sharvin_descriptors.hdnnp.configs import HdnnpOptions
from sharvin_descriptors.hdnnp.fit import fit, require_elements_trained
from sharvin_descriptors.hdnnp.folder import CLOSEST, read_folder, write_folder
from sharvin_descriptors.hdnnp.model import HdnnpModel, require_same_descriptors
from sharvin_descriptors.hdnnp.shipped import model_folders
from sharvin_descriptors.hdnnp.watch import WatchedEvaluator

NAME, VERSION = "hdnnp", 1
CLOSER_IN_DYNAMICS, CLOSER = 0.9, 0.5
"""Parts of the shortest distance in the training data below which a structure is refused: in dynamics, and where bonds are
scanned."""


class Hdnnp:
    """Potential ``hdnnp``.

    Parameters
    ----------
    options : HdnnpOptions

    Raises
    ------
    InputError
        If a folder of networks cannot be read, or the members of a committee differ in their descriptors.
    """

    def __init__(self, options: HdnnpOptions) -> None:
        self.options = options
        folders = [folder for name in options.models() for folder in model_folders(name)]
        self.members: tuple[HdnnpModel, ...] = tuple(read_folder(folder, options.units) for folder in folders)
        """The networks, more than one of a committee; none before training."""
        if self.members:
            require_same_descriptors(self.members)
        if options.max_force_std_eV_per_A is not None and options.model is not None and len(self.members) < 2:
            raise InputError("hdnnp: max_force_std_eV_per_A needs a committee; give several folders as model.")
        self._progress: Path | None = None

    @cached_property
    def _watched(self) -> WatchedEvaluator:
        return self._new_evaluator(CLOSER_IN_DYNAMICS)

    def _new_evaluator(self, closer: float) -> WatchedEvaluator:
        if not self.members:
            raise InputError("hdnnp: this potential is not trained yet; give model: FOLDER, or train it with the workflow.")
        options = self.options
        closest_A = options.min_distance_A
        if closest_A is None:
            closest_A = closer * max(member.closest_A for member in self.members)
        return WatchedEvaluator(self.members, options.on_extrapolation, closest_A, options.max_force_std_eV_per_A)

    @property
    def cutoff_A(self) -> float:
        """Largest cutoff of any symmetry function."""
        return self._watched.cutoff_A

    def calculator(self) -> Calculator:
        """ASE calculator with its own count of extrapolations; see :class:`HdnnpCalculator`.

        Raises
        ------
        InputError
            If the potential is not trained.
        """
        return HdnnpCalculator(self._new_evaluator(CLOSER))

    def evaluate(self, neighbours: NeighbourList) -> EnergyForcesVirial:
        """Energy, forces and virial from neighbours that were found elsewhere, such as by LAMMPS.

        Raises
        ------
        InputError
            If the potential is not trained, or an element is unknown to it.
        ItemError
            If the run is to end at this configuration.
        """
        found = self._watched.evaluate(neighbours)
        energy = float(found.energies_eV.sum(axis=1).mean())
        return EnergyForcesVirial(energy, found.forces_eV_per_A.mean(axis=0), found.virials_eV.mean(axis=0))

    def monitored(self) -> dict[str, float]:
        """Extrapolations, and the disagreement of a committee, since the last call."""
        return self._watched.monitored()

    def require_trainable(self, data: ReferenceData) -> None:
        """Refuse options with which a study could not train the potential on these data.

        Raises
        ------
        InputError
        """
        options = self.options
        if options.model is not None:
            raise InputError("hdnnp: a potential with model: FOLDER is trained already; give symmetry functions to train one.")
        if options.on_extrapolation == "stop":
            raise InputError(
                "hdnnp: on_extrapolation: stop would end the study's own tests; set it where the trained potential is used."
            )
        require_elements_trained(options, data)

    def fit(self, data: ReferenceData, validation: ReferenceData, rng: np.random.Generator) -> dict[str, list[float]]:
        """Train the networks; see :class:`sharvin.protocols.TrainablePotential`.

        Raises
        ------
        InputError
            If the options name a trained model, or there are no data.
        RunError
            If the training diverges.
        """
        if self.options.model is not None:
            raise InputError("hdnnp: a potential with model: FOLDER is trained already; give symmetry functions to train one.")
        model, curves = fit(self.options, data, validation, rng, self._progress)
        self._become((model,))
        return curves

    def save(self, folder: Path) -> None:
        """Write n2p2's four kinds of files in eV and Å, and a description, into an existing folder.

        Raises
        ------
        InputError
            If the potential is not trained, or a committee.
        """
        if len(self.members) != 1:
            raise InputError("hdnnp: only a single trained potential can be saved.")
        model = self.members[0]
        write_folder(folder, model)
        write_description(folder, NAME, VERSION, {"cutoff_A": self.cutoff_A, CLOSEST: model.closest_A})

    def load(self, folder: Path) -> None:
        """Become the saved potential.

        Raises
        ------
        InputError
            If the folder holds no potential, or it is damaged.
        """
        read_description(folder, NAME, VERSION)
        self._become((read_folder(folder, "metal"),))

    def keep_progress(self, folder: Path) -> None:
        """Leave checkpoints and metrics of fits in this folder from now on."""
        self._progress = require_folder(folder)

    def _become(self, members: tuple[HdnnpModel, ...]) -> None:
        self.members = members
        self.__dict__.pop("_watched", None)
