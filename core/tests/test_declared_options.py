"""Studies know no option of a part: they ask for what the part declares, and do something sensible where it declares nothing."""

from types import SimpleNamespace

import pytest
from sharvin.config import Selection
from sharvin.errors import InputError
from sharvin.options import Condition, Options
from sharvin_studies.break_junction.configs import BreakJunctionOptions, PullSeries
from sharvin_studies.break_junction.figures.production import _alone, conditions_of
from sharvin_studies.break_junction.hamiltonian import check_options, why_it_cannot_learn
from sharvin_studies.disordered_wire.configs import DisorderedWireOptions, apart_from_concentration, at_concentration
from sharvin_studies.disordered_wire.report import _tells_size

HALF_WAY = Condition("rate_A_per_ns", "rate", "rate of stretching", "Å/ns")


class Undeclared(Options):
    """Of a dynamics that declares nothing."""

    rate_A_per_ns: float = 1.0
    """A number."""

    steps: int = 10
    """Another."""

    gentle: bool = True
    """No number."""


class Declared(Undeclared):
    """Of a dynamics whose rate is a condition of the experiment."""

    def conditions(self):
        return (HALF_WAY,)


def test_a_dynamics_declares_its_conditions_and_otherwise_every_number_is_one():
    assert list(conditions_of(Declared())) == [HALF_WAY]
    assert [(one.option, one.title, one.unit) for one in conditions_of(Undeclared())] == [
        ("rate_A_per_ns", "rate A per ns", ""),
        ("steps", "steps", ""),
    ]


def dynamics(**options):
    return SimpleNamespace(name="stretch", options=Declared(**options))


def test_series_that_differ_in_a_condition_alone_have_its_values():
    """The first series sets the rest; one that differs in anything else, or repeats a value, has no place in the figure."""
    wire, potential, other = (SimpleNamespace(identity=name) for name in ("a wire", "a potential", "another one"))
    chosen = {
        "slow": dynamics(rate_A_per_ns=1.0),
        "fast": dynamics(rate_A_per_ns=5.0),
        "fast, rough": dynamics(rate_A_per_ns=9.0, gentle=False),
        "fast again": dynamics(rate_A_per_ns=5.0),
        "faster, stiff": dynamics(rate_A_per_ns=7.0),
    }
    variants = {name: {"structure": wire, "potential": potential, "dynamics": one} for name, one in chosen.items()}
    variants["faster, stiff"]["potential"] = other
    series = [PullSeries(name=name, pulls=1) for name in chosen]
    assert _alone(series, variants, "rate_A_per_ns") == {"slow": 1.0, "fast": 5.0}


class Clean(Options):
    """Of lattice wires without impurities."""

    slices: int = 4
    """Along the wire."""


class Dirty(Clean):
    """Of lattice wires with impurities, whose concentration is called what this part likes."""

    fraction: float | None = None
    """Concentration of impurities."""

    def at_concentration(self, concentration):
        return type(self)(**{**self.model_dump(), "fraction": concentration})


def test_a_scan_of_concentrations_needs_a_hamiltonian_that_declares_one():
    study = DisorderedWireOptions(cases=[{"name": "a", "training_samples": 20}], ensemble={"concentrations": [0.5]})
    assert study.conflicts({"cases": {"a": {"hamiltonian": Dirty()}}}) == []
    ((place, sentence),) = study.conflicts({"cases": {"a": {"hamiltonian": Clean()}}})
    assert place == ("ensemble",) and "has no concentration of impurities" in sentence
    assert at_concentration(Dirty(slices=7), 0.3) == Dirty(slices=7, fraction=0.3)
    assert apart_from_concentration(Dirty(slices=7, fraction=0.3)) == {"slices": 7}


def test_an_option_that_is_the_size_of_every_set_tells_nothing_new():
    shapes = [(4, 2), (6, 2)]
    options = [{"slices": 4, "sites": 2, "strength": 4}, {"slices": 6, "sites": 2, "strength": 2}]
    assert [_tells_size(name, options, shapes) for name in ("slices", "sites", "strength")] == [True, True, False]


class NotLearning:
    """A Hamiltonian that cannot learn."""

    learns = False

    def __init__(self, options=None):
        pass

    def range_A(self, numbers): ...
    def two_terminal(self, junction): ...
    def bloch(self, atoms): ...


class Learning(NotLearning):
    """One that can, and says with which setting."""

    learning_option = "model: fitted"
    learnt_quantity = "charge (e)"

    def two_terminal_series(self, junctions): ...
    def references(self, junctions): ...
    def learn(self, junctions, references): ...
    def learnt(self, junction): ...
    def save(self, folder): ...
    def load(self, folder): ...


@pytest.mark.parametrize(
    ("part", "advice"),
    [
        (NotLearning(), "leave it out, or choose another Hamiltonian that learns."),
        (Learning(), "leave it out, or choose model: fitted or another Hamiltonian that learns."),
    ],
)
def test_references_for_a_hamiltonian_that_learns_nothing_are_refused_with_the_setting_that_it_names(monkeypatch, part, advice):
    monkeypatch.setattr(Selection, "built", lambda self: part)
    chosen = Selection("hamiltonians", "mine", Options())
    check_options(BreakJunctionOptions(), chosen)
    with pytest.raises(InputError, match="the Hamiltonian mine learns nothing") as caught:
        check_options(BreakJunctionOptions(reference_snapshots=12), chosen)
    assert str(caught.value).endswith(advice)


def test_a_case_whose_hamiltonian_would_have_to_learn_is_told_by_which_setting():
    assert "it has to learn (model: fitted), which only the config's own" in why_it_cannot_learn(Learning())
    assert "it has to learn, which only the config's own" in why_it_cannot_learn(NotLearning())
