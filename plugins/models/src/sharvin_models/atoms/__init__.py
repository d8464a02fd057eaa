"""Networks on rows of features, one row per atom."""
