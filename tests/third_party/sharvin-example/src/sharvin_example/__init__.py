"""A small third-party plugin of sharvin: one solver, one descriptor, one regressor."""
