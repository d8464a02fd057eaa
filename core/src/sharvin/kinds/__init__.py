"""Contracts of the kinds of component, one module per group of kinds; ``sharvin.protocols`` has all of them."""
