"""Modeling source that nobody wrote, run by the interpreter: what may come of it, and what may not change."""
