"""A finished break-junction run for others: ``sharvin export``, and the run opened in Python."""
