"""Modeling source, run without Python: an interpreter over three rooms, each of which knows only those before it."""
