"""Plain and gated MLPs."""
