"""Linear and kernel regressors on features pooled over the atoms of a structure."""
