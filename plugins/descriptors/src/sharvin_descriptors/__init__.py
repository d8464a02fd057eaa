"""Descriptors for sharvin: the SOAP power spectrum, and two other programs' for comparison."""
