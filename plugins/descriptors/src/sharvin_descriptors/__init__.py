"""Descriptors for sharvin: SOAP power spectra, and in folders symmetry functions and potentials made of them."""
