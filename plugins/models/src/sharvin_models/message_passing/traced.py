"""Functions of tensors that take derivatives inside, compiled whole.

torch cannot differentiate twice through what it compiles. A function that returns its own derivatives is therefore written down
first, operation by operation, for given sizes of its arguments (``make_fx``). What is written down has no derivatives left to
take, and is compiled for these sizes.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from sharvin.errors import InputError
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

Function = Callable[..., tuple[Tensor, ...]]
Sizes = tuple[tuple[int, ...], ...]


class TracedFunction:
    """A function of tensors, compiled or plain; it may be copied and pickled if the function may.

    Parameters
    ----------
    function : callable
        Takes tensors and gives tensors; Python in it must not depend on their values.
    mode : bool or "auto"
        Whether to compile; auto: where there is a compiler, from call number `patience` with arguments of one size on.
    patience : int
        Calls that are not worth being compiled for.
    """

    def __init__(self, function: Function, mode: bool | Literal["auto"], patience: int = 0) -> None:
        self.function, self.mode, self.patience = function, mode, patience
        self._calls: dict[Sizes, int] = {}
        self._compiled: dict[Sizes, Function] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_calls": {}, "_compiled": {}}

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Results, which require no derivatives.

        Raises
        ------
        InputError
            If it is to be compiled and that fails.
        """
        sizes = tuple(tuple(tensor.shape) for tensor in tensors)
        calls = self._calls[sizes] = self._calls.get(sizes, 0) + 1
        if sizes not in self._compiled and (self.mode is True or (self.mode == "auto" and calls > self.patience)):
            self._compiled[sizes] = self._compile(tensors)
        if sizes not in self._compiled:
            return self._plain(*tensors)
        with torch.no_grad():
            return self._compiled[sizes](*tensors)

    def _compile(self, tensors: tuple[Tensor, ...]) -> Function:
        """The function for tensors of these sizes; itself where `auto` has nothing to compile with."""
        if not has_compiler():
            if self.mode is True:
                raise InputError("compile: true needs a C++ compiler, and there is none; install one, or set compile: false.")
            return self._plain
        try:
            return _compiled(self.function, tensors)
        except (RuntimeError, OSError, ImportError) as error:  # headers, disk space, an operation that it does not know
            said = (str(error).strip().splitlines() or [""])[0]
            if self.mode is True:
                raise InputError(f"the potential cannot be compiled here ({said}); set compile: false.") from None
            sys.stderr.write(f"The potential is not compiled, and slower, because that fails here: {said}\n")
            return self._plain

    def _plain(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            return tuple(result.detach() for result in self.function(*tensors))


def _compiled(function: Function, tensors: tuple[Tensor, ...]) -> Function:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch, by what torch itself imports
        with torch.enable_grad():
            graph = make_fx(lambda *arguments: function(*arguments))(*tensors)
        compiled: Function = torch.compile(graph, dynamic=False)
        with torch.no_grad():
            compiled(*tensors)
    return compiled


def has_compiler() -> bool:
    """Whether there is the C++ compiler that torch would call."""
    return shutil.which(os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")) is not None
