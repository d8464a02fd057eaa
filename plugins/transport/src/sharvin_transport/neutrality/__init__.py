"""Local charge neutrality: populations of an open device, and the on-site shifts that make its atoms neutral."""
