"""Networks on grids of on-site energies."""
