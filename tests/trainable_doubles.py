"""Doubles of the tests: a potential of four parameters that is fitted in epochs and resumes, and a set of small structures."""

import json

import numpy as np
from ase.build import bulk, fcc100, fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from scipy.optimize import least_squares
from sharvin.errors import InputError
from sharvin.numerics.neighbour_pairs import neighbour_pairs
from sharvin.options import Options

DISTANCE_A, FROM_A, CUTOFF_A = 2.88, 4.5, 6.0


class Metal(Calculator):
    """Energy of the second-moment approximation, F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993), with a smooth cutoff."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, repulsion=0.2061, hopping=1.79, p=10.229, q=4.036):
        super().__init__()
        self.values = repulsion, hopping, p, q

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        repulsion, hopping, p, q = self.values
        pairs = neighbour_pairs(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF_A, full=True)
        r, n = pairs.distance, len(atoms)
        x = np.clip((r - FROM_A) / (CUTOFF_A - FROM_A), 0, 1)
        taper, slope = 1 - x**3 * (10 - 15 * x + 6 * x**2), -30 * x**2 * (1 - x) ** 2 / (CUTOFF_A - FROM_A)
        pair, bond = repulsion * np.exp(-p * (r / DISTANCE_A - 1)), hopping**2 * np.exp(-2 * q * (r / DISTANCE_A - 1))
        density = np.bincount(pairs.first, bond * taper, n)
        root = np.sqrt(density)
        inverse = np.divide(0.5, root, out=np.zeros(n), where=root > 0)
        d_pair = pair * (slope - p / DISTANCE_A * taper)
        d_bond = bond * (slope - 2 * q / DISTANCE_A * taper)
        along = 2 * d_pair - d_bond * (inverse[pairs.first] + inverse[pairs.second])
        forces = np.zeros((n, 3))
        np.add.at(forces, pairs.first, (along / r)[:, None] * pairs.vector)
        energy = float(np.sum(pair * taper) - root.sum())
        virial = 0.5 * np.einsum("i,ij,ik->jk", along / r, pairs.vector, pairs.vector)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if atoms.pbc.all():
            self.results["stress"] = full_3x3_to_voigt_6_stress(virial / atoms.get_volume())


class FittedPairsOptions(Options):
    """Options of the double."""

    epochs: int = 4
    """Epochs."""
    force_weight: float = 1.0
    """Weight of forces."""
    hopping: float = 1.5
    """Of the first guess."""

    def elements(self):
        return frozenset({"Au", "Cu"})


class FittedPairs:
    """Parameters fitted by least squares, one evaluation of the Jacobian an epoch."""

    def __init__(self, options):
        self.options, self.parameters, self.progress = options, None, None

    def calculator(self):
        if self.parameters is None:
            raise InputError("this potential is not trained: fit or load it first.")
        return self._calculator(self.parameters)

    def _calculator(self, parameters):
        return Metal(*parameters)

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
        start = np.array([0.2, self.options.hopping, 9.0, 3.6]) * (1 + 0.05 * rng.normal(size=4))
        curves, done = {}, 0
        self.parameters = start
        kept = None if self.progress is None else self.progress / "checkpoint.json"
        if kept is not None and kept.exists():
            state = json.loads(kept.read_text())
            self.parameters, curves, done = np.array(state["parameters"]), state["curves"], state["done"]
        for epoch in range(done, self.options.epochs):
            step = least_squares(self._residuals, self.parameters, args=(data, self.options.force_weight), max_nfev=2)
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
