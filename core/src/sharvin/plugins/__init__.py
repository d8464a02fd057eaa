"""Plugins: entry points, admission, checks of records, and the templates of new ones."""
