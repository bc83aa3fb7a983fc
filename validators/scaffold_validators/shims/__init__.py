"""What stands in for kernels of an engine that answer wrongly while something is proved on it: outside, on record."""
