"""What parts return, checked where the core receives it: third parties' parts may return anything.

Every check costs far less than the call itself. What is wrong is an :class:`~sharvin.errors.ItemError` that names the part's
class and what it returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sharvin.errors import ItemError
from sharvin.frames import Frame, Frames
from sharvin.protocols import Descriptor, Regressor, Structure, TransportSolver
from sharvin.samples import FeatureRows, Features, Images, Prediction, Samples
from sharvin.two_terminal import TwoTerminal

LARGEST_NEGATIVE_T = 1e-6
"""A transmission below zero by more is no rounding."""


def transmission_of(solver: TransportSolver, systems: Any, energies_eV: NDArray[np.float64]) -> NDArray[np.float64]:
    """T(E) of systems by a solver, float64[n_systems, n_energies]; nothing is clipped.

    Parameters
    ----------
    solver : TransportSolver
    systems : sequence of TwoTerminal, or GridWire
    energies_eV : float64[n_energies]

    Raises
    ------
    ItemError
        If the solver returns no float array of that shape, numbers that are not finite, or numbers below −10⁻⁶.
    """
    found: Any = solver.transmission(systems, energies_eV)
    wanted = (len(systems), len(energies_eV))
    said = f"{type(solver).__name__}.transmission returned"
    if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating) or found.shape != wanted:
        raise ItemError(f"{said} {described_value(found)}, not a float array of the shape {wanted} [systems, energies].")
    if not np.isfinite(found).all():
        raise ItemError(f"{said} numbers that are not finite.")
    if found.min(initial=0.0) < -LARGEST_NEGATIVE_T:
        raise ItemError(f"{said} a negative transmission, {found.min():.4g}.")
    return found


def built_atoms(structure: Structure, rng: np.random.Generator) -> Atoms:
    """The atoms that a structure builds.

    Raises
    ------
    ItemError
        If they are no ``ase.Atoms``, or none.
    """
    atoms: Any = structure.build(rng)
    if not isinstance(atoms, Atoms) or not len(atoms):
        raise ItemError(f"{type(structure).__name__}.build returned {described_value(atoms)}, not an ase.Atoms with atoms.")
    return atoms


def finite_frames(dynamics: Any, frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames of a dynamics.

    Raises
    ------
    ItemError
        If there is no frame, something else than a frame, or positions that are not numbers.
    """
    said, number = f"{type(dynamics).__name__}.run", -1
    if not isinstance(frames, Iterable):
        raise ItemError(f"{said} returned {described_value(frames)}, not an iterator of frames.")
    for number, frame in enumerate(frames):
        if not isinstance(frame, Frame):
            raise ItemError(f"{said} gave {described_value(frame)} and not a Frame as frame {number}.")
        if not np.isfinite(frame.positions).all():
            raise ItemError(f"the dynamics gave positions that are not finite in frame {number}.")
        yield frame
    if number < 0:
        raise ItemError(f"{said} gave no frame.")


def device_of(hamiltonian: Any, found: Any) -> TwoTerminal:
    """What a Hamiltonian gave for a junction; :class:`ItemError` if that is no :class:`TwoTerminal`."""
    if not isinstance(found, TwoTerminal):
        raise ItemError(f"{type(hamiltonian).__name__} gave {described_value(found)} for a junction, not a TwoTerminal.")
    return found


def features_of(descriptor: Descriptor, frames: Frames) -> Any:
    """Features of frames by a descriptor.

    Raises
    ------
    ItemError
        If they are no features, of another number of structures, or not finite numbers.
    """
    found: Any = descriptor.describe(frames)
    said = f"{type(descriptor).__name__}.describe returned"
    if not isinstance(found, FeatureRows | Images):
        raise ItemError(f"{said} {described_value(found)}, not Features or Images.")
    if len(found) != len(frames):
        raise ItemError(f"{said} features of {len(found)} structures for {len(frames)}.")
    if isinstance(found, Features | Images) and not np.isfinite(found.values).all():
        raise ItemError(f"{said} numbers that are not finite.")
    return found


def prediction_of(regressor: Regressor, samples: Samples) -> Prediction:
    """What a fitted regressor predicts of samples.

    Raises
    ------
    ItemError
        If that is no :class:`Prediction`, or not one finite number for each sample; and one that is not negative for each
        standard deviation.
    """
    found: Any = regressor.predict(samples)
    said = f"{type(regressor).__name__}.predict returned"
    if not isinstance(found, Prediction):
        raise ItemError(f"{said} {described_value(found)}, not a Prediction.")
    for name, values in ({"mean": found.mean} | ({} if found.std is None else {"std": found.std})).items():
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != (len(samples),):
            raise ItemError(f"{said} {described_value(values)} as {name}, not a float array of the shape ({len(samples)},).")
        if not np.isfinite(values).all():
            raise ItemError(f"{said} a {name} that is not a finite number; a lower learning rate may help if it was trained.")
    if found.std is not None and found.std.min(initial=0.0) < 0:
        raise ItemError(f"{said} a negative standard deviation, {found.std.min():.4g}.")
    return found


def described_value(value: Any) -> str:
    """What a value is, in few words."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of the shape {value.shape}"
    kind = type(value).__name__
    article = "an" if kind[0].lower() in "aeiou" else "a"
    return f"{article} {kind}" + (f" of length {len(value)}" if isinstance(value, Sized) and not isinstance(value, str) else "")
