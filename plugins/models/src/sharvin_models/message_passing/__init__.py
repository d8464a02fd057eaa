"""The potential `equivariant_potential`: many-body messages between atoms, compiled with their forces."""
