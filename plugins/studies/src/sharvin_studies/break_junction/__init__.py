"""Pulled wires: training pulls, exact labels, fits, production pulls and what their traces say."""
