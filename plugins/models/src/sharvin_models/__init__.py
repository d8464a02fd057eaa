"""Regressors for sharvin: networks over per-atom features and over grids of on-site energies, and baselines."""
