"""Descriptors, potentials, dynamics and structures that are wrong in the ways that parts go wrong."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.neighborlist import neighbor_list
from sharvin import Features, Frame, create

# --- descriptors


class AlteredSoap:
    """SOAP whose rows are altered by a function of rows, frames and offsets."""

    def __init__(self, alter=lambda values, *_: values):
        self.soap = create("descriptors", "soap", n_max=3, l_max=2, cutoff_A=4.0, dtype="float64", species=["Ag", "Au"])
        self.alter, self.size = alter, self.soap.size

    def describe(self, frames):
        features = self.soap.describe(frames)
        return Features(self.alter(features.values.copy(), frames, features.offsets), features.offsets)


def directional(values, frames, _):
    values[:, 0] += 1e-6 * np.concatenate([frame.positions[:, 0] for frame in frames])
    return values


def z_in_crystals(values, frames, _):
    values[:, 0] += 1e-6 * np.concatenate([frame.positions[:, 2] * frame.pbc.any() for frame in frames])
    return values


def axis_of_slabs(values, frames, _):
    values[:, 0] += 1e-6 * np.concatenate([np.full(len(frame), frame.pbc.any() * frame.cell[0, 1]) for frame in frames])
    return values


def counting(values, _, offsets):
    values[:, 0] += np.repeat(np.diff(offsets), np.diff(offsets))
    return values


def centred(values, _, offsets):
    for a, b in pairwise(offsets):
        values[a:b] -= values[a:b].mean(axis=0)
    return values


def sharp(values, frames, _):
    """Neighbours counted up to the cutoff, all alike."""
    counts = [np.bincount(neighbor_list("i", frame.to_atoms(), 4.0), minlength=len(frame)) for frame in frames]
    values[:, 0] = np.concatenate(counts)
    return values


def silent_about_alloys(values, frames, _):
    return values * np.concatenate([np.full(len(frame), float(len(set(frame.numbers)) == 1)) for frame in frames])[:, None]


def drifting(values, *_, calls=[]):  # noqa: B006 (the mistake)
    calls.append(1)
    return values * (1 + 1e-13 * len(calls))


DESCRIPTORS = {
    "x of the atoms": (directional, "test_translation_changes_nothing"),
    "z in periodic frames only": (z_in_crystals, "test_translation_changes_nothing"),
    "directions in periodic frames only": (axis_of_slabs, "test_rotation_changes_nothing"),
    "numbers of atoms": (counting, "test_distant_parts_do_not_see_each_other"),
    "mean of the structure subtracted": (centred, "test_distant_parts_do_not_see_each_other"),
    "order of atoms": (lambda values, *_: values + np.arange(len(values))[:, None], "test_atoms_are_interchangeable"),
    "a constant": (lambda values, *_: 0 * values + 1, "test_features_tell_structures_apart"),
    "a sharp cutoff": (sharp, "test_an_atom_fades_in_at_the_cutoff"),
    "zeros for several elements": (silent_about_alloys, "test_several_elements_are_described_or_refused"),
    "drift between calls": (drifting, "test_equal_calls_give_equal_bits"),
}


# --- potentials


class Pair(Calculator):
    """E = ½ Σ_ij (r_c − r_ij)³ inside the cutoff, with one mistake."""

    def __init__(self, mistake=""):
        super().__init__()
        self.mistake, self.cutoff, self.kept = mistake, 4.0, None
        self.implemented_properties = ["energy", "forces"] if mistake == "no stress" else ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if self.mistake == "no stress" and "stress" in properties:
            raise PropertyNotImplementedError
        seen = atoms.copy()
        if self.mistake == "images ignored":
            seen.pbc = False
        if self.mistake in ("cell kept", "number of atoms kept", "neighbours kept"):
            seen = self._stale(seen)
        i, distance, vector = self._pairs(seen)
        power = {"jump of the energy": 0, "jump of the force": 1}.get(self.mistake, 3)
        depth = self.cutoff - distance
        slope = power * depth ** max(power - 1, 0) / distance
        forces = np.zeros((len(seen), 3))
        np.add.at(forces, i, -slope[:, None] * vector)
        energy = 0.5 * np.sum(depth**power)
        stress = (
            -0.5 * np.einsum("p,pa,pb->ab", slope, vector, vector) / seen.get_volume() if seen.pbc.all() else np.zeros((3, 3))
        )
        if self.mistake == "scaled forces":
            forces *= 1.0001
        elif self.mistake == "drifting forces":
            forces += 1e-3
        elif self.mistake == "sign of the stress":
            stress = -stress
        elif self.mistake == "energy not extensive":
            energy *= len(seen) ** 0.1
            forces *= len(seen) ** 0.1
            stress *= len(seen) ** 0.1
        self.results = {"energy": energy, "forces": forces, "stress": stress.ravel()[[0, 4, 8, 5, 2, 1]]}

    def _stale(self, atoms):
        if self.kept is None or (self.mistake != "number of atoms kept" and len(self.kept[0]) != len(atoms)):
            self.kept = (atoms.copy(), self._found(atoms))
        if self.mistake == "number of atoms kept":
            return self.kept[0] if len(self.kept[0]) != len(atoms) else atoms
        if self.mistake == "cell kept":
            atoms.cell = self.kept[0].cell
        return atoms

    def _found(self, atoms):
        return neighbor_list("ijS", atoms, self.cutoff)

    def _pairs(self, atoms):
        i, j, cell = self.kept[1] if self.mistake == "neighbours kept" and self.kept else self._found(atoms)
        vector = atoms.positions[j] - atoms.positions[i] + cell @ atoms.cell.array
        distance = np.linalg.norm(vector, axis=1)
        near = distance < self.cutoff
        return i[near], distance[near], vector[near]


class PairPotential:
    def __init__(self, mistake=""):
        self.mistake = mistake

    def calculator(self):
        return Pair(self.mistake)


POTENTIALS = {
    "scaled forces": "test_forces_are_derivatives_of_the_energy",
    "drifting forces": "test_newtons_third_law",
    "sign of the stress": "test_stress_is_the_strain_derivative_of_the_energy",
    "energy not extensive": "test_energy_is_extensive",
    "images ignored": "test_periodic_images_are_the_same_atom",
    "jump of the energy": "test_interaction_ends_smoothly_at_the_cutoff",
    "jump of the force": "test_interaction_ends_smoothly_at_the_cutoff",
    "cell kept": "test_a_calculator_has_no_memory",
    "number of atoms kept": "test_a_calculator_has_no_memory",
    "neighbours kept": "test_a_calculator_has_no_memory",
}


# --- dynamics


class Puller:
    """Pulls the right rigid end by 0.1 Å a frame, 10 Å/ps, while free atoms shake; one mistake."""

    def __init__(self, mistake=""):
        self.mistake = mistake

    def run(self, atoms, potential, seed):
        rng = np.random.default_rng(0 if self.mistake == "seed ignored" else seed)
        moving = atoms if self.mistake == "atoms handed in are moved" else atoms.copy()
        start, rigid, side = atoms.positions.copy(), atoms.arrays["rigid"], atoms.arrays["electrode"]
        shared = np.zeros_like(start)
        for number in range(4):
            elongation = 0.1 * number
            moved = start + rng.normal(0, 0.02, start.shape) * ~rigid[:, None]
            moved[rigid & (side == 1), 2] += elongation * (0.5 if self.mistake == "half the speed" else 1.0)
            if self.mistake == "ends drift sideways":
                moved[rigid & (side == 1), 0] += 0.01 * number
            if self.mistake == "soft ends":
                moved += rng.normal(0, 1e-3, start.shape)
            moving.positions = moved
            moving.calc = potential.calculator()
            energy = moving.get_potential_energy() + (0.5 if self.mistake == "another energy" else 0.0)
            time = 0.01 * (3 - number if self.mistake == "time backwards" else number)
            shared[:] = moved
            frame = Frame.from_atoms(moving, elongation_A=elongation, time_ps=time, potential_energy_eV=energy)
            yield replace(frame, positions=shared) if self.mistake == "one array for all frames" else frame


DYNAMICS = {
    "half the speed": "test_the_electrodes_part_by_the_elongation",
    "ends drift sideways": "test_the_electrodes_part_by_the_elongation",
    "soft ends": "test_rigid_atoms_move_as_blocks",
    "another energy": "test_the_energy_stated_is_that_of_the_potential",
    "seed ignored": "test_the_seed_decides_the_thermal_motion",
    "atoms handed in are moved": "test_equal_seeds_give_equal_trajectories",
    "time backwards": "test_time_runs_forward",
    "one array for all frames": "test_atoms_move_and_keep_their_order",
}


def marked_wire(gap_A=0.0, periodic=False, swapped=False, unmarked=False):
    """A bar of gold of eight layers, the outer two of each side electrodes."""
    positions = 2.04 * np.array([[x, y, z] for z in range(8) for x in range(3) for y in range(3) if (x + y + z) % 2 == 0], float)
    layer = np.rint(positions[:, 2] / 2.04).astype(int)
    positions[layer > 3, 2] += gap_A
    atoms = Atoms(f"Au{len(positions)}", positions=positions, cell=[20, 20, 30], pbc=(False, False, periodic))
    electrode = np.where(layer < 2, -1, np.where(layer > 5, 1, 0)).astype(np.int8)
    atoms.set_array("electrode", -electrode if swapped else electrode)
    atoms.set_array("rigid", electrode != 0 if not unmarked else electrode == 0)
    return atoms


STRUCTURES = {
    "a gap": ({"gap_A": 3.0}, "test_the_wire_is_whole"),
    "periodic along z": ({"periodic": True}, "test_transport_is_along_z"),
    "electrodes exchanged": ({"swapped": True}, "test_electrodes_are_the_ends_of_the_wire"),
    "a rigid neck": ({"unmarked": True}, "test_electrodes_and_rigid_atoms_are_marked"),
}


class WrongSet:
    """A set of two crystals with a mistake."""

    def __init__(self, mistake=""):
        self.mistake, self.calls = mistake, 0

    def build(self, rng):
        return self.build_all(rng)[1 if self.mistake == "build gives another" else 0]

    def build_all(self, rng):
        crystals = [bulk("Au", cubic=True), bulk("Au", "bcc", a=3.2, cubic=True)]
        self.calls += 1
        for number, one in enumerate(crystals):
            one.rattle(0.05, rng=np.random.default_rng(self.calls) if self.mistake == "another at each call" else rng)
            if self.mistake != "groups without names" or number == 0:
                one.info["group"] = ("fcc", "bcc")[number]
        if self.mistake == "atoms on top of each other":
            crystals[1].positions[1] = crystals[1].positions[0] + 0.3
        return [] if self.mistake == "empty" else crystals[::-1] if self.mistake == "order" and self.calls % 2 else crystals


SETS = {
    "build gives another": "test_a_set_is_reproducible_and_begins_with_build",
    "another at each call": "test_a_set_is_reproducible_and_begins_with_build",
    "empty": "test_a_set_is_reproducible_and_begins_with_build",
    "order": "test_a_set_is_reproducible_and_begins_with_build",
    "groups without names": "test_structures_of_a_set_name_their_group_and_have_no_overlaps",
    "atoms on top of each other": "test_structures_of_a_set_name_their_group_and_have_no_overlaps",
}
