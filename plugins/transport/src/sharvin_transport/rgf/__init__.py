"""The solver `rgf` and what it gives beside T(E): recursive Green functions of two-terminal devices."""
