"""Devices as block-tridiagonal matrices: their blocks, and the elimination of these."""
