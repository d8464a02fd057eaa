"""Geometries along a trajectory: :class:`Frame`, and :class:`Frames`, a sequence of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from sharvin.errors import InputError
from sharvin.words.displayed import Displayed, Fact, composition, counted, periodicity, span

if TYPE_CHECKING:
    from ase import Atoms


SHOWN_SCALARS = 4
"""Scalars that a frame shows of itself; all are in ``scalars``."""
SHOWN_FRAMES = 100
"""Frames whose elements are looked for, so that a million of them show themselves at once."""


@dataclass(frozen=True, eq=False, repr=False)
class Frame(Displayed):
    """One geometry and the scalars that were measured with it.

    Parameters
    ----------
    numbers : int64[n_atoms]
        Atomic numbers.
    positions : float64[n_atoms, 3]
        Positions in Å; transport is along z.
    cell : float64[3, 3]
        Cell vectors in Å, one per row.
    pbc : bool[3]
        Periodic directions.
    scalars : mapping of str to float
        Unit in the name: ``elongation_A``, ``time_ps``, ``temperature_K``, ``potential_energy_eV``, ``neck_width``
        (atoms; the minimum vertex cut between the electrodes, 0 once the wire is broken), ``conductance_G0`` …
    rigid : bool[n_atoms] or None
        Atoms that dynamics moved as a block or not at all; None where that is not known.
    """

    numbers: NDArray[np.int64]
    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]
    scalars: Mapping[str, float] = field(default_factory=dict)
    rigid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n = len(self.numbers)
        if self.positions.shape != (n, 3):
            raise InputError(f"a frame with {n} atoms needs positions of shape ({n}, 3), not {self.positions.shape}.")
        if self.rigid is not None and self.rigid.shape != (n,):
            raise InputError(f"a frame with {n} atoms needs one flag rigid for each, not an array of shape {self.rigid.shape}.")

    def __len__(self) -> int:
        return len(self.numbers)

    def _facts(self) -> Sequence[Fact]:
        lengths = np.linalg.norm(self.cell, axis=1)
        cell = f"{' × '.join(f'{length:.2f}' for length in lengths)} Å" if lengths.any() else "none"
        rigid = "not known" if self.rigid is None else f"{int(self.rigid.sum()):,} atoms"
        scalars = [f"{name} = {value:.4g}" for name, value in self.scalars.items()]
        more = f" and {len(scalars) - SHOWN_SCALARS} more" if len(scalars) > SHOWN_SCALARS else ""
        return [
            ("atoms", composition(self.numbers)),
            ("cell", f"{cell}, {periodicity(self.pbc)}"),
            ("rigid", rigid),
            ("scalars", ", ".join(scalars[:SHOWN_SCALARS]) + more or "none"),
        ]

    @classmethod
    def from_atoms(cls, atoms: Atoms, **scalars: float) -> Frame:
        """Copy an ASE structure, with its array ``rigid`` if it has one."""
        return cls(
            numbers=np.array(atoms.numbers, dtype=np.int64),
            positions=np.array(atoms.positions, dtype=np.float64),
            cell=np.array(atoms.cell.array, dtype=np.float64),
            pbc=np.array(atoms.pbc, dtype=bool),
            scalars=scalars,
            rigid=np.array(atoms.arrays["rigid"], dtype=bool) if "rigid" in atoms.arrays else None,
        )

    def to_atoms(self) -> Atoms:
        """ASE structure with the scalars in ``atoms.info``."""
        from ase import Atoms

        atoms = Atoms(self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc, info=dict(self.scalars))
        if self.rigid is not None:
            atoms.set_array("rigid", self.rigid)
        return atoms


class Frames(Displayed, Sequence[Frame]):
    """A sequence of frames, of one wire or of many; the sample type of kind ``graph``.

    Slices and index arrays give ``Frames``; an integer gives one :class:`Frame`. Frames are shared, not copied.
    """

    kind = "graph"

    def __init__(self, frames: Iterable[Frame] = ()) -> None:
        self._frames = list(frames)

    @classmethod
    def from_atoms(cls, structures: Iterable[Atoms]) -> Frames:
        """Frames of ASE structures."""
        return cls(Frame.from_atoms(atoms) for atoms in structures)

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice | NDArray[np.int64]) -> Frames: ...
    def __getitem__(self, index: int | slice | NDArray[np.int64]) -> Frame | Frames:
        if isinstance(index, slice):
            return Frames(self._frames[index])
        if isinstance(index, int | np.integer):
            return self._frames[int(index)]
        return Frames(self._frames[i] for i in np.arange(len(self))[index])

    take = __getitem__

    def _facts(self) -> Sequence[Fact]:
        sizes = [len(frame) for frame in self._frames]
        atoms = f" of {span(sizes)} atoms" if sizes else ""
        names = list(dict.fromkeys(name for frame in self._frames[:1] for name in frame.scalars))
        few = self._frames[:SHOWN_FRAMES]
        elements = ", ".join(Frames(few).species()) or "none"
        of_which = f" (of the first {len(few):,} frames)" if len(few) < len(self) else ""
        return [
            ("frames", f"{counted(len(self), 'frame')}{atoms}"),
            ("elements", elements + of_which),
            ("scalars", ", ".join(names[:SHOWN_SCALARS]) + (" …" if len(names) > SHOWN_SCALARS else "") or "none"),
        ]

    def scalar(self, name: str) -> NDArray[np.float64]:
        """Values of one scalar, float64[n_frames]; nan where a frame does not have it."""
        return np.array([frame.scalars.get(name, np.nan) for frame in self._frames], dtype=np.float64)

    def species(self) -> tuple[str, ...]:
        """Chemical symbols that occur, in order of atomic number."""
        from ase.data import chemical_symbols

        numbers = sorted({int(z) for frame in self._frames for z in np.unique(frame.numbers)})
        return tuple(chemical_symbols[z] for z in numbers)
