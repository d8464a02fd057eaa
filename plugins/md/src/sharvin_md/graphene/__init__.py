"""Graphene: twisted and shifted bilayers, ribbons, and potentials within and between layers of carbon."""
