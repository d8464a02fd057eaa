"""Electrodes of a structure: ends of wires, ideal layers, their period, and why a structure is no junction."""
