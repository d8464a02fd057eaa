"""The Hamiltonian `slater_koster`: two-centre tables, and H and S of junctions and crystals."""
