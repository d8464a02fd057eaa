"""The solver `dense`, a plain reference."""
