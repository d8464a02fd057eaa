"""Calculators in another Python interpreter: the whole contract of potentials, and what happens when something breaks."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase.build import bulk, fcc100
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from sharvin import create
from sharvin.errors import InputError, ItemError, MissingPackageError
from sharvin.registry import registry
from sharvin.testing import PotentialTests

HERE = sys.executable


class TestAseInAnotherInterpreter(PotentialTests):
    name = "ase"
    options: ClassVar = {"calculator": "ase.calculators.emt.EMT", "python": HERE}


class TestLennardJonesInAnotherInterpreter(PotentialTests):
    name = "ase"
    options: ClassVar = {
        "calculator": "ase.calculators.lj.LennardJones",
        "options": {"sigma": 2.5, "epsilon": 0.2, "rc": 6.0, "ro": 5.0, "smooth": True},
        "python": HERE,
    }
    cutoff_A = 6.0


@pytest.fixture(scope="module", autouse=True)
def interpreters_of_the_kits():
    """Held over all tests of a kit, each of which would start its own."""
    kits = (TestAseInAnotherInterpreter, TestLennardJonesInAnotherInterpreter)
    held = [create("potentials", "ase", **kit.options).calculator() for kit in kits]
    assert all("forces" in one.implemented_properties for one in held)
    yield
    del held


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Write a module of calculators that the other interpreter can import."""

    def write(text, name="strange"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


def worker(calculator="ase.calculators.emt.EMT", python=HERE, **options):
    return create("potentials", "ase", calculator=calculator, options=options, python=python).calculator()


def crystal(calculator, symbol="Au"):
    atoms = bulk(symbol, cubic=True).repeat((2, 2, 2))
    atoms.rattle(0.1, seed=3)
    atoms.calc = calculator
    return atoms


def alive(pid):
    state = Path(f"/proc/{pid}/stat")
    return state.is_file() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def ended(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


WHO = """
    import os
    from ase.calculators.emt import EMT

    class Who(EMT):
        def calculate(self, *arguments, **more):
            super().calculate(*arguments, **more)
            self.results["magmom"] = float(os.getpid())
"""


def pid_of(calculator):
    calculator.reset()
    return int(calculator.get_property("magmom", crystal(None)))


@pytest.mark.parametrize("structure", [bulk("Au", cubic=True), fcc100("Au", (2, 2, 3), vacuum=6.0)])
def test_every_digit_is_that_of_the_same_calculator_here(structure):
    structure.rattle(0.05, seed=1)
    there, here = structure.copy(), structure.copy()
    there.calc, here.calc = worker("ase.calculators.lj.LennardJones", sigma=2.6, rc=5.0), LennardJones(sigma=2.6, rc=5.0)
    assert there.get_potential_energy() == here.get_potential_energy()
    assert np.array_equal(there.get_forces(), here.get_forces())
    assert np.array_equal(there.get_stress(), here.get_stress())


def test_the_interpreter_starts_late_and_is_shared_by_the_calculators_of_one_recipe(own_module):
    own_module(WHO)
    first, second, other = worker("strange.Who"), worker("strange.Who"), worker("strange.Who", asap_cutoff=True)
    assert first._worker is second._worker
    assert first._worker._process is None
    assert pid_of(first) == pid_of(second) != os.getpid()
    assert pid_of(other) != pid_of(first)
    again = copy.deepcopy(first)
    assert again is not first
    assert pid_of(pickle.loads(pickle.dumps(first))) == pid_of(again) == pid_of(first)


def test_the_interpreter_ends_with_its_last_calculator(own_module):
    own_module(WHO)
    first, second = worker("strange.Who"), worker("strange.Who")
    pid = pid_of(first)
    assert pid_of(second) == pid
    del first
    gc.collect()
    assert alive(pid)
    del second
    gc.collect()
    assert ended(pid)


def test_the_interpreter_ends_with_a_parent_that_is_killed_while_it_computes(own_module, tmp_path):
    own_module(
        """
        import os, time
        from pathlib import Path
        from ase.calculators.emt import EMT

        class Slow(EMT):
            def calculate(self, *arguments, **more):
                Path(os.environ["SAID"]).write_text(str(os.getpid()))
                time.sleep(600)
        """
    )
    said = tmp_path / "said"
    script = (
        "import sys, sharvin\nfrom ase.build import bulk\n"
        "gold = bulk('Au')\n"
        "gold.calc = sharvin.calculator('ase', calculator='strange.Slow', python=sys.executable)\ngold.get_potential_energy()\n"
    )
    parent = subprocess.Popen([HERE, "-c", script], env={**os.environ, "SAID": str(said)})
    try:
        end = time.monotonic() + 30
        while not (said.is_file() and said.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        pid = int(said.read_text())
        assert alive(pid)
    finally:
        parent.kill()
        parent.wait()
    assert ended(pid)


def test_what_a_package_prints_does_not_get_between_the_messages(own_module):
    own_module(
        """
        import os, sys
        print("imported " * 100)
        from ase.calculators.emt import EMT

        class Loud(EMT):
            def calculate(self, *arguments, **more):
                print("x" * 300_000)
                os.write(1, b"from C, without a line end \\xff" * 1000)
                sys.stdin.read()
                super().calculate(*arguments, **more)
        """
    )
    atoms, quiet = crystal(worker("strange.Loud")), crystal(EMT())
    for _ in range(3):
        atoms.rattle(0.01, seed=1)
        quiet.rattle(0.01, seed=1)
        assert atoms.get_potential_energy() == quiet.get_potential_energy()


DYING = """
    import os, sys
    from ase.calculators.emt import EMT

    class Dying(EMT):
        def calculate(self, atoms, *arguments, **more):
            if atoms.info or len(atoms) == 1:
                print("out of", "memory")
                os._exit(3)
            if len(atoms) == 2:
                raise ValueError("these atoms are too close")
            super().calculate(atoms, *arguments, **more)
"""


def test_a_death_is_one_sentence_and_the_next_structure_is_computed(own_module):
    own_module(DYING)
    calculator = worker("strange.Dying")
    one, all_ = bulk("Au"), crystal(calculator)
    energy, pid = all_.get_potential_energy(), calculator._worker._process._process.pid
    one.calc = calculator
    with pytest.raises(ItemError, match=r"^potential ase in \S+ died \(exit code 3\); it last printed: out of memory\.$"):
        one.get_potential_energy()
    calculator.reset()
    assert all_.get_potential_energy() == energy
    assert calculator._worker._process._process.pid != pid


def test_a_death_by_a_signal_does_not_quote_what_was_printed_before(own_module):
    own_module(
        """
        import ctypes
        from ase.calculators.emt import EMT

        class Faulty(EMT):
            def calculate(self, atoms, *arguments, **more):
                if len(atoms) == 1:
                    ctypes.string_at(0)
                print("all is well")
                super().calculate(atoms, *arguments, **more)
        """
    )
    calculator = worker("strange.Faulty")
    crystal(calculator).get_potential_energy()
    one = bulk("Au")
    one.calc = calculator
    with pytest.raises(ItemError, match=r"^potential ase in \S+ died \(Segmentation fault\)\.$"):
        one.get_potential_energy()


def test_an_error_is_one_sentence_and_the_interpreter_goes_on(own_module):
    own_module(DYING)
    calculator = worker("strange.Dying")
    two, all_ = bulk("Au").repeat((1, 1, 2)), crystal(calculator)
    all_.get_potential_energy()
    pid = calculator._worker._process._process.pid
    two.calc = calculator
    with pytest.raises(ItemError, match=r"^potential ase in \S+ failed: ValueError: these atoms are too close\.$"):
        two.get_potential_energy()
    assert np.isfinite(all_.get_potential_energy())
    assert calculator._worker._process._process.pid == pid


def test_an_interrupted_request_leaves_no_answer_behind(own_module, monkeypatch):
    """The answer to the interrupted request is not taken for that to the next one."""
    calculator = worker()
    atoms = crystal(calculator)
    energy = atoms.get_potential_energy()
    from sharvin_md.foreign import worker_process

    def interrupted(stream):
        raise KeyboardInterrupt

    other = atoms.copy()
    other.calc = calculator
    other.positions *= 1.1
    with monkeypatch.context() as patch:
        patch.setattr(worker_process, "read_message", interrupted)
        with pytest.raises(KeyboardInterrupt):
            other.get_potential_energy()
    calculator.reset()
    assert atoms.get_potential_energy() == energy


def test_a_missing_or_wrong_interpreter_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no Python interpreter /nowhere/bin/python"):
        worker(python="/nowhere/bin/python")
    folder = Path(sys.prefix)
    with pytest.raises(InputError, match=f"python {folder} is a folder; did you mean {folder}/bin/python"):
        worker(python=str(folder))
    (tmp_path / "text").write_text("no program")
    with pytest.raises(InputError, match="cannot be executed"):
        worker(python=str(tmp_path / "text"))
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(InputError, match=r"text does not start: Exec format error"):
        crystal(worker(python=str(tmp_path / "text"))).get_potential_energy()
    (tmp_path / "shell").write_text("#!/bin/sh\necho no snake\n")
    (tmp_path / "shell").chmod(0o755)
    with pytest.raises(InputError, match=r"does not answer like a Python interpreter \(exit code 0\); it last printed: no snake"):
        crystal(worker(python=str(tmp_path / "shell"))).get_potential_energy()


def test_an_interpreter_without_ase_is_told_what_to_install(tmp_path):
    python = tmp_path / "bare"
    python.write_text(f'#!/bin/sh\nexec {HERE} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(MissingPackageError, match=rf"needs numpy there .*: {python} -m pip install numpy ase"):
        crystal(worker(python=str(python))).get_potential_energy()


def test_a_package_or_a_name_that_is_not_there_is_named():
    with pytest.raises(MissingPackageError, match=r"needs no_such_package, .*python\S* -m pip install no_such_package"):
        crystal(worker("no_such_package.Calculator")).get_potential_energy()
    with pytest.raises(InputError, match=r"ase\.calculators\.emt has no EMTT"):
        crystal(worker("ase.calculators.emt.EMTT")).get_potential_energy()
    with pytest.raises(InputError, match=r"refuses: .*no_such_argument"):
        crystal(worker("ase.calculators.tip3p.TIP3P", no_such_argument=1)).get_potential_energy()


def test_a_module_of_the_user_is_found_there_too(tmp_path, monkeypatch):
    (tmp_path / "my_gold.py").write_text("from ase.calculators.emt import EMT\n\n\nclass Gold(EMT):\n    pass\n")
    with pytest.raises(MissingPackageError, match="needs my_gold"):
        crystal(worker("my_gold.Gold")).get_potential_energy()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert crystal(worker("my_gold.Gold")).get_potential_energy() == crystal(EMT()).get_potential_energy()


def test_an_upgrade_in_the_other_environment_is_another_part(tmp_path):
    """Its version enters the keys of steps, by a file whose name and content tell it."""
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.symlink_to(HERE)
    model = registry().options_model(registry().find("potentials", "ase"))
    options = model(calculator="gpaw.GPAW", python=str(python))
    assert options.files() == ()
    for name in ("gpaw-25.1.dist-info", "gpaw_data-1.0.dist-info"):
        (packages / name).mkdir(parents=True)
        (packages / name / "METADATA").write_text("Version: 25.1")
    assert options.files() == (str(packages / "gpaw-25.1.dist-info" / "METADATA"),)


def test_options_that_no_message_can_hold_are_refused():
    with pytest.raises(InputError, match="cannot be sent to another Python interpreter"):
        worker(setting=object())


def test_one_thread_and_no_packages_of_this_interpreter(own_module, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    own_module(
        """
        import os
        from ase.calculators.emt import EMT

        def make():
            assert os.environ["OMP_NUM_THREADS"] == "1"
            return EMT()
        """
    )
    assert np.isfinite(crystal(worker("strange.make")).get_potential_energy())
