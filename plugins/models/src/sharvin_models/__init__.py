"""Regressors for sharvin.

:mod:`~sharvin_models.atoms` has networks on rows of features per atom, :mod:`~sharvin_models.images` those on grids of on-site
energies, :mod:`~sharvin_models.structures` those on the structures themselves, :mod:`~sharvin_models.tight_binding` a Hamiltonian
that is learnt, :mod:`~sharvin_models.pooled` linear and kernel methods on pooled features, and :mod:`~sharvin_models.training`
what they share.
"""
