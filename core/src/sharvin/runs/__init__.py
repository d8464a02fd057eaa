"""Runs: their folder and facts, the engine of their steps, who is told of them, files, caches and seeds."""
