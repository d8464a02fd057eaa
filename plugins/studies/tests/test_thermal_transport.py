"""Thermal disorder in transport: the integral over energies, means and their errors, and a whole small study."""

import io
import json
from itertools import pairwise

import numpy as np
import pytest
import sharvin
from ase import Atoms, units
from rich.console import Console
from scipy.integrate import quad
from sharvin.config import load_config
from sharvin.errors import InputError, RunError, SharvinError
from sharvin.figures import read_data
from sharvin.junction import Junction
from sharvin.runs.run import run
from sharvin.store import read_frames
from sharvin_studies.thermal_samples.means import SampleMean, running_means, with_error
from sharvin_studies.thermal_samples.motion import Motion
from sharvin_studies.thermal_samples.series import groups_at_rest
from sharvin_studies.thermal_transport import conductances
from sharvin_studies.thermal_transport.conductances import FermiRule

KT = units.kB * 300.0


def thermal_average(function, temperature):
    """∫ function(E) (−df/dE) dE by adaptive quadrature; energies in kT."""
    kT = units.kB * temperature
    edges = [-60, -12, -3, 0, 3, 12, 60]
    pieces = pairwise(edges)
    return sum(quad(lambda x: function(kT * x) / (4 * np.cosh(x / 2) ** 2), a, b, epsabs=1e-12)[0] for a, b in pieces)


# The integral over energies


@pytest.mark.parametrize("nodes", [2, 5, 8, 16])
def test_the_rule_is_even_and_exact_for_constants_and_odd_powers(nodes):
    rule = FermiRule.of(300.0, nodes)
    assert rule.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert (rule.weights > 0).all()
    for power in (1, 3):
        assert rule.weights @ (rule.energies_eV / KT) ** power == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("nodes", "tolerance"), [(8, 6e-3), (16, 6e-4), (32, 6e-5)])
def test_the_rule_has_the_second_moment_of_sommerfelds_expansion(nodes, tolerance):
    rule = FermiRule.of(300.0, nodes)
    assert rule.weights @ rule.energies_eV**2 == pytest.approx(np.pi**2 / 3 * KT**2, rel=tolerance)


@pytest.mark.parametrize("temperature", [10.0, 300.0])
@pytest.mark.parametrize("width_kT", [3.0, 10.0, 40.0])
@pytest.mark.parametrize("centre_kT", [0.0, 2.0])
def test_resonances_wider_than_kT_are_integrated(temperature, width_kT, centre_kT):
    kT = units.kB * temperature

    def resonance(E):
        return (width_kT * kT) ** 2 / ((E - centre_kT * kT) ** 2 + (width_kT * kT) ** 2)

    rule = FermiRule.of(temperature, 8)
    assert rule.weights @ resonance(rule.energies_eV) == pytest.approx(thermal_average(resonance, temperature), abs=1e-4)


@pytest.mark.parametrize(("temperature", "nodes"), [(0.0, 8), (300.0, 1)])
def test_without_a_temperature_or_with_one_node_it_is_the_fermi_energy(temperature, nodes):
    rule = FermiRule.of(temperature, nodes)
    assert (rule.energies_eV.tolist(), rule.weights.tolist()) == ([0.0], [1.0])


# Means and their errors


def test_the_error_of_independent_samples_is_that_of_the_textbook():
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    mean = SampleMean.of(values)
    assert (mean.mean, mean.count, mean.draws) == (3.0, 4, 4)
    assert mean.std == pytest.approx(np.sqrt(10 / 3))
    assert mean.standard_error == pytest.approx(mean.std / 2)
    assert SampleMean.of(np.array([np.nan])).numbers()["mean"] is None


def test_samples_of_one_draw_count_as_one():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=500)
    pairs = np.stack([3 + drawn + 0.1 * drawn**2, 3 - drawn + 0.1 * drawn**2], axis=1).ravel()
    draws = np.repeat(np.arange(500.0), 2)
    together, apart = SampleMean.of(pairs, draws), SampleMean.of(pairs)
    assert together.mean == pytest.approx(apart.mean)
    assert together.std == apart.std
    assert together.standard_error == pytest.approx(0.1 * np.sqrt(2 / 500), rel=0.2)
    assert together.standard_error < 0.3 * apart.standard_error
    doubled = SampleMean.of(np.repeat(drawn, 2), draws)
    assert doubled.standard_error == pytest.approx(SampleMean.of(drawn).standard_error)


@pytest.mark.parametrize("draws", [None, np.arange(400.0) // 2])
def test_as_many_samples_as_are_said_to_be_needed_have_the_error(draws):
    values = np.random.default_rng(1).normal(size=400)
    mean = SampleMean.of(values, draws)
    assert mean.needed_for(mean.standard_error) == pytest.approx(400, abs=2)
    assert mean.needed_for(mean.standard_error / 2) == pytest.approx(1600, abs=2)
    assert SampleMean.of(values[:1]).needed_for(0.1) is None


@pytest.mark.parametrize("draws", [None, np.arange(40.0) // 2])
def test_running_means_are_those_of_the_first_samples(draws):
    values = 1e3 + np.random.default_rng(2).normal(size=40)
    values[7] = np.nan
    counts, means, errors = running_means(values, draws)
    kept = np.isfinite(values)
    for count, mean, error in zip(counts, means, errors, strict=True):
        first = values[kept][:count]
        expected = SampleMean.of(first, None if draws is None else draws[kept][:count])
        assert (expected.mean, expected.standard_error) == (pytest.approx(mean), pytest.approx(error))
    assert counts[-1] == 39
    assert all(len(part) == 0 for part in running_means(np.array([np.nan])))


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [(0.57123, 0.0236, "0.571 ± 0.024"), (1.99987, 0.00041, "1.99987 ± 0.00041"), (2.0, np.nan, "2.000"), (np.nan, 0.1, "none")],
)
def test_a_mean_is_told_with_two_digits_of_its_error(mean, error, text):
    assert with_error(mean, error) == text


def test_motion_is_that_of_the_atom_that_moves_most():
    rest = Atoms("Au3", [[0, 0, 0], [0, 0, 2.5], [0, 0, 5.5]])
    moved = np.repeat(rest.positions[None], 2, axis=0)
    moved[:, 1, 0] += [0.6, -1.0]
    moved[:, 2, 1] += [0.1, -0.1]
    motion = Motion.of(rest, moved)
    assert (motion.atom, motion.neighbour_A) == (1, pytest.approx(2.5))
    assert motion.largest_A == pytest.approx(np.sqrt(0.68))
    assert motion.mean_A == pytest.approx(np.sqrt((0.68 + 0.01) / 2))
    assert motion.doubtful
    assert not Motion.of(rest, rest.positions[None] + 0.1).doubtful


# A small study

CONTACT = {
    "workflow": {
        "use": "thermal_transport",
        "series": [
            {"name": "cold", "dynamics": {"temperature_K": 0}},
            {"name": "warm", "dynamics": {"temperature_K": 300}},
        ],
        "single": {"special_displacement": True, "samples": None},
        "fermi_nodes": 4,
    },
    "seed": 1,
    "structure": {
        "use": "nanowire",
        "element": "Au",
        "lattice_constant_A": 4.08,
        "neck": [1, 1, 2],
        "electrode": [2, 2, 5],
        "rigid_layers": 5,
    },
    "potential": {"use": "second_moment", "element": "Au"},
    "dynamics": {"use": "thermal_displacements", "samples": 8, "antithetic": True, "relax": True},
    "hamiltonian": {"use": "slater_koster", "table": "ptbp"},
    "transport": {"use": "rgf"},
    "executor": "serial",
}


def config_of(folder, **changes):
    """A config in a file, with other options of its parts."""
    content = {key: {**part, **changes.get(key, {})} if isinstance(part, dict) else part for key, part in CONTACT.items()}
    path = folder / "study.yaml"
    path.write_text(json.dumps(content))
    return load_config(path)


def completed(folder, **changes):
    """Results of a study, and how many items it computed."""
    run(config_of(folder, **changes), folder / "run", Console(file=io.StringIO()), update=True)
    events = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    computed = next(event["computed"] for event in reversed(events) if event["event"] == "run finished")
    return json.loads((folder / "run" / "results.json").read_text()), computed


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder and results of the small study."""
    folder = tmp_path_factory.mktemp("contact")
    return folder, completed(folder)[0]


def transmission(structure, rest, energies):
    """T of a structure with the electrodes of another one, by the parts themselves."""
    hamiltonian = sharvin.create("hamiltonians", "slater_koster", table="ptbp")
    junction = Junction.detect(rest, hamiltonian.range_A(np.array([79]))).with_positions(structure)
    return sharvin.create("transport", "rgf").transmission([hamiltonian.two_terminal(junction)], energies)[0]


def rest_of(config):
    """The contact at rest, and its vibrations' dynamics."""
    wire = config.selections["structure"].build().build(np.random.default_rng(0))
    potential = config.selections["potential"].build()
    return config.selections["dynamics"].build().vibrations(wire, potential).atoms


def test_the_study_tells_means_beside_the_structure_at_rest_and_the_single_one(finished):
    _, results = finished
    assert results["n_samples"] == 16
    for name, series in results["series"].items():
        found = series["conductance_G0"]
        assert (found["samples"], found["independent_draws"]) == (8, 4)
        assert 0 < found["standard_error"] < 0.2
        assert found["mean"] == pytest.approx(series["frozen_G0"], abs=0.2)
        assert series["single_structure_G0"] == pytest.approx(series["frozen_G0"], abs=0.2)
        assert series["single_structure_G0"] != series["frozen_G0"]
        assert series["rms_displacement_A"] < series["largest_rms_displacement_A"] < 0.4
        assert f"{name}: {with_error(found['mean'], found['standard_error'])} G0 from 8 samples" in results["summary"]
    cold, warm = results["series"].values()
    assert cold["largest_rms_displacement_A"] < 0.5 * warm["largest_rms_displacement_A"]
    assert cold["conductance_G0"]["std"] < warm["conductance_G0"]["std"]
    (table,) = results["tables"]
    assert all(len(row) == len(table["columns"]) for row in table["rows"])


def test_the_figures_hold_the_numbers(finished):
    folder, results = finished
    figures = folder / "run" / "figures"
    shown = read_data(figures / "thermal_conductance.csv")
    means = [series["conductance_G0"]["mean"] for series in results["series"].values()]
    assert shown["temperature_K"].tolist() == [0.0, 300.0]
    assert shown["mean_G0"].tolist() == means
    converged = read_data(figures / "running_means.csv")
    assert converged["warm_samples"].tolist() == [4, 6, 8]
    assert converged["warm_mean_G0"][-1] == pytest.approx(means[1])
    assert read_data(figures / "conductance_distributions.csv")["warm_samples"].sum() == 8
    assert {path.stem for path in figures.glob("*.png")} == {"thermal_conductance", "running_means", "conductance_distributions"}


def test_the_structure_at_rest_conducts_what_its_parts_say(finished, tmp_path):
    _, results = finished
    rest = rest_of(config_of(tmp_path))
    assert results["series"]["cold"]["frozen_G0"] == pytest.approx(transmission(rest, rest, np.zeros(1))[0], abs=1e-8)
    rule = FermiRule.of(300.0, 4)
    expected = rule.weights @ transmission(rest, rest, rule.energies_eV)
    assert results["series"]["warm"]["frozen_G0"] == pytest.approx(expected, abs=1e-8)


def test_a_mean_is_that_of_the_samples_that_are_stored(finished, tmp_path):
    folder, results = finished
    rest = rest_of(config_of(tmp_path))
    stored = [list(read_frames(path)) for path in sorted((folder / "run" / "store").glob("samples-*/*.h5"))]
    cold = [frames for frames in stored if len(frames) == 8 and frames[0].scalars["temperature_K"] == 0]
    values = []
    for frame in cold[0]:
        moved = rest.copy()
        moved.positions = frame.positions
        values.append(transmission(moved, rest, np.zeros(1))[0])
    assert results["series"]["cold"]["conductance_G0"]["mean"] == pytest.approx(np.mean(values), abs=1e-6)


def test_more_samples_leave_those_that_are_there(monkeypatch, tmp_path):
    monkeypatch.setattr(conductances, "CHUNK", 4)
    first, computed = completed(tmp_path)
    assert computed == 1 + 2 * (1 + 1 + 2) + 2 * (1 + 1)
    again, computed = completed(tmp_path)
    assert (again, computed) == (first | {"seconds": again["seconds"]}, 0)
    more, computed = completed(tmp_path, dynamics={"samples": 12})
    assert computed == 1 + 2 * (1 + 1), (
        "vibrations, and of each series its samples and the conductances of those beyond the eighth"
    )
    assert more["series"]["cold"]["frozen_G0"] == first["series"]["cold"]["frozen_G0"]


def test_one_sample_has_a_mean_without_an_error(tmp_path):
    series = [{"name": "warm", "dynamics": {"samples": 1, "antithetic": False}}]
    results, _ = completed(tmp_path, workflow={"series": series, "single": None, "fermi_nodes": 1})
    found = results["series"]["warm"]["conductance_G0"]
    assert (found["samples"], found["std"], found["standard_error"]) == (1, None, None)
    assert "warm: 0." in results["summary"] and "from 1 sample," in results["summary"]


def test_series_that_differ_in_more_than_their_conditions_have_a_rest_of_their_own(tmp_path):
    dynamics = config_of(tmp_path).variants["series"]
    alike = groups_at_rest({name: parts["dynamics"] for name, parts in dynamics.items()})
    assert alike == {"cold": "cold", "warm": "cold"}
    series = [*CONTACT["workflow"]["series"], {"name": "other", "dynamics": {"relax_fmax": 0.002}}]
    dynamics = config_of(tmp_path, workflow={"series": series}).variants["series"]
    alike = groups_at_rest({name: parts["dynamics"] for name, parts in dynamics.items()})
    assert alike == {"cold": "cold", "warm": "cold", "other": "other"}


# What is refused


def test_too_few_samples_are_told_how_many_are_needed(tmp_path):
    with pytest.raises(InputError, match=r"largest_error_G0 1e-05: cold has 8 samples .* needs about [\d]{3,} samples; warm has"):
        completed(tmp_path, workflow={"largest_error_G0": 1e-5})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"structure": {"electrode": [2, 2, 1], "rigid_layers": 1}}, "structure: .*electrode"),
        ({"structure": {"rigid_layers": 2}}, r"16 of 32 atoms of the leads vibrate.*mark more layers as rigid"),
        ({"hamiltonian": {"charge_neutrality": "predicted"}}, r"hamiltonian: it has to learn \(charge_neutrality: predicted\)"),
        ({"dynamics": {"largest_force_eV_per_A": 1e-6, "relax": False}}, "at rest"),
    ],
)
def test_a_contact_that_does_not_fit_is_refused_before(tmp_path, changes, message):
    config = config_of(tmp_path, **changes)
    with pytest.raises(SharvinError, match=message):
        config.workflow.build().plan(config, measure=True)


def test_dynamics_that_know_no_vibrations_are_refused(tmp_path):
    content = {**CONTACT, "dynamics": {"use": "lammps_nvt"}}
    content["workflow"] = {"use": "thermal_transport", "series": [{"name": "warm", "dynamics": {}}]}
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(content))
    config = load_config(path)
    with pytest.raises(InputError, match="lammps_nvt knows no vibrations"):
        config.workflow.build().plan(config, measure=False)
    with pytest.raises(InputError, match="lammps_nvt knows no vibrations"):
        run(config, tmp_path / "run", Console(file=io.StringIO()))


def test_soft_modes_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(RunError, match=r"unstable.*imaginary_modes"):
        completed(tmp_path, structure={"neck": [1, 1, 4], "lattice_constant_A": 3.9}, dynamics={"samples": 2})


def test_two_series_have_two_names(tmp_path):
    twice = [{"name": "warm", "dynamics": {}}] * 2
    with pytest.raises(InputError, match="two series have one name"):
        config_of(tmp_path, workflow={"series": twice})
