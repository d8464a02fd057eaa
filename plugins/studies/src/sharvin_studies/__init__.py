"""Studies for sharvin: break junctions, disordered wires and trained potentials, the statistics and models they rest on."""
