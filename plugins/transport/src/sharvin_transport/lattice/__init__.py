"""Disordered wires on the square lattice and their solver `grid_transfer`."""
