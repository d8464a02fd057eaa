r"""Transverse Bloch states of a lead: matrices and waves between them and real space.

With c the N cells of the lead's cross-section, a matrix that is block-diagonal in the states k is
:math:`h_{c c'} = \frac{1}{N} \sum_k e^{2\pi i k \cdot (c - c')} h_k`. A real lead has :math:`h_{-k} = h_k^*`; of each pair one
state is kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sharvin.devices.transverse_states import Complexes, kept_states
from sharvin.two_terminal import Lead, Supercell

Array = NDArray[Any]


class Transverse:
    """The kept transverse Bloch states of a lead; one state, the whole cross-section, where it has no smaller cell.

    Parameters
    ----------
    lead : Lead
    """

    def __init__(self, lead: Lead) -> None:
        self.size = lead.size
        self.real = not any(np.iscomplexobj(block) for block in (lead.H00, lead.H01, lead.S00, lead.S01))
        self.keep, self.weights = kept_states(lead)
        self._supercell = lead.supercell
        n1, n2 = lead.supercell.repeats if lead.supercell else (1, 1)
        i, j = np.divmod(np.arange(n1 * n2), n2)
        a, b = np.divmod(self.keep, n2)
        self._phase = np.exp(2j * np.pi * (np.outer(a, i) / n1 + np.outer(b, j) / n2))
        self._order = lead.supercell.orbitals.reshape(-1) if lead.supercell else np.arange(lead.size)

    def is_own_opposite(self, state: int) -> bool:
        """Whether a kept state of a real lead has k = −k, so that its waves can be real."""
        return bool(self.real and self.weights[state] == 1)

    def wave(self, state: int, u: Array) -> Array:
        """Columns in real space of columns u [m, c] of a kept state, with those of its opposite where it has one.

        Of a pair k, −k the columns are √2 [Re, Im], which span the same w w† as the two complex ones.
        """
        phase = self._phase[state] / np.sqrt(self._phase.shape[1])
        phase = phase.real if self.is_own_opposite(state) else phase
        wave = np.empty((self.size, u.shape[1]), dtype=np.result_type(phase, u))
        wave[self._order] = (phase[:, None, None] * u[None]).reshape(self.size, -1)
        return np.sqrt(2.0) * np.concatenate([wave.real, wave.imag], axis=1) if self.weights[state] == 2 else wave

    def in_real_space(self, blocks: Array) -> Array:
        """A Hermitian matrix [n, n] given in its kept states [n_kept, m, m]; real for a real lead."""
        if self._supercell is None:
            return np.ascontiguousarray(blocks[0].real) if self.real else blocks[0]
        n1, n2 = self._supercell.repeats
        full = np.empty((n1 * n2, *blocks.shape[1:]), dtype=np.complex128)
        opposite = (-(self.keep // n2) % n1) * n2 + (-(self.keep % n2)) % n2
        full[opposite] = blocks.transpose(0, 2, 1)  # of a real lead: h(−k) = h(k)ᵀ
        full[self.keep] = blocks
        return fold(full, self._supercell, self.real)

    def product(self, blocks: Array, columns: Array, vectors: Array) -> Array:
        """Rows `columns` of h v, for v [n, r] that is zero but in the rows `columns`, given there."""
        if self._supercell is None:
            return np.asarray(blocks[0][np.ix_(columns, columns)] @ vectors)
        if self.real and np.iscomplexobj(vectors):
            parts = [self.product(blocks, columns, np.ascontiguousarray(part)) for part in (vectors.real, vectors.imag)]
            return np.asarray(parts[0] + 1j * parts[1])
        r = vectors.shape[1]
        cells, m = self._phase.shape[1], blocks.shape[1]
        full = np.zeros((self.size, r), dtype=vectors.dtype)
        full[columns] = vectors
        by_cell = full[self._order].reshape(cells, m * r)
        if not self.real:
            states = (self._phase.conj() @ by_cell).reshape(-1, m, r)
            back = (self._phase.T @ (blocks @ states).reshape(-1, m * r)) / cells
        else:
            states = np.empty((len(self.keep), m, r), dtype=np.complex128)
            states.real = (self._phase.real @ by_cell).reshape(-1, m, r)
            states.imag = (-self._phase.imag @ by_cell).reshape(-1, m, r)
            turned = (blocks @ states).reshape(-1, m * r)
            weighted = self._phase * (self.weights / cells)[:, None]
            back = weighted.real.T @ np.ascontiguousarray(turned.real) - weighted.imag.T @ np.ascontiguousarray(turned.imag)
        out = np.empty((self.size, r), dtype=back.dtype)
        out[self._order] = back.reshape(self.size, r)
        return out[columns]


def fold(bloch: Complexes, supercell: Supercell, real: bool = False) -> NDArray[np.float64] | Complexes:
    """The block [n, n] in real space of Bloch blocks; inverse of :func:`sharvin.devices.transverse_states.unfold`.

    With `real`, its real part only.
    """
    n1, n2 = supercell.repeats
    m = supercell.orbitals.shape[2]
    cells = np.fft.fft2(bloch.reshape(n1, n2, m, m), axes=(0, 1)).reshape(-1) / (n1 * n2)
    return np.asarray((np.ascontiguousarray(cells.real) if real else cells)[_places(supercell)])


@lru_cache(maxsize=2)
def _places(supercell: Supercell) -> NDArray[np.intp]:
    """Where each element of a folded block stands among the blocks between cells, intp[n, n]."""
    n1, n2 = supercell.repeats
    m = supercell.orbitals.shape[2]
    i, j = np.divmod(np.arange(n1 * n2, dtype=np.int32), np.int32(n2))
    distance = ((i[None] - i[:, None]) % n1) * n2 + (j[None] - j[:, None]) % n2
    cell, orbital = np.empty((2, n1 * n2 * m), dtype=np.int32)
    cell[supercell.orbitals.reshape(-1)] = np.repeat(np.arange(n1 * n2), m)
    orbital[supercell.orbitals.reshape(-1)] = np.tile(np.arange(m), n1 * n2)
    return np.asarray(distance[cell[:, None], cell] * (m * m) + orbital[:, None] * m + orbital, dtype=np.intp)
