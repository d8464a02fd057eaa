"""A run in progress: what it is (:mod:`~sharvin.runs.facts`), its steps (:mod:`~sharvin.runs.steps`), and who is told of them."""
