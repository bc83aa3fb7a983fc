"""Mutants of modeling source, each compared with what its own reference computes: ``make bench-mutations``."""
