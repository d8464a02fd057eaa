"""Hamiltonians of crystals between atoms: orbitals, blocks of H and S, sparse H(k), and devices made of blocks."""
