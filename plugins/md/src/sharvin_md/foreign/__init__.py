"""Potentials of other programs, in this process or in another Python interpreter that has them."""
