"""The Hamiltonian `slater_koster_pz`: p_z orbitals of carbon in graphene, its bilayers and ribbons."""
