"""Thermal disorder in transport: conductances of displaced structures, their means, and one structure that stands for all."""
