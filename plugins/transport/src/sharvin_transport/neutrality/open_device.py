r"""A device open to its leads: the frame in which its Mulliken populations on a contour follow from on-site shifts.

With on-site shifts u (of orbitals; zero in the leads), :math:`H_{kl} \to H_{kl} + \tfrac12 S_{kl} (u_k + u_l)`, and
*K = z S − H*, *A* and *A'* the device's coupling K to a lead's last layer and back, and *g* that layer's Green function,

.. math:: G = \Big(K - \sum_{LR} A g A'\Big)^{-1} .

Only the elements of G where S is not zero are needed: elimination of the blocks of
:class:`~sharvin_transport.block_tridiagonal.interior.Interior` gives them. A shift changes A by −½ u S_lead, so S g S†, S g A',
A g S† and A g A' of the unshifted device are all that is needed of g, once a snapshot.

The anti-Hermitian part of each principal submatrix of G⁻¹ is definite in the upper half plane where S is, so blocks may be
eliminated without pivoting between them. Single precision leaves 1e-5 electrons.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import ItemError
from sharvin.two_terminal import TwoTerminal

from sharvin_transport.block_tridiagonal.elimination import Coupling, SingularBlock
from sharvin_transport.block_tridiagonal.interior import Interior
from sharvin_transport.block_tridiagonal.selected_inverse import selected_inverse
from sharvin_transport.neutrality.contour import Contour
from sharvin_transport.neutrality.lead_terms import nonzero_span

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Singles = NDArray[np.complex64]
RealSingles = NDArray[np.float32]


class Populated(Protocol):
    """A device whose populations follow from on-site shifts."""

    def populations(self, shifts: Floats) -> Floats:
        """Electrons of each atom, float64[atoms], with shifts float64[atoms] in eV."""
        ...

    def response(self, shifts: Floats) -> Floats:
        """Their derivatives, float64[atoms, atoms], in electrons per eV."""
        ...


class LeadTerms(Protocol):
    """What a lead adds to the `rows` of the device that touch it, at each node of the contour."""

    @property
    def rows(self) -> slice:
        """From the first to the last row that touches the lead."""
        ...

    def self_energy(self, p: int, u: RealSingles) -> Singles:
        """A g A' [r, r] with shifts u float32[r] of the rows, at node p."""
        ...


Terms = TypeVar("Terms", bound=LeadTerms)


class OpenDevice(ABC, Generic[Terms]):
    """A two-terminal device, open to its leads.

    Parameters
    ----------
    system : TwoTerminal
        Without shifts.
    atom : int64[n]
        For each orbital of the device the number of the atom whose shift it takes, −1 for none.
    contour : Contour
    surfaces : tuple of complex64[n_points, m, m]
        Green functions of the left and the right lead's surface, real-space orbitals.
    former : OpenDevice, optional
        A similar geometry with the same leads and contour; what its rigid atoms share with this one is taken from it.
    """

    single: ClassVar[type]
    """Number type of H and S."""
    symmetric: ClassVar[bool]
    """Whether G is."""
    share: ClassVar[float]
    """Weight of each of the terms whose sum is what is counted."""

    def __init__(
        self,
        system: TwoTerminal,
        atom: Integers,
        contour: Contour,
        surfaces: tuple[Singles, Singles],
        former: OpenDevice[Terms] | None = None,
    ) -> None:
        interior = Interior.of(system)
        self.contour = contour
        self.bounds = interior.bounds
        whole = self.bounds[-1] == system.size
        self.atom = atom if whole else atom[system.left.size : system.size - system.right.size]
        self.atoms = int(atom.max()) + 1
        self._diagonal = [self._singles(pair) for pair in interior.diagonal]
        self._above: list[tuple[slice, slice, Array, Array]] = []
        for h, s in interior.above:
            used = (h != 0) | (s != 0)
            rows, columns = nonzero_span(used.any(axis=1)), nonzero_span(used.any(axis=0))
            self._above.append((rows, columns, *self._singles((h[rows, columns], s[rows, columns]))))
        owners = (self.atom[: self.bounds[1]], self.atom[self.bounds[-2] :])
        sides = (None, None) if former is None else (former.left, former.right)
        self.left = self._terms(interior.left, owners[0], surfaces[0], contour, sides[0])
        self.right = self._terms(interior.right, owners[1], surfaces[1], contour, sides[1])

    def populations(self, shifts: Floats) -> Floats:
        """Mulliken populations float64[atoms] with shifts float64[atoms] in eV."""
        u = self._orbital_shifts(shifts)
        h_diagonal = [h + half_sum(s, part, part) for (h, s), part in zip(self._diagonal, u, strict=True)]
        h_above = [h + half_sum(s, u[b][rows], u[b + 1][columns]) for b, (rows, columns, h, s) in enumerate(self._above)]
        total = [np.zeros(len(part)) for part in u]
        for p in range(len(self.contour.nodes)):
            z, weight = np.complex64(self.contour.nodes[p]), self.share * self.contour.weights[p]
            blocks = [z * s - h for (_, s), h in zip(self._diagonal, h_diagonal, strict=True)]
            above = []
            for (rows, columns, _, s), h in zip(self._above, h_above, strict=True):
                onward = z * s - h
                above.append(Coupling(columns, onward, rows, self._back(onward, z, h, s)))
            self._subtract_self_energies(blocks, p, u)
            with _regular():
                own, next_to = selected_inverse(blocks, above, self.symmetric)
            for b, green in enumerate(own):
                total[b] += (weight * self._held(green, self._diagonal[b][1])).imag
            for terms, b in ((self.left, 0), (self.right, -1)):
                outside = self._shared_with_lead(own[b][terms.rows, terms.rows], terms, p, u[b][terms.rows])
                total[b][terms.rows] -= (weight * outside).imag
            for b, (rows, columns, _, s) in enumerate(self._above):
                product = self._between(next_to[b], s)
                total[b][rows] += (weight * product.sum(axis=1)).imag
                total[b + 1][columns] += (weight * product.sum(axis=0)).imag
        return np.asarray(sums_by_atom(np.concatenate(total), self.atom, self.atoms))

    def response(self, shifts: Floats) -> Floats:
        """∂n_i/∂U_j, float64[atoms, atoms], in electrons per eV, without what goes through the leads' overlaps."""
        u = self._orbital_shifts(shifts)
        h, s = self._dense()
        flat = np.concatenate(u)
        h += half_sum(s, flat, flat)
        total = np.zeros((self.atoms, self.atoms))
        for p, (z, weight) in enumerate(zip(self.contour.nodes, self.contour.weights, strict=True)):
            k = np.complex64(z) * s - h
            views = [k[a:b, a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
            self._subtract_self_energies(views, p, u)
            with _regular():
                product = self._responses(k, s)
            by_row = sums_by_atom(product, self.atom, self.atoms)
            total += (0.5 * self.share * weight * sums_by_atom(by_row.T, self.atom, self.atoms).T).imag
        return total

    @abstractmethod
    def _terms(
        self, coupling: tuple[Array, Array], atom: Integers, surface: Singles, contour: Contour, former: Terms | None
    ) -> Terms:
        """From the coupling (H, S) of the device to a lead's layer and its Green functions [n_points, m, m].

        `atom` is the atom of each row, `former` what a similar geometry had here.
        """

    @abstractmethod
    def _back(self, onward: Singles, z: np.complex64, h: Array, s: Array) -> Singles:
        """K from the next block back, complex64[c, r], where K onward is z S − H."""

    @abstractmethod
    def _held(self, green: Singles, s: Array) -> Singles:
        """What the orbitals of a block hold by its own elements of G and S, complex64[n]."""

    @abstractmethod
    def _shared_with_lead(self, green: Singles, terms: Terms, p: int, u: RealSingles) -> Singles:
        """The same by the overlap of the rows with a lead's layer, complex64[r]."""

    @abstractmethod
    def _between(self, green: tuple[Singles, Singles], s: Array) -> Singles:
        """The same by each element of the overlap S of a block with the next one, complex64[r, c]; G onward and back is given."""

    @abstractmethod
    def _responses(self, inverse: Singles, s: Array) -> Singles:
        """Twice what the populations of orbitals respond to shifts of orbitals, complex64[n, n], from G⁻¹ and S."""

    def _singles(self, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        h, s = pair
        return h.astype(self.single), s.astype(self.single)

    def _dense(self) -> tuple[Array, Array]:
        """H and S without shifts, [n, n]."""
        n = int(self.bounds[-1])
        h: Array = np.zeros((n, n), dtype=self.single)
        s = np.zeros_like(h)
        for b, (own_h, own_s) in enumerate(self._diagonal):
            part = slice(self.bounds[b], self.bounds[b + 1])
            h[part, part], s[part, part] = own_h, own_s
        for b, (rows, columns, next_h, next_s) in enumerate(self._above):
            i, j = _moved(rows, self.bounds[b]), _moved(columns, self.bounds[b + 1])
            h[i, j], s[i, j], h[j, i], s[j, i] = next_h, next_s, next_h.conj().T, next_s.conj().T
        return h, s

    def _subtract_self_energies(self, blocks: Sequence[Singles], p: int, u: list[RealSingles]) -> None:
        for terms, b in ((self.left, 0), (self.right, -1)):
            blocks[b][terms.rows, terms.rows] -= terms.self_energy(p, u[b][terms.rows])

    def _orbital_shifts(self, shifts: Floats) -> list[RealSingles]:
        flat = np.where(self.atom >= 0, shifts[self.atom], 0.0).astype(np.float32)
        return [flat[a:b] for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]


@dataclass(frozen=True, eq=False)
class SampledDevice:
    """The mean over transverse k-points of devices that share their shifts; the weights' sum is 1."""

    weights: tuple[float, ...]
    devices: tuple[Populated, ...]

    def populations(self, shifts: Floats) -> Floats:
        """Electrons of each atom, float64[atoms]."""
        parts = [weight * device.populations(shifts) for weight, device in zip(self.weights, self.devices, strict=True)]
        return np.asarray(np.sum(parts, axis=0))

    def response(self, shifts: Floats) -> Floats:
        """Their derivatives, float64[atoms, atoms], in electrons per eV."""
        parts = [weight * device.response(shifts) for weight, device in zip(self.weights, self.devices, strict=True)]
        return np.asarray(np.sum(parts, axis=0))


@contextmanager
def _regular() -> Iterator[None]:
    """Say what a singular block means here."""
    try:
        yield
    except SingularBlock:
        raise ItemError(
            "the Green function of the device is singular on the contour; its overlap matrix is not positive definite, so some "
            "atoms are too close for this table."
        ) from None


def sums_by_atom(values: NDArray[Any], atom: NDArray[np.int64], atoms: int) -> NDArray[Any]:
    """Sums over the orbitals of each of so many atoms that take a shift, along the first axis.

    `atom` int64[n] is the atom of each orbital, −1 for none; an atom's orbitals are contiguous.
    """
    chosen = np.flatnonzero(atom >= 0)
    starts = np.flatnonzero(np.diff(atom[chosen], prepend=-1))
    out = np.empty((atoms, *values.shape[1:]), dtype=values.dtype)
    out[atom[chosen][starts]] = np.add.reduceat(values[chosen], starts, axis=0)
    return out


def half_sum(s: NDArray[Any], u: NDArray[np.float32], v: NDArray[np.float32]) -> NDArray[Any]:
    """What shifts u of the rows and v of the columns, in eV, add to H where the overlap is s."""
    return np.asarray(s * (0.5 * (u[:, None] + v[None, :])))


def _moved(part: slice, offset: int) -> slice:
    return slice(part.start + int(offset), part.stop + int(offset))
