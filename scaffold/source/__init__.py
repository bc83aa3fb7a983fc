"""Modeling source, read as text and run by an interpreter of our own: never imported, never executed."""
