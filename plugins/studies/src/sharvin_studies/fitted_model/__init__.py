"""A fitted model with its committee, recalibrated standard deviation and applicability domain."""
