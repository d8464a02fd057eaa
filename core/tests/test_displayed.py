"""Public objects say what they are: in one line with counts and units, and in a small table; no array is printed."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import csr_array, eye_array
from sharvin.frames import Frame, Frames
from sharvin.grid_wire import DisorderedWires, GridWire
from sharvin.junction import Junction
from sharvin.observables import Observables
from sharvin.samples import Dataset, DescribedFrames, Features, FeatureShards, Images, Prediction
from sharvin.two_terminal import BlochHamiltonian, TwoTerminal
from sharvin.words.displayed import composition, counted, periodicity, size_in_memory, span


def wire(width, layers, neck_layers=3, a=4.0):
    """Simple cubic wire: `layers` layers of width² atoms at both ends, one atom in each layer between them."""
    sites = [(i, j) for i in range(width) for j in range(width)]
    ends = [(i, j, k) for k in (*range(layers), *range(layers + neck_layers, 2 * layers + neck_layers)) for i, j in sites]
    neck = [(width // 2, width // 2, layers + k) for k in range(neck_layers)]
    positions = a * np.array(sorted(ends + neck, key=lambda site: site[2]), dtype=float)
    cell = [width * a, width * a, (2 * layers + neck_layers) * a + 8.0]
    return Atoms(f"Po{len(positions)}", positions=positions, cell=cell, pbc=[True, True, False])


FRAME = Frame.from_atoms(wire(3, 4), elongation_A=3.25, neck_width=1.0)
FEATURES = Features(np.zeros((5, 7), dtype=np.float32), np.array([0, 2, 5]))


def observables(**more):
    energies, atoms, bonds = 3, 4, 2
    eigenchannels = np.array([[1.0, 0.5], [1.0, 0.25], [0.5, 0.0]])
    ldos = np.full((energies, atoms), 0.125)
    currents = np.zeros((energies, bonds))
    pairs = np.array([[0, 1], [1, 2]])
    return Observables(np.linspace(-1, 1, energies), np.ones((energies, 2)), eigenchannels, ldos, ldos, pairs, currents, **more)


def device():
    return GridWire(np.zeros((4, 3))).two_terminal()


def junction():
    return Junction.detect(wire(5, 6), 7.7)


SAID = [
    (
        junction,
        "Junction(Po 303 atoms; left: 2 layers of 25 atoms, period 8.00 Å; right: 2 layers of 25 atoms, period 8.00 Å; "
        "across: periodic in x, y; electrodes: atoms at most 0.000 Å off ideal places)",
    ),
    (
        device,
        "TwoTerminal(18 orbitals; left: 3 orbitals per principal layer; right: 3 orbitals per principal layer; "
        "Fermi energy: 0 eV; H: real, ",
    ),
    (
        lambda: junction().left_electrode,
        "Electrode(Po 50 atoms in 2 layers; principal layer: 8.00 Å; period: 1 layer, 4.00 Å, seen in ",
    ),
    (
        lambda: BlochHamiltonian(np.zeros((3, 3), dtype=np.int64), np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), 11.0),
        "BlochHamiltonian(2 orbitals and 11 electrons per cell; couplings: to 3 cells, its own among them)",
    ),
    (
        lambda: DisorderedWires(GridWire(np.zeros((2, 4, 3))), np.array([0.25, 0.5])),
        "DisorderedWires(GridWire(2 wires of 4 × 3 sites (length × width); batch shape: (2,); hopping: 1; on-site energies: 0); "
        "concentration: 0.25 to 0.5)",
    ),
    (lambda: device().left, "Lead(3 orbitals; numbers: real; transverse repeats: none)"),
    (
        lambda: GridWire(np.linspace(-2, 2, 120).reshape(2, 5, 4, 3)),
        "GridWire(10 wires of 4 × 3 sites (length × width); batch shape: (2, 5); hopping: 1; on-site energies: -2 to 2)",
    ),
    (
        lambda: FRAME,
        "Frame(Po 75 atoms; cell: 12.00 × 12.00 × 52.00 Å, periodic in x, y; rigid: not known; "
        "scalars: elongation_A = 3.25, neck_width = 1)",
    ),
    (lambda: Frames([FRAME] * 3), "Frames(3 frames of 75 atoms; elements: Po; scalars: elongation_A, neck_width)"),
    (Frames, "Frames(0 frames; elements: none; scalars: none)"),
    (
        lambda: FEATURES,
        "Features(2 structures, 5 rows of 7 features; kind: per_atom; heights: not known; memory: float32, 140 bytes)",
    ),
    (
        lambda: Features(np.zeros((5, 7))),
        "Features(5 structures, 5 rows of 7 features; kind: per_structure; memory: float64, 280 bytes)",
    ),
    (lambda: Images(np.zeros((1000, 6, 5))), "Images(1,000 images of 6 × 5 sites; memory: float64, 240 kB)"),
    (
        lambda: Dataset(FEATURES, np.array([0.5, 7.25]), np.array([3, 3])),
        "Dataset(2 samples in 1 group; targets: 0.5 to 7.25; samples: Features(2 structures, ",
    ),
    (lambda: Prediction(np.array([1.0, 2.0])), "Prediction(2 predictions; mean: 1 to 2; standard deviation: not stated)"),
    (
        lambda: Prediction(np.array([1.0]), np.array([np.nan])),
        "Prediction(1 prediction; mean: 1; standard deviation: 1 not finite)",
    ),
    (
        observables,
        "Observables(3 energies, -1 to 1 eV; transmission: 0.5 to 1.5; eigenchannels: at most 2; "
        "density of states: 1 per eV and spin, on 4 atoms; bond currents: 2 bonds; wave functions: not kept)",
    ),
]


class Tags(HTMLParser):
    """Names of the tags, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(("make", "line"), SAID, ids=[f"{line.split('(')[0]}-{place}" for place, (_, line) in enumerate(SAID)])
def test_an_object_says_what_it_is_in_one_line_and_in_a_table(make, line):
    shown = make()
    assert repr(shown).startswith(line) and len(repr(shown)) < 260 and "\n" not in repr(shown)
    assert "array(" not in repr(shown)
    table = Tags(shown._repr_html_())
    assert set(table.tags) <= {"table", "caption", "tr", "th", "td"} and table.texts[0] == type(shown).__name__
    for word in re.findall(r"[\w.]+", line.partition("(")[2]):
        assert any(word in text for text in table.texts), f"the table has the same facts, {word!r} among them"


def test_a_junction_that_was_cut_and_one_without_ideal_layers_say_so():
    given = junction()
    assert repr(replace(given, joined=True)).endswith("; wire: was cut along z and is joined)")
    bare = replace(given, left_electrode=None, right_electrode=None)
    assert "left: 50 atoms, period 8.00 Å" in repr(bare) and "electrodes" not in repr(bare)


def test_a_device_says_whether_its_basis_is_orthogonal_and_of_which_atoms_it_is():
    plain = device()
    assert repr(plain).endswith("basis: orthogonal)")
    S = csr_array(eye_array(18, format="csr") + 0.1 * csr_array(np.eye(18, k=3) + np.eye(18, k=-3)))
    slanted = TwoTerminal(plain.H, S, plain.left, plain.right, 1.5, np.arange(18) // 3)
    assert repr(slanted).startswith("TwoTerminal(18 orbitals of 6 atoms; ") and "Fermi energy: 1.5 eV" in repr(slanted)
    assert repr(slanted).endswith("basis: not orthogonal)")


def test_observables_of_several_k_points_and_with_wave_functions_say_so():
    sampled = observables(k_weights=np.full(4, 0.25), wave_functions=np.zeros((3, 9, 2), dtype=complex))
    assert repr(sampled).endswith("wave functions: 9 orbitals; k-points: mean of 4)")


def test_rows_that_are_not_in_memory_are_neither_read_nor_computed(tmp_path):
    (tmp_path / "shard").mkdir()
    FeatureShards.write(tmp_path / "shard", FEATURES)
    assert repr(FeatureShards([tmp_path / "shard"])).endswith("kind: per_atom; files: 1 shard, mapped into memory)")
    asked = []

    def describe(frames):
        asked.append(len(frames))
        return Features(np.zeros((len(frames), 2)))

    lazy = DescribedFrames(Frames([FRAME] * 9), describe)
    asked.clear()
    assert repr(lazy).startswith("DescribedFrames(9 structures, 2 features per row") and asked == []


def test_names_from_files_are_text_in_the_table():
    frame = replace(FRAME, scalars={"<script>alert(1)</script>": 1.0})
    assert "<script>" not in frame._repr_html_() and "&lt;script&gt;" in frame._repr_html_()


def test_an_object_of_many_megabytes_shows_itself_at_once():
    """A device of 3000 orbitals whose eigenvalues take seconds, and 200,000 frames."""
    random = csr_array(np.random.default_rng(0).normal(size=(3000, 3000)))
    H = csr_array(random + random.T)
    lead = device().left
    large = TwoTerminal(H, csr_array(eye_array(3000, format="csr")), lead, lead)
    for shown in (large, Frames([FRAME] * 200_000)):
        started = time.perf_counter()
        assert len(repr(shown)) < 260
        assert time.perf_counter() - started < 0.5


def test_words_for_counts_elements_axes_and_ranges():
    assert [counted(1, "energy", "energies"), counted(2, "energy", "energies"), counted(1200, "wire")] == [
        "1 energy",
        "2 energies",
        "1,200 wires",
    ]
    assert composition(Atoms("Au3AgX").numbers) == "X 1, Ag 1, Au 3 atoms" and composition(np.array([79])) == "Au 1 atom"
    assert composition(np.zeros(0, dtype=int)) == "no atoms"
    assert [periodicity([True, True, False]), periodicity([False] * 3)] == ["periodic in x, y", "not periodic"]
    assert [span([]), span([2.0, 2.0], "eV"), span([1.0, np.inf, 3.0])] == ["none", "2 eV", "1 to 3, 1 not finite"]
    assert size_in_memory(np.zeros(3_000_000, dtype=np.float32)) == "float32, 12 MB"
