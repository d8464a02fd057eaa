"""``sharvin transmission``: T(E) of anybody's structures, and the conductances and currents that follow from it."""
