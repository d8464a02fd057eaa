"""Contracts of the kinds of component, a module for each group of kinds; :mod:`sharvin.protocols` has all of them."""
