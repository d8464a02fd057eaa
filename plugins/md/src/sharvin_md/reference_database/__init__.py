"""The structure set `reference_database`: crystals, slabs and small pieces of an fcc metal that a potential is trained on."""
