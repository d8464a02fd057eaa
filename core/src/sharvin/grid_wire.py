r"""The square-lattice wire: :class:`GridWire`, one orbital per site, disorder in the on-site energies.

.. math:: H = \sum_i \epsilon_i a_i^\dagger a_i - t \sum_{\langle ij \rangle} a_i^\dagger a_j

L slices of W sites between two semi-infinite clean leads with on-site energy 0; energies are absolute and the Fermi energy is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, diags_array, eye_array, kron

from sharvin.errors import InputError
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin.words.displayed import Displayed, Fact, counted, span


@dataclass(frozen=True, eq=False, repr=False)
class GridWire(Displayed):
    """Square-lattice wires of one size, one or a whole batch.

    Parameters
    ----------
    onsite : float64[..., L, W]
        On-site energies of the scattering region in eV: L slices along the wire, W sites across it.
    t : float
        Hopping strength in eV; neighbours couple by −t. With the default of 1 eV, energies in eV are those in units of t.
    """

    onsite: NDArray[np.float64]
    t: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("on-site energies", self.onsite), ("the hopping t", self.t)):
            if np.asarray(value).dtype.kind not in "fiub":
                raise InputError(
                    f"{name} of a grid wire must be real numbers, not {np.asarray(value).dtype}; complex on-site energies and "
                    "hoppings need a TwoTerminal."
                )
        onsite = np.ascontiguousarray(self.onsite, dtype=np.float64)
        if onsite.ndim < 2 or 0 in onsite.shape[-2:]:
            raise InputError(
                f"on-site energies of a grid wire need the shape [..., L, W] with L, W ≥ 1, not {list(onsite.shape)}."
            )
        if not np.all(np.isfinite(onsite)):
            raise InputError("on-site energies of a grid wire must be finite numbers.")
        if not (np.isfinite(self.t) and self.t > 0):
            raise InputError(f"the hopping t of a grid wire must be positive, not {self.t}.")
        object.__setattr__(self, "onsite", onsite)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch; () for one wire."""
        return self.onsite.shape[:-2]

    @property
    def length(self) -> int:
        """Slices L of the scattering region."""
        return int(self.onsite.shape[-2])

    @property
    def width(self) -> int:
        """Sites W across the wire."""
        return int(self.onsite.shape[-1])

    def __len__(self) -> int:
        """Number of wires."""
        return int(np.prod(self.batch_shape, dtype=np.int64))

    def _facts(self) -> Sequence[Fact]:
        return [
            ("wires", f"{counted(len(self), 'wire')} of {self.length} × {self.width} sites (length × width)"),
            ("batch shape", str(self.batch_shape)),
            ("hopping", f"{self.t:.4g}"),
            ("on-site energies", span(self.onsite)),
        ]

    def lead(self) -> Lead:
        """The clean lead, one slice per principal layer."""
        w = self.width
        chain = -self.t * (np.eye(w, k=1) + np.eye(w, k=-1))
        return Lead(H00=chain, H01=-self.t * np.eye(w), S00=np.eye(w), S01=np.zeros((w, w)))

    def two_terminal(self, index: int = 0) -> TwoTerminal:
        """Wire `index` of the flattened batch, with one clean slice in front and one behind."""
        if not -len(self) <= index < len(self):
            raise InputError(f"there is no wire {index} in a batch of {len(self)}.")
        onsite = self.onsite.reshape(-1, self.length, self.width)[index]
        lead = self.lead()
        slices = self.length + 2
        energies = np.concatenate([np.zeros(self.width), onsite.ravel(), np.zeros(self.width)])
        inside = block_diag([csr_array(lead.H00)] * slices, format="csr") if self.width > 1 else csr_array((slices, slices))
        along = diags_array([1.0, 1.0], offsets=[1, -1], shape=(slices, slices))
        hopping = kron(along, csr_array(lead.H01), format="csr")
        H = csr_array(inside + hopping + diags_array(energies, format="csr"))
        S = csr_array(eye_array(slices * self.width, format="csr"))
        return TwoTerminal(H=H, S=S, left=lead, right=lead, fermi_energy_eV=0.0)


@dataclass(frozen=True, eq=False, repr=False)
class DisorderedWires(Displayed):
    """Wires drawn from an ensemble.

    Parameters
    ----------
    wires : GridWire
        A batch of shape (count,).
    concentration : float64[count] or None
        Probability with which each site of a wire was made an impurity; None where the ensemble has no such number.
    """

    wires: GridWire
    concentration: NDArray[np.float64] | None = None

    def _facts(self) -> Sequence[Fact]:
        stated = "none stated" if self.concentration is None else span(self.concentration)
        return [("wires", repr(self.wires)), ("concentration", stated)]


Systems = Sequence[TwoTerminal | GridWire] | GridWire
"""What solvers take: a batch of grid wires, or a sequence of systems; each wire of a batch counts as one system."""


def number_of_systems(systems: Systems) -> int:
    """How many systems there are, each wire of a batch counted."""
    if isinstance(systems, GridWire):
        return len(systems)
    return sum(len(system) if isinstance(system, GridWire) else 1 for system in systems)


def two_terminals(systems: Systems) -> Iterator[TwoTerminal]:
    """All systems one by one, grid wires in their two-terminal form, batches in the order of the flattened batch."""
    for system in [systems] if isinstance(systems, GridWire) else systems:
        if isinstance(system, GridWire):
            yield from (system.two_terminal(index) for index in range(len(system)))
        else:
            yield system
