"""Bands of crystals and what follows from them: paths, densities of states, Dirac cones, unfolding, large cells; usable alone."""
