"""What a run of a study would do, known before its first step: how much work, how long, how many bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunLength:
    """About how long one run of a dynamics is.

    Parameters
    ----------
    frames : int
        Frames that it gives.
    steps : int
        Evaluations of the forces.
    seconds : float, optional
        On one core; None if it was not measured.
    """

    frames: int
    steps: int
    seconds: float | None = None


@dataclass(frozen=True)
class StudyPlan:
    """What a study would do. All numbers are estimates but those that the config states.

    Parameters
    ----------
    work : mapping of str to int
        How many items of what: ``{"training pulls": 12, "labels": 1500, "fits": 1}``.
    checked : sequence of str
        What was built or computed to find mistakes, in words.
    seconds : mapping of str to float or None
        Time on one core by stage; None where it is not known beforehand.
    disk_bytes : float, optional
        Size of the run folder; None if it is not known.
    notes : sequence of str
        What the estimates rest on, and whatever else a user should know before the run starts; a sentence each.
    """

    work: Mapping[str, int]
    checked: Sequence[str] = ()
    seconds: Mapping[str, float | None] = field(default_factory=dict)
    disk_bytes: float | None = None
    notes: Sequence[str] = ()

    def lines(self, workers: int = 1) -> list[str]:
        """The plan as text for a terminal, with the time that so many workers take."""
        found = [f"checked: {', '.join(self.checked)}"] if self.checked else []
        found.append(f"would do: {', '.join(f'{number:,} {_counted(what, number)}' for what, number in self.work.items())}")
        known = {stage: seconds for stage, seconds in self.seconds.items() if seconds is not None}
        if known:
            by_stage = ", ".join(f"{stage} {duration(seconds / workers)}" for stage, seconds in known.items())
            on = f"on {workers} workers" if workers > 1 else "on one worker"
            found.append(f"time: {_about(duration(sum(known.values()) / workers))} {on} ({by_stage})")
        unknown = [stage for stage, seconds in self.seconds.items() if seconds is None]
        if unknown:
            found.append(f"time not known beforehand: {', '.join(unknown)}")
        if self.disk_bytes is not None:
            found.append(f"disk: {_about(_size(self.disk_bytes))}")
        return found + list(self.notes)


def _counted(what: str, number: int) -> str:
    """A plural noun as it stands after a number."""
    return what.removesuffix("s") if number == 1 and not what.endswith("ss") else what


def _about(amount: str) -> str:
    return amount if amount.startswith("less") else f"about {amount}"


def duration(seconds: float) -> str:
    """A time in a unit that suits it, to two digits."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds)} s" if seconds >= 1 else "less than 1 s"


def _size(bytes_: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if bytes_ >= size:
            return f"{_two_digits(bytes_ / size)} {unit}"
    return "less than 1 MB"


def _two_digits(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):.0f}"
