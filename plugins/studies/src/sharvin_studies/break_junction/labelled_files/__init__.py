"""Pulls that are read from files, with conductances that were computed elsewhere."""
