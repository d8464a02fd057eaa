"""The core's own commands; each is imported when it is called."""
