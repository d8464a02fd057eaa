"""Structures of the reference set of gold: names, groups, k-points and geometries, in the order in which they are computed.

The list is the same on every machine: it depends on ``SEED`` alone. It is ordered by rounds, and each round holds some
structures of every group, so that the results of an interrupted run are a smaller set of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc100, fcc111

__all__ = ["LATTICE_CONSTANT_A", "Job", "all_jobs"]

SEED = 20
LATTICE_CONSTANT_A = 4.175
"""That of these settings, from the equation of state; slabs and strained crystals start from it."""
BCC_LATTICE_CONSTANT_A = 3.32
VACUUM_A = 4.5
"""Between an atom and the end of the cell, in the directions that are not periodic."""

# k-points by kind of cell. All grids keep off the zone's centre: they converge faster than those that hold it.
PRIMITIVE, STRAINED, TETRAGONAL, CUBIC = (10, 10, 10), (8, 8, 8), (8, 8, 6), (5, 5, 5)
SQUARE_SLAB, HEXAGONAL_SLAB = (12, 12, 1), (10, 10, 1)
NECK_NARROW, NECK_WIDE = (7, 7, 2), (4, 4, 2)


@dataclass(frozen=True, eq=False)
class Job:
    """A structure to compute.

    Parameters
    ----------
    name : str
        Unique.
    group : str
    atoms : ase.Atoms
    kpts : tuple of int
        Monkhorst-Pack grid.
    relax : bool
        Whether the structure is relaxed and each of its steps kept.
    round : int
        Jobs of round 0 come first.
    """

    name: str
    group: str
    atoms: Atoms
    kpts: tuple[int, int, int]
    relax: bool = False
    round: int = 1


def all_jobs() -> list[Job]:
    """Every structure, those of a round alternating between the groups."""
    kinds = [fcc(), fcc100_slabs(), chains(), bcc(), fcc111_slabs(), dimers(), clusters(), fcc_displaced(), necks()]
    queues = [list(kind) for kind in kinds]
    ordered: list[Job] = []
    for number in range(3):
        parts = [[job for job in queue if job.round == number] for queue in queues]
        longest = max(len(part) for part in parts)
        placed = [((i + 0.5) / len(part) * longest, k, job) for k, part in enumerate(parts) for i, job in enumerate(part)]
        ordered += [job for _, _, job in sorted(placed, key=lambda entry: entry[:2])]
    assert len({job.name for job in ordered}) == len(ordered)
    return ordered


def strained(atoms: Atoms, strain: list[list[float]]) -> Atoms:
    """A copy whose cell vectors are ``a (1 + strain)``."""
    made: Atoms = atoms.copy()
    made.set_cell(made.cell.array @ (np.eye(3) + np.array(strain)), scale_atoms=True)
    return made


def tetragonal(e: float) -> list[list[float]]:
    """Stretch of z by ``1 + e`` at constant volume."""
    side = (1 + e) ** -0.5 - 1
    return [[side, 0, 0], [0, side, 0], [0, 0, e]]


def shear(g: float) -> list[list[float]]:
    """Shear of the xy plane by the angle ``g`` at constant volume: g/2 off the diagonal."""
    return [[0, g / 2, 0], [g / 2, 0, 0], [0, 0, 1 / (1 - g * g / 4) - 1]]


def trigonal(e: float) -> list[list[float]]:
    """Shear of all three planes, as a stretch along [111]."""
    return [[0, e, e], [e, 0, e], [e, e, 0]]


def fcc() -> Iterator[Job]:
    """Primitive cells: equation of state, tetragonal, shear and trigonal strains."""
    a0 = LATTICE_CONSTANT_A
    for a in (4.16, 4.06, 4.26, 4.11, 4.21):
        yield Job(f"fcc_a{a:.2f}", "fcc", bulk("Au", a=a), PRIMITIVE, round=0)
    for a in (3.96, 4.38, 3.84, 4.52, 3.72, 4.70):
        yield Job(f"fcc_a{a:.2f}", "fcc", bulk("Au", a=a), PRIMITIVE)
    for e in (0.04, -0.04):
        yield Job(f"fcc_tetragonal_{e:+.2f}", "fcc", strained(bulk("Au", a=a0), tetragonal(e)), STRAINED, round=0)
    for g in (0.06,):
        yield Job(f"fcc_shear_{g:+.2f}", "fcc", strained(bulk("Au", a=a0), shear(g)), STRAINED, round=0)
    for e in (0.10, -0.14):
        yield Job(f"fcc_tetragonal_{e:+.2f}", "fcc", strained(bulk("Au", a=a0), tetragonal(e)), STRAINED)
    for g in (0.14,):
        yield Job(f"fcc_shear_{g:+.2f}", "fcc", strained(bulk("Au", a=a0), shear(g)), STRAINED)
    for e in (0.05, -0.03):
        yield Job(f"fcc_trigonal_{e:+.2f}", "fcc", strained(bulk("Au", a=a0), trigonal(e)), STRAINED)
    for a, e in ((4.02, 0.06), (4.32, -0.06)):
        yield Job(f"fcc_a{a:.2f}_tetragonal_{e:+.2f}", "fcc", strained(bulk("Au", a=a), tetragonal(e)), STRAINED)


def bct(a: float) -> Atoms:
    """Fcc as a body-centred tetragonal cell of two atoms."""
    side = a / 2**0.5
    return Atoms("Au2", cell=[side, side, a], scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], pbc=True)


def moved(atoms: Atoms, displacement: tuple[float, float, float], which: int = 1) -> Atoms:
    """A copy with one atom displaced (Å)."""
    made: Atoms = atoms.copy()
    made.positions[which] += displacement
    return made


def fcc_displaced() -> Iterator[Job]:
    """Fcc cells of two and four atoms out of their places: first along symmetric directions, then at random."""
    rng = np.random.default_rng(SEED)
    patterns = [((0, 0, 0.25), 4.17), ((0.25, 0, 0), 4.17), ((0.2, 0.2, 0), 4.10), ((0.4, 0, 0), 4.22)]
    patterns += [((0, 0, 0.45), 4.28), ((0, 0, 0.15), 3.98)]
    for displacement, a in patterns:
        label = "_".join(f"{x:g}" for x in displacement)
        yield Job(f"fcc_pair_a{a:.2f}_{label}", "fcc", moved(bct(a), displacement), TETRAGONAL)
    for number in range(6):
        cell = bulk("Au", a=float(rng.uniform(4.06, 4.30)), cubic=True)
        cell.positions += rng.normal(0, (0.06, 0.10, 0.15)[number % 3], (4, 3))
        made = strained(cell, np.diag(rng.uniform(-0.04, 0.04, 3)).tolist())
        yield Job(f"fcc_random_{number}", "fcc", made, CUBIC, round=1 if number < 4 else 2)


def bcc() -> Iterator[Job]:
    """Primitive cells of bcc, strained, and two-atom cells with a displaced centre."""
    a0 = BCC_LATTICE_CONSTANT_A
    for a in (3.32, 3.22, 3.44):
        yield Job(f"bcc_a{a:.2f}", "bcc", bulk("Au", "bcc", a=a), PRIMITIVE, round=0)
    for a in (3.12, 3.58, 3.74, 3.02):
        yield Job(f"bcc_a{a:.2f}", "bcc", bulk("Au", "bcc", a=a), PRIMITIVE)
    for e in (-0.06, 0.10):
        yield Job(f"bcc_tetragonal_{e:+.2f}", "bcc", strained(bulk("Au", "bcc", a=a0), tetragonal(e)), STRAINED)
    yield Job("bcc_shear_+0.08", "bcc", strained(bulk("Au", "bcc", a=a0), shear(0.08)), STRAINED)
    cell = bulk("Au", "bcc", a=a0, cubic=True)
    for displacement in ((0, 0, 0.2), (0.2, 0.2, 0), (0.35, 0, 0)):
        label = "_".join(f"{x:g}" for x in displacement)
        yield Job(f"bcc_pair_{label}", "bcc", moved(cell, displacement), (7, 7, 7))


def slab(surface: str, layers: int, a: float = LATTICE_CONSTANT_A) -> Atoms:
    """A 1×1 slab, periodic in x and y."""
    build: Callable[..., Atoms] = {"100": fcc100, "111": fcc111}[surface]
    made = build("Au", (1, 1, layers), a=a, vacuum=VACUUM_A)
    made.pbc = (True, True, False)
    for name in tuple(made.arrays):
        if name not in ("numbers", "positions"):
            del made.arrays[name]
    made.info.clear()
    return made


def with_spacings(atoms: Atoms, changes: list[float]) -> Atoms:
    """A copy whose distances between layers, from the bottom, are changed (Å); the vacuum stays."""
    made: Atoms = atoms.copy()
    rise = np.concatenate([[0.0], np.cumsum(changes)])
    made.positions[np.argsort(made.positions[:, 2]), 2] += rise
    made.center(vacuum=VACUUM_A, axis=2)
    return made


def slabs(surface: str, kpts: tuple[int, int, int], seed: int) -> Iterator[Job]:
    """Ideal slabs of 3–6 layers, one relaxed, others with displaced layers, strained, or moved sideways."""
    group, rng = f"fcc{surface}", np.random.default_rng([SEED, seed])
    yield Job(f"{group}_5_layers", group, slab(surface, 5), kpts, relax=True, round=0)
    for layers in (4, 3, 6):
        yield Job(f"{group}_{layers}_layers", group, slab(surface, layers), kpts, round=2 if layers == 6 else 1)
    for number, (layers, size) in enumerate(((3, 0.15), (4, 0.15), (3, 0.3), (3, 0.2), (4, 0.3))):
        made = with_spacings(slab(surface, layers), rng.normal(0, size, layers - 1).tolist())
        yield Job(f"{group}_spacings_{number}", group, made, kpts)
    for a in (4.04, 4.28):
        made = with_spacings(slab(surface, 3, a=a), rng.normal(0, 0.1, 2).tolist())
        yield Job(f"{group}_a{a:.2f}", group, made, kpts)
    for number in range(3):
        made = with_spacings(slab(surface, 3), rng.normal(0, 0.1, 2).tolist())
        made.positions[-1] += np.array([0.0, 0.25 + 0.15 * number, 0.0])  # one mirror plane stays
        yield Job(f"{group}_sideways_{number}", group, made, kpts, round=1 if number < 1 else 2)


def fcc100_slabs() -> Iterator[Job]:
    """Slabs with (100) surfaces."""
    yield from slabs("100", SQUARE_SLAB, 1)


def fcc111_slabs() -> Iterator[Job]:
    """Slabs with (111) surfaces."""
    yield from slabs("111", HEXAGONAL_SLAB, 2)


def chains() -> Iterator[Job]:
    """Infinite chains along z: straight with equal bonds, straight with alternating bonds, and zigzag."""
    side = 2 * VACUUM_A
    pbc = (False, False, True)
    for number, bond in enumerate((2.6, 2.5, 2.7, 2.9, 2.4, 2.8, 3.1, 2.3, 3.35, 3.6)):
        made = Atoms("Au", cell=[side, side, bond], pbc=pbc)
        made.center()
        yield Job(f"chain_{bond:.2f}", "chain", made, (1, 1, 24), round=0 if number < 5 else 1)
    for short, long in ((2.5, 2.8), (2.5, 3.2), (2.6, 3.6), (2.4, 2.6)):
        made = Atoms("Au2", [(0, 0, 0), (0, 0, short)], cell=[side, side, short + long], pbc=pbc)
        made.center(axis=(0, 1))
        yield Job(f"chain_bonds_{short:.2f}_{long:.2f}", "chain", made, (1, 1, 12))
    for bond, angle in ((2.6, 160), (2.6, 135), (2.7, 110), (2.5, 150), (2.7, 85), (2.65, 60), (2.9, 130)):
        half = np.radians(angle / 2)
        step, wide = float(bond * np.sin(half)), float(bond * np.cos(half))
        made = Atoms("Au2", [(0, 0, 0), (wide, 0, step)], cell=[side + wide, side, 2 * step], pbc=pbc)
        made.center(axis=(0, 1))
        yield Job(f"chain_zigzag_{bond:.2f}_{angle}", "chain", made, (1, 1, 14))


def alone(positions: list[tuple[float, float, float]]) -> Atoms:
    """Atoms in a box with vacuum on all sides, not periodic."""
    made = Atoms(f"Au{len(positions)}", positions)
    made.center(vacuum=VACUUM_A)
    return made


def dimers() -> Iterator[Job]:
    """Pairs of atoms."""
    for number, bond in enumerate((2.5, 2.4, 2.6, 2.8, 2.3, 2.7, 3.0, 2.2, 3.3, 3.6, 2.1, 4.0, 4.5, 5.0)):
        yield Job(f"dimer_{bond:.2f}", "dimer", alone([(0, 0, 0), (0, 0, bond)]), (1, 1, 1), round=0 if number < 4 else 1)


def clusters() -> Iterator[Job]:
    """Three and four atoms: lines, bent lines, triangles, rhombs, squares, tetrahedra, and at random."""
    rng = np.random.default_rng([SEED, 3])
    shapes: dict[str, list[tuple[float, float, float]]] = {}
    for bond, angle in ((2.6, 60), (2.6, 140), (2.6, 180), (2.8, 60), (2.5, 90), (2.9, 180), (2.7, 115)):
        turn = np.radians(angle)
        shapes[f"three_{bond:.2f}_{angle}"] = [(bond, 0, 0), (0, 0, 0), (bond * np.cos(turn), bond * np.sin(turn), 0)]
    for bond, angle in ((2.7, 60), (2.7, 90), (2.85, 75)):
        x, y = bond * np.cos(np.radians(angle / 2)), bond * np.sin(np.radians(angle / 2))
        shapes[f"rhomb_{bond:.2f}_{angle}"] = [(x, 0, 0), (-x, 0, 0), (0, y, 0), (0, -y, 0)]
    for bond in (2.6, 2.75, 3.0):
        d = bond / 8**0.5
        shapes[f"tetrahedron_{bond:.2f}"] = [(d, d, d), (d, -d, -d), (-d, d, -d), (-d, -d, d)]
    for number in range(4):
        shapes[f"random_{number}"] = random_cluster(rng)
    for number, (name, positions) in enumerate(shapes.items()):
        yield Job(f"cluster_{name}", "cluster", alone(positions), (1, 1, 1), round=0 if number < 3 else 1)


def random_cluster(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Four atoms, each 2.4–3.0 Å from the nearest of those before it."""
    found = [np.zeros(3)]
    while len(found) < 4:
        way = rng.normal(size=3)
        new = found[rng.integers(len(found))] + rng.uniform(2.4, 3.0) * way / np.linalg.norm(way)
        if min(float(np.linalg.norm(new - other)) for other in found) > 2.39:
            found.append(new)
    return [(float(x), float(y), float(z)) for x, y, z in found]


def necks() -> Iterator[Job]:
    """One to three atoms in a line between (100) slabs of three layers, periodic along z.

    The transverse cell holds two atoms a layer (``narrow``) or four (``wide``). ``gap`` is the distance from the slab to the
    first atom of the line and ``bond`` the distance within it.
    """
    for atoms_in_line, gap, bond, size in (
        (1, 2.0, 2.6, "narrow"),
        (2, 2.0, 2.6, "narrow"),
        (1, 2.3, 2.6, "narrow"),
        (2, 1.8, 2.9, "narrow"),
        (3, 1.9, 2.65, "narrow"),
        (1, 1.9, 2.6, "wide"),
        (2, 1.9, 2.6, "wide"),
        (2, 2.1, 2.9, "wide"),
    ):
        made = neck(atoms_in_line, gap, bond, wide=size == "wide")
        kpts, later = (NECK_WIDE, 2) if size == "wide" else (NECK_NARROW, 1)
        yield Job(f"neck_{size}_{atoms_in_line}_{gap:.2f}_{bond:.2f}", "neck", made, kpts, round=later)


def neck(atoms_in_line: int, gap: float, bond: float, *, wide: bool) -> Atoms:
    """A line over the fourfold hollow of both surfaces; three layers put both hollows on the same axis."""
    a = LATTICE_CONSTANT_A
    side, half = (a * 2**0.5, a / 2**0.5) if wide else (a, a)
    layers = []
    for number in range(3):
        if wide:
            places = [(i * half, j * half) for i in range(2) for j in range(2)]
            shift = (half / 2, half / 2) if number == 1 else (0.0, 0.0)
        else:
            places = [(0.0, 0.0), (a / 2, a / 2)]
            shift = (a / 2, 0.0) if number == 1 else (0.0, 0.0)
        layers += [(x + shift[0], y + shift[1], number * a / 2) for x, y in places]
    hollow = (half / 2, half / 2) if wide else (a / 2, 0.0)
    line = [(*hollow, a + gap + k * bond) for k in range(atoms_in_line)]
    height = a + 2 * gap + (atoms_in_line - 1) * bond
    made = Atoms(f"Au{len(layers) + len(line)}", layers + line, cell=[side, side, height], pbc=True)
    made.wrap()
    return made
