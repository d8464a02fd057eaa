r"""The Hamiltonian `square_lattice`: ensembles of disordered wires on the square lattice.

.. math:: H = \sum_i \epsilon_i a_i^\dagger a_i - t \sum_{\langle ij \rangle} a_i^\dagger a_j

on L×W sites between clean leads. The on-site energies follow the disorder models of Li, Lu and Zhai, Phys. Rev. B 102, 064205
(2020): in model I every ε_i is uniform in [−w/2, w/2]; in models II to IV a site is an impurity with probability n, itself
uniform in [0, 1] for each wire, and its energy U (II), U/2 or U (III), U/3, 2U/3 or U (IV), each equally likely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.grid_wire import DisorderedWires, GridWire

from sharvin_transport.lattice.configs import SquareLatticeOptions

_KINDS = {"II": 1, "III": 2, "IV": 3}


class SquareLattice:
    """Wires with random on-site energies, or with the user's own.

    Parameters
    ----------
    options : SquareLatticeOptions
    """

    def __init__(self, options: SquareLatticeOptions) -> None:
        self.options = options

    def sample(self, count: int, rng: np.random.Generator, start: int = 0) -> DisorderedWires:
        """`count` wires; of a file those from number `start` on, in its order.

        Raises
        ------
        InputError
            If the file holds fewer wires, or of another size than `length`×`width`.
        """
        options = self.options
        shape = (count, options.length, options.width)
        if options.disorder == "file":
            return DisorderedWires(GridWire(self._from_file(start, count), options.hopping))
        if options.disorder == "I":
            return DisorderedWires(GridWire((rng.random(shape) - 0.5) * options.strength, options.hopping))
        fixed = options.concentration
        concentration = rng.random(count) if fixed is None else np.full(count, fixed)
        occupied = rng.random(shape) < concentration[:, None, None]
        values, probabilities = self.impurities()
        energies = rng.choice(values, size=shape, p=probabilities)
        return DisorderedWires(GridWire(np.where(occupied, energies, 0.0), options.hopping), concentration)

    def impurities(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies of impurities and their probabilities, float64[n_kinds] each."""
        options = self.options
        if options.disorder == "values":
            weights = np.array(options.probabilities or [1.0] * len(options.values))
            return np.array(options.values), weights / weights.sum()
        kinds = _KINDS[options.disorder]
        return options.impurity_energy * np.arange(1, kinds + 1) / kinds, np.full(kinds, 1 / kinds)

    def _from_file(self, start: int, count: int) -> NDArray[np.float64]:
        options, file = self.options, str(self.options.onsite_file)
        try:
            maps = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read as a .npy file: {error}") from None
        if not isinstance(maps, np.ndarray) or maps.dtype.kind not in "fiu":
            raise InputError(f"{file} must hold one array of real numbers (.npy).")
        maps = maps[None] if maps.ndim == 2 else maps
        if maps.ndim != 3 or maps.shape[1:] != (options.length, options.width):
            raise InputError(
                f"{file} holds an array of shape {list(maps.shape)}; on-site maps of this config have the shape "
                f"[n, length, width] = [n, {options.length}, {options.width}]."
            )
        if len(maps) < start + count:
            raise InputError(f"{file} holds {len(maps)} on-site maps; {start + count} were asked for.")
        return np.array(maps[start : start + count], dtype=np.float64)
