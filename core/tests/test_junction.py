"""Electrodes are found by geometry alone, and a structure that is not a junction is told why."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from sharvin.errors import InputError
from sharvin.junction import Junction

A_GOLD = 4.08


def wire(width: int = 5, layers: int = 5, neck: int = 3, neck_layers: int = 6, a: float = A_GOLD) -> Atoms:
    """Au(100) wire: `layers` layers of width² atoms at both ends, neck of neck² atoms a layer, ABAB stacking along z."""
    d, n_layers = a / np.sqrt(2), 2 * layers + neck_layers
    positions = []
    for k in range(n_layers):
        inside = layers <= k < layers + neck_layers
        size = neck if inside else width
        grid = (np.arange(size) + ((width - neck) // 2 if inside else 0) + 0.5 * (k % 2)) * d
        x, y = np.meshgrid(grid, grid, indexing="ij")
        positions.append(np.column_stack([x.ravel(), y.ravel(), np.full(x.size, k * a / 2)]))
    cell = [width * d, width * d, n_layers * a / 2 + 12.0]
    xyz = np.concatenate(positions)
    return Atoms(f"Au{len(xyz)}", positions=xyz, cell=cell, pbc=[True, True, False])


def test_both_electrodes_of_the_reference_wire_are_four_layers_of_25_atoms() -> None:
    atoms = wire()
    junction = Junction.detect(atoms, 7.7)
    assert len(atoms) == 304
    assert set(junction.left) == set(range(100)) and set(junction.right) == set(range(204, 304))
    assert [junction.left_period_A, junction.right_period_A] == pytest.approx([8.16, 8.16], abs=1e-9)
    left = junction.left_electrode
    assert left is not None and left.order.shape == (5, 5, 4)
    assert np.abs(left.place(atoms.positions[junction.left]) - atoms.positions[junction.left]).max() < 1e-5


@pytest.mark.parametrize(("range_A", "layers"), [(3.0, 2), (4.08, 2), (4.2, 4), (8.16, 4)])
def test_the_principal_layer_is_the_thinnest_that_holds_the_range_and_the_stacking(range_A: float, layers: int) -> None:
    assert len(Junction.detect(wire(3, 5, 1), range_A).left) == 9 * layers


def test_four_ideal_layers_are_enough_for_four() -> None:
    atoms = wire(3, 4, 1)
    rng = np.random.default_rng(1)
    atoms.positions[36:-36] += rng.normal(0, 0.1, (len(atoms) - 72, 3))
    assert Junction.detect(atoms, 7.7).left_period_A == pytest.approx(8.16)


def test_single_precision_snapshots_have_the_very_same_leads() -> None:
    exact, stored = wire(), wire()
    stored.positions[:] = stored.positions.astype(np.float32)
    stored.positions[204:, 2] += np.float32(1.2345)
    a, b = Junction.detect(exact, 7.7), Junction.detect(stored, 7.7)
    assert a.left_electrode is not None and a.right_electrode is not None
    assert b.left_electrode is not None and b.right_electrode is not None
    assert a.left_electrode.key == b.left_electrode.key == b.right_electrode.key == a.right_electrode.key


def test_atom_order_and_wrapping_into_the_cell_do_not_matter() -> None:
    atoms = wire(3, 5, 1)
    shuffled = atoms[np.random.default_rng(3).permutation(len(atoms))]
    shuffled.positions[:, :2] += [1.7, -2.2]
    shuffled.wrap(pbc=[True, True, False])
    a, b = Junction.detect(atoms, 7.7), Junction.detect(shuffled, 7.7)
    assert a.left_electrode is not None and b.left_electrode is not None
    assert np.allclose(a.left_electrode.positions, b.left_electrode.positions, atol=2e-4)
    moved = b.left_electrode.place(shuffled.positions[b.left]) - shuffled.positions[b.left]
    cells = moved[:, :2] / np.diag(atoms.cell)[:2]
    assert np.abs(cells - np.round(cells)).max() < 1e-4


def test_a_chain_in_empty_space_is_an_electrode() -> None:
    chain = Atoms("Au12", positions=[[0, 0, 2.6 * i] for i in range(12)])
    junction = Junction.detect(chain, 7.7)
    assert list(junction.left) == [0, 1, 2] and list(junction.right) == [9, 10, 11]


def test_a_broken_wire_is_still_a_junction() -> None:
    atoms = wire(3, 5, 1)
    atoms.positions[len(atoms) // 2 :, 2] += 30.0
    assert len(Junction.detect(atoms, 7.7).right) == 36


def test_later_frames_need_rigid_electrodes_only() -> None:
    atoms = wire(3, 5, 1)
    junction = Junction.detect(atoms, 7.7)
    later = atoms.copy()
    later.positions[45:-45] += 0.2
    later.positions[-36:, 2] += 1.0
    again, _, right = junction.with_positions(later).electrodes()
    assert np.abs(right.place(later.positions[again.right]) - later.positions[again.right]).max() < 1e-5
    later.positions[junction.right[3], 2] += 0.3
    with pytest.raises(InputError, match="moved against each other"):
        right.place(later.positions[again.right])
    with pytest.raises(InputError, match=r"the right electrode has left its ideal lattice: .* the worst by 0\.29 Å"):
        right.place(later.positions[again.right], "right")
    with pytest.raises(InputError, match="not those of the junction"):
        junction.with_positions(atoms[:-1])


def test_what_is_not_a_junction_is_told_why() -> None:
    with pytest.raises(InputError, match=r"left electrode is too thin: its 3 ideal layers are 6\.12 Å thick.* needs 4 layers"):
        Junction.detect(wire(3, 3, 1), 7.7)
    with pytest.raises(InputError, match="needs 6 layers"):
        Junction.detect(wire(3, 5, 1), 10.3)
    rattled = wire(3, 5, 1)
    rattled.positions += np.random.default_rng(2).normal(0, 0.15, rattled.positions.shape)
    with pytest.raises(InputError, match="left end of the wire is not a crystalline electrode"):
        Junction.detect(rattled, 7.7)
    close = wire(3, 5, 1)
    close.positions[46] = close.positions[45] + [0.0, 0.0, 0.4]
    with pytest.raises(InputError, match=r"atoms Au 4[56] and Au 4[56] overlap: they are 0\.40 Å apart"):
        Junction.detect(close, 7.7)
    periodic = wire(3, 5, 1)
    periodic.pbc = True
    with pytest.raises(InputError, match="periodic along z"):
        Junction.detect(periodic, 7.7)
    with pytest.raises(InputError, match="too short for two electrodes"):
        Junction.detect(wire(3, 3, 3, 0), 7.7)


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_electrode_that_is_not_ideal_says_on_which_side_and_by_how_much(side: str) -> None:
    atoms = wire(3, 5, 1)
    order = np.argsort(atoms.positions[:, 2] if side == "left" else -atoms.positions[:, 2], kind="stable")
    atoms.positions[order[3 * 9], 0] += 0.12
    words = rf"{side} electrode is too thin: its 3 ideal layers .* and layer 4 from the end is 0\.12 Å off its ideal place"
    with pytest.raises(InputError, match=words):
        Junction.detect(atoms, 7.7)
    bent = wire(3, 5, 1)
    bent.positions[order[:9], 0] += np.linspace(-0.2, 0.2, 9)
    with pytest.raises(InputError, match=rf"{side} end of the wire is not a crystalline electrode: .* they are 0\.20 Å off"):
        Junction.detect(bent, 7.7)
