"""Atom-centred symmetry functions: their definitions, and compiled sums, gradients and adjoints over an atom's neighbours."""
