"""Structures, potentials and molecular dynamics for sharvin: nanowires, EAM and MEAM through LAMMPS, any ASE calculator."""
