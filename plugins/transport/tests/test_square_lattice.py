"""Ensembles of disordered wires have the statistics of their models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sharvin import create
from sharvin.errors import InputError
from sharvin.grid_wire import DisorderedWires
from sharvin.options import ConcentrationOptions


def sample(count: int = 400, **options: object) -> DisorderedWires:
    return create("hamiltonians", "square_lattice", **options).sample(count, np.random.default_rng(0))


def test_box_disorder_fills_its_box() -> None:
    drawn = sample(disorder="I", length=10, width=12, strength=3.0)
    onsite = drawn.wires.onsite
    assert drawn.concentration is None and np.abs(onsite).max() <= 1.5
    assert onsite.mean() == pytest.approx(0, abs=0.02)
    assert onsite.std() == pytest.approx(3 / np.sqrt(12), rel=0.01)


@pytest.mark.parametrize(("model", "energies"), [("II", [5]), ("III", [2.5, 5]), ("IV", [5 / 3, 10 / 3, 5])])
def test_impurities_have_the_energies_of_their_model(model: str, energies: list[float]) -> None:
    drawn = sample(disorder=model, length=20, width=20)
    impurities = drawn.wires.onsite[drawn.wires.onsite != 0]
    values, counts = np.unique(impurities, return_counts=True)
    assert values == pytest.approx(energies)
    assert counts / len(impurities) == pytest.approx(1 / len(energies), abs=0.01)


def test_the_concentration_is_uniform_and_the_wire_follows_it() -> None:
    drawn = sample(length=20, width=20)
    assert drawn.concentration is not None
    found = (drawn.wires.onsite != 0).mean(axis=(1, 2))
    assert np.abs(found - drawn.concentration).max() < 0.11
    assert drawn.concentration.mean() == pytest.approx(0.5, abs=0.05)
    assert drawn.concentration.std() == pytest.approx(1 / np.sqrt(12), abs=0.03)


@pytest.mark.parametrize("n", [0.0, 0.3, 1.0])
def test_a_fixed_concentration_holds_for_every_wire(n: float) -> None:
    drawn = sample(length=10, width=10, concentration=n)
    assert np.all(drawn.concentration == n)
    assert (drawn.wires.onsite != 0).mean() == pytest.approx(n, abs=0.01)


def test_own_impurities_follow_their_probabilities() -> None:
    drawn = sample(length=10, width=10, disorder="values", values=[-1.0, 2.0], probabilities=[1, 3], concentration=1.0)
    assert (drawn.wires.onsite == 2.0).mean() == pytest.approx(0.75, abs=0.01)
    assert (drawn.wires.onsite == -1.0).mean() == pytest.approx(0.25, abs=0.01)


def test_own_maps_come_in_their_order(tmp_path: Path) -> None:
    maps = np.random.default_rng(1).normal(size=(3, 4, 2))
    np.save(tmp_path / "maps.npy", maps)
    options = {"disorder": "file", "length": 4, "width": 2, "onsite_file": str(tmp_path / "maps.npy")}
    np.testing.assert_array_equal(sample(2, **options).wires.onsite, maps[:2])
    later = create("hamiltonians", "square_lattice", **options).sample(2, np.random.default_rng(0), 1)
    np.testing.assert_array_equal(later.wires.onsite, maps[1:])
    with pytest.raises(InputError, match="holds 3 on-site maps"):
        sample(4, **options)
    with pytest.raises(InputError, match="of shape"):
        sample(2, **{**options, "width": 3})
    (tmp_path / "maps.npy").write_text("no array")
    with pytest.raises(InputError, match="cannot be read"):
        sample(2, **options)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"disorder": "II", "strength": 2.0}, "strength belongs to disorder I"),
        ({"disorder": "I", "concentration": 0.5}, "concentration belongs to"),
        ({"disorder": "values"}, "needs the energies"),
        ({"disorder": "values", "values": [1.0], "probabilities": [1.0, 2.0]}, "as many as values"),
        ({"disorder": "file"}, "needs onsite_file"),
        ({"disorder": "V"}, "disorder"),
        ({"concentration": 1.5}, "concentration"),
    ],
)
def test_options_that_do_not_fit_the_disorder_are_refused(options: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        sample(**options)


@pytest.mark.parametrize("disorder", [{"disorder": "III"}, {"disorder": "values", "values": [5.0]}])
def test_options_at_a_concentration_draw_wires_of_it_and_change_nothing_else(disorder: dict[str, object]) -> None:
    options = create("hamiltonians", "square_lattice", length=30, width=30, **disorder).options
    assert isinstance(options, ConcentrationOptions)
    fixed = options.at_concentration(0.25)
    assert {**fixed.model_dump(), "concentration": None} == options.model_dump()
    drawn = create("hamiltonians", "square_lattice", **fixed.model_dump()).sample(50, np.random.default_rng(0))
    assert drawn.concentration is not None and np.all(drawn.concentration == 0.25)
    assert np.mean(drawn.wires.onsite != 0) == pytest.approx(0.25, abs=0.01)


def test_wires_without_impurities_have_no_concentration() -> None:
    options = create("hamiltonians", "square_lattice", disorder="I").options
    with pytest.raises(ValueError, match="concentration belongs to disorder II, III, IV, values, not to I"):
        options.at_concentration(0.25)
