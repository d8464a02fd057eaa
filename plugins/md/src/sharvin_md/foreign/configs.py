"""Options of the potentials of other programs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from sharvin.options import Options

ModelFile = Annotated[str, Field(min_length=1)]


class ForeignModelOptions(Options):
    """A model file of another program, in this process or in the Python interpreter of another environment."""

    model: ModelFile
    """Model file."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model runs."""
    python: str | None = None
    """Python interpreter of the environment that has the package, such as ``/opt/mace/bin/python``; this one where not given."""

    def files(self) -> tuple[str, ...]:
        """The model file."""
        return (self.model,)


class MaceOptions(ForeignModelOptions):
    """A MACE model, trained by you or a foundation model that you have as a file; nothing is downloaded."""

    dtype: Literal["float64", "float32"] = "float64"
    """Precision, also of a model that was trained in another one."""
    head: str | None = None
    """Which of the heads of a model with several."""


class NequipOptions(ForeignModelOptions):
    """A NequIP or Allegro model: compiled (``.nequip.pth``, ``.nequip.pt2``), a package (``.nequip.zip``) or a checkpoint."""


class DeepmdOptions(ForeignModelOptions):
    """A DeePMD-kit model of any of its backends, frozen or compressed."""

    head: str | None = None
    """Which of the heads of a model with several."""


class MetatomicOptions(ForeignModelOptions):
    """A metatomic model, such as those that metatrain exports; its extensions are searched beside it."""

    variant: str | None = None
    """Which of its energies, where a model has several."""
