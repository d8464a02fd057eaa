"""Executors that come with the core."""
