"""Small pieces of numerics that several distributions share."""
