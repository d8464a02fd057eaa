"""Options of the potentials of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from sharvin.options import Options

ModelFile = Annotated[str, Field(min_length=1)]


def installed_in(python: str | None, distribution: str) -> tuple[str, ...]:
    """Files that tell the version of a distribution in the environment of an interpreter; none where it is not found there.

    They are among the files of a part, so that an upgrade there makes steps be computed again, as one here does.
    """
    if python is None:
        return ()
    environment = Path(python).expanduser().absolute().parent.parent
    name = distribution.replace("-", "_")
    return tuple(sorted(str(path) for path in environment.glob(f"lib/python3*/site-packages/{name}-*.dist-info/METADATA")))


class ForeignModelOptions(Options):
    """A model file of another program, in this process or in the Python interpreter of another environment."""

    package: ClassVar[str] = ""
    module: ClassVar[str] = ""

    model: ModelFile
    """Model file."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model runs."""
    python: str | None = None
    """Python interpreter of the environment that has the package, such as ``/opt/mace/bin/python``; this one where not given."""

    def files(self) -> tuple[str, ...]:
        """The model file, and the version of the package in the other environment."""
        return (self.model, *installed_in(self.python, self.package))

    def modules(self) -> tuple[str, ...]:
        """The package, where it runs in this environment."""
        return (self.module,) if self.python is None else ()


class MaceOptions(ForeignModelOptions):
    """A MACE model, trained by you or a foundation model that you have as a file; nothing is downloaded."""

    package: ClassVar[str] = "mace-torch"
    module: ClassVar[str] = "mace"

    dtype: Literal["float64", "float32"] = "float64"
    """Precision, also of a model that was trained in another one."""
    head: str | None = None
    """Which of the heads of a model with several."""


class NequipOptions(ForeignModelOptions):
    """A NequIP or Allegro model: compiled (``.nequip.pth``, ``.nequip.pt2``), a package (``.nequip.zip``) or a checkpoint."""

    package: ClassVar[str] = "nequip"
    module: ClassVar[str] = "nequip"


class DeepmdOptions(ForeignModelOptions):
    """A DeePMD-kit model of any of its backends, frozen or compressed. It takes the CPU where it finds no GPU."""

    package: ClassVar[str] = "deepmd-kit"
    module: ClassVar[str] = "deepmd"

    head: str | None = None
    """Which of the heads of a model with several."""


class MetatomicOptions(ForeignModelOptions):
    """A metatomic model, such as those that metatrain exports; its extensions are searched beside it."""

    package: ClassVar[str] = "metatomic-torch"
    module: ClassVar[str] = "metatomic"

    variant: str | None = None
    """Which of its energies, where a model has several."""
