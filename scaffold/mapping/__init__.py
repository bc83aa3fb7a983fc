"""The weight rules of a whole checkpoint: from its spec, and from what its files are named."""
