"""Lines ``symfunction_short`` of ``input.nn``."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import chemical_symbols

from sharvin_descriptors.hdnnp.input_nn import Setting, Settings
from sharvin_descriptors.symmetry_functions.definitions import COMPACT_TYPES, RADIAL, SUBTYPES, TYPES, WEIGHTED, AtomFunction


def read_function(
    settings: Settings, setting: Setting, numbers: Sequence[int], length_A: float, cutoff_type: int, alpha: float
) -> AtomFunction:
    """The function of a line: element, type, elements of the neighbours, parameters.

    Parameters
    ----------
    settings, setting
        The file, and the line.
    numbers : sequence of int
        Atomic numbers of the network's elements.
    length_A : float
        Unit of length of the file.
    cutoff_type, alpha
        Cutoff function of all Gaussians.

    Raises
    ------
    InputError
        If the type is not known, or values are missing or impossible.
    """
    words = setting.values
    if len(words) < 2 or not words[1].isdigit() or int(words[1]) not in TYPES:
        known = ", ".join(map(str, sorted(TYPES)))
        kind = words[1] if len(words) > 1 else "nothing"
        raise settings.wrong(setting, f"a symmetry function of type {kind} is not supported; {known} are")
    centre, type_ = settings.element(setting, words[0], numbers), int(words[1])
    n_neighbours = 0 if type_ in WEIGHTED else 1 if type_ in RADIAL else 2
    if len(words) < 2 + n_neighbours + _fewest(type_):
        raise settings.wrong(
            setting, f"a symmetry function of type {type_} needs {n_neighbours + _fewest(type_)} values after it"
        )
    neighbours = tuple(sorted(settings.element(setting, symbol, numbers) for symbol in words[2 : 2 + n_neighbours]))
    place = 2 + n_neighbours
    if type_ in COMPACT_TYPES:
        return _compact(settings, setting, type_, centre, neighbours, place, length_A)
    values = settings.as_numbers(setting, place, min(len(words), place + 5))
    if type_ in (2, 12):
        eta, shift, cutoff = values[:3]
        lam, zeta = 0.0, 1.0
    elif type_ == 13:
        eta, shift, lam, zeta, cutoff = values
    else:
        eta, lam, zeta, cutoff = values[:4]
        shift = values[4] if len(values) > 4 else 0.0
    if cutoff <= 0.0 or zeta < 0.0:
        raise settings.wrong(setting, "a cutoff must be positive, and ζ not negative")
    return AtomFunction(
        type_,
        centre,
        neighbours,
        cutoff * length_A,
        eta / length_A**2,
        shift * length_A,
        lam,
        zeta,
        cutoff_type=cutoff_type,
        cutoff_alpha=alpha,
    )


def _fewest(kind: int) -> int:
    if kind in COMPACT_TYPES:
        return 3 if kind in RADIAL else 5
    return 3 if kind in RADIAL else 5 if kind == 13 else 4


def _compact(
    settings: Settings, setting: Setting, kind: int, centre: int, neighbours: tuple[int, ...], place: int, length_A: float
) -> AtomFunction:
    count = 2 if kind in RADIAL else 4
    left, right, *angles = settings.as_numbers(setting, place, place + count)
    subtype = setting.values[place + count]
    if subtype not in SUBTYPES:
        raise settings.wrong(setting, f"a compact function of subtype {subtype!r} is not known; {', '.join(SUBTYPES)} are")
    if left >= right:
        raise settings.wrong(setting, f"a compact function from {left:g} to {right:g} is empty")
    if angles and angles[0] >= angles[1]:
        raise settings.wrong(setting, f"an angular function from {angles[0]:g}° to {angles[1]:g}° is empty")
    return AtomFunction(
        kind,
        centre,
        neighbours,
        right * length_A,
        inner_A=left * length_A,
        angles_deg=(angles[0], angles[1]) if angles else (0.0, 180.0),
        subtype=subtype,
    )


def function_line(function: AtomFunction) -> str:
    """The line of a function, in Å."""
    symbols = " ".join(chemical_symbols[z] for z in function.neighbours)
    head = f"symfunction_short {chemical_symbols[function.centre]} {function.type} {symbols}".rstrip()
    f = function
    values: tuple[float, ...]
    if function.type in COMPACT_TYPES:
        values = (f.inner_A, f.cutoff_A) if function.radial else (f.inner_A, f.cutoff_A, *f.angles_deg)
        return f"{head} {' '.join(map(repr, values))} {f.subtype}"
    if function.radial:
        values = (f.eta_per_A2, f.shift_A, f.cutoff_A)
    elif function.type == 13:
        values = (f.eta_per_A2, f.shift_A, f.lam, f.zeta, f.cutoff_A)
    else:
        values = (f.eta_per_A2, f.lam, f.zeta, f.cutoff_A, f.shift_A)
    return f"{head} {' '.join(map(repr, values))}"
