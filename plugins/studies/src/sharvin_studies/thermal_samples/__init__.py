"""Thermally displaced structures of a study: series of samples, the structure at rest, means over samples and their errors."""
