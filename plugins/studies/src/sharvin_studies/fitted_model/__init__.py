"""A fitted model with its ensemble, recalibrated standard deviation and applicability domain."""
