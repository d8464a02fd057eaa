"""Devices between leads: their checks, files and averages over the transverse Brillouin zone."""
