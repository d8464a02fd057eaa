"""What can go wrong, in three kinds: the input, the run, and one item of many.

The command line maps them to exit codes: :class:`InputError` 2, any other :class:`SharvinError` 1. Every message is one
clear sentence that says what is wrong, where, and what to do next.

A :class:`PhysicsWarning` is no error: the result is what was asked for, and the user should know of its limits.
"""

from __future__ import annotations


class SharvinError(Exception):
    """Base of every error that sharvin raises on purpose."""


class InputError(SharvinError):
    """The user's input (config, structure, option, file) is wrong; nothing was computed or lost."""


class UnknownComponentError(InputError):
    """A component name that no admitted plugin offers."""


class MissingPackageError(InputError):
    """A component needs a package that is not installed; the message names the pip command."""


class RunError(SharvinError):
    """The run failed for a reason that is not the user's input."""


class RigidAtomsUnknownError(InputError):
    """A part needs to know which atoms of a frame are rigid, and the frame does not say (:attr:`sharvin.frames.Frame.rigid`)."""


class StoreError(InputError):
    """A file of the store is corrupted, locked or belongs to another run."""


class ItemError(SharvinError):
    """One item of a step failed; it is recorded with its reason and the others go on."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM); treated as Ctrl-C, but for the exit code."""


class PhysicsWarning(UserWarning):
    """A limit of the physics behind a result that a user may not expect; raised with :func:`warnings.warn`.

    The message is one clear sentence. The command line shows it as one line, each message once.
    """
