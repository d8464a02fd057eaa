"""Regressors for sharvin: networks over per-atom features, and baselines."""
