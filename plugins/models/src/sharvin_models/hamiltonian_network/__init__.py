"""The Hamiltonian `hedge_electron`: blocks of H between atoms, learnt from those of another Hamiltonian."""
