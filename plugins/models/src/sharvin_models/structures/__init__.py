"""Equivariant networks on the structures themselves."""
