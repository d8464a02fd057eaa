"""Transport solvers and Hamiltonians that are wrong in the ways that parts go wrong: one thing is spoilt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from scipy.sparse import csr_array
from sharvin import Junction, TwoTerminal
from sharvin.testing.reference import self_energy
from sharvin.two_terminal import BlochHamiltonian, Lead

# --- transport solvers


class PlainSolver:
    """T = Tr Γ_L G Γ_R G†, each step of which may be done wrong by the functions given by name."""

    def __init__(self, **steps):
        self.steps = {
            "lead": lambda lead: lead,
            "device": lambda matrix: matrix,
            "gammas": lambda left, right: (left, right),
            "outwards": lambda system: (system.left.reversed(), system.right),
            "right_size": lambda system: system.right.size,
            "result": lambda T: T,
            **steps,
        }

    def transmission(self, systems, energies_eV):
        T = np.array([[self._one(system, system.fermi_energy_eV + energy) for energy in energies_eV] for system in systems])
        return self.steps["result"](T)

    def _one(self, system, energy):
        sigmas = [self_energy(self.steps["lead"](lead), energy, 1e-9) for lead in self.steps["outwards"](system)]
        left, right = len(sigmas[0]), self.steps["right_size"](system)
        inverse = self.steps["device"]((energy * system.S - system.H).toarray()).astype(complex)
        inverse[:left, :left] -= sigmas[0]
        inverse[-right:, -right:] -= sigmas[1][:right, :right]
        green = np.linalg.inv(inverse)[:left, -right:]
        gammas = self.steps["gammas"](*(1j * (sigma - sigma.conj().T) for sigma in sigmas))
        return np.trace(gammas[0] @ green @ gammas[1][:right, :right] @ green.conj().T).real


def inverting_h01(lead):
    np.linalg.inv(lead.H01)
    return lead


def noisy(T):
    return T + np.random.default_rng().uniform(-1e-7, 1e-7, T.shape)


SOLVERS = {
    "both leads treated as if H01 pointed outwards": {"outwards": lambda system: (system.left, system.right)},
    "S00 of the leads taken as 1": {"lead": lambda lead: replace(lead, S00=np.eye(lead.size))},
    "S01 of the leads left out": {"lead": lambda lead: replace(lead, S01=0 * lead.S01)},
    "S01 of the leads transposed": {"lead": lambda lead: replace(lead, S01=lead.S01.T)},
    "H01 inverted": {"lead": inverting_h01},
    "H00 of the leads transposed": {"lead": lambda lead: replace(lead, H00=lead.H00.T)},
    "device transposed": {"device": lambda matrix: matrix.T},
    "left Γ transposed": {"gammas": lambda left, right: (left.T, right)},
    "right Γ transposed": {"gammas": lambda left, right: (left, right.T)},
    "both Γ transposed": {"gammas": lambda left, right: (left.T, right.T)},
    "right lead assumed as large as the left": {"right_size": lambda system: system.left.size},
    "T below 1e-4 set to 0": {"result": lambda T: np.where(T < 1e-4, 0.0, T)},
    "single precision": {"result": lambda T: T.astype(np.float32)},
    "noise of 1e-7 between calls": {"result": noisy},
    "first system for all": {"result": lambda T: np.repeat(T[:1], len(T), axis=0)},
}


# --- Hamiltonians


class SOrbitals:
    """One s orbital per atom with overlap; `spoil` alters the devices, `images` the periodic directions that are seen."""

    reach = 4.0

    def __init__(self, spoil=lambda system: system, images=None, everywhere=False):
        self.spoil, self.images, self.everywhere = spoil, images, everywhere

    def range_A(self, numbers):
        return self.reach

    def bloch(self, atoms):
        return self._bloch(atoms, self.images if self.everywhere else None)

    def _bloch(self, atoms, images=None):
        seen = atoms.copy()
        if images is not None:
            seen.pbc = images & atoms.pbc
        i, j, distance, cell = neighbor_list("ijdS", seen, self.reach)
        hopping = -np.exp((2.5 - distance) / 0.8) * (1 - (distance / self.reach) ** 6) ** 2
        cells, place = np.unique(np.vstack([np.zeros((1, 3), dtype=int), cell]), axis=0, return_inverse=True)
        H = np.zeros((len(cells), len(atoms), len(atoms)))
        np.add.at(H, (place.ravel()[1:], i, j), hopping)
        S = -0.1 * H
        S[place.ravel()[0]] += np.eye(len(atoms))
        return BlochHamiltonian(cells.astype(np.int64), H, S, electrons=float(len(atoms)))

    def _lead(self, layer, period_A):
        crystal = layer.copy()
        crystal.cell[2] = [0.0, 0.0, period_A]
        crystal.pbc = (*layer.pbc[:2], True)
        bloch = self._bloch(crystal, self.images)
        along = bloch.translations[:, 2]
        return Lead(*(matrix[along == n].sum(axis=0) for matrix in (bloch.H_R, bloch.S_R) for n in (0, 1)))

    def two_terminal(self, junction):
        atoms = junction.atoms
        middle = np.setdiff1d(np.arange(len(atoms)), np.concatenate([junction.left, junction.right]))
        device = atoms[np.concatenate([junction.left, middle, junction.right])]
        device.pbc = (*atoms.pbc[:2], False)
        left = self._lead(atoms[junction.left], junction.left_period_A)
        right = self._lead(atoms[junction.right], junction.right_period_A)
        bloch = self._bloch(device, self.images)
        H, S = (matrix.sum(axis=0) for matrix in (bloch.H_R, bloch.S_R))
        for matrix, name in ((H, "H00"), (S, "S00")):
            matrix[: left.size, : left.size], matrix[-right.size :, -right.size :] = getattr(left, name), getattr(right, name)
        return self.spoil(TwoTerminal(csr_array(H), csr_array(S), left, right, self._fermi_energy(left)))

    def _fermi_energy(self, lead):
        levels = []
        for phase in np.exp(2j * np.pi * (np.arange(200) + 0.5) / 200):
            H, S = (a + b * phase + (b * phase).conj().T for a, b in ((lead.H00, lead.H01), (lead.S00, lead.S01)))
            levels.append(np.linalg.eigvals(np.linalg.solve(S, H)).real)
        return float(np.median(np.concatenate(levels)))  # one electron an atom: half of the states


def bar():
    """A bar of simple cubic crystal, 2 × 2 atoms a layer, with displaced atoms between principal layers of two layers."""
    grid = 2.5 * np.argwhere(np.ones((2, 2, 7))).astype(float)
    grid = grid[np.argsort(grid[:, 2], kind="stable")]
    grid[8:-8] += np.random.default_rng(1).normal(0, 0.1, grid[8:-8].shape)
    atoms = Atoms(f"H{len(grid)}", positions=grid, cell=[5.0, 5.0, 30.0], pbc=(True, True, False))
    return Junction(atoms, np.arange(8), np.arange(20, 28), 5.0, 5.0)


def crystal():
    return Atoms("H2", positions=[[0, 0, 0], [1.3, 1.2, 1.4]], cell=[2.6, 2.6, 2.9], pbc=True)


def leads(alter):
    return lambda system: replace(system, left=alter(system.left), right=alter(system.right))


def cut_in_two(system):
    inside = np.arange(system.size) < system.size // 2
    same = inside[:, None] == inside
    return replace(system, H=csr_array(system.H.toarray() * same), S=csr_array(system.S.toarray() * same))


def junk(lead):
    return replace(lead, S01=lead.S01 + np.random.default_rng(2).uniform(-0.04, 0.04, lead.S01.shape))


def remembering(system, seen=[]):  # noqa: B006 (the mistake)
    seen.append(system)
    return replace(system, H=csr_array(system.H * (1 + 1e-12 * len(seen))))


ALONG_Z = np.array([False, False, True])
HAMILTONIANS = {
    "no H01": {"spoil": leads(lambda lead: replace(lead, H01=0 * lead.H01))},
    "H01 × 2": {"spoil": leads(lambda lead: replace(lead, H01=2 * lead.H01))},
    "H01 transposed": {"spoil": leads(lambda lead: replace(lead, H01=lead.H01.T))},
    "S01 and H01 transposed": {"spoil": leads(lambda lead: replace(lead, H01=lead.H01.T, S01=lead.S01.T))},
    "junk in S01": {"spoil": leads(junk)},
    "device cut in two": {"spoil": cut_in_two},
    "images across ignored in devices": {"images": ALONG_Z},
    "images across ignored everywhere": {"images": ALONG_Z, "everywhere": True},
    "Fermi energy 0.3 eV too high": {"spoil": lambda system: replace(system, fermi_energy_eV=system.fermi_energy_eV + 0.3)},
    "Fermi energy 0.3 eV too low": {"spoil": lambda system: replace(system, fermi_energy_eV=system.fermi_energy_eV - 0.3)},
    "a device that depends on the calls before": {"spoil": remembering},
}
