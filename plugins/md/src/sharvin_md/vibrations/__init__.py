"""The dynamics `thermal_displacements`: force constants, normal modes, and structures drawn from their thermal motion."""
