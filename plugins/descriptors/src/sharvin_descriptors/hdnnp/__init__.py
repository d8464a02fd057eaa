"""High-dimensional neural-network potentials: networks of symmetry functions, their training, and n2p2's files."""
