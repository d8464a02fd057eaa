"""Studies for sharvin: break junctions, disordered wires and trained potentials, the statistics and fitted models they rest on."""
