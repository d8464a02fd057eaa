"""Electron–phonon coupling by sampled displacements: trained potential and Hamiltonian, phonons, samples, bands."""
