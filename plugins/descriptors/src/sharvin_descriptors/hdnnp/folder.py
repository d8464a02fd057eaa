"""n2p2's folder of a network: ``input.nn``, ``scaling.data`` and one ``weights.ZZZ.data`` per element, read and written.

The files say nothing of their units; the caller does. Symmetry functions stand in n2p2's order, whatever the order of the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from ase.data import chemical_symbols
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from sharvin.errors import InputError
from sharvin.runs.atomic import write_bytes
from sharvin.runs.model_description import DESCRIPTION

from sharvin_descriptors.hdnnp.function_lines import function_line, read_function
from sharvin_descriptors.hdnnp.input_nn import Settings, read_settings
from sharvin_descriptors.hdnnp.model import ElementModel, HdnnpModel, Scaling, ScalingMode
from sharvin_descriptors.hdnnp.networks import ACTIVATIONS, Topology
from sharvin_descriptors.symmetry_functions.definitions import AtomFunction

Floats = NDArray[np.float64]
SETTINGS, SCALING = "input.nn", "scaling.data"
CLOSEST = "shortest_training_distance_A"
LETTERS = frozenset(ACTIVATIONS.values())


@dataclass(frozen=True)
class Units:
    """Units of a network's files, in eV and Å."""

    energy_eV: float
    length_A: float


UNITS: dict[Literal["metal", "atomic"], Units] = {"metal": Units(1.0, 1.0), "atomic": Units(Hartree, Bohr)}


def read_folder(folder: Path, units: Literal["metal", "atomic"]) -> HdnnpModel:
    """The potential in a folder.

    Parameters
    ----------
    folder : Path
    units : "metal" or "atomic"
        Whether the network was trained in eV and Å or in Hartree and Bohr.

    Raises
    ------
    InputError
        If a file is missing, cut off or does not fit the others, or a keyword is not supported; it names file and line.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} with a neural-network potential.")
    settings = read_settings(folder / SETTINGS)
    unit = UNITS[units]
    numbers = _elements(settings)
    functions = _functions(settings, numbers, unit.length_A)
    topologies = _topologies(settings, numbers, functions)
    scalings = _scalings(folder / SCALING, settings, numbers, functions)
    mean, conversion = _normalisation(settings)
    offsets = _atom_energies(settings, numbers)
    elements = tuple(
        ElementModel(
            z,
            tuple(functions[z]),
            scalings[z],
            topologies[z],
            _read_weights(folder / weights_name(z), topologies[z]),
            (offsets[z] + mean) * unit.energy_eV,
        )
        for z in numbers
    )
    return HdnnpModel(elements, unit.energy_eV / conversion, _closest_A(folder))


def _closest_A(folder: Path) -> float:
    """What the description of a network that was trained here says of the shortest distance in its training data."""
    try:
        found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return float(found[CLOSEST])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def weights_name(number: int) -> str:
    """Name of the file of an element's weights."""
    return f"weights.{number:03d}.data"


def _elements(settings: Settings) -> list[int]:
    setting = settings.one("elements", 1)
    numbers = sorted({settings.element(setting, symbol) for symbol in setting.values})
    if len(numbers) != len(setting.values):
        raise settings.wrong(setting, "an element is listed twice")
    counted = settings.one("number_of_elements", 1)
    if settings.as_numbers(counted, 0, 1)[0] != len(numbers):
        raise settings.wrong(counted, f"number_of_elements is {counted.values[0]}, but {len(numbers)} are listed")
    return numbers


def _functions(settings: Settings, numbers: Sequence[int], length_A: float) -> dict[int, list[AtomFunction]]:
    cut = settings.one("cutoff_type", 1)
    count = min(len(cut.values), 2)
    kind, *alpha = settings.as_numbers(cut, 0, count)
    if kind not in range(9):
        raise settings.wrong(cut, f"cutoff_type {cut.values[0]} is not known; 0 to 8 are")
    inner = alpha[0] if alpha else settings.number("cutoff_alpha", 0.0)
    if not 0.0 <= inner < 1.0:
        raise settings.wrong(cut, f"the inner cutoff must be a part of the cutoff from 0 to below 1, not {inner:g}")
    result: dict[int, list[AtomFunction]] = {z: [] for z in numbers}
    settings.one("symfunction_short")
    for setting in settings.found["symfunction_short"]:
        function = read_function(settings, setting, numbers, length_A, int(kind), inner)
        result[function.centre].append(function)
    for z, functions in result.items():
        if not functions:
            raise InputError(f"{settings.path} has no symmetry functions of {chemical_symbols[z]}.")
        functions.sort(key=AtomFunction.sorting_key)
    return result


def _topologies(settings: Settings, numbers: Sequence[int], functions: dict[int, list[AtomFunction]]) -> dict[int, Topology]:
    counted = settings.one("global_hidden_layers_short", 1)
    n_hidden = int(settings.as_numbers(counted, 0, 1)[0])
    nodes = settings.one("global_nodes_short", n_hidden)
    sizes = [int(size) for size in settings.as_numbers(nodes, 0, n_hidden)]
    listed = settings.one("global_activation_short", n_hidden)
    letters = listed.values[:n_hidden]
    if len(nodes.values) > n_hidden:
        raise settings.wrong(nodes, f"{len(nodes.values)} numbers of nodes are given for {n_hidden} hidden layers")
    if len(listed.values) > n_hidden + 1 or (len(listed.values) > n_hidden and listed.values[n_hidden] != "l"):
        raise settings.wrong(listed, f"{n_hidden} hidden layers and a linear output (l) are expected")
    unknown = [letter for letter in letters if letter not in LETTERS]
    if unknown:
        raise settings.wrong(listed, f"the activation function {unknown[0]!r} is not known; {', '.join(sorted(LETTERS))} are")
    own = {z: list(sizes) for z in numbers}
    for setting in settings.found.get("element_nodes_short", []):
        if len(setting.values) < 3:
            raise settings.wrong(setting, "element_nodes_short needs an element, a layer and its number of nodes")
        layer, count = (int(value) for value in settings.as_numbers(setting, 1, 3))
        if not 1 <= layer <= n_hidden:
            raise settings.wrong(setting, f"there is no hidden layer {layer}")
        own[settings.element(setting, setting.values[0], numbers)][layer - 1] = count
    if any(size < 1 for layer_sizes in own.values() for size in layer_sizes):
        raise settings.wrong(nodes, "a hidden layer needs at least one node")
    normalised = "normalize_nodes" in settings
    return {z: Topology((len(functions[z]), *own[z], 1), (*letters, "l"), normalised) for z in numbers}


def _mode(settings: Settings) -> ScalingMode:
    scale, center = "scale_symmetry_functions" in settings, "center_symmetry_functions" in settings
    if scale or center:
        return "scale_center" if scale and center else "scale" if scale else "center"
    return "sigma" if "scale_symmetry_functions_sigma" in settings else "none"


def _scalings(
    path: Path, settings: Settings, numbers: Sequence[int], functions: dict[int, list[AtomFunction]]
) -> dict[int, Scaling]:
    mode = _mode(settings)
    low, high = settings.number("scale_min_short", 0.0), settings.number("scale_max_short", 1.0)
    if low >= high:
        raise InputError(f"{settings.path}: scale_min_short {low:g} is not below scale_max_short {high:g}.")
    lines = [(n, line.split()) for n, line in _lines(path)]
    result, begin = {}, 0
    for index, z in enumerate(numbers, start=1):
        rows = []
        for k in range(len(functions[z])):
            if begin + k >= len(lines):
                raise InputError(
                    f"{path} ends before function {k + 1} of {len(functions[z])} of {chemical_symbols[z]}; it is cut off, or "
                    "belongs to another network."
                )
            number, words = lines[begin + k]
            try:
                values = [float(word.replace("D", "e").replace("d", "e")) for word in words]
            except ValueError:
                values = []
            if len(values) < 5 or not np.isfinite(values[2:]).all() or (values[0], values[1]) != (index, k + 1):
                raise InputError(
                    f"{path}, line {number}: not the statistics of function {k + 1} of element {index}, {chemical_symbols[z]}."
                )
            if values[2] > values[3]:
                raise InputError(f"{path}, line {number}: the minimum {values[2]:g} exceeds the maximum {values[3]:g}.")
            rows.append((values[2], values[3], values[4], values[5] if len(values) > 5 else 0.0))
        begin += len(rows)
        minimum, maximum, mean, sigma = np.array(rows).T.copy()
        scaling = Scaling(mode, minimum, maximum, mean, sigma, low, high)
        if mode == "sigma" and not (sigma > 0.0).all():
            raise InputError(f"{path} has no standard deviations, which scale_symmetry_functions_sigma needs.")
        result[z] = scaling
    return result


def _normalisation(settings: Settings) -> tuple[float, float]:
    """Mean energy and energy conversion; lengths need none, as symmetry functions have no unit."""
    names = ("mean_energy", "conv_energy", "conv_length")
    given = [name for name in names if name in settings]
    if given and len(given) < len(names):
        missing = next(name for name in names if name not in settings)
        raise settings.wrong(settings.one(given[0]), f"{given[0]} is given without {missing}; normalisation needs all three")
    conversion = settings.number("conv_energy", 1.0)
    if conversion == 0.0 or settings.number("conv_length", 1.0) <= 0.0:
        raise settings.wrong(settings.one("conv_energy"), "a conversion factor must not be zero")
    return settings.number("mean_energy", 0.0), conversion


def _atom_energies(settings: Settings, numbers: Sequence[int]) -> dict[int, float]:
    result = dict.fromkeys(numbers, 0.0)
    given: set[int] = set()
    for setting in settings.found.get("atom_energy", []):
        if len(setting.values) < 2:
            raise settings.wrong(setting, "atom_energy needs an element and an energy")
        z = settings.element(setting, setting.values[0], numbers)
        if z in given:
            raise settings.wrong(setting, f"atom_energy of {setting.values[0]} is given twice")
        given.add(z)
        result[z] = settings.as_numbers(setting, 1, 2)[0]
    return result


def _read_weights(path: Path, topology: Topology) -> Floats:
    rows = _lines(path)
    values = []
    for number, line in rows:
        try:
            values.append(float(line.split()[0].replace("D", "e").replace("d", "e")))
        except ValueError:
            raise InputError(f"{path}, line {number}: {line.split()[0]!r} is no weight.") from None
    weights = np.array(values)
    if len(rows) > 1 and not _ends_with_a_line(path) and len(rows[-1][1]) < min(len(line) for _, line in rows[:-1]):
        raise InputError(f"{path} is cut off within its last line.")
    if len(weights) != topology.n_weights:
        shape = "-".join(map(str, topology.sizes))
        raise InputError(
            f"{path} holds {len(weights)} weights, and a network {shape} has {topology.n_weights}; the file is cut off, or "
            f"belongs to another {SETTINGS}."
        )
    if not np.isfinite(weights).all():
        raise InputError(f"{path} holds a weight that is not a finite number.")
    return weights


def _ends_with_a_line(path: Path) -> bool:
    return path.read_bytes().endswith((b"\n", b"\r"))


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines with content, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; a network is {SETTINGS}, {SCALING} and a weights file per element.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    return [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")]


def write_folder(folder: Path, model: HdnnpModel, comment: str = "") -> None:
    """Write a potential in eV and Å for this program and for n2p2, into an existing folder.

    A function that is constant in the training data, which n2p2 would divide by zero for, is written with a range so large that
    it has no influence.
    """
    energies = [element.energy_eV for element in model.elements]
    first = model.elements[0]
    cut = next((f for element in model.elements for f in element.functions if not f.subtype), first.functions[0])
    hidden = first.topology.sizes[1:-1]
    mode = first.scaling.mode
    lines = [
        f"# {comment}" if comment else "# Neural-network potential",
        "# Units: eV and Å (units: metal)",
        f"number_of_elements {len(model.elements)}",
        f"elements {' '.join(element.symbol for element in model.elements)}",
        *(f"atom_energy {element.symbol} {energy!r}" for element, energy in zip(model.elements, energies, strict=True)),
        "mean_energy 0.0",
        f"conv_energy {1.0 / model.energy_scale_eV!r}",
        "conv_length 1.0",
        f"cutoff_type {cut.cutoff_type} {cut.cutoff_alpha!r}",
        *(["scale_symmetry_functions"] if mode in ("scale", "scale_center") else []),
        *(["center_symmetry_functions"] if mode in ("center", "scale_center") else []),
        *(["scale_symmetry_functions_sigma"] if mode == "sigma" else []),
        f"scale_min_short {first.scaling.low!r}",
        f"scale_max_short {first.scaling.high!r}",
        f"global_hidden_layers_short {len(hidden)}",
        f"global_nodes_short {' '.join(map(str, hidden))}",
        f"global_activation_short {' '.join(first.topology.activations)}",
        *(["normalize_nodes"] if first.topology.normalised else []),
        *(function_line(function) for element in model.elements for function in element.functions),
    ]
    write_bytes(folder / SETTINGS, ("\n".join(lines) + "\n").encode())
    write_bytes(folder / SCALING, _scaling_text(model).encode())
    for element in model.elements:
        write_bytes(folder / weights_name(element.number), _weights_text(element).encode())


def _scaling_text(model: HdnnpModel) -> str:
    rows = ["# element  function  minimum  maximum  mean  standard deviation"]
    for index, element in enumerate(model.elements, start=1):
        s = element.scaling
        width = np.where(s.factor == 0.0, np.finfo(np.float64).max ** 0.25, 0.0)
        for k in range(len(s.mean)):
            values = (s.minimum[k], s.maximum[k] + width[k], s.mean[k], s.sigma[k] + width[k])
            rows.append(f"{index:6d} {k + 1:6d} " + " ".join(f"{value:24.16e}" for value in values))
    return "\n".join(rows) + "\n"


def _weights_text(element: ElementModel) -> str:
    rows, sizes, place = ["# value  a|b  index  layer  node  to layer  to node"], element.topology.sizes, 0
    for layer, (before, after) in enumerate(pairwise(sizes), start=1):
        for j in range(before):
            for k in range(after):
                rows.append(f"{element.weights[place]:24.16e} a {place + 1:9d} {layer - 1:5d} {j + 1:5d} {layer:5d} {k + 1:5d}")
                place += 1
        for k in range(after):
            rows.append(f"{element.weights[place]:24.16e} b {place + 1:9d} {layer:5d} {k + 1:5d}")
            place += 1
    return "\n".join(rows) + "\n"
