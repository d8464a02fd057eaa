"""Attributes and arrays of HDF5 files as any program writes them.

h5py, MATLAB, Julia, Fortran and PyTables differ in how they store a text, one number, or a complex number: as arrays of one
element, as bytes of fixed length, as compounds of two fields.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sharvin.errors import InputError

_COMPLEX = ({"r", "i"}, {"re", "im"}, {"real", "imag"})


def attribute(node: h5py.Group | h5py.Dataset, name: str) -> Any:
    """An attribute as a text or a number; None where there is none.

    Arrays of one element count as that element, bytes as text, without the padding of fixed lengths.
    """
    if name not in node.attrs:
        return None
    value = node.attrs[name]
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return value.strip("\0 ") if isinstance(value, str) else value


def finite_number(node: h5py.Group | h5py.Dataset, name: str) -> float:
    """An attribute that must be one finite real number.

    Raises
    ------
    KeyError
        If it is missing.
    InputError
        If it is anything else.
    """
    value = attribute(node, name)
    if value is None:
        raise KeyError(f"{node.name} has no attribute {name}")
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        raise InputError(f"the attribute {name} of {node.name} must be one finite number, not {value!r}.")
    return found


def real_or_complex(node: Any) -> NDArray[Any]:
    """A dataset as float64 or complex128.

    Raises
    ------
    InputError
        If it is a group, or does not hold numbers.
    """
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{node.name} must be a dataset of numbers, not a group.")
    values: NDArray[Any] = np.asarray(node[()])
    names = set(values.dtype.names or ())
    if names in _COMPLEX:
        real, imaginary = next(pair for pair in (("r", "i"), ("re", "im"), ("real", "imag")) if set(pair) == names)
        values = values[real] + 1j * values[imaginary]
    if values.dtype.kind not in "fiubc":
        raise InputError(f"{node.name} must hold numbers, not {values.dtype}.")
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64, copy=False)


def integers(node: Any) -> NDArray[Any]:
    """A dataset of whole numbers, however they are stored; those stored as integers keep their size.

    Raises
    ------
    InputError
        If it holds anything else.
    """
    if isinstance(node, h5py.Dataset) and node.dtype.kind == "i":
        return np.asarray(node[()])
    values = real_or_complex(node)
    if np.iscomplexobj(values) or not np.array_equal(values, np.round(values)):
        raise InputError(f"{node.name} must hold whole numbers.")
    return values.astype(np.int64)


def square_matrix(node: Any) -> NDArray[Any]:
    """A square matrix, dense, from a dataset or from CSR arrays.

    Raises
    ------
    KeyError, InputError
        As :func:`sparse_matrix`.
    """
    if not isinstance(node, h5py.Dataset):
        dense: NDArray[Any] = sparse_matrix(node).toarray()
        return dense
    values = real_or_complex(node)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InputError(f"{node.name} must be a square matrix, not of shape {values.shape}.")
    return values


def sparse_matrix(node: Any) -> csr_array:
    """A square matrix: a dense dataset, or a group with the CSR arrays data, indices and indptr.

    Raises
    ------
    KeyError
        If an array of it is missing.
    InputError
        If it is no square matrix.
    """
    if isinstance(node, h5py.Dataset):
        return csr_array(square_matrix(node))
    if missing := [name for name in ("data", "indices", "indptr") if name not in node]:
        raise KeyError(f"{node.name} lacks {' and '.join(missing)} of a sparse matrix in CSR form (data, indices, indptr)")
    data, indices, indptr = real_or_complex(node["data"]), integers(node["indices"]), integers(node["indptr"])
    n = indptr.size - 1
    if n > 0 and indptr.ravel()[0] == 1 and indptr.ravel()[-1] == data.size + 1:
        raise InputError(f"{node.name} counts rows and columns from 1; indices and indptr count from 0.")
    try:
        found = csr_array((data, indices, indptr), shape=(n, n))
        found.check_format(full_check=True)
    except (ValueError, IndexError) as error:
        raise InputError(f"{node.name} is no CSR matrix of {n} rows and columns: {error}.") from None
    return found
