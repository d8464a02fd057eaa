"""Workflows that come with the core; they know kinds of component, never a component."""
