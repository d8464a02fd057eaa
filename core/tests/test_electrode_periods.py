"""The lead of a wire is the crystal that its ends are made of, wherever they begin and in whatever order their atoms come."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene_nanoribbon, nanotube
from sharvin.electrodes.electrode import Electrode
from sharvin.errors import InputError
from sharvin.junction import Junction

D = 4.08 / np.sqrt(2)
HEXAGONAL = np.array([[1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0]])


def chain(symbols: str, *heights: float) -> Atoms:
    """One period of a chain; the last height is the period."""
    return Atoms(symbols, positions=[[20.0, 20.0, z] for z in heights[:-1]], cell=[0, 0, heights[-1]])


def stack(symbols: str, a: float, *sites: tuple[float, float]) -> Atoms:
    """One period of hexagonal layers, each moved by a number of thirds of the long diagonal; the last site is the period."""
    vectors = a * HEXAGONAL
    places = [thirds * (vectors[0] + vectors[1]) / 3 + [0, 0, z] for thirds, z in sites[:-1]]
    return Atoms(symbols, positions=places, cell=[*vectors, [0, 0, sites[-1][1]]], pbc=[True, True, False])


def periodic(cell: Atoms) -> Atoms:
    cell.pbc = [True, True, False]
    return cell


def folded(cell: Atoms) -> Atoms:
    """A tube's cell without atoms that rounding has put to its upper end."""
    cell.positions[cell.positions[:, 2] > cell.cell[2, 2] - 0.01, 2] -= cell.cell[2, 2]
    return cell


BOND = 3.57 * np.sqrt(3) / 4
DIAMOND_111 = [(k, z) for k in range(3) for z in (k * 4 / 3 * BOND, k * 4 / 3 * BOND + BOND)] + [(0.0, 4 * BOND)]
CRYSTALS = {
    "chain": chain("Au", 0, 2.7),
    "dimerised chain": chain("C2", 0, 1.3, 2.8),
    "trimerised chain": chain("Au3", 0, 2.5, 5.1, 8.1),
    "AuAg chain": chain("AuAg", 0, 2.7, 5.4),
    "AuAgAgAu chain": chain("AuAgAgAu", 0, 2.7, 5.4, 8.1, 10.8),
    "Au3Ag chain": chain("Au3Ag", 0, 2.7, 5.4, 8.1, 10.8),
    "zigzag chain": Atoms("C2", positions=[[0, 0, 0], [0.7, 0, 1.2]], cell=[0, 0, 2.4]),
    "fcc 100": periodic(bulk("Au", a=4.08, cubic=True)),
    "fcc 110": periodic(Atoms("Au2", positions=[[0, 0, 0], [D / 2, 2.04, D / 2]], cell=[D, 4.08, D])),
    "fcc 111": stack("Au3", D, (0, 0), (1, 2.3556), (2, 4.7112), (0, 7.0668)),
    "fcc 111 2x2": stack("Au3", D, (0, 0), (1, 2.3556), (2, 4.7112), (0, 7.0668)).repeat((2, 2, 1)),
    "AgAuAg 111": stack("AgAuAg", D, (0, 0), (1, 2.3556), (2, 4.7112), (0, 7.0668)),
    "bcc 100": periodic(bulk("W", a=3.16, cubic=True)),
    "simple cubic": periodic(bulk("Po", "sc", a=3.3)),
    "hcp": stack("Mg2", 3.2, (0, 0), (1, 2.6), (0, 5.2)),
    "dhcp": stack("La4", 3.2, (0, 0), (1, 2.6), (0, 5.2), (2, 7.8), (0, 10.4)),
    "diamond 100": periodic(bulk("C", "diamond", a=3.57, cubic=True)),
    "diamond 111": stack("C6", 3.57 / np.sqrt(2), *DIAMOND_111),
    "zinc blende 111": stack("GaAsGaAsGaAs", 3.57 / np.sqrt(2), *DIAMOND_111),
    "rock salt": periodic(bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "CsCl": periodic(bulk("CsCl", "cesiumchloride", a=3.3)),
    "tube (6, 0)": nanotube(6, 0),
    "tube (4, 4)": folded(nanotube(4, 4)),
    "tube (4, 2)": nanotube(4, 2),
    "zigzag ribbon": graphene_nanoribbon(3, 1, type="zigzag", vacuum=5.0),
    "sheet": graphene_nanoribbon(4, 1, type="zigzag", sheet=True),
    "armchair ribbon": graphene_nanoribbon(3, 1, type="armchair", saturated=True, vacuum=5.0),
}


def bands(cell: Atoms, k: float, reach: float) -> np.ndarray:
    """Levels of one s orbital per atom at k along z, in units of the inverse period; transverse Γ."""
    vectors = cell.cell.array
    most = [int(reach / np.linalg.norm(vectors[axis])) + 1 if cell.pbc[axis] or axis == 2 else 0 for axis in range(3)]
    images = [range(-n, n + 1) for n in most]
    H = np.diag(0.3 * np.sin(cell.numbers)).astype(complex)
    for i in images[0]:
        for j in images[1]:
            for m in images[2]:
                away = cell.positions[None] - cell.positions[:, None] + np.array([i, j, m]) @ vectors
                r = np.linalg.norm(away, axis=-1)
                t = np.where((r < reach) & (r > 1e-6), -np.exp(-r) * (1 - (r / reach) ** 2) ** 2, 0.0)
                H += np.exp(1j * k * m) * t * np.where(np.equal.outer(cell.numbers, cell.numbers), 1.0, 0.8)
    return np.linalg.eigvalsh(H)


def deviation_of_bands(electrode: Electrode, cell: Atoms, reach: float, k: float = 0.7) -> float:
    """Largest difference between the levels of a lead and those of the crystal, folded into the lead's zone."""
    periods = len(electrode.numbers) // len(cell)
    folded_in = np.concatenate([bands(cell, (k + 2 * np.pi * j) / periods, reach) for j in range(periods)])
    crystal = electrode.crystal()
    crystal.pbc[2] = False
    return float(np.abs(np.sort(folded_in) - bands(crystal, k, reach)).max())


def wire_of(cell: Atoms, periods: int, start: int, rng: np.random.Generator) -> Atoms:
    """A bar of a crystal that begins with one of its layers, atoms in any order."""
    bar = cell.repeat((1, 1, periods + 1))
    bar.positions[:, 2] += 1e-9
    layers = np.unique(np.round(cell.positions[:, 2], 3))
    lowest = layers[start % len(layers)] - 0.005
    bar = bar[(bar.positions[:, 2] > lowest) & (bar.positions[:, 2] < lowest + periods * cell.cell[2, 2])]
    bar.cell[2] = 0.0
    bar.pbc = [*cell.pbc[:2], False]
    return bar[rng.permutation(len(bar))]


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_lead_has_the_bands_of_the_crystal(name: str) -> None:
    cell, rng = CRYSTALS[name], np.random.default_rng(3)
    layers = len(np.unique(np.round(cell.positions[:, 2], 3)))
    for start, reach in ((0, 3.4), (1, 5.2), (layers - 1, 3.4)):
        periods = 2 * max(2, int(np.ceil(reach / cell.cell[2, 2])))
        junction = Junction.detect(wire_of(cell, periods, start, rng), reach)
        _, left, right = junction.electrodes()
        for electrode in (left,) if left.key == right.key else (left, right):
            assert electrode.stacking_period_A == pytest.approx(cell.cell[2, 2], abs=1e-8)
            assert electrode.period_layers == layers
            assert electrode.deviation_A < 1e-9
            assert deviation_of_bands(electrode, cell, reach) < 1e-9


@pytest.mark.parametrize("name", ["AuAgAgAu chain", "fcc 111 2x2", "diamond 111", "tube (6, 0)", "hcp"])
def test_two_periods_in_front_of_a_disordered_neck_are_enough_and_a_mirror_exchanges_the_leads(name: str) -> None:
    cell, rng = CRYSTALS[name], np.random.default_rng(5)
    wire = wire_of(cell, 8, 1, rng)
    z, period = wire.positions[:, 2] - wire.positions[:, 2].min(), cell.cell[2, 2]
    neck = (z > 2.999 * period) & (z < 5.0 * period - 0.02)
    wire.positions[neck] += rng.normal(0, 0.15, (neck.sum(), 3))
    wire.positions[~neck] += rng.normal(0, 5e-5, ((~neck).sum(), 3))
    mirrored = wire.copy()
    mirrored.positions[:, 2] *= -1.0
    _, left, right = Junction.detect(wire, 3.4).electrodes()
    _, after, before = Junction.detect(mirrored, 3.4).electrodes()
    for electrode, image in ((left, before), (right, after)):
        assert electrode.stacking_period_A == pytest.approx(period, abs=1e-4)
        assert electrode.stacking_period_A == pytest.approx(image.stacking_period_A, abs=1e-10)
        assert np.abs(bands(electrode.crystal(), 0.7, 3.4) - bands(image.crystal(), -0.7, 3.4)).max() < 1e-9
        assert 1e-5 < electrode.deviation_A < 1e-3


def test_an_armchair_tube_whose_first_layer_is_split_between_both_ends_is_made_whole() -> None:
    tube = nanotube(4, 4, length=8)
    tube.pbc = False
    junction = Junction.detect(tube, 1.6)
    assert junction.joined and junction.electrodes()[1].period_layers == 2
    again = junction.with_positions(tube).electrodes()
    assert np.abs(again[1].place(again[0].atoms.positions[again[0].left]) - again[0].atoms.positions[again[0].left]).max() < 1e-9


@pytest.mark.parametrize("layers", [3, 4, 5])
def test_three_layers_of_fcc_111_are_an_electrode_by_the_step_between_them(layers: int) -> None:
    slab = stack("Au3", D, (0, 0), (1, 2.3556), (2, 4.7112), (0, 7.0668)).repeat((2, 2, 4))
    z = slab.positions[:, 2]
    neck = (z > (layers - 0.5) * 2.3556) & (z < z.max() - (layers - 0.5) * 2.3556)
    slab.positions[neck] += np.random.default_rng(1).normal(0, 0.15, (neck.sum(), 3))
    _, left, _ = Junction.detect(slab, 7.0).electrodes()
    assert (left.layers, left.period_layers, left.copies) == (3, 3, 1)
    assert left.period_A == pytest.approx(7.0668)


def test_a_period_of_one_layer_is_not_taken_from_the_two_like_layers_of_a_longer_one() -> None:
    assert Junction.detect(line("Ag2Au2Ag2Au2", 2.7), 3.0).electrodes()[1].period_layers == 4
    assert Junction.detect(line("Ag8", 2.7), 3.0).electrodes()[1].period_layers == 1
    superlattice = line("Au4Ag4Au4Ag4Au4Ag4", 2.7)
    with pytest.raises(InputError, match=r"two ways.*every 1 layer .* 4 layers.*every 8 layers.*--lead-layers 1 or 8"):
        Junction.detect(superlattice, 3.0)
    assert Junction.detect(superlattice, 3.0, lead_layers=8).electrodes()[2].period_layers == 8
    for cut_short in ("Ag2Au2Ag2AuPt", "Ag2Au2Ag2PtCuAg2Au2Ag2"):
        with pytest.raises(InputError, match=r"longer cell: .* every 1 layer .* 2 layers, and every 4 layers .* 1\.[58] copies"):
            Junction.detect(line(cut_short, 2.7), 3.0)


@pytest.mark.parametrize("displaced", [5, 6, 7, 8])
def test_an_impurity_a_stretched_bond_or_two_barriers_are_no_part_of_the_period_of_a_chain(displaced: int) -> None:
    chain = Atoms("Au14", positions=[[1.2 * (k == displaced), 0, 2.9 * k] for k in range(14)])
    stretched = Atoms("Au14", positions=[[0, 0, 2.9 * k + 0.4 * (k >= displaced)] for k in range(14)])
    barriers = Atoms("Au8AgAu8AgAu8", positions=[[0, 0, 2.9 * k] for k in range(26)])
    for wire in (chain, stretched, barriers):
        for electrode in Junction.detect(wire, 7.7).electrodes()[1:]:
            assert (electrode.layers, electrode.period_layers) == (3, 1)


@pytest.mark.parametrize("gap", [1.0, 3.0, 20.0])
def test_two_equal_electrodes_pulled_apart_are_not_a_crystal_with_a_gap(gap: float) -> None:
    bar = CRYSTALS["fcc 100"].repeat((2, 2, 4))
    bar.pbc[2] = False
    bar.positions[bar.positions[:, 2] > 7.0, 2] += gap
    for electrode in Junction.detect(bar, 7.7).electrodes()[1:]:
        assert (electrode.layers, electrode.period_layers) == (4, 2)


def line(symbols: str, *spacings: float) -> Atoms:
    """A chain along z; the last spacing goes on."""
    n = len(Atoms(symbols))
    steps = [*spacings, *[spacings[-1]] * n][: n - 1]
    return Atoms(symbols, positions=np.column_stack([np.zeros((n, 2)), np.concatenate([[0.0], np.cumsum(steps)])]))


@pytest.mark.parametrize("gap", [0.1, 0.3, 3.0])
def test_like_electrodes_around_an_impurity_or_a_gap_keep_their_short_period(gap: float) -> None:
    slab = CRYSTALS["hcp"].repeat((2, 2, 6))
    slab.numbers[np.rint(slab.positions[:, 2] / 2.6) == 5] = 47
    alloy = line("AuAgAuAgAuAgCAuAgAuAgAuAgAu", 2.8)
    for wire, reach in ((slab, 5.0), (slab, 7.7), (alloy, 3.0), (alloy, 7.7)):
        assert [e.period_layers for e in Junction.detect(wire, reach).electrodes()[1:]] == [2, 2]
    for cell, lead, layers in (("chain", 1, 16), ("chain", 1, 20), ("AuAg chain", 2, 14), ("fcc 100", 2, 14), ("fcc 111", 3, 12)):
        wire = CRYSTALS[cell].repeat((1, 1, layers + 1))
        heights = np.unique(np.round(wire.positions[:, 2], 3)) - 0.1
        wire = wire[wire.positions[:, 2] < heights[layers]]
        wire.cell[2], wire.pbc[2] = 0.0, False
        for above in {4, 5, layers // 2} if cell == "fcc 100" else {layers // 2}:
            pulled = wire.copy()
            pulled.positions[wire.positions[:, 2] > heights[above], 2] += gap
            assert [e.period_layers for e in Junction.detect(pulled, 4.0).electrodes()[1:]] == [lead, lead]


def test_three_layers_before_a_gap_are_no_cell_with_a_gap_and_two_dimers_are() -> None:
    gap = line("Au12", 2.8, 2.8, 3.1, 2.8)
    for reach, stated in ((3.2, r"\(--lead-layers 1 or 3\)"), (9.0, r"too few .* add layers .* \(--lead-layers 3\)")):
        with pytest.raises(InputError, match=f"left electrode can be read in two ways.*{stated}"):
            Junction.detect(gap, reach)
    assert [e.period_layers for e in Junction.detect(gap, 3.2, lead_layers=1).electrodes()[1:]] == [1, 1]
    for spacings in ([1.25, 1.45, 1.25], [1.25, 1.45, 1.25, 1.45, 1.25, 1.25, 1.25, 1.45, 1.25, 1.45, 1.25]):
        dimers = Junction.detect(line(f"C{len(spacings) + 1}", *spacings), 1.6)
        assert [e.period_layers for e in dimers.electrodes()[1:]] == [2, 2]


@pytest.mark.parametrize("name", ["chain", "AuAg chain", "Au3Ag chain", "fcc 100", "fcc 111", "bcc 100", "hcp", "diamond 100"])
def test_only_multiples_of_the_wires_own_period_can_be_stated(name: str) -> None:
    cell, rng = CRYSTALS[name], np.random.default_rng(6)
    true = len(np.unique(np.round(cell.positions[:, 2], 3)))
    for start in {0, true - 1}:
        bar = wire_of(cell, 16 // true + 2, start, rng)
        for stated in range(1, 9):
            if stated % true:
                with pytest.raises(InputError, match=f"end of the wire repeats every {true} layers .*, not every {stated};"):
                    Junction.detect(bar, 3.4, lead_layers=stated)
                continue
            electrode = Junction.detect(bar, 3.4, lead_layers=stated).electrodes()[1]
            assert (electrode.period_layers, electrode.checked) == (stated, True)
            assert deviation_of_bands(electrode, cell, 3.4) < 1e-9


def test_a_period_can_be_stated_and_is_verified() -> None:
    bar = Atoms("AuAgAgAu" * 3, positions=[[0, 0, 2.7 * k] for k in range(12)])
    assert Junction.detect(bar, 7.7, lead_layers=4).electrodes()[1].copies == 3
    with pytest.raises(InputError, match=r"lead_layers: .*has 12"):
        Junction.detect(bar, 7.7, lead_layers=13)
    across = Atoms("Au3", positions=[[0.0, 0.0, 0.02], [2.7, 0.0, 0.08], [5.4, 0.0, 0.06]])
    with pytest.raises(InputError, match="lead_layers: 1 is not the number of layers in a period at the left end"):
        Junction.detect(across, 3.0, lead_layers=1)
    for symbols, layers, reason in (
        ("AuAgAgAuAuAgPt2CuAuAgAgAuAuAg", 3, "layer 5 from the end has Au in the place of Ag"),
        ("AuAgAgAuAuAgPt2CuAuAgAgAuAuAg", 2, "layer 3 from the end has Ag in the place of Au"),
        ("AuAgAuAgAuPt3AuAgAuAgAu", 6, "its outermost 5 repeat every 2 layers .*, and layer 6 .*; state 2"),
    ):
        with pytest.raises(InputError, match=f"lead_layers: {layers} is not .*{reason}"):
            Junction.detect(line(symbols, 2.7), 3.0, lead_layers=layers)
    aside = line("AuAgAgAuPt3AuAgAgAu", 2.7)
    aside.positions[4:7, 0] += 0.9
    near = line("AuAgAgAuPt3AuAgAgAu", 2.7)
    near.positions[4:7, 2] -= 0.4
    with pytest.raises(InputError, match=r"lead_layers: 4 is not .* left end .* layer 5 is nearer"):
        Junction.detect(near, 7.7, lead_layers=4)
    for once in (aside, line("AuAgAgAuPt3AuAgAgAu", 2.7), line("Ag2Au2PtCuPtAg2Au2", 2.7)):
        if once.numbers[0] == 79:
            with pytest.raises(InputError, match="left end of the wire is not a crystalline electrode"):
                Junction.detect(once, 7.7)
        _, left, right = Junction.detect(once, 7.7, lead_layers=4).electrodes()
        assert left.period_A == right.period_A == pytest.approx(10.8) and left.copies == 1
        assert not left.checked and not right.checked
