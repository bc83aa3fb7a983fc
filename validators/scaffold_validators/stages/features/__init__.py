"""Stage features: what a model's server can do beyond answering, each proved by log, metrics or answers."""
