"""Studies for sharvin: break junctions and disordered wires, the statistics and fitted models they rest on."""
