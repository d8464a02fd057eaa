"""Doubles of the tests: a Morse potential that is fitted in epochs and resumes, and a set of small structures in groups."""

import json

import numpy as np
from ase.build import bulk, fcc100, fcc111
from ase.calculators.morse import MorsePotential
from scipy.optimize import least_squares
from sharvin.errors import InputError
from sharvin.options import Options

CUTOFFS = {"rcut1": 1.7, "rcut2": 1.9}


class FittedPairsOptions(Options):
    """Options of the double."""

    epochs: int = 4
    """Epochs."""
    force_weight: float = 1.0
    """Weight of forces."""
    stiffness: float = 4.0
    """Of the first guess."""

    def elements(self):
        return frozenset({"Au", "Cu"})


class FittedPairs:
    """Depth, stiffness and length of a Morse potential, fitted by least squares, one evaluation of the Jacobian an epoch."""

    def __init__(self, options):
        self.options, self.parameters, self.progress = options, None, None

    def calculator(self):
        if self.parameters is None:
            raise InputError("this potential is not trained: fit or load it first.")
        return self._calculator(self.parameters)

    def _calculator(self, parameters):
        depth, stiffness, length = parameters
        return MorsePotential(epsilon=depth, rho0=stiffness, r0=length, **CUTOFFS)

    def _residuals(self, parameters, data, weight):
        found = []
        for structure in data:
            atoms = structure.atoms.copy()
            atoms.calc = self._calculator(parameters)
            found.append([(atoms.get_potential_energy() - structure.energy_eV) / len(atoms)])
            found.append(weight * (atoms.get_forces() - structure.forces_eV_per_A).ravel() / np.sqrt(3 * len(atoms)))
        return np.concatenate(found)

    def _errors(self, data):
        energies, forces = [], []
        for structure in data:
            residuals = self._residuals(self.parameters, [structure], 1.0)
            energies.append(residuals[0])
            forces.append(residuals[1:] * np.sqrt(3 * len(structure)))
        rms = lambda values: float(np.sqrt(np.mean(np.square(values))))  # noqa: E731
        return {"energy_rmse_eV_per_atom": rms(energies), "force_rmse_eV_per_A": rms(np.concatenate(forces))}

    def fit(self, data, validation, rng):
        start = np.array([0.4, self.options.stiffness, 2.8]) * (1 + 0.05 * rng.normal(size=3))
        curves, done = {}, 0
        self.parameters = start
        kept = None if self.progress is None else self.progress / "checkpoint.json"
        if kept is not None and kept.exists():
            state = json.loads(kept.read_text())
            self.parameters, curves, done = np.array(state["parameters"]), state["curves"], state["done"]
        for epoch in range(done, self.options.epochs):
            step = least_squares(
                self._residuals, self.parameters, args=(data, self.options.force_weight), max_nfev=2, method="trf"
            )
            self.parameters = step.x
            for part, structures in (("train", data), ("validation", validation)):
                for name, value in self._errors(structures).items():
                    curves.setdefault(f"{part}_{name}", []).append(value)
            if kept is not None:
                state = {"parameters": self.parameters.tolist(), "curves": curves, "done": epoch + 1}
                kept.write_text(json.dumps(state))
                line = {"epoch": epoch + 1, "epochs": self.options.epochs} | {name: values[-1] for name, values in curves.items()}
                with (self.progress / "metrics.jsonl").open("a") as file:
                    file.write(json.dumps(line) + "\n")
            self.after_epoch(epoch)
        return curves

    def after_epoch(self, epoch):
        """Where a test ends a fit."""

    def save(self, folder):
        (folder / "parameters.json").write_text(json.dumps(np.asarray(self.parameters).tolist()))

    def load(self, folder):
        self.parameters = np.array(json.loads((folder / "parameters.json").read_text()))

    def keep_progress(self, folder):
        self.progress = folder


class SmallSetOptions(Options):
    """Options of the double."""

    each: int = 6
    """Structures of each group."""
    groups: tuple[str, ...] = ("fcc", "fcc100", "fcc111")
    """Groups."""
    element: str = "Au"
    """Element."""

    def elements(self):
        return frozenset({self.element})


class SmallSet:
    """Strained and rattled cells of a few atoms."""

    def __init__(self, options):
        self.options = options

    def build(self, rng):
        return self.build_all(rng)[0]

    def build_all(self, rng):
        found = []
        for group in self.options.groups:
            for _ in range(self.options.each):
                a, element = 4.06 * (1 + 0.03 * rng.normal()), self.options.element
                if group == "fcc":
                    atoms = bulk(element, "fcc", a=a, cubic=True)
                else:
                    build = {"fcc100": fcc100, "fcc111": fcc111}[group]
                    atoms = build(element, size=(1, 1, 4), a=a, vacuum=6.0, periodic=True)
                atoms.positions += rng.normal(scale=0.06, size=atoms.positions.shape)
                atoms.info["group"] = group
                found.append(atoms)
        return found
