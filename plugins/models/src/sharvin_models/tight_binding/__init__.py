"""A tight-binding Hamiltonian that is learnt from conductances, and the wires that it is a Hamiltonian of."""
