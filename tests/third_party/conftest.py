"""The third-party distribution's own tests need it installed; ``tests/test_third_party.py`` runs them in its environment."""

collect_ignore = ["sharvin-example"]
