"""What runs in the other Python interpreter: an ASE calculator that answers over two pipes.

The file is started by its path and needs nothing but the standard library, ``numpy`` and ``ase`` there, of Python 3.8 or later.
Calculators in this process are made and asked by the same functions.

A message is ``SHRV``, the length of a header and of a body (two little-endian uint64), a header in JSON and a body that holds the
arrays which the header lists under ``arrays`` as (name, dtype, shape), one after the other, in C order. No object is pickled. The
pipes are not the standard streams, so that whatever a package prints cannot get between the messages.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

MAGIC = b"SHRV"
PREFIX = struct.Struct("<4sQQ")
DTYPES = ("<f8", "<i8", "|b1")
LARGEST_HEADER = 1 << 26
LONGEST_LINE = 160
SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 1.0
PROPERTIES = ("energy", "free_energy", "forces", "stress", "energies", "stresses", "dipole", "charges", "magmom", "magmoms")


class ProtocolError(Exception):
    """What came through the pipe is no message."""


class CalculatorMissingError(Exception):
    """None of the dotted paths leads to a calculator; `package` is the one that is not installed, if that is why."""

    def __init__(self, message: str, package: str = "") -> None:
        super().__init__(message)
        self.package = package


class CalculatorRefusedError(Exception):
    """The calculator cannot be made with these options, or is not one of ASE."""


def write_message(stream: IO[bytes], header: dict[str, Any], arrays: Mapping[str, Any] | None = None) -> None:
    """Write a header and arrays by name."""
    import numpy as np

    listed, body = [], []
    for name, value in (arrays or {}).items():
        array = np.asarray(value)
        kind = {"b": "|b1", "i": "<i8", "u": "<i8"}.get(array.dtype.kind, "<f8")
        array = np.ascontiguousarray(array, dtype=kind).reshape(array.shape)
        listed.append([name, kind, list(array.shape)])
        body.append(array.tobytes())
    write_bytes(stream, dict(header, arrays=listed), b"".join(body))


def write_bytes(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """Write a header and a body whose arrays it lists."""
    text = json.dumps(header).encode("utf-8")
    stream.write(PREFIX.pack(MAGIC, len(text), len(body)) + text + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and arrays by name; EOFError where the pipe has ended, ProtocolError for anything else than a message."""
    magic, header_length, body_length = PREFIX.unpack(_exactly(stream, PREFIX.size))
    if magic != MAGIC or header_length > LARGEST_HEADER:
        raise ProtocolError("no message of the protocol")
    header, body = json.loads(_exactly(stream, header_length)), _exactly(stream, body_length)
    return header, _arrays(header.pop("arrays", []), body)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if data is None or len(data) < count:
        raise EOFError
    return data


def _arrays(listed: list[Any], body: bytes) -> dict[str, Any]:
    if not listed:
        return {}
    import numpy as np

    arrays: dict[str, Any] = {}
    start = 0
    for name, kind, shape in listed:
        if kind not in DTYPES:
            raise ProtocolError(f"array {name} is of type {kind}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype=kind, count=count, offset=start).reshape(shape).copy()
        start += arrays[name].nbytes
    return arrays


def make_calculator(paths: Sequence[str], options: Mapping[str, Any], expected: Mapping[str, Any]) -> Any:
    """The calculator that the first dotted path leads to which there is, with the attributes that it is expected to have.

    MACE takes another head of a model for one that there is not.
    """
    factory, path = None, ""
    missing: list[CalculatorMissingError] = []
    for path in paths:
        try:
            factory = find_factory(path)
            break
        except CalculatorMissingError as error:
            missing.append(error)
    if factory is None:
        raise missing[0]
    try:
        made = factory(**options)
    except Exception as error:
        raise CalculatorRefusedError(f"{path} refuses: {in_words(error)}") from error
    if not (hasattr(made, "get_potential_energy") and hasattr(made, "implemented_properties")):
        raise CalculatorRefusedError(f"{path} made a {type(made).__name__}, which is not an ASE calculator")
    for name, value in expected.items():
        if getattr(made, name, None) != value:
            known = ", ".join(map(str, getattr(made, f"available_{name}s", [getattr(made, name, None)])))
            raise CalculatorRefusedError(f"it has no {name} {value}; known is {known}")
    return made


def find_factory(path: str) -> Any:
    """The class, function or class method that a dotted path leads to."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:count])
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and (module == error.name or module.startswith(error.name + ".")):
                if count == 1:
                    raise CalculatorMissingError(f"there is no package {parts[0]}", parts[0]) from error
                continue
            raise CalculatorMissingError(f"cannot import {module}: {in_words(error)}", error.name or "") from error
        except Exception as error:
            raise CalculatorMissingError(f"cannot import {module}: {in_words(error)}") from error
        for name in parts[count:]:
            if not hasattr(found, name):
                raise CalculatorMissingError(f"{getattr(found, '__name__', module)} has no {name}")
            found = getattr(found, name)
        if not callable(found):
            raise CalculatorMissingError(f"{path} is a {type(found).__name__}, not a class or function")
        return found
    raise CalculatorMissingError(f"{path} is not a dotted path")


def known_elements(calculator: Any) -> list[str] | None:
    """Chemical symbols that a calculator can treat, from the attributes in which MACE, DeePMD, NequIP and metatomic keep them."""
    from ase.data import chemical_symbols

    try:
        if hasattr(calculator, "z_table"):  # MACE
            return sorted(chemical_symbols[int(number)] for number in calculator.z_table.zs)
        if isinstance(getattr(calculator, "type_dict", None), dict):  # DeePMD
            return sorted(name for name in calculator.type_dict if name in chemical_symbols)
        model: Any = getattr(calculator, "_model", None)
        if hasattr(model, "capabilities"):  # metatomic
            return sorted(chemical_symbols[int(number)] for number in model.capabilities().atomic_types)
        for transform in getattr(calculator, "transforms", ()):  # NequIP
            names = getattr(transform, "model_type_names", None)
            if names and all(name in chemical_symbols for name in names):
                return sorted(names)
    except Exception:  # of another version: what it cannot treat it says itself
        return None
    return None


def evaluate(calculator: Any, atoms: Any, properties: Sequence[str]) -> dict[str, Any]:
    """What a calculator gives of a structure: the properties asked for, and those that it computed with them.

    MACE divides the stress of a slab or a cluster by the volume of a cell of its own, and DeePMD takes a slab for a crystal. They
    get a structure that is periodic in all directions, with a gap that nothing sees across; its stress is then scaled to the cell
    asked for.
    """
    import numpy as np

    asked, cutoff_A = atoms, _gap_of_periodic_programs(calculator)
    if cutoff_A is not None and not all(atoms.pbc):
        atoms = with_gaps(atoms, cutoff_A)
    found = {name: calculator.get_property(name, atoms) for name in properties}
    for name, value in (getattr(calculator, "results", None) or {}).items():
        if name in PROPERTIES and value is not None:
            found.setdefault(name, value)
    results = {name: np.array(value, dtype=float) for name, value in found.items() if value is not None}
    if atoms is not asked:
        for name in ("stress", "stresses"):
            if name in results and asked.cell.volume > 0:
                results[name] *= atoms.cell.volume / asked.cell.volume
            else:
                results.pop(name, None)
    return results


def _gap_of_periodic_programs(calculator: Any) -> float | None:
    program = type(calculator).__module__.partition(".")[0]
    if program == "mace":
        return float(calculator.r_max)
    return float(calculator.dp.get_rcut()) if program == "deepmd" else None


def with_gaps(atoms: Any, gap_A: float) -> Any:
    """The structure with other lattice vectors where it is not periodic, perpendicular to all others, and periodic along them."""
    import numpy as np

    periodic = np.array(atoms.pbc, dtype=bool)
    cell = np.array(atoms.cell.array)
    basis = np.linalg.svd(cell[periodic], full_matrices=True)[2][periodic.sum() :] if periodic.any() else np.eye(3)
    for number, row in enumerate(np.flatnonzero(~periodic)):
        direction = basis[number]
        along = atoms.positions @ direction
        cell[row] = direction * (along.max() - along.min() + 1.001 * gap_A)
    if np.linalg.det(cell) < 0:
        cell[np.flatnonzero(~periodic)[0]] *= -1
    filled = atoms.copy()
    filled.set_cell(cell, scale_atoms=False)
    filled.pbc = True
    return filled


def structure_of(arrays: Mapping[str, Any]) -> Any:
    """ASE structure from the arrays of a message."""
    from ase import Atoms

    atoms = Atoms(arrays["numbers"], positions=arrays["positions"], cell=arrays["cell"], pbc=arrays["pbc"])
    for name in ("initial_magmoms", "initial_charges"):
        if name in arrays:
            atoms.set_array(name, arrays[name])
    return atoms


def in_words(error: BaseException) -> str:
    """Type and first line of an exception, or its first sentence if the line is long."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    said = lines[0].strip()
    if len(said) > LONGEST_LINE:
        said = said[: max(said.find(". ", 0, LONGEST_LINE), 0) or LONGEST_LINE]
    return f"{type(error).__name__}: {said.rstrip('.')}"


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer until the other side closes its pipe. Calculators are numbered; `drop` lists those that nobody uses any more."""
    calculators: dict[int, Any] = {}
    while True:
        try:
            header, arrays = read_message(requests)
        except EOFError:
            return
        try:
            for number in header.get("drop", ()):
                calculators.pop(number, None)
            number = header["calculator"]
            if header["do"] == "make":
                sys.path.extend(folder for folder in header["folders"] if folder not in sys.path)
                calculators[number] = made = make_calculator(header["calculators"], header["options"], header["expected"])
                properties = [str(name) for name in made.implemented_properties]
                write_message(replies, {"properties": properties, "elements": known_elements(made)})
            else:
                found = evaluate(calculators[number], structure_of(arrays), header["properties"])
                write_message(replies, {}, found)
        except BrokenPipeError:
            return
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            said = str(error) if isinstance(error, (CalculatorMissingError, CalculatorRefusedError)) else in_words(error)
            write_message(replies, {"error": type(error).__name__, "said": said, "package": getattr(error, "package", "")})


def end_with_the_parent(parent: int) -> None:
    """End this process and what it started once its parent has ended, also in the middle of a computation."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve over the file descriptors given as arguments; say first whether the interpreter has what is needed."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != here]  # its modules are none of the packages there
    threading.Thread(target=end_with_the_parent, args=(os.getppid(),), daemon=True).start()
    requests, replies = os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb")
    for package in ("numpy", "ase"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            write_bytes(replies, {"lacks": package, "said": in_words(error)})
            return
    write_bytes(replies, {"version": sys.version.split()[0]})
    serve(requests, replies)
    os._exit(0)  # threads of the packages do not hold it back


if __name__ == "__main__":
    main()
