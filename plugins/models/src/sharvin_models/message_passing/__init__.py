"""The potentials `equivariant_potential` and `hedge_phonon`: many-body messages between atoms, compiled with their forces."""
