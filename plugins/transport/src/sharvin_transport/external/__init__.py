"""Hamiltonians and solvers of other programs: HDF5 arrays, SIESTA, GPAW, sisl, Kwant."""
