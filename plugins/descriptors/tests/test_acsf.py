"""Symmetry functions against closed forms, a sum over all triples, an independent program, and finite differences."""

import numpy as np
import pytest
import sharvin
from ase import Atoms
from ase.build import bulk, fcc100
from sharvin.errors import InputError, ItemError
from sharvin.frames import Frames

CUTOFF = 6.0
MIXED = [
    {"type": "G2", "eta": 0.1},
    {"type": "G9", "eta": 0.02, "lam": 1, "zeta": 3},
    {"type": "G2", "eta": 0.7, "r_s": 2.5},
    {"type": "G4", "eta": 0.03, "lam": -1, "zeta": 1},
    {"type": "G4", "eta": 0.01, "lam": 1, "zeta": 2.5, "r_s": 1.0},
]


def acsf(**options):
    return sharvin.create("descriptors", "acsf", **options)


def features(atoms, **options):
    return acsf(**options).describe(Frames.from_atoms([atoms])).values


def weight(r, kind, cutoff=CUTOFF):
    x = np.minimum(r / cutoff, 1.0)
    return 0.5 * (np.cos(np.pi * x) + 1.0) if kind == "cosine" else ((15.0 - 6.0 * x) * x - 10.0) * x**3 + 1.0


@pytest.fixture
def alloy():
    atoms = bulk("Au", "fcc", a=4.08, cubic=True).repeat(2)
    atoms.pbc = False
    atoms.rattle(0.15, seed=1)
    atoms.numbers[::3] = 47
    return atoms


@pytest.mark.parametrize("kind", ["cosine", "polynomial"])
def test_a_dimer_has_one_gaussian_under_the_cutoff(kind):
    for r in (2.0, 3.7, 5.9):
        function = {"type": "G2", "eta": 0.3, "r_s": 1.5}
        found = features(Atoms("Au2", positions=[[0, 0, 0], [0, 0, r]]), functions=[function], cutoff_function=kind)
        np.testing.assert_allclose(found, np.exp(-0.3 * (r - 1.5) ** 2) * weight(r, kind), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("kind", ["cosine", "polynomial"])
@pytest.mark.parametrize("zeta", [1.0, 2.5, 4.0])
def test_an_equilateral_trimer_has_one_angle_of_sixty_degrees(kind, zeta):
    r = 2.7
    trimer = Atoms("Au3", positions=[[0, 0, 0], [r, 0, 0], [r / 2, r * np.sqrt(3) / 2, 0]])
    functions = [{"type": kind_, "eta": 0.05, "lam": lam, "zeta": zeta} for kind_ in ("G9", "G4") for lam in (1, -1)]
    found = features(trimer, functions=functions, cutoff_function=kind)
    leg = np.exp(-0.05 * r**2) * weight(r, kind)
    angular = 2 ** (1 - zeta) * np.array([1.5, 0.5]) ** zeta
    np.testing.assert_allclose(found, np.tile([*(angular * leg**2), *(angular * leg**3)], (3, 1)), rtol=1e-10)


def test_a_straight_line_has_angles_of_nothing_and_of_half_a_turn():
    chain = Atoms("Au3", positions=[[0, 0, -2.5], [0, 0, 0], [0, 0, 2.5]])
    functions = [{"type": "G9", "eta": 0.0, "lam": lam, "zeta": 2} for lam in (1, -1)]
    near, far = weight(2.5, "polynomial"), weight(5.0, "polynomial")
    expected = np.array([[2 * near * far, 0], [0, 2 * near * near], [2 * near * far, 0]])
    np.testing.assert_allclose(features(chain, functions=functions), expected, atol=1e-14)


def test_without_the_third_side_cut_off_a_wide_angle_stays_and_with_it_it_goes():
    chain = Atoms("Au3", positions=[[0, 0, -4.0], [0, 0, 0], [0, 0, 4.0]])
    functions = [{"type": kind, "eta": 0.0, "lam": -1, "zeta": 1} for kind in ("G9", "G4")]
    found = features(chain, functions=functions)[1]
    assert found[0] == pytest.approx(2 * weight(4.0, "polynomial") ** 2)
    assert found[1] == 0.0


def by_hand(atoms, functions, species, kind):
    """All sums, written out over all pairs and triples of a cluster."""
    symbols, positions = atoms.get_chemical_symbols(), atoms.positions
    pairs = [(a, b) for n, a in enumerate(species) for b in species[n:]]
    radial = [f for f in functions if f["type"] == "G2"]
    angular = [f for f in functions if f["type"] != "G2"]
    result = np.zeros((len(atoms), len(radial) * len(species) + len(angular) * len(pairs)))

    def g(r, f):
        return np.exp(-f["eta"] * (r - f.get("r_s", 0.0)) ** 2) * weight(r, kind)

    for i in range(len(atoms)):
        others = [j for j in range(len(atoms)) if j != i]
        arm = {j: positions[j] - positions[i] for j in others}
        for j in others:
            r_j = np.linalg.norm(arm[j])
            for n, f in enumerate(radial):
                result[i, species.index(symbols[j]) * len(radial) + n] += g(r_j, f)
            for k in others:
                if k <= j:
                    continue
                r_k, r_jk = np.linalg.norm(arm[k]), np.linalg.norm(arm[k] - arm[j])
                cosine = arm[j] @ arm[k] / r_j / r_k
                pair = pairs.index(tuple(sorted((symbols[j], symbols[k]), key=species.index)))
                for n, f in enumerate(angular):
                    value = 2 ** (1 - f["zeta"]) * (1 + f["lam"] * cosine) ** f["zeta"] * g(r_j, f) * g(r_k, f)
                    place = len(species) * len(radial) + pair * len(angular) + n
                    result[i, place] += value * (g(r_jk, f) if f["type"] == "G4" else 1.0)
    return result


@pytest.mark.parametrize("kind", ["cosine", "polynomial"])
@pytest.mark.parametrize("species", [("Ag", "Au"), ("Au", "Cu", "Ag")])
def test_features_equal_the_sums_written_out(alloy, kind, species):
    part = alloy[:14]
    expected = by_hand(part, MIXED, species, kind)
    np.testing.assert_allclose(
        features(part, functions=MIXED, species=species, cutoff_function=kind), expected, rtol=1e-9, atol=1e-12
    )


def test_features_equal_those_of_an_independent_program(alloy):
    dscribe = pytest.importorskip("dscribe.descriptors")
    g2, angular = [[0.1, 0.0], [0.7, 2.5]], [[0.02, 3.0, 1], [0.01, 1.0, -1]]
    theirs = dscribe.ACSF(species=["Ag", "Au"], r_cut=CUTOFF, g2_params=g2, g4_params=angular, g5_params=angular)
    # Theirs are blocks [G2 of a species], then [G4, G5] of a pair of species; their first radial function is f_c itself.
    found = theirs.create(alloy).reshape(len(alloy), -1)
    functions = [{"type": "G2", "eta": 0.0}, *({"type": "G2", "eta": eta, "r_s": r_s} for eta, r_s in g2)]
    for kind in ("G4", "G9"):
        functions += [{"type": kind, "eta": eta, "zeta": zeta, "lam": lam} for eta, zeta, lam in angular]
    ours = features(alloy, functions=functions, species=("Ag", "Au"), cutoff_function="cosine")
    np.testing.assert_allclose(ours, found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("periodic", [(1, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_periodic_directions_are_the_same_as_explicit_images(periodic):
    slab = fcc100("Au", (2, 2, 2), a=4.08)
    slab.cell[2] = [0.4, 0.3, 8.0]
    slab.pbc = periodic
    slab.rattle(0.1, seed=3)
    shifts = np.stack(np.meshgrid(*[range(-2, 3) if p else [0] for p in periodic], indexing="ij"), -1).reshape(-1, 3)
    shifts = sorted(shifts.tolist(), key=lambda shift: np.abs(shift).sum())
    images = np.concatenate([slab.positions + shift @ slab.cell.array for shift in shifts])
    explicit = features(Atoms(["Au"] * len(images), positions=images), table="gold")
    np.testing.assert_allclose(features(slab, table="gold"), explicit[: len(slab)], rtol=1e-9, atol=1e-12)


def test_the_ready_set_is_the_published_list():
    gold = acsf(table="gold")
    assert (len(gold.radial), len(gold.angular), gold.size) == (8, 18, 26)
    assert [f.eta for f in gold.radial][:3] == [0.006428, 0.012856, 0.010357]
    assert {f.type for f in gold.angular} == {"G9"}
    assert [f.lam for f in gold.angular] == [1, 1, 1, -1, -1, -1] * 3
    assert [f.zeta for f in gold.angular] == [2] * 6 + [3] * 6 + [4] * 6
    assert gold.angular[12].eta == 0.60357


def test_a_shift_of_all_functions_is_that_of_each(alloy):
    own = [{**function, "r_s": function.get("r_s", 1.3)} for function in MIXED]
    species = ("Ag", "Au")
    assert np.array_equal(
        features(alloy, functions=MIXED, r_s=1.3, species=species), features(alloy, functions=own, species=species)
    )


def test_functions_come_from_a_file(tmp_path, alloy):
    path = tmp_path / "mine.csv"
    path.write_text("# mine\ntype,index,eta,lambda,zeta,r_s\nG2,1,0.1,,,\nG4,1,0.03,-1,1,\nG2,2,0.7,,,2.5\n")
    functions = [MIXED[0], MIXED[3], MIXED[2]]
    species = ("Ag", "Au")
    assert np.array_equal(features(alloy, file=str(path), species=species), features(alloy, functions=functions, species=species))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type,eta,lambda\nG2,0.1,\n", "zeta is missing"),
        ("type,eta,lambda,zeta\n", "holds no symmetry functions"),
        ("# c\ntype,eta,lambda,zeta\nG2,0.1,,\nG7,0.1,1,1\n", "line 4 is no symmetry function: type"),
        ("type,eta,lambda,zeta\nG9,0.1,2,1\n", "line 2 .* lam"),
        ("type,eta,lambda,zeta\nG9,0.1,up,1\n", "line 2 .* lam"),
        ("type,eta,lambda,zeta\nG9,0.1,1,\n", "line 2 .* needs zeta"),
        ("type,eta,lambda,zeta\nG2,0.1\n", "line 2 .* G2"),
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path, text, message):
    path = tmp_path / "functions.csv"
    path.write_text(text)
    if text.endswith("G2,0.1\n"):
        assert len(acsf(file=str(path)).radial) == 1  # trailing columns of a radial function may be left out
        return
    with pytest.raises(InputError, match=message):
        acsf(file=str(path))


def test_unusable_options_and_structures_are_refused(alloy, tmp_path):
    with pytest.raises(InputError, match="give one of table, file and functions"):
        acsf()
    with pytest.raises(InputError, match="not table and functions"):
        acsf(table="gold", functions=MIXED)
    with pytest.raises(InputError, match="cannot be read"):
        acsf(file=str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="G2 has no lam"):
        acsf(functions=[{"type": "G2", "eta": 0.1, "lam": 1, "zeta": 1}])
    with pytest.raises(InputError, match=r"set species: \[Ag, Au\]"):
        features(alloy, table="gold")
    with pytest.raises(InputError, match="hold Ag"):
        features(alloy, table="gold", species=("Au",))
    with pytest.raises(InputError, match="Xy"):
        acsf(table="gold", species=("Xy",))
    broken = alloy.copy()
    broken.positions[3, 1] = np.inf
    with pytest.raises(ItemError, match="finite"):
        features(broken, table="gold", species=("Ag", "Au"))
    broken.positions[3] = broken.positions[4] + [0.0, 0.01, 0.0]
    with pytest.raises(ItemError, match="atoms 3 and 4"):
        features(broken, table="gold", species=("Ag", "Au"))


def test_a_lone_atom_and_no_atoms_have_nothing_to_sum():
    lone = Atoms("Au", positions=[[1.0, 2.0, 3.0]])
    found = acsf(table="gold").describe(Frames.from_atoms([lone, Atoms(), lone]))
    assert found.counts.tolist() == [1, 0, 1]
    assert not found.values.any()


def dense_derivatives(atoms, **options):
    """Derivatives as a full array [n_rows, n_atoms, 3, size]."""
    descriptor = acsf(**options)
    (found,) = descriptor.derivatives(Frames.from_atoms([atoms]))
    rows = len(descriptor.describe(Frames.from_atoms([atoms])).values)
    result = np.zeros((rows, len(atoms), 3, descriptor.size))
    result[found.rows, found.atoms] = found.values
    assert len({*zip(found.rows.tolist(), found.atoms.tolist(), strict=True)}) == len(found.rows)
    return result


@pytest.mark.parametrize("kind", ["cosine", "polynomial"])
@pytest.mark.parametrize("periodic", [False, True])
def test_derivatives_equal_finite_differences(alloy, periodic, kind):
    part = alloy[:9]
    part.set_cell(np.diag([7.0, 5.5, 9.0]))  # so short that an atom meets its own images
    part.pbc = (periodic, periodic, False)
    options = {"functions": MIXED, "species": ("Au", "Ag"), "cutoff_function": kind}
    found = dense_derivatives(part, **options)
    step = 1e-3
    for atom, axis in ((0, 0), (4, 1), (8, 2)):
        values = []
        for shift in (-2, -1, 1, 2):
            moved = part.copy()
            moved.positions[atom, axis] += shift * step
            values.append(features(moved, **options))
        expected = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        np.testing.assert_allclose(found[:, atom, axis], expected, rtol=0.0, atol=1e-8 * np.abs(found).max())


def test_moving_everything_changes_nothing(alloy):
    found = dense_derivatives(alloy, table="gold", species=("Ag", "Au"))
    np.testing.assert_allclose(found.sum(axis=1), 0.0, atol=1e-12 * np.abs(found).max())


def test_only_mobile_atoms_get_rows_where_only_they_are_asked_for(alloy):
    rigid = np.arange(len(alloy)) % 4 == 0
    alloy.set_array("rigid", rigid)
    options = {"table": "gold", "species": ("Ag", "Au")}
    assert np.array_equal(features(alloy, centres="mobile", **options), features(alloy, **options)[~rigid])
    assert np.array_equal(dense_derivatives(alloy, centres="mobile", **options), dense_derivatives(alloy, **options)[~rigid])
    del alloy.arrays["rigid"]
    with pytest.raises(InputError, match="centres: mobile"):
        features(alloy, centres="mobile", **options)


def test_derivatives_of_no_atoms_are_empty():
    empty, lone = acsf(table="gold").derivatives(Frames.from_atoms([Atoms(), Atoms("Au")]))
    assert empty.values.shape == (0, 3, 26)
    assert (lone.rows.tolist(), lone.atoms.tolist()) == ([0], [0])
    assert not lone.values.any()
