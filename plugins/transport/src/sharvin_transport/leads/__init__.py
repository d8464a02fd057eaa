"""Leads: bands, modes, Fermi energy and surface Green functions."""
