"""Seed streams: one independent stream a step and item, whatever the number of workers and the order of work."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, step: str, item: int = 0) -> np.random.Generator:
    """Generator of one item of one step; equal arguments give equal streams on every machine."""
    return np.random.default_rng(_sequence(seed, step, item))


def item_seed(seed: int, step: str, item: int = 0) -> int:
    """Seed for programs that take a positive 31-bit integer, such as LAMMPS."""
    return int(_sequence(seed, step, item).generate_state(1)[0] % (2**31 - 2)) + 1


def _sequence(seed: int, step: str, item: int) -> np.random.SeedSequence:
    name = int.from_bytes(hashlib.blake2b(step.encode(), digest_size=4).digest(), "big")
    return np.random.SeedSequence(entropy=seed, spawn_key=(name, item))
