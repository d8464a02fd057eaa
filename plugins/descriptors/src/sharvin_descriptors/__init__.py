"""Descriptors for sharvin: the SOAP power spectrum."""
