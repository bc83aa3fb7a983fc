"""Models of earlier releases of transformers that remote code extends or takes parts of, as they were then."""
