"""Templates rendered into memory, and Python laid out by the target tree's own settings."""
