"""Disordered lattice wires: exact T(E), regressors on on-site maps, errors and ensemble statistics."""
