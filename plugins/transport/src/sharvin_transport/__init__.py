"""Hamiltonians and transport solvers for sharvin: Slater-Koster tables, recursive Green functions, sisl."""
