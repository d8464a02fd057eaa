"""Predicted shifts: functions of an atom's surroundings, close to the converged ones of contacts that were not learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from scipy.spatial.transform import Rotation
from sharvin.errors import InputError
from sharvin.junction import Junction
from sharvin.protocols import LearningByOption, Reference, TrainableHamiltonian
from sharvin.two_terminal import TwoTerminal
from sharvin_transport.neutrality.model import NeutralityModel, Surroundings
from sharvin_transport.rgf.configs import RecursiveGreenOptions
from sharvin_transport.rgf.recursive_green import RecursiveGreen
from sharvin_transport.slater_koster.configs import SlaterKosterOptions
from sharvin_transport.slater_koster.hamiltonian import SlaterKoster

BONDS = (2.62, 2.7, 2.78, 2.86)


def untaught(table: str = "ptbp") -> SlaterKoster:
    return SlaterKoster(SlaterKosterOptions(table=table, charge_neutrality="predicted"))


def test_the_setting_that_it_names_is_the_one_with_which_it_learns() -> None:
    plain = SlaterKoster(SlaterKosterOptions())
    assert isinstance(plain, LearningByOption) and not plain.learns
    option, _, value = plain.learning_option.partition(": ")
    assert SlaterKoster(SlaterKosterOptions.model_validate({option: value})).learns


def junction_of(atoms: Atoms) -> Junction:
    return Junction.detect(atoms, untaught().range_A(atoms.numbers))


def transmission(system: TwoTerminal) -> float:
    return float(RecursiveGreen(RecursiveGreenOptions()).transmission([system], np.zeros(1))[0, 0])


def cluster(numbers: list[int], seed: int) -> Surroundings:
    """Atoms at random places, none closer than 2.4 Å; all of them are asked for."""
    rng, places = np.random.default_rng(seed), np.zeros((1, 3))
    while len(places) < len(numbers):
        place = rng.uniform(-4, 4, 3)
        if np.linalg.norm(places - place, axis=1).min() > 2.4:
            places = np.concatenate([places, place[None]])
    return Surroundings(np.array(numbers), places, np.zeros((3, 3)), np.zeros(3, dtype=bool), np.arange(len(numbers)))


@cache
def model_of_two_elements() -> NeutralityModel:
    """Its shifts are arbitrary numbers; what it makes of them must obey the symmetries of space all the same."""
    rng = np.random.default_rng(0)
    clusters = [cluster([79] * 6 + [47] * 4, seed) for seed in range(8)]
    return NeutralityModel.learn(clusters, [rng.normal(0, 1, 10) for _ in clusters], 8.0)


def test_shifts_know_neither_orientation_nor_origin_nor_the_order_of_atoms() -> None:
    model, one = model_of_two_elements(), cluster([79] * 6 + [47] * 4, 99)
    shifts = model.shifts(one)
    assert np.ptp(shifts) > 0.1
    turned = Rotation.from_rotvec([0.3, -1.1, 0.7]).apply(one.positions) + np.array([5.0, -3.0, 1.0])
    mirrored = turned * [1, 1, -1]
    for positions in (turned, mirrored):
        assert model.shifts(Surroundings(one.numbers, positions, one.cell, one.pbc, one.chosen)) == pytest.approx(
            shifts, abs=1e-9
        )
    order = np.random.default_rng(1).permutation(10)
    swapped = Surroundings(one.numbers[order], one.positions[order], one.cell, one.pbc, one.chosen)
    assert model.shifts(swapped) == pytest.approx(shifts[order], abs=1e-9)


def test_shifts_are_continuous_where_an_atom_enters_and_know_nothing_of_atoms_beyond() -> None:
    model, one = model_of_two_elements(), cluster([79] * 6 + [47] * 4, 5)
    centre = Surroundings(one.numbers, one.positions, one.cell, one.pbc, one.chosen[:1])

    def with_atom_at(distance: float) -> float:
        positions = np.concatenate([one.positions, [[0, 0, distance]]])
        moved = Surroundings(np.append(one.numbers, 79), positions, one.cell, one.pbc, one.chosen[:1])
        return float(model.shifts(moved)[0])

    alone = float(model.shifts(centre)[0])
    assert with_atom_at(6.0001) == alone
    assert with_atom_at(5.9999) == pytest.approx(alone, abs=1e-3)
    assert abs(with_atom_at(4.5) - alone) > 1e-3


def test_atoms_of_another_element_tell_nothing() -> None:
    clusters = [cluster([79] * 6 + [47] * 4, seed) for seed in range(4)]
    values = np.array([1.0] * 6 + [-1.0] * 4)
    model = NeutralityModel.learn(clusters, [values] * 4, 8.0)
    shifts = model.shifts(clusters[2])
    assert shifts == pytest.approx(values, abs=0.02)
    rows = np.flatnonzero(model._arrays["centre_element"] == 79)
    model._arrays["weights"][rows] = 0.0
    assert model.shifts(clusters[2])[:6] == pytest.approx(float(model._arrays["mean_shift_eV"]), abs=1e-12)
    with pytest.raises(InputError, match=r"learnt from atomic numbers \[47, 79\], the structure also has \[29\]"):
        model.shifts(cluster([79] * 5 + [29], 3))


@pytest.fixture(scope="module")
def taught(contact: Callable[..., Atoms]) -> SlaterKoster:
    """Has learnt from contacts with stretched and squeezed chains, all atoms between the electrodes displaced."""
    h = untaught()
    first = junction_of(contact(bond=BONDS[0], seed=0))
    junctions = [first.with_positions(contact(bond=bond, seed=seed)) for seed in range(3) for bond in BONDS]
    references = [found.quantity for found in h.references(junctions) if isinstance(found, Reference)]
    assert len(references) == len(junctions)
    h.learn(junctions, references)
    return h


def test_a_contact_not_learnt_from_has_nearly_its_converged_shifts_and_conductance(
    taught: SlaterKoster, contact: Callable[..., Atoms]
) -> None:
    junction = junction_of(contact(bond=2.74, seed=7))
    exact = next(iter(taught.references([junction])))
    assert isinstance(exact, Reference)
    error = np.abs(taught.learnt(junction) - exact.quantity)
    assert error.mean() < 0.05 < 0.1 * np.abs(exact.quantity).max()
    plain = SlaterKoster(SlaterKosterOptions()).two_terminal(junction)
    predicted = taught.two_terminal(junction)
    assert abs(transmission(predicted) - transmission(exact.system)) < 0.04
    assert np.abs(predicted.H - exact.system.H).max() < 0.2 * np.abs(plain.H - exact.system.H).max()
    assert predicted.fermi_energy_eV == exact.system.fermi_energy_eV


def test_contacts_of_two_lattice_constants_teach_one_model(contact: Callable[..., Atoms]) -> None:
    """The Fermi energies of their leads differ by 0.4 eV, and so do the shifts of equal surroundings."""
    h = untaught()
    reference = SlaterKoster(SlaterKosterOptions(charge_neutrality="local"))

    def contacts(seeds: Sequence[int]) -> list[Junction]:
        return [junction_of(contact("Au", a, 2.8, seed)) for seed in seeds for a in (4.08, 4.18)]

    def solved(junctions: Sequence[Junction]) -> list[np.ndarray]:
        found = [next(iter(reference.references([junction]))) for junction in junctions]
        return [one.quantity for one in found if isinstance(one, Reference)]

    levels = [h.surroundings(junction).fermi_energy_eV for junction in contacts([1])]
    assert abs(levels[0] - levels[1]) > 0.3
    seen, unseen = contacts(range(1, 7)), contacts([11, 12])
    h.learn(seen, solved(seen))
    exact = solved(unseen)
    errors = [np.abs(h.learnt(junction) - one).mean() for junction, one in zip(unseen, exact, strict=True)]
    assert max(errors) < 0.06 and abs(np.mean(exact[0]) - np.mean(exact[1])) > 0.15


def test_devices_in_series_are_those_of_each_snapshot_alone(taught: SlaterKoster, contact: Callable[..., Atoms]) -> None:
    assert isinstance(taught, TrainableHamiltonian)
    first = junction_of(contact(seed=4))
    junctions = [first, first.with_positions(contact(bond=2.8, seed=4))]
    for junction, found in zip(junctions, taught.two_terminal_series(junctions), strict=True):
        assert isinstance(found, TwoTerminal)
        assert np.array_equal(found.H.data, taught.two_terminal(junction).H.data)


def test_what_was_saved_predicts_the_same_bits_for_this_table_only(
    taught: SlaterKoster, contact: Callable[..., Atoms], tmp_path: Path
) -> None:
    taught.save(tmp_path)
    junction = junction_of(contact(seed=9))
    loaded = untaught()
    loaded.load(tmp_path)
    file = str(tmp_path / "neutrality.npz")
    chosen = SlaterKosterOptions(charge_neutrality="predicted", neutrality_model=file)
    assert chosen.files() == (file,)
    configured = SlaterKoster(chosen)
    assert not configured.learns and untaught().learns
    for h in (loaded, configured):
        assert np.array_equal(h.learnt(junction), taught.learnt(junction))
    with pytest.raises(InputError, match="learnt with table ptbp and tail_eV 1e-05, not with table nrl"):
        untaught("nrl").load(tmp_path)
    (tmp_path / "neutrality.npz").write_text("no numbers")
    with pytest.raises(InputError, match="is no neutrality model"):
        untaught().load(tmp_path)


def test_the_same_references_teach_the_same_model() -> None:
    clusters = [cluster([79] * 8, seed) for seed in range(5)]
    values = [np.random.default_rng(seed).normal(0, 1, 8) for seed in range(5)]
    models = [NeutralityModel.learn(clusters, values, 8.0) for _ in range(2)]
    assert np.array_equal(models[0].shifts(clusters[0]), models[1].shifts(clusters[0]))


def test_shifts_cannot_be_predicted_before_they_were_learnt(contact: Callable[..., Atoms], tmp_path: Path) -> None:
    h = untaught()
    with pytest.raises(InputError, match="needs a model of the shifts"):
        h.two_terminal(junction_of(contact()))
    with pytest.raises(InputError, match="no model of the shifts to save"):
        h.save(tmp_path)
    with pytest.raises(ValidationError, match="neutrality_model acts with charge_neutrality: predicted only"):
        SlaterKosterOptions(charge_neutrality="local", neutrality_model="neutrality.npz")
    with pytest.raises(ValidationError, match="fermi_energy_eV and charge_neutrality: predicted exclude each other"):
        SlaterKosterOptions(charge_neutrality="predicted", fermi_energy_eV=0.0)


def test_a_device_without_atoms_between_its_leads_needs_no_shifts(taught: SlaterKoster, bulk: Callable[..., Atoms]) -> None:
    junction = junction_of(bulk(layers=8))
    assert len(taught.learnt(junction)) == 0
    exact = next(iter(taught.references([junction])))
    assert isinstance(exact, Reference)
    assert np.array_equal(taught.two_terminal(junction).H.data, exact.system.H.data)


@pytest.mark.parametrize(
    ("options", "ignored"),
    [
        ({"charge_neutrality": "predicted", "neutrality_model": "a.npz", "neutrality_iterations": 9}, "neutrality_iterations"),
        ({"charge_neutrality": "local", "smearing_K": 100.0}, "smearing_K"),
        ({"fermi_energy_eV": 1.0, "smearing_K": 100.0}, "smearing_K"),
    ],
)
def test_options_that_would_be_ignored_are_refused(options: dict[str, object], ignored: str) -> None:
    with pytest.raises(ValidationError, match=f"{ignored} would be ignored"):
        SlaterKosterOptions.model_validate(options)
