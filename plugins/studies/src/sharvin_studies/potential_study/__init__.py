"""Trained potentials: their errors, and the properties of a material by them, by their reference and by others."""
