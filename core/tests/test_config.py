"""A config is checked against the records and option models of the chosen parts alone, and every mistake is reported."""

import pickle
import sys
import types

import pytest
from pydantic import Field, model_validator
from sharvin import config, registry
from sharvin.component import Component
from sharvin.config import checker as config_checker
from sharvin.config import load_config
from sharvin.errors import InputError
from sharvin.options import Case, Options, WorkflowOptions
from sharvin.options.validation import ConfigError
from sharvin.registry import Part, Registry

KINDS = ("structures", "potentials", "hamiltonians", "transport", "regressors")


class Plain(Options):
    """No options."""


class Wire(Options):
    element: str = "Au"
    """Element."""

    def elements(self):
        return frozenset({self.element})


class GoldOnly(Options):
    strength: float = 1.0
    """A number."""

    def elements(self):
        return frozenset({"Au"})


class Study(WorkflowOptions):
    kinds = KINDS
    optional_kinds = ("descriptors",)


class Trial(Case):
    overrides = ("regressor", "hamiltonian")

    regressor: dict[str, object] = Field(default_factory=dict)
    """Overrides."""

    hamiltonian: dict[str, object] = Field(default_factory=dict)
    """Overrides."""


class WithoutFeatures(Case):
    overrides = ("descriptor", "regressor")

    descriptor: dict[str, object] | None = Field(default_factory=dict)
    """Overrides."""

    regressor: dict[str, object] = Field(default_factory=dict)
    """Overrides."""


class Comparison(WorkflowOptions):
    kinds = ("structures", "regressors")
    optional_kinds = ("descriptors",)
    cases_options = ("wires", "models")

    wires: tuple[Trial, ...] = ()
    """Cases."""

    models: tuple[WithoutFeatures, ...] = ()
    """Cases."""


class MayLearn(WorkflowOptions):
    kinds = ("structures", "regressors")
    optional_kinds = ("descriptors",)
    nullable_kinds = ("regressors",)

    fits: int = 0
    """Fits."""

    def conflicts_with(self, components):
        if self.fits and "regressor" not in components:
            return [(("workflow", "fits"), "there is nothing to fit")]
        return []


class Layer(Options):
    width: int = 1
    """Neurons."""


class Layered(Options):
    depth: int = 2
    """Layers."""

    rate: float = 0.1
    """Learning rate."""

    layers: tuple[Layer, ...] = ()
    """Layers."""

    @model_validator(mode="after")
    def _slow_if_deep(self):
        if self.depth > 7 and self.rate >= 1:
            raise ValueError(f"depth {self.depth} needs a rate below 1")
        return self


class OfFile(Options):
    path: str
    """A file."""

    def files(self):
        return (self.path,)


class Trials(WorkflowOptions):
    kinds = ("hamiltonians", "regressors")
    system_type = "grid_wire"
    sample_kind = "image"
    cases_options = ("trials",)

    trials: tuple[Trial, ...] = ()
    """Cases."""

    def conflicts(self, cases):
        deep = [name for name, parts in cases["trials"].items() if getattr(parts["regressor"], "depth", 0) > 5]
        return [(("trials",), f"{name} is too deep") for name in deep]


PARTS = {
    "structures": [("wire", Wire, {})],
    "potentials": [("gold", GoldOnly, {})],
    "hamiltonians": [("lattice", Plain, {"gives": "grid_wire"}), ("atoms", GoldOnly, {"gives": "two_terminal"})],
    "transport": [("rgf", Plain, {"takes": ("two_terminal",)})],
    "descriptors": [("soap", Plain, {"gives": "per_atom"}), ("average", Plain, {"gives": "per_structure"})],
    "regressors": [
        ("network", Plain, {"takes": ("per_atom",)}),
        ("graph", Plain, {"takes": ("graph",)}),
        ("pictures", Layered, {"takes": ("image",)}),
        ("other_pictures", Plain, {"takes": ("image",)}),
        ("of_a_file", OfFile, {"takes": ("image",)}),
    ],
    "workflows": [("study", Study, {}), ("trials", Trials, {}), ("comparison", Comparison, {}), ("may_learn", MayLearn, {})],
}

GOOD = {
    "structure": "wire",
    "potential": "gold",
    "hamiltonian": "atoms",
    "transport": "rgf",
    "descriptor": "soap",
    "regressor": "network",
}


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Load a config written from keys and values against the parts above."""
    module = types.ModuleType("parts_of_this_test")
    for name in ("Plain", "Wire", "GoldOnly", "Study", "Layered", "OfFile", "Trials", "Comparison", "MayLearn"):
        setattr(module, name, globals()[name])
    monkeypatch.setitem(sys.modules, module.__name__, module)
    known = {"hamiltonians": {"far": "sharvin-far"}}
    for holder in (registry, config_checker):
        monkeypatch.setattr(holder, "known_components", lambda: known)
    found = Registry(disabled=())
    for kind, parts in PARTS.items():
        found.parts[kind] = {
            name: Part(kind, Component(name, "x:X", f"{module.__name__}:{model.__name__}", "a part", **record), "test", "1")
            for name, model, record in parts
        }

    def of_the_installed():
        raise AssertionError("a config that is given a registry asks no other")

    monkeypatch.setattr(config, "registry_of_the_installed", of_the_installed)
    monkeypatch.setattr(registry, "registry", of_the_installed)

    def load(*settings, profile=None, **changes):
        keys = {"workflow": "study", **GOOD, **changes}
        path = tmp_path / "study.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items() if value is not None))
        return load_config(path, settings, profile, found)

    return load


def problems(check, *settings, **changes):
    with pytest.raises(ConfigError) as caught:
        check(*settings, **changes)
    return caught.value.problems


def test_a_good_config_is_resolved_with_its_defaults(check):
    resolved = check().resolved()
    assert resolved["seed"] == 0 and resolved["executor"]["use"] == "processes"
    assert resolved["potential"] == {"use": "gold", "strength": 1.0}


def test_a_selection_is_identified_and_built_by_the_registry_that_checked_it(check):
    structure = check().selections["structure"]
    assert structure.identity["component"] == "test:structures/wire", "and the fixture fails if another registry is asked"
    with pytest.raises(InputError, match="structures/wire of test is broken: x:X cannot be imported"):
        structure.build()
    sent = pickle.loads(pickle.dumps(structure))
    assert sent == structure and sent.registry is None, "a worker looks its parts up in a registry of its own"


def test_a_case_keeps_the_registry_that_checked_it(check):
    case = check(**trials("{name: fast, regressor: {rate: 0.5}}")).variants["trials"]["fast"]["regressor"]
    assert case.identity["component"] == "test:regressors/pictures"


def test_a_known_plugin_that_is_not_installed_is_missed_only_where_its_profile_is_chosen(check):
    layered = {**PROFILED, "profiles": "\n  cluster: {hamiltonian: {use: far}}"}
    check(**layered)
    found = problems(check, profile="cluster", **layered)
    assert any("'far' comes from sharvin-far, which is not installed: pip install sharvin-far" in problem for problem in found)
    unknown = problems(check, **{**PROFILED, "profiles": "\n  cluster: {hamiltonian: {use: nobody_s}}"})
    assert any("there is no hamiltonian 'nobody_s'" in problem for problem in unknown), "a name that nobody has is a mistake"


def test_settings_on_the_command_line_count_more_than_the_file(check):
    assert check("potential.strength=2.5", "seed=7").resolved()["potential"]["strength"] == 2.5
    assert check("structure={use: wire, element: Au}").selections["structure"].options.element == "Au"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"descriptor": "average"}, "network takes per_atom samples, but the descriptor average gives per_structure"),
        ({"descriptor": None}, "network takes per_atom samples; name a descriptor"),
        ({"regressor": "graph"}, "graph takes graph samples, but the descriptor soap gives per_atom"),
        ({"hamiltonian": "lattice"}, "rgf takes two_terminal systems, but the hamiltonian lattice gives grid_wire"),
        ({"dynamics": "anything"}, "there is no dynamics 'anything'"),
        ({"dynamics": "anything"}, "study uses no dynamics; remove it"),
        ({"transport": None}, "study needs a transport"),
        ({"sead": "1"}, "did you mean 'seed'"),
        ({"structure": "{use: wire, elemnt: Au}"}, "structure.elemnt: there is no such option (did you mean 'element'?)"),
        ({"potential": "{use: gold, strength: strong}"}, "potential.strength: needs a number, not 'strong'"),
        ({"max_failures": "-1"}, "max_failures: needs a whole number"),
    ],
)
def test_parts_that_do_not_fit_are_named(check, changes, words):
    found = problems(check, **changes)
    assert any(words in problem for problem in found), found


def test_a_graph_regressor_needs_no_descriptor(check):
    assert "descriptor" not in check(regressor="graph", descriptor=None).selections


def test_every_part_that_lacks_an_element_is_named(check):
    found = problems(check, structure="{use: wire, element: Ag}")
    assert len(found) == 2 and all("has no parameters for Ag; it covers Au" in problem for problem in found)
    assert ":3: potential" in found[0] and ":4: hamiltonian" in found[1]


def test_a_dotted_setting_must_have_a_value_and_a_place(check):
    with pytest.raises(Exception, match="needs the form"):
        check("seed")
    with pytest.raises(Exception, match="is not a mapping"):
        check("seed.deep=1", seed="3")


def trials(*cases):
    """Changes of the config: a study of cases, written one per line from line 3 on."""
    listed = "".join(f"\n    - {case}" for case in cases)
    parts = dict.fromkeys(GOOD)
    return {
        **parts,
        "workflow": f"\n  use: trials\n  trials:{listed}",
        "hamiltonian": "lattice",
        "regressor": "{use: pictures, depth: 3}",
    }


def test_a_case_lays_its_options_over_the_config_s_or_names_another_part(check):
    found = check(
        **trials("{name: as it is}", "{name: fast, regressor: {rate: 0.5}}", "{name: b, regressor: {use: other_pictures}}")
    )
    assert found.variants["trials"]["as it is"]["regressor"] is found.selections["regressor"]
    fast = found.variants["trials"]["fast"]["regressor"].options
    assert (fast.depth, fast.rate) == (3, 0.5)
    assert found.variants["trials"]["b"]["regressor"].name == "other_pictures"
    again = check(**trials("{name: c, regressor: {use: pictures, rate: 0.5}}"))
    assert again.variants["trials"]["c"]["regressor"].options.depth == 3, "the same part named again keeps the config's options"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("{name: a, regressor: {dept: 4}}", "workflow.trials.0.regressor.dept: there is no such option (did you mean 'depth'?)"),
        ("{name: a, regresor: {}}", "workflow.trials.0.regresor: there is no such option (did you mean 'regressor'?)"),
        ("{nam: a}", "workflow.trials.0.nam: there is no such option (did you mean 'name'?)"),
        ("{name: a, regressor: {use: picture}}", "workflow.trials.0.regressor.use: there is no regressor 'picture'"),
        ("{name: a, regressor: {use: graph}}", "graph takes graph samples, but trials gives image"),
        ("{name: a, hamiltonian: {use: atoms}}", "trials needs grid_wire systems, but atoms gives two_terminal"),
        (
            "{name: a, regressor: {layers: [{width: 1}, {widht: 2}]}}",
            "layers.1.widht: there is no such option (did you mean 'width'?)",
        ),
        ("{name: a, regressor: {depth: 6}}", "workflow.trials: a is too deep"),
    ],
)
def test_mistakes_in_a_case_are_reported_at_its_line(check, case, words):
    found = problems(check, **trials(case))
    assert len([problem for problem in found if words in problem]) == 1, found
    line = 3 if "too deep" in words else 4
    assert all(f"study.yaml:{line}:" in problem for problem in found if words in problem), found


def comparison(*models):
    """Changes of the config: a study with two lists of cases, the second written one per line from line 4 on."""
    listed = "".join(f"\n    - {model}" for model in models)
    unused = dict.fromkeys(("potential", "hamiltonian", "transport"))
    return {**unused, "workflow": f"\n  use: comparison\n  wires: [{{name: a}}]\n  models:{listed}"}


def test_a_case_that_nulls_the_descriptor_does_without_it(check):
    found = check(**comparison("{name: own}", "{name: frames, descriptor: null, regressor: {use: graph}}"))
    assert set(found.variants) == {"wires", "models"}
    assert found.variants["models"]["own"]["descriptor"] is found.selections["descriptor"]
    assert set(found.variants["models"]["frames"]) == {"regressor"}


@pytest.mark.parametrize(
    ("models", "line", "words"),
    [
        (("{name: b}", "{name: a}", "{name: b}"), 4, "two cases are named b; give each case a name of its own"),
        (("{name: b, descriptor: null}",), 5, "network takes per_atom samples; name a descriptor"),
        (("{name: b, regressor: {use: graph}}",), 5, "graph takes graph samples, but the descriptor soap gives per_atom"),
    ],
)
def test_mistakes_in_one_list_of_cases_are_not_those_of_another(check, models, line, words):
    found = problems(check, **comparison(*models))
    assert len(found) == 1 and words in found[0] and f"study.yaml:{line}:" in found[0], found


PROFILED = {
    "potential": None,
    "transport": None,
    "structure": None,
    "descriptor": None,
    "workflow": "\n  use: trials\n  trials:\n    - {name: a}\n    - {name: b}",
    "hamiltonian": "lattice",
    "regressor": "{use: pictures, depth: 3, rate: 0.5, layers: [{width: 3}, {width: 4}]}",
    "profiles": """
  fast: {regressor: {depth: 1, layers: [{width: 7}]}, workflow: {trials: [{name: c}]}, seed: 3}
  other: {regressor: {use: other_pictures}}
  same: {regressor: {use: pictures, rate: 0.25}}""",
}


def regressor(found):
    return found.selections["regressor"].options


def test_a_profile_is_laid_over_the_config_and_replaces_lists(check):
    plain, fast = check(**PROFILED), check(profile="fast", **PROFILED)
    assert (regressor(plain).depth, plain.seed, list(plain.variants["trials"])) == (3, 0, ["a", "b"])
    assert (regressor(fast).depth, regressor(fast).rate, fast.seed) == (1, 0.5, 3)
    assert [layer.width for layer in regressor(fast).layers] == [7]
    assert list(fast.variants["trials"]) == ["c"]
    assert "profiles" not in fast.resolved()


def test_a_profile_that_names_another_part_replaces_it_and_one_that_names_the_same_does_not(check):
    other = check(profile="other", **PROFILED).selections["regressor"]
    assert other.name == "other_pictures" and other.options == Plain()
    same = check(profile="same", **PROFILED)
    assert (regressor(same).depth, regressor(same).rate) == (3, 0.25)


def test_settings_count_more_than_a_profile(check):
    assert regressor(check("regressor.depth=4", profile="fast", **PROFILED)).depth == 4


ELSEWHERE = """
  small: {regressor: {dept: 1}}
  cluster: {regressor: {use: of_a_file, path: /only/there.h5}}"""


@pytest.mark.parametrize("profile", [None, "small", "cluster"])
def test_a_typo_in_a_profile_is_reported_whether_it_is_chosen_or_not(check, profile):
    found = problems(check, profile=profile, **{**PROFILED, "profiles": ELSEWHERE})
    assert "study.yaml:9 (profile small): regressor.dept: there is no such option (did you mean 'depth'?)." in found[-1]


def test_files_of_a_profile_for_another_machine_are_asked_for_only_where_it_is_chosen(check):
    there = {**PROFILED, "profiles": ELSEWHERE.replace("dept", "depth")}
    check(**there)
    (found,) = problems(check, profile="cluster", **there)
    assert "study.yaml:10 (profile cluster): regressor.path: there is no file '/only/there.h5'" in found


def test_a_mistake_is_reported_where_it_was_written(check):
    """A case is laid over a profile, that over the config, and a setting over all of them; each answers for its own values."""
    layered = {**PROFILED, "profiles": "\n  fast: {regressor: {rate: quick}}"}
    layered["workflow"] = "\n  use: trials\n  trials:\n    - {name: a}\n    - {name: b, regressor: {depth: deep}}"
    found = problems(check, "regressor.layers=[{width: wide}]", "max_failures=few", profile="fast", **layered)
    for words in (
        "study.yaml:9 (profile fast): regressor.rate: needs a number, not 'quick'.",
        "--set regressor.layers=[{width: wide}]: regressor.layers.0.width: needs a whole number, not 'wide'.",
        "--set max_failures=few: max_failures: needs a whole number",
        "study.yaml:5: workflow.trials.1.regressor.depth: needs a whole number, not 'deep'.",
    ):
        assert len([problem for problem in found if words in problem]) == 1, (words, found)
    assert len(found) == 4


def test_a_conflict_between_layers_is_the_last_layer_s(check):
    quarrel = {**PROFILED, "profiles": "\n  deep: {regressor: {depth: 9}}"}
    (alone,) = problems(check, regressor="{use: pictures,\n  depth: 8, rate: 2}")[:1]
    assert "study.yaml:8: regressor: depth 8 needs a rate below 1" in alone
    (found,) = problems(check, "regressor.rate=3", profile="deep", **quarrel)
    assert found == "--set regressor.rate=3: regressor: depth 9 needs a rate below 1."


def test_an_unknown_profile_is_answered_by_those_on_offer(check):
    found = problems(check, profile="slow", **PROFILED)
    assert len(found) == 1 and "there is no profile 'slow' in this config; it has fast, other, same." in found[0]
    assert "it has none" in problems(check, profile="slow")[0]


@pytest.mark.parametrize("profiles", ["[fast]", "{fast: 3}", "fast"])
def test_profiles_are_a_mapping_of_names_to_settings(check, profiles):
    found = problems(check, **{**PROFILED, "profiles": profiles})
    assert len(found) == 1 and "a mapping of names to settings" in found[0]


def test_a_workflow_may_do_without_a_kind_that_the_config_sets_to_null(check):
    only = {key: None for key in GOOD if key not in ("structure", "regressor")} | {"workflow": "may_learn"}
    found = check("regressor=null", "descriptor=null", **only)
    assert "regressor" not in found.selections and found.without == {"regressor", "descriptor"}
    assert found.resolved()["regressor"] is None, "loading it again gives the same config"
    (problem,) = problems(check, **{**only, "regressor": None})
    assert "may_learn needs a regressor" in problem and "or null, to do without" in problem
    (problem,) = problems(check, "regressor=null", **{**only, "workflow": "{use: may_learn, fits: 3}"})
    assert problem.endswith("workflow.fits: there is nothing to fit")
    assert any("regressor: needs the name of a component" in one for one in problems(check, "regressor=null"))
