"""Potentials of MACE, NequIP, DeePMD-kit and metatomic by name.

Each is a model file and the package that evaluates it. The package is imported here, or runs in another Python interpreter where
``python`` names one. MACE is best run there: it wants another version of e3nn than sharvin-models, and it makes ``torch.load``
unpickle anything in the process that imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from sharvin.errors import InputError, MissingPackageError

from sharvin_md.foreign.calculators import ForeignCalculator, InProcessCalculator, WorkerCalculator
from sharvin_md.foreign.configs import DeepmdOptions, ForeignModelOptions, MaceOptions, MetatomicOptions, NequipOptions
from sharvin_md.foreign.recipes import Recipe, interpreter


class ForeignPotential:
    """A model file of another program.

    Parameters
    ----------
    options : ForeignModelOptions

    Raises
    ------
    InputError
        If there is no such file or interpreter, or the package is not installed where it shall run.
    """

    name: ClassVar[str]

    def __init__(self, options: ForeignModelOptions) -> None:
        self.options = options
        path = Path(options.model).expanduser()
        if not path.is_file():
            raise InputError(f"potential {self.name}: there is no model file {options.model}.")
        self.file = str(path.absolute())
        if options.python is not None:
            interpreter(f"potential {self.name}", options.python)
        elif find_spec(options.module) is None:
            raise MissingPackageError(
                f"potential {self.name} needs {options.module}: pip install 'sharvin-md[{self.name}]', or in an environment of "
                f"its own pip install {options.package} ase, and give its interpreter as python"
            )

    def calculator(self) -> ForeignCalculator:
        """A new calculator; in another interpreter it starts when something is first asked of it.

        Raises
        ------
        InputError
            If the package cannot read the model file.
        """
        recipe = self.recipe()
        return InProcessCalculator(recipe) if self.options.python is None else WorkerCalculator(recipe, self.options.python)

    def recipe(self) -> Recipe:
        """How the package makes the calculator."""
        raise NotImplementedError

    def _recipe(self, calculators: tuple[str, ...], arguments: Mapping[str, Any], **more: Any) -> Recipe:
        return Recipe(
            title=f"potential {self.name}",
            calculators=calculators,
            options={name: value for name, value in arguments.items() if value is not None},
            package=self.options.package,
            extra=self.name,
            model=self.file,
            **more,
        )


class MacePotential(ForeignPotential):
    """Potential ``mace``.

    Parameters
    ----------
    options : MaceOptions
    """

    name = "mace"
    options: MaceOptions

    def recipe(self) -> Recipe:
        """MACE's calculator; a list of one path, since it takes a path alone for a pattern of file names."""
        options = self.options
        arguments = {"model_paths": [self.file], "device": options.device, "default_dtype": options.dtype, "head": options.head}
        expected = {} if options.head is None else {"head": options.head}
        return self._recipe(("mace.calculators.MACECalculator",), arguments, expected=expected)


class NequipPotential(ForeignPotential):
    """Potential ``nequip``.

    Parameters
    ----------
    options : NequipOptions
    """

    name = "nequip"
    options: NequipOptions

    def recipe(self) -> Recipe:
        """NequIP's calculator of a compiled model, or of one that is built from a package or a checkpoint."""
        compiled = self.file.endswith((".nequip.pth", ".nequip.pt2"))
        method, argument = ("from_compiled_model", "compile_path") if compiled else ("_from_saved_model", "model_path")
        paths = tuple(f"{module}.NequIPCalculator.{method}" for module in ("nequip.integrations.ase", "nequip.ase"))
        return self._recipe(paths, {argument: self.file, "device": self.options.device})


class DeepmdPotential(ForeignPotential):
    """Potential ``deepmd``.

    Parameters
    ----------
    options : DeepmdOptions
    """

    name = "deepmd"
    options: DeepmdOptions

    def recipe(self) -> Recipe:
        """DeePMD-kit's calculator, which takes its device from the environment."""
        environment = {"CUDA_VISIBLE_DEVICES": "", "DEVICE": "cpu"} if self.options.device == "cpu" else {}
        return self._recipe(("deepmd.calculator.DP",), {"model": self.file, "head": self.options.head}, environment=environment)


class MetatomicPotential(ForeignPotential):
    """Potential ``metatomic``.

    Parameters
    ----------
    options : MetatomicOptions
    """

    name = "metatomic"
    options: MetatomicOptions

    def recipe(self) -> Recipe:
        """The calculator of metatomic; extensions of the model lie in the folder ``extensions`` beside it."""
        folder = Path(self.file).with_name("extensions")
        arguments = {
            "model": self.file,
            "device": self.options.device,
            "variants": None if self.options.variant is None else {"energy": self.options.variant},
            "extensions_directory": str(folder) if folder.is_dir() else None,
        }
        paths = ("metatomic_ase.MetatomicCalculator", "metatomic.torch.ase_calculator.MetatomicCalculator")
        return self._recipe(paths, arguments)
