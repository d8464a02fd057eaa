import numpy as np
import pytest
from ase.build import bulk, fcc100
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.units import bar
from sharvin.errors import InputError, ItemError
from sharvin.lammps import attach
from sharvin.protocols import LammpsPotential

lammps_system = pytest.importorskip("sharvin_md.lammps_system")


class Emt:
    def calculator(self):
        return EMT()


class Harmonic(Calculator):
    """Atoms on springs to the origin; fails or gives nan at its n-th call."""

    implemented_properties = ("energy", "forces")

    def __init__(self, fails_at=None, how=None):
        super().__init__()
        self.calls, self.fails_at, self.how = 0, fails_at, how

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.calls == self.fails_at:
            if isinstance(self.how, BaseException):
                raise self.how
            self.results = {"energy": np.nan, "forces": np.full((len(self.atoms), 3), np.nan)}
            return
        x = self.atoms.positions
        self.results = {"energy": 0.5 * float((x**2).sum()), "forces": -x}


class Springs:
    def __init__(self, fails_at=None, how=None):
        self._calculator = Harmonic(fails_at, how)

    def calculator(self):
        return self._calculator


def opened(atoms, potential, virial=False):
    system = lammps_system.LammpsSystem(atoms, potential, 15.0, virial=virial)
    system.setup("thermo_style custom step pe press pxx pyy pzz pxy pxz pyz", "fix integrate all nve", "timestep 0.002")
    return system


@pytest.mark.parametrize("periodic", [(True, True, True), (True, True, False)])
@pytest.mark.parametrize("skew", [0.0, 0.3])
def test_a_calculator_in_lammps_gives_its_own_energy_forces_and_virial(periodic, skew):
    atoms = bulk("Au", a=4.0, cubic=True) * (2, 2, 2) if all(periodic) else fcc100("Au", (3, 3, 4), a=4.0, vacuum=6.0)
    atoms.set_cell(atoms.cell @ np.array([[1, 0, 0], [skew, 1, 0], [0, 0, 1]]), scale_atoms=True)
    atoms.pbc = periodic
    atoms.rattle(0.1, seed=3)
    atoms.symbols[::3] = "Ag"
    with opened(atoms, Emt(), virial=True) as system:
        assert not system.potential.native
        system.potential.command("run 0")
        volume = np.linalg.det(system.box.matrix)
        components = [system.lmp.get_thermo(name) for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]
        virial = np.array(components) / system.lmp.extract_global("nktv2p") * volume
        atoms.calc = EMT()
        assert system.energy_eV() == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        assert system.forces() == pytest.approx(atoms.get_forces(), abs=1e-12)
        assert virial == pytest.approx(-atoms.get_stress() * atoms.get_volume(), abs=1e-9)
        assert np.abs(atoms.get_stress() / bar).max() > 1e3


def test_dynamics_through_the_callback_conserve_the_energy_and_survive_runs_without_setup():
    atoms = bulk("Au", a=4.06, cubic=True) * (2, 2, 2)
    with opened(atoms, Emt()) as system:
        system.setup("velocity all create 300 7 mom yes", "compute kinetic all ke")
        system.potential.command("run 0 post no")
        totals = [system.energy_eV() + system.lmp.extract_compute("kinetic", 0, 0)]
        for _ in range(5):
            system.potential.command("run 20 pre no post no")
            totals.append(system.energy_eV() + system.lmp.extract_compute("kinetic", 0, 0))
        in_parts = system.positions()
    with opened(atoms, Emt()) as system:
        system.setup("velocity all create 300 7 mom yes")
        system.potential.command("run 100")
        assert np.array_equal(system.positions(), in_parts)
    assert np.ptp(totals) / len(atoms) < 2e-5


def test_a_native_potential_runs_as_lammps_commands():
    class Native:
        def lammps_commands(self, species):
            assert tuple(species) == ("Au",)
            return LammpsPotential(("pair_style lj/cut 6.0", "pair_coeff 1 1 0.4 2.6"), suffix="opt")

        def calculator(self):
            raise AssertionError("the native commands were there")

    with opened(bulk("Au", a=4.0) * (3, 3, 3), Native()) as system:
        assert system.potential.native
        system.potential.command("run 0")
        energy = system.energy_eV()
        assert energy < 0
        attach(system.lmp, Emt(), ["Au"], virial=False).command("run 0")
        attach(system.lmp, Native(), ["Au"]).command("run 0")
        assert system.energy_eV() == pytest.approx(energy, abs=1e-10)


def test_a_failure_inside_the_callback_stops_the_run_and_says_at_which_step():
    atoms = bulk("Au", a=4.0) * (2, 2, 2)
    with opened(atoms, Springs(4, RuntimeError("no convergence"))) as system:
        with pytest.raises(ItemError, match=r"failed at step 3: RuntimeError: no convergence"):
            system.potential.command("run 1000")
        assert system.step < 10
    with opened(atoms, Springs(6)) as system, pytest.raises(ItemError, match="nan energies or forces at step 5"):
        system.potential.command("run 1000")
    with opened(atoms, Springs(1)) as system, pytest.raises(ItemError, match="at step 0"):
        system.potential.command("run 10")
    with opened(atoms, Springs(3, SystemExit(0))) as system, pytest.raises(ItemError, match="at step 2: SystemExit: 0"):
        system.potential.command("run 1000")
    with opened(atoms, Springs(3, KeyboardInterrupt())) as system, pytest.raises(KeyboardInterrupt):
        system.potential.command("run 1000")


def test_what_lammps_itself_reports_is_an_item_error():
    atoms = bulk("Au", a=4.0) * (2, 2, 2)
    atoms.pbc = False
    with opened(atoms, Springs()) as system:
        system.setup("velocity all set 500 0 0", "thermo 10")
        with pytest.raises(ItemError, match="Lost atoms"):
            system.potential.command("run 1000")


def test_wrong_units_types_and_missing_stress_are_refused():
    atoms = bulk("Au", a=4.0)
    with pytest.raises(InputError, match="has no stress"):
        opened(atoms, Springs(), virial=True)
    lmp = lammps_system.open_lammps()
    with pytest.raises(InputError, match="metal units"):
        attach(lmp, Emt(), ["Au"])
    lmp.close()
    with opened(atoms, Emt()) as system, pytest.raises(InputError, match="1 atom types"):
        attach(system.lmp, Emt(), ["Au", "Ag"])
