"""Errors of all models against the number of labels spent."""
