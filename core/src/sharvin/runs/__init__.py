"""Runs: folders, files that are written whole, caches, seeds, progress and what is checked before and after a part computes."""
