"""Structure files and what HDF5 files hold."""
