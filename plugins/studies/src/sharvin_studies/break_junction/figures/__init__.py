"""Figures of a break-junction study."""
